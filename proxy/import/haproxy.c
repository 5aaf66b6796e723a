/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include "import/haproxy.h"
#include "neo4j.h"
#include "net.h"

enum section { GLOBAL = 1, DEFAULTS = 2, FRONTEND = 4, BACKEND = 8, LISTEN = 16 };

#define FRONT (FRONTEND | LISTEN)
#define BACK (BACKEND | LISTEN | DEFAULTS)
#define PROXIES (FRONTEND | BACKEND | LISTEN | DEFAULTS)

static const struct {
	const char *word;
	enum section section;
} sections[] = {
	{"global", GLOBAL},
	{"defaults", DEFAULTS},
	{"frontend", FRONTEND},
	{"backend", BACKEND},
	{"listen", LISTEN},
};

struct reading {
	const char *name;
	unsigned line;
	enum section section; /* 0 before the first */
	bool skipped;         /* the section is none of those */
	bool stats;           /* it is the stats page's */
	char bind[TEXT_MAX];  /* its address, until it is clear whose that is */
	struct haproxy *to;
	struct buf *notes;
};

static PRINTF(2, 3) void note(struct reading *r, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	for (char *p = text; *p; p++) {
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = '?';
	}
	buf_printf(r->notes, "%s:%u: %s\n", r->name, r->line, text);
}

/* A handler takes a line, w[0] being its keyword; what is wrong with it, or NULL. */
typedef const char *handler_fn(struct reading *r, const struct words *w);

/* --- values */

static const char *copy(char to[static TEXT_MAX], const char *from)
{
	if (strlen(from) >= TEXT_MAX)
		return "too long";
	memcpy(to, from, strlen(from) + 1);
	return NULL;
}

static const struct {
	const char *unit;
	int64_t us;
} units[] = {
	{"", 1000}, {"us", 1}, {"ms", 1000}, {"s", 1000000}, {"m", 60000000}, {"h", 3600000000}};

/* "5000", "5000ms", "5s": milliseconds; -1 when it is none. HAProxy's manual, section 2.5. */
static long duration_ms(const char *text)
{
	char *end;

	errno = 0;
	int64_t v = strtol(text, &end, 10);
	if (*text < '0' || *text > '9' || errno || v > 1000000000)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		if (strcmp(end, units[i].unit) == 0)
			return v * units[i].us / 1000 > INT32_MAX ? -1
								  : (long)(v * units[i].us / 1000);
	}
	return -1;
}

static long whole(const char *text, long max)
{
	char *end;

	errno = 0;
	long v = strtol(text, &end, 10);
	return *text < '0' || *text > '9' || *end || errno || v > max ? -1 : v;
}

/* --- lines */

static const char *take_maxconn(struct reading *r, const struct words *w)
{
	long v = whole(w->w[1], 1000000);

	if (v < 1)
		return "not a number of connections";
	if (r->section == GLOBAL || !r->to->maxconn)
		r->to->maxconn = v;
	return NULL;
}

static const char *take_timeout(struct reading *r, const struct words *w)
{
	const struct {
		const char *word;
		long *to;
	} timeouts[] = {
		{"connect", &r->to->connect_ms},
		{"client", &r->to->client_ms},
		{"server", &r->to->server_ms},
		{"queue", &r->to->queue_ms},
	};
	long v = duration_ms(w->w[2]);

	for (size_t i = 0; i < ARRAY_SIZE(timeouts); i++) {
		if (strcmp(w->w[1], timeouts[i].word) != 0)
			continue;
		if (v < 0)
			return "not a time";
		if (!v)
			return "there is none without an end here";
		if (*timeouts[i].to && *timeouts[i].to != v)
			note(r,
				"timeout %s was %ld ms before; one is for all here, and the last "
				"is taken",
				w->w[1], *timeouts[i].to);
		*timeouts[i].to = v;
		return NULL;
	}
	return "this timeout has no counterpart here";
}

static const char *take_mode(struct reading *r, const struct words *w)
{
	(void)r;
	return strcmp(w->w[1], "http") == 0 ? NULL : "only mode http is taken over";
}

static const char *take_bind(struct reading *r, const struct words *w)
{
	struct err e = {0};
	char where[TEXT_MAX];

	if (*r->bind)
		return "only one address for each";
	if (w->n > 2)
		return "parameters of bind are not taken over (TLS among them)";
	snprintf(where, sizeof(where), "%s%s", *w->w[1] == ':' ? "*" : "", w->w[1]);
	if (net_check_listen(where, &e) < 0)
		return "not one numeric ADDRESS:PORT";
	return copy(r->bind, where);
}

