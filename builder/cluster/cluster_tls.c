/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>
#include "cluster_tls.h"

#define DAYS_MIN 2
#define DAYS_DEFAULT 825 /* the most that Apple's systems take of an authority of one's own */
#define DAYS_MAX 3650
#define NAME_MAX_LEN 253 /* RFC 1035 2.3.4 */

cfg_opt_t tls_options[] = {
	CFG_STR("mode", "off", CFGF_NONE),
	CFG_STR_LIST("names", (char *)"{}", CFGF_NONE),
	CFG_INT("days", DAYS_DEFAULT, CFGF_NONE),
	CFG_STR("certificate", NULL, CFGF_NONE),
	CFG_STR("key", NULL, CFGF_NONE),
	CFG_END(),
};

static const char *const modes[] = {
	[TLS_OFF] = "off",
	[TLS_OWN] = "own",
	[TLS_FILES] = "files",
};

static int read_mode(struct cluster *c, cfg_t *sec, struct err *e)
{
	const char *mode = cfg_getstr(sec, "mode");

	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		if (strcmp(mode, modes[i]) == 0) {
			c->tls.mode = (enum tls_mode)i;
			return 0;
		}
	}
	return err_code(e, EXIT_CONFIG, "mode \"%s\" is none of off, own, files", mode);
}

/* What a certificate can stand for: a host's name, "*." before it or not, or an address. */
static bool is_name(const char *s)
{
	uint8_t address[sizeof(struct in6_addr)];

	if (inet_pton(AF_INET, s, address) == 1 || inet_pton(AF_INET6, s, address) == 1)
		return true;
	if (str_starts(s, "*."))
		s += 2;
	size_t n = strlen(s);
	if (!n || n > NAME_MAX_LEN || !isalnum((unsigned char)s[0]) ||
		!isalnum((unsigned char)s[n - 1]) || strstr(s, ".."))
		return false;
	for (size_t i = 0; i < n; i++) {
		if (!isalnum((unsigned char)s[i]) && s[i] != '-' && s[i] != '.')
			return false;
	}
	return true;
}

static int read_own(struct cluster *c, cfg_t *sec, struct err *e)
{
	long days = cfg_getint(sec, "days");

	if (days < DAYS_MIN || days > DAYS_MAX)
		return err_code(
			e, EXIT_CONFIG, "days = %ld is not %d to %d", days, DAYS_MIN, DAYS_MAX);
	c->tls.days = (unsigned)days;
	c->tls.nnames = cfg_size(sec, "names");
	c->tls.names = xcalloc(c->tls.nnames + 1, sizeof(*c->tls.names));
	for (unsigned i = 0; i < c->tls.nnames; i++) {
		const char *name = cfg_getnstr(sec, "names", i);
		c->tls.names[i] = xstrdup(name);
		if (!is_name(name))
			return err_code(e, EXIT_CONFIG,
				"names: \"%s\" is neither a host name nor an address", name);
	}
	return 0;
}

static int read_files(struct cluster *c, cfg_t *sec, struct err *e)
{
	const char *certificate = cfg_getstr(sec, "certificate"), *key = cfg_getstr(sec, "key");

	if (!certificate || !key)
		return err_code(
			e, EXIT_CONFIG, "%s is missing", certificate ? "key" : "certificate");
	c->tls.certificate = xstrdup(certificate);
	c->tls.key = xstrdup(key);
	return 0;
}

/* A key that has no effect is a mistake: somebody believes it has one. */
static int refuse_idle(const struct cluster *c, cfg_t *sec, struct err *e)
{
	bool files = cfg_getstr(sec, "certificate") || cfg_getstr(sec, "key");

	if (files && c->tls.mode != TLS_FILES)
		return err_code(e, EXIT_CONFIG, "certificate and key are for mode = \"files\"");
	if (cfg_size(sec, "names") && c->tls.mode != TLS_OWN)
		return err_code(e, EXIT_CONFIG, "names are for mode = \"own\"");
	if (c->tls.mode != TLS_OFF && !cluster_count(c, ROLE_PROXY))
		return err_code(e, EXIT_CONFIG,
			"no node has the role \"proxy\", and only proxies speak TLS");
	return 0;
}

int cluster_tls_read(struct cluster *c, cfg_t *sec, struct err *e)
{
	if (read_mode(c, sec, e) < 0 || refuse_idle(c, sec, e) < 0)
		return -1;
	if (c->tls.mode == TLS_OFF)
		return 0;
	return c->tls.mode == TLS_OWN ? read_own(c, sec, e) : read_files(c, sec, e);
}

void cluster_tls_free(struct cluster *c)
{
	for (size_t i = 0; i < c->tls.nnames; i++)
		free(c->tls.names[i]);
	free(c->tls.names);
	free(c->tls.certificate);
	free(c->tls.key);
}
