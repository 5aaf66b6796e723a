/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <ctype.h>
#include <errno.h>
#include <string.h>
#include "helper_wire.h"
#include "util.h"

#define SECRET_LINE (2 * 32 + 1)
#define PASSWORD_LINE_MAX (64 + 1)

#define ARGS offsetof(struct helper_request, clock)
#define TEXT offsetof(struct helper_answer, text)
#define ROLES (ROLE_DATA | ROLE_PROXY | ROLE_ARBITER)
/* The year 2100, in ms. */
#define CLOCK_MAX_MS INT64_C(4102444800000)

static const char *const units[HELPER_UNITS] = {
	[HELPER_UNIT_AGENT] = "bramble-agent.service",
	[HELPER_UNIT_HELPER] = "bramble-helper.service",
	[HELPER_UNIT_GUARD] = "bramble-guard.service",
	[HELPER_UNIT_GROW] = "bramble-grow.service",
	[HELPER_UNIT_PROXY] = "bramble-proxy.service",
	[HELPER_UNIT_NEO4J] = "neo4j.service",
	[HELPER_UNIT_UPGRADE] = "bramble-upgrade.service",
	[HELPER_UNIT_UNPACK] = "bramble-unpack.service",
	[HELPER_UNIT_INSTALL] = "bramble-install.service",
	[HELPER_UNIT_COPY] = "bramble-upgrade-copy.service",
	[HELPER_UNIT_SWITCH] = "bramble-switch.service",
};

static bool clock_is_good(const struct helper_request *r)
{
	const struct helper_clock *c = &r->clock;

	return c->ms >= -CLOCK_MAX_MS && c->ms <= CLOCK_MAX_MS && c->slew <= 1 && !c->unused;
}

/* RFC 1122 3.2.1.3: neither this network, loopback, multicast nor broadcast sends anything. */
static bool is_source(struct in_addr a)
{
	unsigned first = ntohl(a.s_addr) >> 24;

	return first != 0 && first != 127 && first < 224;
}

static bool firewall_is_good(const struct helper_request *r)
{
	const struct helper_firewall *f = &r->firewall;

	if (f->open > 1 || f->shut > 1 || f->n > MEMBERS_MAX)
		return false;
	for (size_t i = 0; i < f->n; i++) {
		const struct helper_host *h = &f->host[i];
		if (!is_source(h->address) || h->roles & ~(unsigned)ROLES || h->silent > 1)
			return false;
	}
	return true;
}

static bool journal_is_good(const struct helper_request *r)
{
	const struct helper_journal *j = &r->journal;

	return j->unit < HELPER_UNITS && j->lines >= 1 && j->lines <= HELPER_LINES_MAX;
}

/* Nothing but lines that can be a secret: a damaged one would shut this node out. */
static bool is_secret(const struct helper_file *f)
{
	if (f->size != SECRET_LINE && f->size != 2 * SECRET_LINE)
		return false;
	for (uint32_t i = 0; i < f->size; i++) {
		bool end = i % SECRET_LINE == SECRET_LINE - 1;
		if (end ? f->bytes[i] != '\n' : !isxdigit((unsigned char)f->bytes[i]))
			return false;
	}
	return true;
}

/* One line that is not empty. */
static bool is_password(const struct helper_file *f)
{
	return f->size >= 2 && f->size <= PASSWORD_LINE_MAX &&
	       memchr(f->bytes, '\n', f->size) == f->bytes + f->size - 1;
}

/* One line that is not empty, and all of which may be shown. */
static bool is_banner(const struct helper_file *f)
{
	uint32_t n = 0;

	while (n < f->size && helper_may_show(f->bytes[n]))
		n++;
	return n && n + 1 == f->size && f->bytes[n] == '\n';
}

static bool file_is_good(const struct helper_request *r)
{
	const struct helper_file *f = &r->file;

	return f->name < HELPER_FILES && f->size <= sizeof(f->bytes) &&
	       !memchr(f->bytes, '\0', f->size) && (f->name != HELPER_SECRET || is_secret(f)) &&
	       (f->name != HELPER_PASSWORD || is_password(f)) &&
	       (f->name >= HELPER_BANNERS || is_banner(f));
}

static bool vip_is_good(const struct helper_request *r)
{
	return r->vip.hold <= 1;
}

/* Of those with a list the size is that of what the list may hold least; the rest follows. */
struct shape {
	const char *name;
	size_t size;
	bool (*is_good)(const struct helper_request *r);
};