/* The article's `hdr_val(X-Write) eq 1` and the other way to say it. */
static const char *take_acl(struct reading *r, const struct words *w)
{
	(void)r;
	if ((strcasecmp(w->w[2], "hdr_val(X-Write)") == 0 && strcmp(w->w[3], "eq") == 0 &&
		    strcmp(w->w[4], "1") == 0) ||
		(strcasecmp(w->w[2], "hdr(X-Write)") == 0 && strcmp(w->w[3], "1") == 0))
		return NULL;
	return "the only rule for writes here is the field X-Write: 1";
}

static const char *take_use_backend(struct reading *r, const struct words *w)
{
	(void)r;
	return strcmp(w->w[2], "if") == 0 && w->n == 4 ? NULL : "only \"BACKEND if ACL\" is known";
}

static const char *take_balance(struct reading *r, const struct words *w)
{
	static const struct {
		const char *word, *ours;
	} ways[] = {
		{"roundrobin", "roundrobin"}, {"static-rr", "roundrobin"}, {"leastconn", "least"}};

	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		if (strcmp(w->w[1], ways[i].word) == 0) {
			r->to->balance = ways[i].ours;
			return NULL;
		}
	}
	return "neither roundrobin nor leastconn";
}

static void found_credentials(struct reading *r)
{
	if (!r->to->check_credentials)
		note(r, "the checks' user and password are not copied: put USER:PASSWORD into "
			"/etc/bramble/check.credentials (mode 0600, of the proxy's user)");
	r->to->check_credentials = true;
}

static const char *take_option(struct reading *r, const struct words *w)
{
	static const char *const needless[] = {"httplog", "dontlognull", "forwardfor", "redispatch",
		"http-server-close", "http-keep-alive", "httpclose"};

	for (size_t i = 0; i < ARRAY_SIZE(needless); i++) {
		if (strcmp(w->w[1], needless[i]) == 0)
			return NULL; /* always so here, or a matter of the log */
	}
	if (strcmp(w->w[1], "httpchk") != 0)
		return "this option has no counterpart here";
	const char *path = w->n > 3 ? w->w[3] : w->w[2];
	if (!str_starts(path, "/db/manage/server/ha/"))
		return "this is not Neo4j's check: members are asked for " NEO4J_HA_AVAILABLE;
	if (strcmp(path, "/db/manage/server/ha/slave") == 0)
		note(r, "option httpchk: by this check the master got no reads; here it gets its "
			"share "
			"(weight = 0 keeps them from a member)");
	for (size_t i = 4; i < w->n; i++) {
		if (strcasestr(w->w[i], "Authorization:"))
			found_credentials(r);
	}
	return NULL;
}

static const char *take_http_check(struct reading *r, const struct words *w)
{
	for (size_t i = 1; i + 1 < w->n; i++) {
		if (strcmp(w->w[i], "hdr") == 0 && strcasecmp(w->w[i + 1], "Authorization") == 0) {
			found_credentials(r);
			return NULL;
		}
	}
	return "what a check answers is read as Neo4j means it";
}

static const char *take_stats(struct reading *r, const struct words *w)
{
	char user[TEXT_MAX];

	r->stats = true;
	if (strcmp(w->w[1], "realm") == 0)
		return copy(r->to->stats_realm, w->w[2]);
	if (strcmp(w->w[1], "auth") == 0) {
		snprintf(user, sizeof(user), "%.*s", (int)strcspn(w->w[2], ":"), w->w[2]);
		if (*r->to->stats_user)
			return "one user of the stats page is enough here";
		note(r, "the password is not copied: put it into /etc/bramble/stats.password "
			"(mode 0600, of the proxy's user)");
		return copy(r->to->stats_user, user);
	}
	if (strcmp(w->w[1], "enable") == 0 || strcmp(w->w[1], "refresh") == 0 ||
		strcmp(w->w[1], "show-legends") == 0)
		return NULL;
	return "this has no counterpart here (the page is at /)";
}

/* HAProxy keeps a server once per backend; here it is one member with one role at a time. */
static struct haproxy_server *server_at(struct haproxy *h, const char *address)
{
	for (size_t i = 0; i < h->nservers; i++) {
		if (strcmp(h->servers[i].address, address) == 0)
			return &h->servers[i];
	}
	return h->nservers < SERVERS_MAX ? &h->servers[h->nservers] : NULL;
}

