/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <arpa/inet.h>
#include <ctype.h>
#include <sodium.h>
#include <string.h>
#include <unistd.h>
#include "config.h"
#include "io.h"
#include "settings.h"
#include "util.h"
#include "wifi_text.h"

static const char *const boot_dirs[] = {"/boot/firmware", "/boot"};

static cfg_opt_t settings_opts[] = {
	CFG_STR("node", NULL, CFGF_NODEFAULT),
	CFG_STR("hostname", NULL, CFGF_NODEFAULT),
	CFG_STR("address", NULL, CFGF_NODEFAULT),
	CFG_STR("gateway", NULL, CFGF_NODEFAULT),
	CFG_STR("wifi_ssid", NULL, CFGF_NODEFAULT),
	CFG_STR("wifi_password", NULL, CFGF_NODEFAULT),
	CFG_STR("wifi_country", NULL, CFGF_NODEFAULT),
	CFG_STR_LIST("seeds", NULL, CFGF_NODEFAULT),
	CFG_END(),
};

/* Without the byte order mark and the carriage returns; NULL: this is no text. */
static char *plain_text(const char *text, size_t n)
{
	size_t len = 0;

	if (n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
		text += 3;
		n -= 3;
	}
	if (memchr(text, '\0', n))
		return NULL;
	char *plain = xcalloc(1, n + 1);
	for (size_t i = 0; i < n; i++) {
		if (text[i] != '\r')
			plain[len++] = text[i];
	}
	return plain;
}

static int take(cfg_t *cfg, const char *key, char to[SETTINGS_TEXT], struct err *e)
{
	const char *s = cfg_getstr(cfg, key);

	if (s && (!*s || strlen(s) >= SETTINGS_TEXT))
		return err_code(e, EXIT_CONFIG, "%s is empty or too long", key);
	for (const char *p = s; p && *p; p++) {
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return err_code(e, EXIT_CONFIG, "%s has a control character", key);
	}
	if (s)
		memcpy(to, s, strlen(s) + 1);
	return 0;
}

/* "" is none. */
static int check_host_name(const char *key, const char *s, struct err *e)
{
	size_t n = strlen(s);

	if (n == 0 || (n < 64 && s[0] != '-' && s[n - 1] != '-' &&
			      strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == n &&
			      s[strspn(s, "0123456789")] && strcmp(s, "localhost") != 0))
		return 0;
	return err_code(e, EXIT_CONFIG, "%s \"%s\" is not a name of a-z, 0-9 and \"-\"", key, s);
}

static bool is_host(const char *text, unsigned prefix)
{
	uint32_t mask = ~UINT32_C(0) << (32 - prefix);
	struct in_addr a;

	if (inet_pton(AF_INET, text, &a) != 1)
		return false;
	uint32_t host = ntohl(a.s_addr) & ~mask, net = ntohl(a.s_addr) >> 24;
	return host != 0 && host != ~mask && net != 0 && net != 127 && net < 224;
}

/* Nothing is left behind it: settings are compared as a whole. */
static void cut_address(struct settings *s, size_t n)
{
	memset(s->address + n, 0, sizeof(s->address) - n);
}

/* "A.B.C.D/P", "dhcp" or "linklocal" */
static int read_address(struct settings *s, struct err *e)
{
	const char *slash = strchr(s->address, '/');
	char end;

	if (!s->address[0])
		return 0;
	s->has_network = true;
	if (netconf_mode_parse(s->address, &s->mode) == 0 && s->mode != NETCONF_STATIC) {
		cut_address(s, 0);
		return 0;
	}
	s->mode = NETCONF_STATIC;
	if (slash && isdigit((unsigned char)slash[1]) &&
		sscanf(slash, "/%2u%c", &s->prefix, &end) == 1 && s->prefix >= 8 &&
		s->prefix <= 30) {
		cut_address(s, (size_t)(slash - s->address));
		if (is_host(s->address, s->prefix))
			return 0;
	}
	return err_code(e, EXIT_CONFIG,
		"address \"%s\" is not like 192.168.7.11/24, \"dhcp\" or \"linklocal\"",
		s->address);
}

