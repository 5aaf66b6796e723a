/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>
#include "config.h"
#include "io.h"
#include "proxy_conf.h"

#define PASSWORD_FILE_MAX 4096
#define BASE64 sodium_base64_VARIANT_ORIGINAL

static cfg_opt_t limits_opts[] = {CFG_INT("maxconn", 2000, CFGF_NONE), CFG_END()};

static cfg_opt_t timeouts_opts[] = {
	CFG_INT("connect_ms", 5000, CFGF_NONE),
	CFG_INT("client_ms", 50000, CFGF_NONE),
	CFG_INT("server_ms", 50000, CFGF_NONE),
	CFG_END(),
};

static cfg_opt_t listen_opts[] = {CFG_STR("listen", NULL, CFGF_NONE), CFG_END()};

static cfg_opt_t bolt_opts[] = {
	CFG_STR("listen", NULL, CFGF_NONE),
	CFG_STR("mode", "transaction", CFGF_NONE),
	CFG_STR("read_listen", NULL, CFGF_NONE),
	CFG_INT("maxconn", 100, CFGF_NONE),
	CFG_END(),
};

static cfg_opt_t tls_opts[] = {
	CFG_STR("certificate", NULL, CFGF_NONE),
	CFG_STR("key", NULL, CFGF_NONE),
	CFG_END(),
};

static cfg_opt_t stats_opts[] = {
	CFG_STR("listen", NULL, CFGF_NONE),
	CFG_STR("user", NULL, CFGF_NONE),
	CFG_STR("password_file", NULL, CFGF_NONE),
	CFG_STR("realm", "bramble", CFGF_NONE),
	CFG_END(),
};

static cfg_opt_t admin_opts[] = {CFG_STR("socket", NULL, CFGF_NONE), CFG_END()};

static cfg_opt_t log_opts[] = {
	CFG_STR("access", NULL, CFGF_NONE),
	CFG_INT("max_per_s", 1000, CFGF_NONE),
	CFG_INT("max_mb", 10, CFGF_NONE),
	CFG_END(),
};

static cfg_opt_t members_opts[] = {
	CFG_INT("maxconn", 10, CFGF_NONE),
	CFG_INT("check_interval_ms", 500, CFGF_NONE),
	CFG_INT("hold_ms", 45000, CFGF_NONE),
	CFG_INT("hold_max", 256, CFGF_NONE),
	CFG_STR("balance", "least", CFGF_NONE),
	CFG_STR("dialect", "auto", CFGF_NONE),
	CFG_BOOL("follow_agents", cfg_true, CFGF_NONE),
	CFG_INT("slowstart_ms", 10000, CFGF_NONE),
	CFG_STR("check_credentials_file", NULL, CFGF_NONE),
	CFG_END(),
};

static cfg_opt_t member_opts[] = {
	CFG_INT("id", 0, CFGF_NONE),
	CFG_STR("http", NULL, CFGF_NONE),
	CFG_STR("bolt", NULL, CFGF_NONE),
	CFG_STR("agent", NULL, CFGF_NONE),
	CFG_INT("weight", 1, CFGF_NONE),
	CFG_END(),
};

static cfg_opt_t opts[] = {
	CFG_SEC("limits", limits_opts, CFGF_NONE),
	CFG_SEC("timeouts", timeouts_opts, CFGF_NONE),
	CFG_SEC("http", listen_opts, CFGF_NONE),
	CFG_SEC("bolt", bolt_opts, CFGF_NONE),
	CFG_SEC("tls", tls_opts, CFGF_NONE),
	CFG_SEC("stats", stats_opts, CFGF_NONE),
	CFG_SEC("admin", admin_opts, CFGF_NONE),
	CFG_SEC("log", log_opts, CFGF_NONE),
	CFG_SEC("members", members_opts, CFGF_NONE),
	CFG_SEC("member", member_opts, CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES),
	CFG_END(),
};

static const struct {
	const char *section, *key;
	long min, max;
} ranges[] = {
	{"limits", "maxconn", 1, 100000},
	{"timeouts", "connect_ms", 10, 600000},
	{"timeouts", "client_ms", 10, 86400000},
	{"timeouts", "server_ms", 10, 86400000},
	{"bolt", "maxconn", 1, 10000},
	{"log", "max_per_s", 1, 1000000},
	{"log", "max_mb", 1, 100000},
	{"members", "maxconn", 1, 10000},
	{"members", "check_interval_ms", 20, 60000},
	{"members", "hold_ms", 0, 600000},
	{"members", "hold_max", 0, 100000},
	{"members", "slowstart_ms", 0, 3600000},
};