#define SLOWSTART_MAX_MS 3600000 /* proxy.conf's */

static void take_slowstart(struct reading *r, long ms)
{
	if (r->to->slowstart_ms >= 0 && r->to->slowstart_ms != ms)
		note(r,
			"server: slowstart was %ld ms before; one is for all here, and the last "
			"is taken",
			r->to->slowstart_ms);
	r->to->slowstart_ms = ms;
}

/* Known, but with nothing here to set. */
static const char *why_without_counterpart(const char *word)
{
	static const char *const checks[] = {"rise", "fall", "fastinter", "downinter"};

	if (strcmp(word, "maxqueue") == 0)
		return "is not taken over: requests wait in one line for all members";
	for (size_t i = 0; i < ARRAY_SIZE(checks); i++) {
		if (strcmp(word, checks[i]) == 0)
			return "is not needed: one answer of a member counts at once";
	}
	return NULL;
}

/* Returns how many words it took: 0 when it does not know the parameter. */
static size_t server_parameter(
	struct reading *r, struct haproxy_server *s, const char *word, const char *value)
{
	long ms = duration_ms(value), n = whole(value, 1000000);

	if (strcmp(word, "check") == 0)
		return 1;
	if (strcmp(word, "maxconn") == 0 && n >= 0) {
		s->maxconn = (unsigned)n;
		return 2;
	}
	if (strcmp(word, "weight") == 0 && n >= 0 && n <= 256) {
		s->weight = (unsigned)n;
		return 2;
	}
	if (strcmp(word, "inter") == 0 && ms > 0) {
		r->to->check_ms = ms;
		return 2;
	}
	if (strcmp(word, "slowstart") == 0 && ms >= 0 && ms <= SLOWSTART_MAX_MS) {
		take_slowstart(r, ms);
		return 2;
	}
	const char *why = why_without_counterpart(word);
	if (why)
		note(r, "server: %s %s", word, why);
	return why ? 2 : 0;
}

/* One member, named once for reads and once for writes. */
static void merge_server(
	struct reading *r, struct haproxy_server *s, const struct haproxy_server *now)
{
	if (now->maxconn && (!s->maxconn || now->maxconn < s->maxconn))
		s->maxconn = now->maxconn; /* the smaller overloads none */
	if (now->weight == s->weight)
		return;
	if (!now->weight || !s->weight) {
		s->weight = now->weight ? now->weight : s->weight;
		note(r,
			"server %s: weight 0 in one place and %u in another: here it is of reads, "
			"and %u",
			now->name, s->weight, s->weight);
		return;
	}
	if (now->weight != 1 && s->weight != 1)
		note(r, "server %s: weight was %u before; the last is taken", now->name, s->weight);
	if (now->weight != 1)
		s->weight = now->weight;
}

static const char *take_server(struct reading *r, const struct words *w)
{
	struct haproxy_server *s = server_at(r->to, w->w[2]);
	struct haproxy_server now = {.weight = 1};
	struct sockaddr_in ignored;

	if (!s)
		return "more servers than a proxy can have";
	if (parse_inet(w->w[2], &ignored) < 0)
		return "its address is not ADDRESS:PORT with numbers";
	for (size_t i = 3, step; i < w->n; i += step) {
		step = server_parameter(r, &now, w->w[i], w->w[i + 1]);
		if (!step) {
			note(r, "server: the parameter \"%s\" is not understood", w->w[i]);
			step = 1;
		}
	}
	const char *why = copy(now.name, w->w[1]);
	if (!why)
		why = copy(now.address, w->w[2]);
	if (why)
		return why;
	if (s != &r->to->servers[r->to->nservers]) {
		merge_server(r, s, &now);
		return NULL;
	}
	*s = now;
	r->to->nservers++;
	return NULL;
}

static const char *take_default_server(struct reading *r, const struct words *w)
{
	struct haproxy_server ignored = {0};

	for (size_t i = 1, step; i < w->n; i += step) {
		step = server_parameter(r, &ignored, w->w[i], w->w[i + 1]);
		if (!step)
			return "one of its parameters is not understood";
	}
	return ignored.maxconn || ignored.weight ? "say maxconn and weight with each server" : NULL;
}

static const char *needless(struct reading *r, const struct words *w)
{
	(void)r, (void)w;
	return NULL;
}