static int check_gateway(const struct settings *s, struct err *e)
{
	struct in_addr a, g;

	if (!s->gateway[0])
		return 0;
	if (!s->address[0])
		return err_code(e, EXIT_CONFIG, "gateway needs an address = \"A.B.C.D/P\"");
	uint32_t mask = ~UINT32_C(0) << (32 - s->prefix);
	if (!is_host(s->gateway, s->prefix) || inet_pton(AF_INET, s->gateway, &g) != 1 ||
		inet_pton(AF_INET, s->address, &a) != 1 || a.s_addr == g.s_addr ||
		((ntohl(a.s_addr) ^ ntohl(g.s_addr)) & mask))
		return err_code(e, EXIT_CONFIG,
			"gateway \"%s\" is no other address of %s/%u's network", s->gateway,
			s->address, s->prefix);
	return 0;
}

static int check_wifi(const struct settings *s, struct err *e)
{
	_cleanup_buf_ struct buf password = {0};

	if (!s->ssid[0] && (s->password[0] || s->country[0]))
		return err_code(e, EXIT_CONFIG, "wifi_password and wifi_country need a wifi_ssid");
	if (!s->ssid[0])
		return 0;
	if (strlen(s->ssid) > 32)
		return err_code(e, EXIT_CONFIG, "wifi_ssid has more than 32 bytes");
	if (strlen(s->country) != 2 || strspn(s->country, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != 2)
		return err_code(e, EXIT_CONFIG,
			"wifi_country is not two capital letters; without it the radio stays off");
	if (!s->has_network)
		return err_code(e, EXIT_CONFIG,
			"wifi_ssid needs an address: \"A.B.C.D/P\", \"dhcp\" or \"linklocal\"");
	buf_puts(&password, s->password);
	if (password.len && wifi_check_passphrase(&password, e) < 0)
		return err_prefix(e, "wifi_password");
	return 0;
}

static int read_seeds(cfg_t *cfg, struct settings *s, struct err *e)
{
	for (unsigned i = 0; i < cfg_size(cfg, "seeds"); i++) {
		if (i == SEEDS_MAX ||
			inet_pton(AF_INET, cfg_getnstr(cfg, "seeds", i), &s->seed[i]) != 1)
			return err_code(e, EXIT_CONFIG,
				"seeds are not at most %d addresses such as {\"192.168.7.12\"}",
				SEEDS_MAX);
		s->nseeds++;
	}
	return 0;
}

static int read_all(cfg_t *cfg, struct settings *s, struct err *e)
{
	const struct text_key {
		const char *key;
		char *to;
	} texts[] = {
		{"node", s->node},
		{"hostname", s->hostname},
		{"address", s->address},
		{"gateway", s->gateway},
		{"wifi_ssid", s->ssid},
		{"wifi_password", s->password},
		{"wifi_country", s->country},
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		if (take(cfg, texts[i].key, texts[i].to, e) < 0)
			return -1;
	}
	if (check_host_name("node", s->node, e) < 0 ||
		check_host_name("hostname", s->hostname, e) < 0 || read_address(s, e) < 0 ||
		check_gateway(s, e) < 0 || check_wifi(s, e) < 0)
		return -1;
	return read_seeds(cfg, s, e);
}

/*
 * What libconfuse could not make out may be a piece of a password, and what is wrong with
 * bramble.txt is told on the console and to whoever asks the agent: then the line must do.
 */
static int say_line_only(const char *name, const char *text, struct err *e)
{
	size_t n = strlen(name) + 1;

	if (!strcasestr(text, "pass"))
		return -1;
	n += strspn(e->msg + n, "0123456789");
	_cleanup_free_ char *where = xasprintf("%.*s", (int)n, e->msg);
	return err_code(e, EXIT_CONFIG,
		"%s: is not KEY = \"VALUE\", or its key is none; as it may be a password it is not "
		"shown",
		where);
}

int settings_parse(const char *name, const char *text, size_t n, struct settings *s, struct err *e)
{
	*s = (struct settings){0};
	if (n > SETTINGS_MAX)
		return err_code(e, EXIT_CONFIG, "%s: more than %u bytes", name, SETTINGS_MAX);
	_cleanup_free_ char *plain = plain_text(text, n);
	if (!plain)
		return err_code(
			e, EXIT_CONFIG, "%s: is no plain text; save it as UTF-8 or ASCII", name);
	_cleanup_cfg_ cfg_t *cfg = config_parse(name, plain, settings_opts, e);
	if (!cfg)
		return say_line_only(name, plain, e);
	return read_all(cfg, s, e) < 0 ? err_prefix(e, "%s", name) : 0;
}

char *settings_path(const char *root)
{
	char *path = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(boot_dirs); i++) {
		free(path);
		path = xasprintf("%s%s/bramble.txt", root, boot_dirs[i]);
		if (access(path, F_OK) == 0)
			break;
	}
	return path;
}

