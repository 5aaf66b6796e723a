/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include "hash.h"
#include "io.h"
#include "state.h"

#define VALUE_MAX 256

static int write_value(const char *dir, const char *name, const char *value, struct err *e)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", dir, name);
	_cleanup_free_ char *line = xasprintf("%s\n", value);

	return io_write_atomic(path, line, strlen(line), 0600, e);
}

/* 1: read into value (n bytes with its NUL); 0: there is none. */
static int read_value(const char *dir, const char *name, char *value, size_t n, struct err *e)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", dir, name);
	_cleanup_buf_ struct buf b = {0};

	if (access(path, F_OK) < 0 && errno == ENOENT)
		return 0;
	if (io_read_file(path, VALUE_MAX, &b, e) < 0)
		return -1;
	size_t len = strcspn(buf_str(&b), "\n");
	if (len == 0 || len >= n)
		return err_code(e, EXIT_CONFIG, "%s: damaged", path);
	memcpy(value, b.data, len);
	value[len] = '\0';
	return 1;
}

/* A value of n - 1 hex digits, made from the kernel's random numbers if there is none. */
static int hex_value(const char *dir, const char *name, char *value, size_t n, struct err *e)
{
	uint8_t bytes[32];
	int rc = read_value(dir, name, value, n, e);

	if (rc < 0)
		return -1;
	if (rc == 1) {
		if (hex_decode(bytes, (n - 1) / 2, value) == 0)
			return 0;
		return err_code(e, EXIT_CONFIG, "%s/%s: damaged", dir, name);
	}
	randombytes_buf(bytes, (n - 1) / 2);
	hex_encode(value, bytes, (n - 1) / 2);
	return write_value(dir, name, value, e);
}

static int next_generation(const char *dir, const char *conf, struct state *s, struct err *e)
{
	char hash[HASH_HEX], old[HASH_HEX] = "", number[16] = "0";
	struct hash h;

	hash_begin(&h);
	if (hash_path(&h, conf, e) < 0)
		return -1;
	hash_end(&h, hash);
	if (read_value(dir, "conf.hash", old, sizeof(old), e) < 0 ||
		read_value(dir, "generation", number, sizeof(number), e) < 0)
		return -1;
	if (strspn(number, "0123456789") != strlen(number) || strlen(number) > 9)
		return err_code(e, EXIT_CONFIG, "%s/generation: damaged", dir);
	s->generation = (unsigned)strtoul(number, NULL, 10);
	if (s->generation && strcmp(hash, old) == 0)
		return 0;
	s->generation++;
	snprintf(number, sizeof(number), "%u", s->generation);
	/* The number first: after a crash in between, the next build counts once more. */
	if (write_value(dir, "generation", number, e) < 0)
		return -1;
	return write_value(dir, "conf.hash", hash, e);
}

/* Two first builds, each into a folder of its own, must not make two clusters. */
static int lock_state(const char *dir, struct err *e)
{
	_cleanup_close_ int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || flock(fd, LOCK_EX) < 0)
		return err_errno(e, "%s", dir);
	return steal_fd(&fd);
}

int state_open(const struct cluster *c, struct state *s, struct err *e)
{
	_cleanup_free_ char *dir = cluster_state_dir(c);
	struct stat st;

	if (sodium_init() < 0)
		return err_set(e, "no source of random numbers");
	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		return err_errno(e, "%s", dir);
	if (stat(dir, &st) < 0)
		return err_errno(e, "%s", dir);
	if (!S_ISDIR(st.st_mode) || (st.st_mode & 077))
		return err_code(e, EXIT_CONFIG,
			"%s: holds secrets and must be a folder with mode 0700", dir);
	_cleanup_close_ int lock = lock_state(dir, e);
	if (lock < 0)
		return -1;
	if (hex_value(dir, "id", s->id, sizeof(s->id), e) < 0 ||
		hex_value(dir, "secret", s->secret, sizeof(s->secret), e) < 0 ||
		hex_value(dir, "stats.password", s->stats_password, sizeof(s->stats_password), e) <
			0)
		return -1;
	return next_generation(dir, c->path, s, e);
}
