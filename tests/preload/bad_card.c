/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A card that is worn out, lies or is pulled out, for tests without root: LD_PRELOAD this and name
 * the file that stands for the card.
 *
 *	BAD_CARD	the file; only its descriptors open for writing are touched
 *	BAD_HOW		a name of the table below
 *	BAD_AT		the byte where it happens (0)
 *	BAD_TIMES	how often (always)
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

typedef ssize_t write_fn(int fd, const void *p, size_t n, off64_t at);
typedef ssize_t read_fn(int fd, void *p, size_t n, off64_t at);
typedef int sync_fn(int fd);

static int is_card(int fd)
{
	const char *path = getenv("BAD_CARD");
	struct stat card, file;

	return path && (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDWR && stat(path, &card) == 0 &&
	       fstat(fd, &file) == 0 && card.st_dev == file.st_dev && card.st_ino == file.st_ino;
}

static off64_t where(void)
{
	const char *at = getenv("BAD_AT");

	return at ? strtoll(at, NULL, 10) : 0;
}

static int covers(size_t n, off64_t at)
{
	return at <= where() && where() < at + (off64_t)n;
}

/* Counts down BAD_TIMES. */
static int is_due(void)
{
	static atomic_int used;
	const char *times = getenv("BAD_TIMES");

	return !times || atomic_fetch_add(&used, 1) < atoi(times);
}

static int fail(int cause)
{
	errno = cause;
	return -1;
}

static write_fn *real_write(void)
{
	return (write_fn *)dlsym(RTLD_NEXT, "pwrite64");
}
static read_fn *real_read(void)
{
	return (read_fn *)dlsym(RTLD_NEXT, "pread64");
}

static atomic_int gone;

static ssize_t write_eio(int fd, const void *p, size_t n, off64_t at)
{
	return covers(n, at) && is_due() ? fail(EIO) : real_write()(fd, p, n, at);
}

static ssize_t write_enospc(int fd, const void *p, size_t n, off64_t at)
{
	return covers(n, at) && is_due() ? fail(ENOSPC) : real_write()(fd, p, n, at);
}

/* Some bytes less than asked for, and no whole sectors. */
static ssize_t write_short(int fd, const void *p, size_t n, off64_t at)
{
	return real_write()(fd, p, n > 5000 && is_due() ? n - 4999 : n, at);
}

static ssize_t write_nothing(int fd, const void *p, size_t n, off64_t at)
{
	return covers(n, at) && is_due() ? (ssize_t)n : real_write()(fd, p, n, at);
}

static ssize_t write_bit(int fd, const void *p, size_t n, off64_t at)
{
	void *copy;

	if (!covers(n, at) || !is_due() || posix_memalign(&copy, 4096, n) != 0)
		return real_write()(fd, p, n, at);
	memcpy(copy, p, n);
	((char *)copy)[where() - at] ^= 1;
	ssize_t written = real_write()(fd, copy, n, at);
	free(copy);
	return written;
}

/* A card of BAD_AT bytes that says it is larger begins again at its start. */
static ssize_t write_wrapped(int fd, const void *p, size_t n, off64_t at)
{
	return real_write()(fd, p, n, at % where());
}
static ssize_t read_wrapped(int fd, void *p, size_t n, off64_t at)
{
	return real_read()(fd, p, n, at % where());
}

static ssize_t write_pulled(int fd, const void *p, size_t n, off64_t at)
{
	if (covers(n, at))
		gone = 1;
	return gone ? fail(ENODEV) : real_write()(fd, p, n, at);
}

static ssize_t read_eio(int fd, void *p, size_t n, off64_t at)
{
	return covers(n, at) && is_due() ? fail(EIO) : real_read()(fd, p, n, at);
}

static ssize_t read_pulled(int fd, void *p, size_t n, off64_t at)
{
	if (covers(n, at))
		gone = 1;
	return gone ? fail(ENOMEDIUM) : real_read()(fd, p, n, at);
}

/* What O_DIRECT gives on filesystems that do not have it. */
static ssize_t write_direct(int fd, const void *p, size_t n, off64_t at)
{
	return fcntl(fd, F_GETFL) & O_DIRECT ? fail(EINVAL) : real_write()(fd, p, n, at);
}

/* No signal ends it, as in the kernel. */
static ssize_t write_stalled(int fd, const void *p, size_t n, off64_t at)
{
	if (covers(n, at) && is_due()) {
		for (struct timespec left = {.tv_sec = 60}; nanosleep(&left, &left) < 0;)
			;
	}
	return real_write()(fd, p, n, at);
}

static ssize_t write_slow(int fd, const void *p, size_t n, off64_t at)
{
	nanosleep(&(struct timespec){.tv_sec = 1}, NULL);
	return real_write()(fd, p, n, at);
}

static const struct how {
	const char *name;
	write_fn *write;
	read_fn *read;
	int sync; /* errno */
} hows[] = {
	{.name = "write-eio", .write = write_eio},
	{.name = "write-enospc", .write = write_enospc},
	{.name = "write-short", .write = write_short},
	{.name = "write-nothing", .write = write_nothing},
	{.name = "write-bit", .write = write_bit},
	{.name = "write-pulled", .write = write_pulled},
	{.name = "write-direct", .write = write_direct},
	{.name = "write-stalled", .write = write_stalled},
	{.name = "write-slow", .write = write_slow},
	{.name = "wrapped", .write = write_wrapped, .read = read_wrapped},
	{.name = "read-eio", .read = read_eio},
	{.name = "read-pulled", .read = read_pulled},
	{.name = "sync-eio", .sync = EIO},
};

static const struct how *find_how(int fd)
{
	const char *name = getenv("BAD_HOW");

	for (size_t i = 0; name && i < sizeof(hows) / sizeof(hows[0]); i++) {
		if (strcmp(hows[i].name, name) == 0)
			return is_card(fd) ? &hows[i] : NULL;
	}
	return NULL;
}

ssize_t pwrite64(int fd, const void *p, size_t n, off64_t at);
ssize_t pread64(int fd, void *p, size_t n, off64_t at);

ssize_t pwrite64(int fd, const void *p, size_t n, off64_t at)
{
	const struct how *h = find_how(fd);

	return h && h->write ? h->write(fd, p, n, at) : real_write()(fd, p, n, at);
}

ssize_t pread64(int fd, void *p, size_t n, off64_t at)
{
	const struct how *h = find_how(fd);

	return h && h->read ? h->read(fd, p, n, at) : real_read()(fd, p, n, at);
}

int fdatasync(int fd)
{
	const struct how *h = find_how(fd);

	if (h && (h->sync || gone) && is_due())
		return fail(gone ? ENODEV : h->sync);
	return ((sync_fn *)dlsym(RTLD_NEXT, "fdatasync"))(fd);
}
