/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the system on the cards says of itself: its packages and its distribution. */
#include <string.h>
#include "made.h"

/* "Key: value" of a stanza, up to the end of its line; NULL: none. The caller frees. */
static char *field(const char *stanza, size_t n, const char *key)
{
	size_t len = strlen(key);

	for (const char *line = stanza; line < stanza + n; line += strcspn(line, "\n") + 1) {
		if (strncmp(line, key, len) == 0 && line[len] == ':') {
			const char *value = line + len + 1 + strspn(line + len + 1, " ");
			return xstrndup(value, strcspn(value, "\n"));
		}
	}
	return NULL;
}

static void add_package(struct made *m, const char *stanza, size_t n)
{
	_cleanup_free_ char *status = field(stanza, n, "Status");
	_cleanup_free_ char *name = field(stanza, n, "Package");
	_cleanup_free_ char *version = field(stanza, n, "Version");

	/* "installed" and "unpacked" have their files on the card; "config-files" has not. */
	if (!name || !version || !status || !str_starts(status, "install ok"))
		return;
	if ((m->npackages & (m->npackages - 1)) == 0)
		m->packages = xreallocarray(
			m->packages, m->npackages ? 2 * m->npackages : 1, sizeof(*m->packages));
	char *architecture = field(stanza, n, "Architecture");
	m->packages[m->npackages++] = (struct package){
		.name = steal(&name),
		.version = steal(&version),
		.architecture = architecture ? architecture : xstrdup("all"),
	};
}

static int by_name(const void *a, const void *b)
{
	const struct package *x = a, *y = b;
	int order = strcmp(x->name, y->name);

	return order ? order : strcmp(x->architecture, y->architecture);
}

/* The stanzas of /var/lib/dpkg/status lie between empty lines. */
static void add_packages(struct made *m, const char *status)
{
	for (const char *s = status; *s;) {
		const char *end = strstr(s, "\n\n");
		size_t n = end ? (size_t)(end - s) + 1 : strlen(s);
		add_package(m, s, n);
		s += n;
		s += strspn(s, "\n");
	}
	if (m->npackages)
		qsort(m->packages, m->npackages, sizeof(*m->packages), by_name);
}

static void read_distribution(struct made *m, const char *os_release)
{
	const char *line = str_starts(os_release, "ID=") ? os_release : strstr(os_release, "\nID=");

	snprintf(m->distribution, sizeof(m->distribution), "debian");
	if (!line)
		return;
	line += strcspn(line, "=") + 1;
	line += *line == '"';
	size_t n = strspn(line, "abcdefghijklmnopqrstuvwxyz0123456789._-");
	if (n && n < sizeof(m->distribution))
		snprintf(m->distribution, sizeof(m->distribution), "%.*s", (int)n, line);
}

static int read_if_there(struct ext4 *fs, const char *path, struct buf *b, struct err *e)
{
	return ext4_exists(fs, path) ? ext4_read(fs, path, b, e) : 0;
}

/* The node that carries most: a data node's system is every other one's and more. */
static const char *fullest_image(const struct made *m)
{
	for (size_t i = 0; i < m->nnodes; i++) {
		if (m->nodes[i].node->roles != ROLE_PROXY)
			return m->nodes[i].image.name;
	}
	return m->nodes[0].image.name;
}

int made_look_into(struct made *m, struct err *e)
{
	_cleanup_free_ char *image = xasprintf("%s/%s", m->b->work, fullest_image(m));
	_cleanup_buf_ struct buf status = {0}, os_release = {0};
	_cleanup_ext4_ struct ext4 *fs = ext4_open_readonly(image, m->b->table.part[1].start, e);

	if (!fs)
		return -1;
	m->moment = ext4_moment(fs);
	if (m->options->sbom == SBOM_NONE)
		return 0;
	if (read_if_there(fs, "/usr/lib/os-release", &os_release, e) < 0 ||
		read_if_there(fs, "/var/lib/dpkg/status", &status, e) < 0)
		return -1;
	read_distribution(m, buf_str(&os_release));
	add_packages(m, buf_str(&status));
	return 0;
}