static const struct {
	const char *name;
	enum balance balance;
} balances[] = {{"least", BALANCE_LEAST}, {"roundrobin", BALANCE_ROUNDROBIN}};

static long number(cfg_t *cfg, const char *section, const char *key)
{
	return cfg_getint(cfg_getsec(cfg, section), key);
}

/* NULL when not set. */
static char *copy_text(cfg_t *cfg, const char *section, const char *key)
{
	const char *s = cfg_getstr(cfg_getsec(cfg, section), key);

	return s ? xstrdup(s) : NULL;
}

static int check_ranges(cfg_t *cfg, struct err *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(ranges); i++) {
		long v = number(cfg, ranges[i].section, ranges[i].key);
		if (v < ranges[i].min || v > ranges[i].max)
			return err_code(e, EXIT_CONFIG,
				"%s: %s { %s = %ld }: not between %ld and %ld",
				config_where_key(cfg_getsec(cfg, ranges[i].section), ranges[i].key),
				ranges[i].section, ranges[i].key, v, ranges[i].min, ranges[i].max);
	}
	return 0;
}

static int read_balance(cfg_t *cfg, struct proxy_conf *conf, struct err *e)
{
	const char *name = cfg_getstr(cfg_getsec(cfg, "members"), "balance");

	for (size_t i = 0; i < ARRAY_SIZE(balances); i++) {
		if (strcmp(name, balances[i].name) == 0) {
			conf->balance = balances[i].balance;
			return 0;
		}
	}
	return err_code(e, EXIT_CONFIG,
		"%s: members { balance = \"%s\" }: neither \"least\" nor \"roundrobin\"",
		config_where_key(cfg_getsec(cfg, "members"), "balance"), name);
}

static int read_dialect(cfg_t *cfg, struct proxy_conf *conf, struct err *e)
{
	const char *name = cfg_getstr(cfg_getsec(cfg, "members"), "dialect");

	if (dialect_parse(name, &conf->dialect) == 0)
		return 0;
	return err_code(e, EXIT_CONFIG,
		"%s: members { dialect = \"%s\" }: neither auto, ha, causal, neo4j4 nor neo4j5",
		config_where_key(cfg_getsec(cfg, "members"), "dialect"), name);
}

/* Where a program that the service manager starts anywhere finds them. */
static int check_path(
	cfg_t *cfg, const char *section, const char *key, const char *word, struct err *e)
{
	cfg_t *sec = cfg_getsec(cfg, section);
	const char *path = cfg_getstr(sec, key);

	if (!path || *path == '/' || (word && strcmp(path, word) == 0))
		return 0;
	return err_code(e, EXIT_CONFIG, "%s: %s { %s = \"%s\" }: not a path from /%s%s",
		config_where_key(sec, key), section, key, path, word ? ", nor " : "",
		word ? word : "");
}

static int check_socket(cfg_t *cfg, struct err *e)
{
	cfg_t *sec = cfg_getsec(cfg, "admin");
	const char *path = cfg_getstr(sec, "socket");

	if (path && strlen(path) > SOCKET_PATH_MAX)
		return err_code(e, EXIT_CONFIG, "%s: admin { socket }: longer than %d bytes",
			config_where_key(sec, "socket"), SOCKET_PATH_MAX);
	return check_path(cfg, "admin", "socket", NULL, e);
}

static int check_credentials(cfg_t *cfg, struct err *e)
{
	cfg_t *sec = cfg_getsec(cfg, "members");
	const char *path = cfg_getstr(sec, "check_credentials_file");

	return path && !*path ? err_code(e, EXIT_CONFIG,
					"%s: members { check_credentials_file = \"\" }: no file",
					config_where_key(sec, "check_credentials_file"))
			      : 0;
}

static int check_listen(cfg_t *cfg, const char *section, bool required, struct err *e)
{
	cfg_t *sec = cfg_getsec(cfg, section);
	const char *listen = cfg_getstr(sec, "listen");

	if (!listen)
		return required ? err_code(e, EXIT_CONFIG, "%s: %s { listen = ... } is missing",
					  config_where_key(cfg, section), section)
				: 0;
	return net_check_listen(listen, e) < 0
		       ? err_prefix(e, "%s: %s", config_where_key(sec, "listen"), section)
		       : 0;
}

