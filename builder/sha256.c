/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include "cmd.h"
#include "io.h"
#include "sha256.h"

#define PIECE (1u << 20)

/* EVP fails here only for want of memory, of which the builder may die. */
static void must(int one)
{
	if (one == 1)
		return;
	fputs("bramble: out of memory\n", stderr);
	exit(EXIT_FAILED);
}

void sha256_begin(struct sha256 *s)
{
	s->context = EVP_MD_CTX_new();
	must(s->context && EVP_DigestInit_ex(s->context, EVP_sha256(), NULL) == 1);
}

void sha256_add(struct sha256 *s, const void *p, size_t n)
{
	must(EVP_DigestUpdate(s->context, p, n));
}

void sha256_end(struct sha256 *s, uint8_t sum[static SHA256_SIZE])
{
	must(EVP_DigestFinal_ex(s->context, sum, NULL));
	EVP_MD_CTX_free(s->context);
	s->context = NULL;
}

static int add_run(struct sha256 *s, int fd, uint64_t at, uint64_t n, bool hole, struct err *e)
{
	_cleanup_free_ char *piece = xcalloc(1, PIECE);

	while (n) {
		size_t step = n < PIECE ? (size_t)n : PIECE;
		if (check_interrupted(e) < 0)
			return -1;
		if (!hole && io_pread_full(fd, piece, step, (off_t)at) < 0)
			return err_errno(e, "read");
		sha256_add(s, piece, step);
		at += step;
		n -= step;
	}
	return 0;
}

static int add_range(struct sha256 *s, int fd, uint64_t at, uint64_t end, struct err *e)
{
	bool hole;

	for (uint64_t n; at < end; at += n) {
		n = io_run_length(fd, at, end, &hole);
		if (add_run(s, fd, at, n, hole, e) < 0)
			return -1;
	}
	return 0;
}

int sha256_range(int fd, uint64_t at, uint64_t n, uint8_t sum[static SHA256_SIZE], struct err *e)
{
	struct sha256 s;

	sha256_begin(&s);
	int rc = add_range(&s, fd, at, at + n, e);
	sha256_end(&s, sum);
	return rc;
}

int sha256_file(const char *path, char hex[static SHA256_HEX], uint64_t *size, struct err *e)
{
	struct stat st;
	uint8_t sum[SHA256_SIZE];
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(e, "%s", path);
	if (sha256_range(fd, 0, (uint64_t)st.st_size, sum, e) < 0)
		return err_prefix(e, "%s", path);
	hex_encode(hex, sum, sizeof(sum));
	if (size)
		*size = (uint64_t)st.st_size;
	return 0;
}
