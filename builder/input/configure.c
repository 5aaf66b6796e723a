/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ldconfig is run for nobody: the dynamic linker also searches Debian's multiarch folders without
 * its cache, where every library of Debian lies. The cache is made anew by the first apt run.
 */
#include "configure.h"
#include <string.h>
#include "image/account.h"
#include "maintscript.h"

#define SYSTEM_UNITS "/etc/systemd/system"
#define HELPER "/var/lib/systemd/deb-systemd-helper-enabled"

typedef int configure_fn(const struct deb *d, struct ext4 *fs, struct err *e);

/* As update-alternatives makes it: link, link, record. A record that is there stays. */
static int add_alternative(
	struct ext4 *fs, const char *name, const char *program, unsigned priority, struct err *e)
{
	_cleanup_free_ char *link = xasprintf("/usr/bin/%s", name);
	_cleanup_free_ char *choice = xasprintf("/etc/alternatives/%s", name);
	_cleanup_free_ char *path = xasprintf("/var/lib/dpkg/alternatives/%s", name);
	_cleanup_free_ char *record = xasprintf("auto\n%s\n\n%s\n%u\n\n", link, program, priority);

	if (ext4_symlink(fs, choice, program, e) < 0 || ext4_symlink(fs, link, choice, e) < 0)
		return -1;
	if (ext4_exists(fs, path))
		return 0;
	return ext4_write(fs, path, record, strlen(record), EXT4_ROOT(0644), e);
}

static int configure_openjdk(const struct deb *d, struct ext4 *fs, struct err *e)
{
	static const char *const tools[] = {"java", "keytool", "rmiregistry", "jpackage"};
	unsigned major = 0;

	if (sscanf(d->package, "openjdk-%u-", &major) != 1)
		return err_set(e, "%s: no version in its name", d->package);
	for (size_t i = 0; i < ARRAY_SIZE(tools); i++) {
		_cleanup_free_ char *program = xasprintf(
			"/usr/lib/jvm/java-%u-openjdk-%s/bin/%s", major, d->architecture, tools[i]);
		if (ext4_kind(fs, program) != EXT4_NONE &&
			add_alternative(fs, tools[i], program, major * 100 + 11, e) < 0)
			return -1;
	}
	return 0;
}

static int configure_java_common(const struct deb *d, struct ext4 *fs, struct err *e)
{
	static const char *const locks[] = {".system.lock", ".systemRootModFile"};

	(void)d;
	for (size_t i = 0; i < ARRAY_SIZE(locks); i++) {
		_cleanup_free_ char *path = xasprintf("/etc/.java/.systemPrefs/%s", locks[i]);
		if (!ext4_exists(fs, path) && ext4_write(fs, path, "", 0, EXT4_ROOT(0644), e) < 0)
			return -1;
	}
	return 0;
}

static int configure_avahi(const struct deb *d, struct ext4 *fs, struct err *e)
{
	(void)d;
	return account_add_free(fs, "avahi", "/run/avahi-daemon", e);
}

struct known {
	const char *package;
	configure_fn *run; /* NULL: deferred */
	const char *units; /* enabled besides */
};

static const struct known knowns[] = {
	{"avahi-daemon", configure_avahi, "avahi-daemon.service\navahi-daemon.socket\n"},
	{"java-common", configure_java_common, NULL},
	{"openjdk-8-jre-headless", configure_openjdk, NULL},
	{"openjdk-11-jre-headless", configure_openjdk, NULL},
	{"openjdk-17-jre-headless", configure_openjdk, NULL},
	{"openjdk-21-jre-headless", configure_openjdk, NULL},
	{"openjdk-25-jre-headless", configure_openjdk, NULL},
	/* The trust stores are made by OpenSSL and Java themselves. */
	{"ca-certificates", NULL, NULL},
	{"ca-certificates-java", NULL, NULL},
	/* Looks for applications' settings and fonts; a Java without windows uses neither. */
	{"fontconfig-config", NULL, NULL},
	{"libglib2.0-0", NULL, NULL},
	{"libglib2.0-0t64", NULL, NULL},
};

static const struct known *find_known(const struct deb *d)
{
	for (size_t i = 0; i < ARRAY_SIZE(knowns); i++) {
		if (strcmp(knowns[i].package, d->package) == 0)
			return &knowns[i];
	}
	return NULL;
}

bool configure_is_deferred(const struct deb *d)
{
	const struct known *k = find_known(d);

	return k && !k->run;
}