int settings_load(const char *root, struct settings *s, struct err *e)
{
	_cleanup_free_ char *path = settings_path(root);
	_cleanup_buf_ struct buf text = {0};

	*s = (struct settings){0};
	if (access(path, F_OK) < 0)
		return 0;
	int r = io_read_file(path, SETTINGS_MAX, &text, e);
	if (r == 0)
		r = settings_parse(path, buf_str(&text), text.len, s, e);
	if (text.data)
		sodium_memzero(text.data, text.cap);
	return r;
}

int settings_take_password(struct settings *s, const struct settings *before, struct err *e)
{
	if (!s->ssid[0] || s->password[0])
		return 0;
	if (strcmp(s->ssid, before->ssid) != 0 || !before->password[0])
		return err_code(e, EXIT_CONFIG,
			"wifi_ssid \"%s\" has no wifi_password, and none was taken over before",
			s->ssid);
	memcpy(s->password, before->password, sizeof(s->password));
	return 0;
}

/* In libconfuse's quotes. */
static void put_text(struct buf *to, const char *key, const char *value)
{
	if (!*value)
		return;
	buf_printf(to, "%s = \"", key);
	for (; *value; value++) {
		if (*value == '"' || *value == '\\')
			buf_puts(to, "\\");
		buf_add(to, value, 1);
	}
	buf_puts(to, "\"\n");
}

static void put_seeds(struct buf *to, const struct settings *s)
{
	char text[INET_ADDRSTRLEN];

	for (size_t i = 0; i < s->nseeds; i++) {
		inet_ntop(AF_INET, &s->seed[i], text, sizeof(text));
		buf_printf(to, "%s\"%s\"%s", i ? ", " : "seeds = {", text,
			i + 1 == s->nseeds ? "}\n" : "");
	}
}

static const char *const modes[] = {
	[NETCONF_DHCP] = "dhcp",
	[NETCONF_LINKLOCAL] = "linklocal",
};

void settings_format(const struct settings *s, struct buf *to)
{
	put_text(to, "node", s->node);
	put_text(to, "hostname", s->hostname);
	if (s->has_network && s->mode == NETCONF_STATIC)
		buf_printf(to, "address = \"%s/%u\"\n", s->address, s->prefix);
	else if (s->has_network)
		put_text(to, "address", modes[s->mode]);
	put_text(to, "gateway", s->gateway);
	put_text(to, "wifi_ssid", s->ssid);
	put_text(to, "wifi_password", s->password);
	put_text(to, "wifi_country", s->country);
	put_seeds(to, s);
}

void settings_format_local(const struct settings *s, struct buf *to)
{
	if (s->has_network)
		put_text(to, "address", s->mode == NETCONF_STATIC ? s->address : modes[s->mode]);
	put_seeds(to, s);
}

/*
 * The line stays as long as it was: what is written goes to where it lay on the card, as far as a
 * card's own controller lets anybody say so.
 */
static void blank_line(char *line, size_t n)
{
	static const char said[] = "# wifi_password: taken";

	memset(line, ' ', n);
	memcpy(line, said, n < strlen(said) ? n : strlen(said));
}

bool settings_blank_password(char *text, size_t n)
{
	static const char key[] = "wifi_password";
	bool found = false;

	for (size_t at = 0; at < n;) {
		const char *end = memchr(text + at, '\n', n - at);
		size_t len = end ? (size_t)(end - text) - at : n - at;
		if (memmem(text + at, len, key, strlen(key)) && memchr(text + at, '=', len)) {
			blank_line(text + at, len);
			found = true;
		}
		at += len + 1;
	}
	return found;
}

int settings_check_password(
	const char *name, const char *text, size_t n, const struct settings *s, struct err *e)
{
	_cleanup_free_ char *copy = xstrndup(text, n);
	struct settings rest, want = *s;
	struct err broken;

	if (!s->password[0])
		return 0;
	memset(want.password, 0, sizeof(want.password));
	settings_blank_password(copy, n);
	int r = settings_parse(name, copy, n, &rest, &broken);
	sodium_memzero(copy, n);
	if (r == 0 && memcmp(&rest, &want, sizeof(rest)) == 0)
		return 0;
	return err_code(e, EXIT_CONFIG, "%s: wifi_password needs a line of its own", name);
}
