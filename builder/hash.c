/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <string.h>
#include <sys/stat.h>
#include "cmd.h"
#include "hash.h"

/* sodium_init picks the implementation for this processor: twice as fast as the portable one. */
void hash_begin(struct hash *h)
{
	(void)!sodium_init();
	crypto_generichash_init(&h->state, NULL, 0, crypto_generichash_BYTES);
}

void hash_bytes(struct hash *h, const void *p, size_t n)
{
	uint64_t len = n;

	crypto_generichash_update(&h->state, (const uint8_t *)&len, sizeof(len));
	crypto_generichash_update(&h->state, p, n);
}

void hash_text(struct hash *h, const char *s)
{
	hash_bytes(h, s, strlen(s));
}

static int hash_file(struct hash *h, const char *path, struct err *e)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	_cleanup_free_ char *chunk = xcalloc(1, 1 << 20);

	if (fd < 0)
		return err_errno(e, "%s", path);
	for (;;) {
		ssize_t n = read(fd, chunk, 1 << 20);
		if (n < 0 && errno == EINTR && !interrupted)
			continue;
		if (check_interrupted(e) < 0)
			return -1;
		if (n < 0)
			return err_errno(e, "%s", path);
		hash_bytes(h, chunk, (size_t)n);
		if (n == 0)
			return 0;
	}
}

static int not_hidden(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

static int hash_dir(struct hash *h, const char *path, struct err *e)
{
	struct dirent **names;
	int n = scandir(path, &names, not_hidden, alphasort), rc = 0;

	if (n < 0)
		return err_errno(e, "%s", path);
	for (int i = 0; i < n; i++) {
		_cleanup_free_ char *file = xasprintf("%s/%s", path, names[i]->d_name);
		hash_text(h, names[i]->d_name);
		rc = rc < 0 ? rc : hash_path(h, file, e);
		free(names[i]);
	}
	free(names);
	return rc;
}

int hash_path(struct hash *h, const char *path, struct err *e)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return err_errno(e, "%s", path);
	return S_ISDIR(st.st_mode) ? hash_dir(h, path, e) : hash_file(h, path, e);
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
	return strcmp((*a)->fts_name, (*b)->fts_name);
}

static int hash_entry(struct hash *h, const FTSENT *x, size_t top, struct err *e)
{
	char target[PATH_MAX];

	if (x->fts_info == FTS_DNR || x->fts_info == FTS_ERR || x->fts_info == FTS_NS) {
		errno = x->fts_errno;
		return err_errno(e, "%s", x->fts_path);
	}
	hash_text(h, x->fts_path + top);
	hash_bytes(h, &x->fts_statp->st_mode, sizeof(x->fts_statp->st_mode));
	if (x->fts_info == FTS_F)
		return hash_path(h, x->fts_accpath, e);
	if (x->fts_info != FTS_SL && x->fts_info != FTS_SLNONE)
		return 0;
	ssize_t n = readlink(x->fts_accpath, target, sizeof(target));
	if (n < 0)
		return err_errno(e, "%s", x->fts_path);
	hash_bytes(h, target, (size_t)n);
	return 0;
}

int hash_tree(struct hash *h, const char *top, struct err *e)
{
	char *const roots[] = {(char *)top, NULL};
	FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR, by_name);
	int r = tree ? 0 : err_errno(e, "%s", top);

	for (FTSENT *x; r == 0 && (errno = 0, x = fts_read(tree));)
		r = hash_entry(h, x, strlen(top), e);
	if (r == 0 && errno)
		r = err_errno(e, "%s", top);
	if (tree)
		fts_close(tree);
	return r;
}

void hash_end(struct hash *h, char hex[static HASH_HEX])
{
	uint8_t sum[crypto_generichash_BYTES];

	crypto_generichash_final(&h->state, sum, sizeof(sum));
	hex_encode(hex, sum, sizeof(sum));
}

void hash_derive(uint8_t *out, size_t n, const char *key, const char *purpose, const char *name)
{
	_cleanup_free_ char *text = xasprintf("%s\n%s", purpose, name);

	crypto_generichash(out, n, (const uint8_t *)text, strlen(text), (const uint8_t *)key,
		strlen(key) > 64 ? 64 : strlen(key));
}