/* take == needless: systemd, the unit's sandbox or the proxy itself does it anyway. */
static const struct {
	const char *word;
	unsigned sections;
	handler_fn *take;
} keywords[] = {
	{"maxconn", GLOBAL | PROXIES, take_maxconn},
	{"timeout", PROXIES, take_timeout},
	{"mode", PROXIES, take_mode},
	{"bind", FRONT, take_bind},
	{"acl", FRONT, take_acl},
	{"use_backend", FRONT, take_use_backend},
	{"default_backend", FRONT, needless},
	{"balance", BACK, take_balance},
	{"option", PROXIES, take_option},
	{"http-check", BACK, take_http_check},
	{"server", BACKEND | LISTEN, take_server},
	{"default-server", BACK, take_default_server},
	{"stats", PROXIES, take_stats},
	{"retries", PROXIES, needless},
	{"log", GLOBAL | PROXIES, needless},
	{"daemon", GLOBAL, needless},
	{"user", GLOBAL, needless},
	{"group", GLOBAL, needless},
	{"chroot", GLOBAL, needless},
	{"pidfile", GLOBAL, needless},
	{"nbthread", GLOBAL, needless},
};

/* The end of a section tells whose its address was. */
static void end_section(struct reading *r)
{
	if (*r->bind && r->stats) {
		memcpy(r->to->stats_listen, r->bind, sizeof(r->bind));
	} else if (*r->bind) {
		if (r->to->nbinds < LISTENS_MAX)
			memcpy(r->to->binds[r->to->nbinds++], r->bind, sizeof(r->bind));
		else
			note(r, "more addresses than can be taken over");
	}
	r->bind[0] = '\0';
	r->stats = false;
}

static bool begin_section(struct reading *r, const struct words *w, bool indented)
{
	for (size_t i = 0; i < ARRAY_SIZE(sections); i++) {
		if (strcmp(w->w[0], sections[i].word) != 0)
			continue;
		end_section(r);
		r->section = sections[i].section;
		r->skipped = false;
		if (w->n > 2) /* "listen NAME ADDRESS" of old, "defaults NAME from OTHER" of new */
			note(r, "not understood: %s %.40s: what follows the name", w->w[0],
				w->w[1]);
		return true;
	}
	if (indented || r->section == 0)
		return false;
	static const char *const others[] = {"peers", "resolvers", "userlist", "mailers", "cache",
		"program", "ring", "http-errors", "fcgi-app"};
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		if (strcmp(w->w[0], others[i]) == 0) {
			end_section(r);
			note(r, "not understood: %s: no such section here", w->w[0]);
			r->skipped = true;
			return true;
		}
	}
	return false;
}

/* Only the first words go into a note: what follows may be a secret. */
static void take_line(struct reading *r, char *line)
{
	bool indented = *line == ' ' || *line == '\t';
	struct words w;

	words_split(line, &w);
	if (!w.n || (!w.fault && begin_section(r, &w, indented)))
		return;
	if (w.fault) {
		note(r, "not understood: %.40s: %s", w.w[0], w.fault);
		return;
	}
	if (r->skipped)
		return note(r, "not understood: %.40s", w.w[0]);
	for (size_t i = 0; i < ARRAY_SIZE(keywords); i++) {
		if (strcmp(w.w[0], keywords[i].word) != 0 || !(keywords[i].sections & r->section))
			continue;
		const char *why = keywords[i].take(r, &w);
		bool two = keywords[i].take != take_server && keywords[i].take != needless;
		if (why)
			note(r, "not understood: %s%s%.40s: %s", w.w[0], two ? " " : "",
				two ? w.w[1] : "", why);
		return;
	}
	note(r, "not understood: %.40s", w.w[0]);
}

int haproxy_parse(const char *name, const char *text, size_t n, struct haproxy *h,
	struct buf *notes, struct err *e)
{
	struct reading r = {.name = name, .to = h, .notes = notes};

	*h = (struct haproxy){
		.balance = "roundrobin", /* HAProxy's default */
		.slowstart_ms = -1,
	};
	if (memchr(text, '\0', n))
		return err_code(e, EXIT_INPUT, "%s: holds a NUL byte, this is no text file", name);
	_cleanup_free_ char *copied = xstrndup(text, n);
	for (char *line = copied; line && *line;) {
		char *end = strchr(line, '\n');
		if (end)
			*end = '\0';
		r.line++;
		take_line(&r, line);
		line = end ? end + 1 : NULL;
	}
	end_section(&r);
	return buf_ok(notes) ? 0 : err_set(e, "%s: out of memory", name);
}
