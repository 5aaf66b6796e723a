/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <arpa/inet.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include "discover/book.h"
#include "identity.h"
#include "io.h"
#include "proxy_conf.h"
#include "proxy_lines.h"
#include "util.h"

#define CONF_MAX (256u << 10)

/* The data node whose line this is, or NULL. */
static const struct member *member_of(const struct identity *id, const char *line)
{
	static const char begin[] = "member \"";
	char name[NAME_SIZE];

	if (!str_starts(line, begin))
		return NULL;
	line += strlen(begin);
	size_t n = strcspn(line, "\"\n");
	if (n >= sizeof(name) || line[n] != '"')
		return NULL;
	memcpy(name, line, n);
	name[n] = '\0';
	const struct member *m = identity_member(id, name);
	return m && (m->roles & ROLE_DATA) ? m : NULL;
}

static void replace(
	const struct identity *id, const struct book *book, const char *text, struct buf *to)
{
	char a[INET_ADDRSTRLEN];

	for (const char *line = text; *line;) {
		size_t n = strcspn(line, "\n");
		const struct member *m = member_of(id, line);
		struct in_addr at = m ? book_find(book, m->name) : (struct in_addr){0};
		if (m && !at.s_addr)
			at = m->address;
		if (at.s_addr && inet_ntop(AF_INET, &at, a, sizeof(a)))
			proxy_lines_member(to, m->name, m->id, a);
		else
			buf_printf(to, "%.*s\n", (int)n, line);
		line += n + (line[n] != '\0');
	}
}

static int write_changed(const struct identity *id, const struct book *book, const char *path,
	bool *changed, struct err *e)
{
	_cleanup_buf_ struct buf before = {0}, after = {0};
	struct stat st;

	if (io_read_file(path, CONF_MAX, &before, e) < 0)
		return -1;
	if (stat(path, &st) < 0)
		return err_errno(e, "%s", path);
	replace(id, book, buf_str(&before), &after);
	if (!buf_ok(&after))
		return err_set(e, "%s: out of memory", path);
	*changed = strcmp(buf_str(&before), buf_str(&after)) != 0;
	return *changed ? io_write_atomic(path, after.data, after.len, st.st_mode & 0777, e) : 0;
}

int proxy_conf_lock(const char *root, struct err *e)
{
	_cleanup_free_ char *dir = xasprintf("%s/etc/bramble", root);
	_cleanup_close_ int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || flock(fd, LOCK_EX) < 0)
		return err_errno(e, "%s", dir);
	return steal_fd(&fd);
}

int proxy_conf_renew(const char *root, bool *changed, struct err *e)
{
	_cleanup_free_ char *addresses = xasprintf("%s/run/bramble/addresses", root);
	_cleanup_free_ char *path = xasprintf("%s" PROXY_CONF, root);
	static struct identity id; /* too large for the stack, both */
	static struct book book;

	*changed = false;
	if (identity_load_root(root, &id, e) < 0 || book_load(addresses, &book, e) < 0)
		return -1;
	if (!(identity_self(&id)->roles & ROLE_PROXY))
		return 0;
	return write_changed(&id, &book, path, changed, e);
}
