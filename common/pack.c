/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>
#include "pack.h"

#define MODE_MAX 0777u
#define TEXT_MAX 512

static const char magic[] = "BRPK1\n";
#define MAGIC (sizeof(magic) - 1)

static void put_le(uint8_t *to, size_t n, uint64_t v)
{
	for (size_t i = 0; i < n; i++, v >>= 8)
		to[i] = (uint8_t)v;
}

static uint64_t get_le(const uint8_t *p, size_t n)
{
	uint64_t v = 0;

	while (n--)
		v = v << 8 | p[n];
	return v;
}

bool pack_path_is_good(const char *path)
{
	size_t n = strlen(path), at = 0;

	if (!n || n > PACK_PATH_MAX || !is_printable(path, n))
		return false;
	do {
		const char *part = path + at;
		size_t len = strcspn(part, "/");
		if (!len || (len == 1 && part[0] == '.') ||
			(len == 2 && part[0] == '.' && part[1] == '.'))
			return false;
		at += len + 1;
	} while (at <= n);
	return true;
}

/* --- writing */

static void put(struct pack *p, const void *data, size_t n, struct buf *out)
{
	crypto_hash_sha256_update(&p->hash, data, n);
	buf_add(out, data, n);
}

static void put_name(struct pack *p, char type, const char *path, unsigned mode, struct buf *out)
{
	uint8_t head[5] = {(uint8_t)type};
	size_t n = strlen(path);

	put_le(head + 1, 2, mode & MODE_MAX);
	put_le(head + 3, 2, n);
	put(p, head, sizeof(head), out);
	put(p, path, n, out);
}

void pack_begin(struct pack *p, struct buf *out)
{
	*p = (struct pack){0};
	crypto_hash_sha256_init(&p->hash);
	put(p, magic, MAGIC, out);
}

void pack_dir(struct pack *p, const char *path, unsigned mode, struct buf *out)
{
	put_name(p, 'D', path, mode, out);
}

void pack_file(struct pack *p, const char *path, unsigned mode, uint64_t size, struct buf *out)
{
	uint8_t n[8];

	put_name(p, 'F', path, mode, out);
	put_le(n, sizeof(n), size);
	put(p, n, sizeof(n), out);
	p->files++;
	p->bytes += size;
}

void pack_data(struct pack *p, const void *data, size_t n, struct buf *out)
{
	put(p, data, n, out);
}

void pack_end(struct pack *p, struct pack_sums *sums, struct buf *out)
{
	uint8_t end[1 + 16 + PACK_DIGEST] = {'E'};

	put_le(end + 1, 8, p->files);
	put_le(end + 9, 8, p->bytes);
	crypto_hash_sha256_final(&p->hash, end + 17);
	buf_add(out, end, sizeof(end));
	if (!sums)
		return;
	*sums = (struct pack_sums){.files = p->files, .bytes = p->bytes};
	memcpy(sums->digest, end + 17, PACK_DIGEST);
}

void pack_fail(const char *text, struct buf *out)
{
	size_t n = strnlen(text, TEXT_MAX);
	uint8_t head[3] = {'X'};

	put_le(head + 1, 2, n);
	buf_add(out, head, sizeof(head));
	buf_add(out, text, n);
}

/* --- reading */

void pack_reader_begin(struct pack_reader *r)
{
	*r = (struct pack_reader){.phase = PACK_HEAD};
	crypto_hash_sha256_init(&r->hash);
}

void pack_reader_end(struct pack_reader *r)
{
	buf_free(&r->in);
}

/* A record's bytes up to the data, as far as its head tells; 0: no such record. */
static size_t record_size(const uint8_t *p, size_t n)
{
	static const struct {
		char type;
		uint8_t length_at, rest,
			max; /* max: in units of 64 bytes, of what the length says */
	} shapes[] = {
		{'D', 3, 0, PACK_PATH_MAX / 64},
		{'F', 3, 8, PACK_PATH_MAX / 64},
		{'X', 1, 0, TEXT_MAX / 64},
	};

	if (p[0] == 'E')
		return 1 + 16 + PACK_DIGEST;
	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++) {
		size_t head = shapes[i].length_at + 2u;
		if (p[0] != shapes[i].type)
			continue;
		if (n < head)
			return head;
		size_t length = (size_t)get_le(p + shapes[i].length_at, 2);
		return length <= shapes[i].max * 64u ? head + length + shapes[i].rest : 0;
	}
	return 0;
}

static int take_end(struct pack_reader *r, const uint8_t *p, struct err *e)
{
	struct pack_sums *s = &r->sums;

	crypto_hash_sha256_final(&r->hash, s->digest);
	if (get_le(p + 1, 8) != s->files || get_le(p + 9, 8) != s->bytes ||
		memcmp(p + 17, s->digest, PACK_DIGEST) != 0)
		return err_set(e, "damaged: its digest is another one");
	r->phase = PACK_DONE;
	return 0;
}