/* The scripts that run when a package comes in. */
static int read_scripts(const struct deb *d, struct buf *units, struct err *e)
{
	static const char *const scripts[] = {"preinst", "postinst"};

	for (size_t i = 0; i < ARRAY_SIZE(scripts); i++) {
		const struct buf *text = deb_member(d, scripts[i]);
		_cleanup_free_ char *line = text ? maintscript_unknown(buf_str(text), units) : NULL;
		if (line)
			return err_code(e, EXIT_INPUT,
				"%s: package %s has a %s that bramble does not know (\"%.60s\"); "
				"it runs no scripts, so install this package on the card",
				d->path, d->package, scripts[i], line);
	}
	return 0;
}

int configure_check(const struct deb *d, struct err *e)
{
	_cleanup_buf_ struct buf units = {0};

	return find_known(d) ? 0 : read_scripts(d, &units, e);
}

/* deb-systemd-helper's own books, so that a later upgrade or purge knows what was enabled. */
static int note_enabled(struct ext4 *fs, const char *unit, const char *link, struct err *e)
{
	_cleanup_free_ char *also = xasprintf(HELPER "/%s.dsh-also", unit);
	_cleanup_free_ char *mark = xasprintf(HELPER "%s", link + strlen(SYSTEM_UNITS));
	_cleanup_buf_ struct buf links = {0};

	if (ext4_exists(fs, also) && ext4_read(fs, also, &links, e) < 0)
		return -1;
	buf_printf(&links, "%s\n", link);
	if (ext4_write(fs, also, links.data, links.len, EXT4_ROOT(0644), e) < 0)
		return -1;
	return ext4_write(fs, mark, "", 0, EXT4_ROOT(0644), e);
}

struct install_key {
	const char *key, *suffix; /* NULL: the name is the link itself */
};

static const struct install_key install_keys[] = {
	{"WantedBy=", ".wants"},
	{"RequiredBy=", ".requires"},
	{"Alias=", NULL},
};

/* The names of one line of a unit's [Install] section become links (systemd.unit(5)). */
static int link_names(struct ext4 *fs, const char *unit, const char *path,
	const struct install_key *k, const char *names, struct err *e)
{
	_cleanup_free_ char *copy = xstrndup(names, strcspn(names, "\n"));
	char *save = NULL;

	for (char *n = strtok_r(copy, " \t", &save); n; n = strtok_r(NULL, " \t", &save)) {
		_cleanup_free_ char *link =
			k->suffix ? xasprintf(SYSTEM_UNITS "/%s%s/%s", n, k->suffix, unit)
				  : xasprintf(SYSTEM_UNITS "/%s", n);
		if (strchr(n, '/') || *n == '.')
			return err_code(e, EXIT_INPUT, "%s: \"%s\" is no name of a unit", unit, n);
		if (ext4_symlink(fs, link, path, e) < 0 || note_enabled(fs, unit, link, e) < 0)
			return -1;
	}
	return 0;
}

static int enable_unit(struct ext4 *fs, const char *unit, struct err *e)
{
	_cleanup_free_ char *path = xasprintf("/lib/systemd/system/%s", unit);
	_cleanup_buf_ struct buf text = {0};

	if (strchr(unit, '/') || !ext4_exists(fs, path))
		return 0; /* as deb-systemd-helper: a unit that is not there is not enabled */
	if (ext4_read(fs, path, &text, e) < 0)
		return -1;
	for (const char *p = buf_str(&text); *p; p += strspn(p, "\n")) {
		for (size_t i = 0; i < ARRAY_SIZE(install_keys); i++) {
			const struct install_key *k = &install_keys[i];
			if (str_starts(p, k->key) &&
				link_names(fs, unit, path, k, p + strlen(k->key), e) < 0)
				return -1;
		}
		p += strcspn(p, "\n");
	}
	return 0;
}

static int enable_units(struct ext4 *fs, const char *units, struct err *e)
{
	_cleanup_free_ char *copy = xstrdup(units);
	char *save = NULL;

	for (char *u = strtok_r(copy, "\n", &save); u; u = strtok_r(NULL, "\n", &save)) {
		if (enable_unit(fs, u, e) < 0)
			return -1;
	}
	return 0;
}

int configure_run(const struct deb *d, struct ext4 *fs, struct err *e)
{
	const struct known *k = find_known(d);
	_cleanup_buf_ struct buf units = {0};

	if (k && !k->run)
		return 0;
	if (k && k->run(d, fs, e) < 0)
		return -1;
	if (k)
		return k->units ? enable_units(fs, k->units, e) : 0;
	return read_scripts(d, &units, e) < 0 ? -1 : enable_units(fs, buf_str(&units), e);
}