static const struct shape shapes[HELPER_VERBS] = {
	[HELPER_NEO4J_SHOW] = {"neo4j-show", 0, NULL},
	[HELPER_NEO4J_START] = {"neo4j-start", 0, NULL},
	[HELPER_NEO4J_STOP] = {"neo4j-stop", 0, NULL},
	[HELPER_NEO4J_KILL] = {"neo4j-kill", 0, NULL},
	[HELPER_POWEROFF] = {"poweroff", 0, NULL},
	[HELPER_REBOOT] = {"reboot", 0, NULL},
	[HELPER_CLOCK] = {"clock", sizeof(struct helper_clock), clock_is_good},
	[HELPER_FIREWALL] = {"firewall", offsetof(struct helper_firewall, host), firewall_is_good},
	[HELPER_JOURNAL] = {"journal", sizeof(struct helper_journal), journal_is_good},
	[HELPER_UNPACK] = {"unpack", 0, NULL},
	[HELPER_INSTALL] = {"install", 0, NULL},
	[HELPER_UPGRADE] = {"upgrade", 0, NULL},
	[HELPER_SWITCH] = {"switch", 0, NULL},
	[HELPER_ENACT] = {"enact", 0, NULL},
	[HELPER_USERS] = {"users", 0, NULL},
	[HELPER_WRITE] = {"write", offsetof(struct helper_file, bytes), file_is_good},
	[HELPER_VIP] = {"vip", sizeof(struct helper_floating), vip_is_good},
};

const char *helper_verb_name(unsigned verb)
{
	return verb < HELPER_VERBS ? shapes[verb].name : "?";
}

const char *helper_unit_name(unsigned unit)
{
	return unit < HELPER_UNITS ? units[unit] : NULL;
}

int helper_unit_find(const char *name)
{
	static const char suffix[] = ".service";
	size_t n = strlen(name);

	for (int i = 0; i < HELPER_UNITS; i++) {
		if (strncmp(units[i], name, n) == 0 && strcmp(units[i] + n, suffix) == 0)
			return i;
	}
	return -1;
}

/* Behind the fixed part; the counts are checked by then. */
static size_t list_size(const struct helper_request *r)
{
	if (r->verb == HELPER_FIREWALL)
		return r->firewall.n * sizeof(r->firewall.host[0]);
	return r->verb == HELPER_WRITE ? r->file.size : 0;
}

static bool is_good(const struct helper_request *r)
{
	const struct shape *s = &shapes[r->verb];

	return !s->is_good || s->is_good(r);
}

size_t helper_request_size(const struct helper_request *r)
{
	if (r->verb >= HELPER_VERBS || !is_good(r))
		return 0;
	return ARGS + shapes[r->verb].size + list_size(r);
}

static int refuse(int code, const char **why)
{
	static const struct {
		int code;
		const char *why;
	} words[] = {
		{EPROTO, "a request of another version: is one of the two not restarted yet?"},
		{ENOSYS, "no such verb"},
		{EMSGSIZE, "a request that is not of its verb's size"},
		{EINVAL, "a request out of bounds"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (words[i].code == code)
			*why = words[i].why;
	}
	return code;
}

int helper_request_parse(const void *packet, size_t n, struct helper_request *r, const char **why)
{
	*why = "";
	*r = (struct helper_request){0};
	if (n < ARGS || n > sizeof(*r))
		return refuse(EMSGSIZE, why);
	memcpy(r, packet, n);
	if (r->version != HELPER_VERSION)
		return refuse(EPROTO, why);
	if (r->verb >= HELPER_VERBS)
		return refuse(ENOSYS, why);
	if (n < ARGS + shapes[r->verb].size)
		return refuse(EMSGSIZE, why);
	if (!is_good(r))
		return refuse(EINVAL, why);
	return n == helper_request_size(r) ? 0 : refuse(EMSGSIZE, why);
}

size_t helper_answer_make(struct helper_answer *a, int code, const char *text)
{
	size_t n = strlen(text);

	if (n > HELPER_TEXT_MAX) {
		text += n - HELPER_TEXT_MAX;
		n = HELPER_TEXT_MAX;
	}
	a->version = HELPER_VERSION;
	a->code = code;
	memcpy(a->text, text, n + 1);
	return TEXT + n;
}

int helper_answer_parse(struct helper_answer *a, size_t n)
{
	if (n < TEXT || n > TEXT + HELPER_TEXT_MAX || a->version != HELPER_VERSION || a->code < 0)
		return -1;
	a->text[n - TEXT] = '\0';
	return 0;
}