static int take_failure(const uint8_t *p, size_t n, struct err *e)
{
	char text[TEXT_MAX + 1];

	n -= 3;
	for (size_t i = 0; i < n; i++)
		text[i] = p[3 + i] < ' ' || p[3 + i] > '~' ? '?' : (char)p[3 + i];
	text[n] = '\0';
	return err_set(e, "%s", n ? text : "it could not be finished");
}

static int end_file(struct pack_reader *r, const struct pack_sink *sink, struct err *e)
{
	r->phase = PACK_RECORD;
	return sink && sink->file_end ? sink->file_end(sink->arg, e) : 0;
}

static int take_file(struct pack_reader *r, const char *path, unsigned mode, uint64_t size,
	const struct pack_sink *sink, struct err *e)
{
	if (size > INT64_MAX || r->sums.bytes + size > INT64_MAX)
		return err_set(e, "%s: no file is as large as that", path);
	r->sums.files++;
	r->sums.bytes += size;
	r->left = size;
	r->phase = PACK_BYTES;
	if (sink && sink->file && sink->file(sink->arg, path, mode, size, e) < 0)
		return -1;
	return size ? 0 : end_file(r, sink, e);
}

static int take_record(struct pack_reader *r, const uint8_t *p, size_t n,
	const struct pack_sink *sink, struct err *e)
{
	char path[PACK_PATH_MAX + 1];

	if (p[0] == 'E')
		return take_end(r, p, e);
	if (p[0] == 'X')
		return take_failure(p, n, e);
	unsigned mode = (unsigned)get_le(p + 1, 2);
	size_t length = (size_t)get_le(p + 3, 2);
	memcpy(path, p + 5, length);
	path[length] = '\0';
	if (mode > MODE_MAX || strlen(path) != length || !pack_path_is_good(path))
		return err_set(e, "holds a name that no folder of ours has");
	crypto_hash_sha256_update(&r->hash, p, n);
	if (p[0] == 'F')
		return take_file(r, path, mode, get_le(p + 5 + length, 8), sink, e);
	return sink && sink->dir ? sink->dir(sink->arg, path, mode, e) : 0;
}

static int take_bytes(struct pack_reader *r, const uint8_t *p, size_t n,
	const struct pack_sink *sink, struct err *e)
{
	crypto_hash_sha256_update(&r->hash, p, n);
	r->left -= n;
	if (sink && sink->data && sink->data(sink->arg, p, n, e) < 0)
		return -1;
	return r->left ? 0 : end_file(r, sink, e);
}

/* How many bytes the record that begins in r->in has; 0: none that we know. */
static size_t wanted(const struct pack_reader *r)
{
	if (r->phase == PACK_HEAD)
		return MAGIC;
	return r->in.len ? record_size((const uint8_t *)r->in.data, r->in.len) : 1;
}

static int take_whole(struct pack_reader *r, const struct pack_sink *sink, struct err *e)
{
	const uint8_t *p = (const uint8_t *)r->in.data;

	if (r->phase == PACK_RECORD)
		return take_record(r, p, r->in.len, sink, e);
	if (memcmp(p, magic, MAGIC) != 0)
		return err_set(e, "not a pack of files of this bramble's");
	crypto_hash_sha256_update(&r->hash, p, MAGIC);
	r->phase = PACK_RECORD;
	return 0;
}

/* Returns how many bytes it took; 0: failed, e is set. */
static size_t step(struct pack_reader *r, const uint8_t *p, size_t n, const struct pack_sink *sink,
	struct err *e)
{
	if (r->phase == PACK_BYTES) {
		n = r->left < n ? (size_t)r->left : n;
		return take_bytes(r, p, n, sink, e) < 0 ? 0 : n;
	}
	size_t more = wanted(r) - r->in.len;
	n = more < n ? more : n;
	buf_add(&r->in, p, n);
	size_t want = buf_ok(&r->in) ? wanted(r) : 0;
	if (!want) {
		err_set(e, "damaged: a record makes no sense");
		return 0;
	}
	if (r->in.len < want)
		return n;
	int rc = take_whole(r, sink, e);
	r->in.len = 0;
	return rc < 0 ? 0 : n;
}

int pack_read(
	struct pack_reader *r, const void *p, size_t n, const struct pack_sink *sink, struct err *e)
{
	const uint8_t *at = p;

	while (n) {
		if (r->phase == PACK_DONE)
			err_set(e, "damaged: something comes behind its end");
		else if (r->phase == PACK_BROKEN)
			err_set(e, "damaged");
		size_t took = r->phase < PACK_DONE ? step(r, at, n, sink, e) : 0;
		if (!took) {
			r->phase = PACK_BROKEN;
			return -1;
		}
		at += took;
		n -= took;
	}
	return r->phase == PACK_DONE;
}