/* It goes into a quoted string of a header field. */
static int check_realm(cfg_t *cfg, const char *realm, struct err *e)
{
	for (const char *p = realm; *p; p++) {
		if (*p < ' ' || *p > '~' || *p == '"' || *p == '\\')
			return err_code(e, EXIT_CONFIG,
				"%s: stats { realm = \"%s\" }: only printable ASCII, no quotes",
				config_where_key(cfg_getsec(cfg, "stats"), "realm"), realm);
	}
	return 0;
}

static int check_mode(const char *path, struct err *e)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return err_errno(e, "%s", path);
	if (st.st_mode & 077)
		return err_code(e, EXIT_CONFIG, "%s: others may read it (mode %03o); chmod 600 it",
			path, st.st_mode & 0777);
	return 0;
}

/* The key is as secret as a password: nobody else may read it. */
static int read_bolt_mode(cfg_t *cfg, struct proxy_conf *conf, struct err *e)
{
	cfg_t *bolt = cfg_getsec(cfg, "bolt");
	const char *mode = cfg_getstr(bolt, "mode");

	conf->bolt_by_port = strcmp(mode, "port") == 0;
	if (!conf->bolt_by_port && strcmp(mode, "transaction") != 0)
		return err_code(e, EXIT_CONFIG,
			"%s: bolt { mode = \"%s\" }: neither transaction nor port",
			config_where_key(bolt, "mode"), mode);
	if (!conf->bolt_read_listen)
		return 0;
	if (!conf->bolt_by_port || !conf->bolt_listen)
		return err_code(e, EXIT_CONFIG,
			"%s: bolt { read_listen = ... }: only with listen and mode = \"port\"",
			config_where_key(bolt, "read_listen"));
	return net_check_listen(conf->bolt_read_listen, e) < 0
		       ? err_prefix(e, "%s: bolt", config_where_key(bolt, "read_listen"))
		       : 0;
}

static int check_tls(cfg_t *cfg, const struct proxy_conf *conf, struct err *e)
{
	const char *missing = !conf->tls_certificate ? "certificate"
			      : !conf->tls_key       ? "key"
						     : NULL;

	if (!conf->tls_certificate && !conf->tls_key)
		return 0;
	if (missing)
		return err_code(e, EXIT_CONFIG, "%s: tls { %s = ... } is missing",
			config_where_key(cfg, "tls"), missing);
	return check_mode(conf->tls_key, e) < 0
		       ? err_prefix(e, "%s: tls", config_where_key(cfg, "tls"))
		       : 0;
}

static int check_stats(cfg_t *cfg, const struct proxy_conf *conf, struct err *e)
{
	bool any = conf->stats_listen || conf->stats_user || conf->stats_password_file;
	const char *missing = !conf->stats_listen          ? "listen"
			      : !conf->stats_user          ? "user"
			      : !conf->stats_password_file ? "password_file"
							   : NULL;

	if (any && missing)
		return err_code(e, EXIT_CONFIG,
			"%s: stats { %s = ... } is missing: the page is served to nobody without "
			"it",
			config_where_key(cfg, "stats"), missing);
	return check_realm(cfg, conf->stats_realm, e) < 0 ? -1
							  : check_listen(cfg, "stats", false, e);
}

static int read_address(
	cfg_t *sec, const char *key, bool required, struct sockaddr_in *to, struct err *e)
{
	const char *text = cfg_getstr(sec, key);

	if (!text && required)
		return err_code(e, EXIT_CONFIG, "%s: member \"%s\": %s is missing",
			config_where(sec), cfg_title(sec), key);
	if (text && parse_inet(text, to) < 0)
		return err_code(e, EXIT_CONFIG,
			"%s: member \"%s\": %s \"%s\": not ADDRESS:PORT with numbers",
			config_where(sec), cfg_title(sec), key, text);
	return 0;
}

static int check_unique(
	cfg_t *sec, const struct proxy_conf *conf, const struct member_conf *m, struct err *e)
{
	for (size_t i = 0; i < conf->nmembers; i++) {
		const struct member_conf *other = &conf->members[i];
		if (other->id == m->id)
			return err_code(e, EXIT_CONFIG, "%s: member \"%s\": id %u is already %s's",
				config_where(sec), m->name, m->id, other->name);
		if (memcmp(&other->http, &m->http, sizeof(m->http)) == 0)
			return err_code(e, EXIT_CONFIG, "%s: member \"%s\": %s is already %s's",
				config_where(sec), m->name, m->http_text, other->name);
	}
	return 0;
}

