/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "dpkg.h"
#include <string.h>
#include "deb_version.h"
#include "stanza.h"

#define STATUS "/var/lib/dpkg/status"
#define MISSING_MAX 700 /* bytes of names in an error */

void dpkg_add(struct dpkg *d, const char *stanza, bool incoming)
{
	if (d->n == d->room) {
		d->room = d->room ? 2 * d->room : 256;
		d->packages = xreallocarray(d->packages, d->room, sizeof(*d->packages));
	}
	_cleanup_free_ char *multi = stanza_field(stanza, "Multi-Arch");
	d->packages[d->n++] = (struct dpkg_package){
		.name = stanza_field(stanza, "Package"),
		.version = stanza_field(stanza, "Version"),
		.architecture = stanza_field(stanza, "Architecture"),
		.depends = {stanza_field(stanza, "Pre-Depends"), stanza_field(stanza, "Depends")},
		.conflicts = {stanza_field(stanza, "Conflicts"), stanza_field(stanza, "Breaks")},
		.provides = stanza_field(stanza, "Provides"),
		.multi_arch_foreign = multi && strcmp(multi, "foreign") == 0,
		.incoming = incoming,
	};
}

/* "install ok installed": what counts is the last word. Unpacked is what bramble defers. */
static bool is_installed(const char *stanza)
{
	_cleanup_free_ char *status = stanza_field(stanza, "Status");

	return status && (str_ends(status, " installed") || str_ends(status, " unpacked"));
}

int dpkg_load(struct dpkg *d, struct ext4 *fs, const char *architecture, struct err *e)
{
	_cleanup_buf_ struct buf status = {0};

	d->architecture = architecture;
	if (!ext4_exists(fs, STATUS))
		return 0;
	if (ext4_read(fs, STATUS, &status, e) < 0)
		return -1;
	const char *p = buf_str(&status);
	for (p += strspn(p, "\n"); p && *p; p = stanza_next(p)) {
		if (is_installed(p))
			dpkg_add(d, p, false);
	}
	return 0;
}

static void free_package(struct dpkg_package *p)
{
	char *all[] = {p->name, p->version, p->architecture, p->depends[0], p->depends[1],
		p->conflicts[0], p->conflicts[1], p->provides};

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		free(all[i]);
}

void dpkg_free(struct dpkg *d)
{
	for (size_t i = 0; i < d->n; i++)
		free_package(&d->packages[i]);
	free(d->packages);
	*d = (struct dpkg){0};
}

const struct dpkg_package *dpkg_find(const struct dpkg *d, const char *name)
{
	for (size_t i = 0; i < d->n; i++) {
		if (d->packages[i].name && strcmp(d->packages[i].name, name) == 0)
			return &d->packages[i];
	}
	return NULL;
}

/* Packages of another architecture are other packages, unless they are made to serve all. */
static bool serves(const struct dpkg *d, const struct dpkg_package *p)
{
	return !p->architecture || p->multi_arch_foreign ||
	       strcmp(p->architecture, d->architecture) == 0 || strcmp(p->architecture, "all") == 0;
}

static bool version_fits(const struct relation *r, const char *version)
{
	return !r->op[0] || (version && deb_version_holds(version, r->op, r->version));
}

/* A Provides without a version meets no relation with one (deb-control(5)). */
static bool provides(const struct dpkg_package *p, const struct relation *r)
{
	_cleanup_relation_ struct relation own = {0};
	const char *list = p->provides;
	bool more;

	while (list && relation_next(&list, &own, &more) > 0) {
		if (strcmp(own.name, r->name) == 0 && version_fits(r, own.version))
			return true;
	}
	return false;
}

static bool meets(const struct dpkg *d, const struct dpkg_package *p, const struct relation *r)
{
	if (!p->name || !serves(d, p))
		return false;
	if (strcmp(p->name, r->name) == 0 && version_fits(r, p->version))
		return true;
	return provides(p, r);
}

static bool anybody_meets(const struct dpkg *d, const struct relation *r)
{
	for (size_t i = 0; i < d->n; i++) {
		if (meets(d, &d->packages[i], r))
			return true;
	}
	return false;
}

static void say_relation(struct buf *b, const char *before, const struct relation *r)
{
	buf_printf(b, "%s%s", before, r->name);
	if (r->op[0])
		buf_printf(b, " (%s %s)", r->op, r->version);
}

/* One list of dependencies; what is missing is added to b. */
static int find_missing(const struct dpkg *d, const struct dpkg_package *p, const char *list,
	struct buf *b, struct err *e)
{
	_cleanup_relation_ struct relation r = {0};
	_cleanup_buf_ struct buf choice = {0};
	bool met = false, more;
	int rc = 0;

	while (list && (rc = relation_next(&list, &r, &more)) > 0) {
		met |= anybody_meets(d, &r);
		say_relation(&choice, choice.len ? " or " : "", &r);
		if (more)
			continue;
		if (!met && b->len < MISSING_MAX)
			buf_printf(b, "%s%s for %s", b->len ? ", " : "", buf_str(&choice), p->name);
		buf_free(&choice);
		choice = (struct buf){0};
		met = false;
	}
	if (rc < 0)
		return err_code(e, EXIT_INPUT,
			"package %s: its dependencies cannot be read at \"%.40s\"", p->name, list);
	return 0;
}

static int check_dependencies(const struct dpkg *d, struct err *e)
{
	_cleanup_buf_ struct buf missing = {0};

	for (size_t i = 0; i < d->n; i++) {
		const struct dpkg_package *p = &d->packages[i];
		for (size_t k = 0; p->incoming && k < ARRAY_SIZE(p->depends); k++) {
			if (find_missing(d, p, p->depends[k], &missing, e) < 0)
				return -1;
		}
	}
	if (!missing.len)
		return 0;
	return err_code(e, EXIT_INPUT,
		"packages are missing: %s; add their .deb files to packages or java",
		buf_str(&missing));
}

/* Does p say it cannot live with other? It may conflict with what it provides itself. */
static int check_pair(const struct dpkg *d, const struct dpkg_package *p,
	const struct dpkg_package *other, struct err *e)
{
	_cleanup_relation_ struct relation r = {0};

	for (size_t k = 0; k < ARRAY_SIZE(p->conflicts); k++) {
		const char *list = p->conflicts[k];
		bool more;
		while (list && relation_next(&list, &r, &more) > 0) {
			if (meets(d, other, &r))
				return err_code(e, EXIT_INPUT, "package %s conflicts with %s %s%s",
					p->name, other->name, other->version,
					other->incoming ? "" : " of the base image");
		}
	}
	return 0;
}

static int check_conflicts(const struct dpkg *d, struct err *e)
{
	for (size_t i = 0; i < d->n; i++) {
		const struct dpkg_package *p = &d->packages[i];
		for (size_t k = 0; p->name && k < d->n; k++) {
			const struct dpkg_package *o = &d->packages[k];
			if (k == i || !o->name || (!p->incoming && !o->incoming) ||
				strcmp(p->name, o->name) == 0)
				continue;
			if (check_pair(d, p, o, e) < 0)
				return -1;
		}
	}
	return 0;
}

int dpkg_check(const struct dpkg *d, struct err *e)
{
	return check_dependencies(d, e) < 0 ? -1 : check_conflicts(d, e);
}