bool member_name_ok(const char *name)
{
	static const char letters[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";

	return *name && !name[strspn(name, letters)];
}

/* The member counts as soon as it is in the array: proxy_conf_free then knows of it. */
static int read_member(cfg_t *sec, struct proxy_conf *conf, struct err *e)
{
	long id = cfg_getint(sec, "id");

	if (!member_name_ok(cfg_title(sec)))
		return err_code(e, EXIT_CONFIG, "%s: member \"%s\": not a host name",
			config_where(sec), cfg_title(sec));
	if (id < 1 || id > 127)
		return err_code(e, EXIT_CONFIG,
			"%s: member \"%s\": id %ld is not between 1 and 127", config_where(sec),
			cfg_title(sec), id);
	struct member_conf m = {
		.id = (unsigned)id,
		.name = cfg_title(sec),
		.http_text = cfg_getstr(sec, "http"),
		.weight = (unsigned)cfg_getint(sec, "weight"),
	};
	if (m.weight > WEIGHT_MAX)
		return err_code(e, EXIT_CONFIG,
			"%s: member \"%s\": weight %ld is not between 0 and %d",
			config_where_key(sec, "weight"), cfg_title(sec), cfg_getint(sec, "weight"),
			WEIGHT_MAX);
	if (read_address(sec, "http", true, &m.http, e) < 0 ||
		read_address(sec, "bolt", false, &m.bolt, e) < 0 ||
		read_address(sec, "agent", false, &m.agent, e) < 0)
		return -1;
	if (check_unique(sec, conf, &m, e) < 0)
		return -1;
	m.name = xstrdup(m.name);
	m.http_text = xstrdup(m.http_text);
	conf->members[conf->nmembers++] = m;
	return 0;
}

struct member_conf *member_conf_copy(const struct member_conf *m)
{
	struct member_conf *copy = xcalloc(1, sizeof(*copy));

	*copy = *m;
	copy->name = xstrdup(m->name);
	copy->http_text = xstrdup(m->http_text);
	return copy;
}

void member_conf_free(const struct member_conf *m)
{
	free((char *)m->name);
	free((char *)m->http_text);
	free((struct member_conf *)m);
}

static int read_members(cfg_t *cfg, struct proxy_conf *conf, struct err *e)
{
	unsigned n = cfg_size(cfg, "member");

	if (n < 1 || n > MEMBERS_MAX)
		return err_code(e, EXIT_CONFIG, "%s: %u members: there must be 1 to %d",
			cfg->filename, n, MEMBERS_MAX);
	conf->members = xcalloc(n, sizeof(*conf->members));
	for (unsigned i = 0; i < n; i++) {
		if (read_member(cfg_getnsec(cfg, "member", i), conf, e) < 0)
			return -1;
	}
	return 0;
}

static int read_conf(cfg_t *cfg, struct proxy_conf *conf, struct err *e)
{
	if (check_ranges(cfg, e) < 0)
		return -1;
	*conf = (struct proxy_conf){
		.maxconn = (unsigned)number(cfg, "limits", "maxconn"),
		.connect_ms = number(cfg, "timeouts", "connect_ms"),
		.client_ms = number(cfg, "timeouts", "client_ms"),
		.server_ms = number(cfg, "timeouts", "server_ms"),
		.http_listen = copy_text(cfg, "http", "listen"),
		.bolt_listen = copy_text(cfg, "bolt", "listen"),
		.bolt_read_listen = copy_text(cfg, "bolt", "read_listen"),
		.stats_listen = copy_text(cfg, "stats", "listen"),
		.tls_certificate = copy_text(cfg, "tls", "certificate"),
		.tls_key = copy_text(cfg, "tls", "key"),
		.stats_user = copy_text(cfg, "stats", "user"),
		.stats_password_file = copy_text(cfg, "stats", "password_file"),
		.stats_realm = copy_text(cfg, "stats", "realm"),
		.admin_socket = copy_text(cfg, "admin", "socket"),
		.access_log = copy_text(cfg, "log", "access"),
		.access_log_per_s = (unsigned)number(cfg, "log", "max_per_s"),
		.access_log_mb = (unsigned)number(cfg, "log", "max_mb"),
		.check_credentials_file = copy_text(cfg, "members", "check_credentials_file"),
		.member_maxconn = (unsigned)number(cfg, "members", "maxconn"),
		.bolt_maxconn = (unsigned)number(cfg, "bolt", "maxconn"),
		.hold_max = (unsigned)number(cfg, "members", "hold_max"),
		.check_interval_ms = number(cfg, "members", "check_interval_ms"),
		.hold_ms = number(cfg, "members", "hold_ms"),
		.slowstart_ms = number(cfg, "members", "slowstart_ms"),
		.follow_agents = cfg_getbool(cfg_getsec(cfg, "members"), "follow_agents"),
	};
	if (check_listen(cfg, "http", true, e) < 0 || check_listen(cfg, "bolt", false, e) < 0 ||
		read_bolt_mode(cfg, conf, e) < 0 || check_tls(cfg, conf, e) < 0 ||
		check_stats(cfg, conf, e) < 0)
		return -1;
	if (read_balance(cfg, conf, e) < 0 || read_dialect(cfg, conf, e) < 0 ||
		check_credentials(cfg, e) < 0 || check_socket(cfg, e) < 0 ||
		check_path(cfg, "log", "access", "stderr", e) < 0)
		return -1;
	return read_members(cfg, conf, e);
}

static struct proxy_conf *conf_of(cfg_t *cfg, struct err *e)
{
	struct proxy_conf *conf = xcalloc(1, sizeof(*conf));

	if (read_conf(cfg, conf, e) == 0)
		return conf;
	proxy_conf_free(conf);
	return NULL;
}

struct proxy_conf *proxy_conf_load(const char *path, struct err *e)
{
	_cleanup_cfg_ cfg_t *cfg = config_load(path, opts, e);

	return cfg ? conf_of(cfg, e) : NULL;
}

struct proxy_conf *proxy_conf_parse(const char *name, const char *text, struct err *e)
{
	_cleanup_cfg_ cfg_t *cfg = config_parse(name, text, opts, e);

	return cfg ? conf_of(cfg, e) : NULL;
}

void proxy_conf_free(struct proxy_conf *conf)
{
	if (!conf)
		return;
	for (size_t i = 0; i < conf->nmembers; i++) {
		free((char *)conf->members[i].name);
		free((char *)conf->members[i].http_text);
	}
	free(conf->members);
	free((char *)conf->http_listen);
	free((char *)conf->bolt_listen);
	free((char *)conf->stats_listen);
	free((char *)conf->stats_user);
	free((char *)conf->bolt_read_listen);
	free((char *)conf->tls_certificate);
	free((char *)conf->tls_key);
	free((char *)conf->stats_password_file);
	free((char *)conf->stats_realm);
	free((char *)conf->check_credentials_file);
	free((char *)conf->admin_socket);
	free((char *)conf->access_log);
	free(conf);
}

int64_t proxy_conf_finish_ms(const struct proxy_conf *conf)
{
	int64_t ms = conf->hold_ms + conf->server_ms;

	return ms > FINISH_MIN_MS ? ms : FINISH_MIN_MS;
}

bool proxy_conf_bolt(const struct proxy_conf *conf)
{
	for (size_t i = 0; i < conf->nmembers; i++) {
		if (conf->members[i].bolt.sin_port)
			return true;
	}
	return conf->bolt_listen || conf->tls_certificate;
}

char *proxy_conf_secret(const char *path, struct err *e)
{
	_cleanup_buf_ struct buf b = {0};

	if (check_mode(path, e) < 0)
		return NULL;
	if (io_read_file(path, PASSWORD_FILE_MAX, &b, e) < 0)
		return NULL;
	size_t n = strcspn(buf_str(&b), "\r\n");
	if (n == 0) {
		err_code(e, EXIT_CONFIG, "%s: holds no password", path);
		return NULL;
	}
	return xstrndup(buf_str(&b), n);
}

char *proxy_conf_check_fields(const struct proxy_conf *conf, struct err *e)
{
	if (!conf->check_credentials_file)
		return xstrdup("");
	_cleanup_free_ char *secret = proxy_conf_secret(conf->check_credentials_file, e);
	if (!secret)
		return NULL;
	if (!strchr(secret, ':')) {
		err_code(e, EXIT_CONFIG, "%s: its first line is not USER:PASSWORD",
			conf->check_credentials_file);
		return NULL;
	}
	size_t n = strlen(secret), size = sodium_base64_ENCODED_LEN(n, BASE64);
	_cleanup_free_ char *text = xcalloc(1, size);
	sodium_bin2base64(text, size, (const unsigned char *)secret, n, BASE64);
	char *fields = xasprintf("Authorization: Basic %s\r\n", text);
	sodium_memzero(secret, n);
	sodium_memzero(text, size);
	return fields;
}
