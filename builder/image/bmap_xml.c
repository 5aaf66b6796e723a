/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * bmap 2.0 as bmaptool writes and reads it (BmapCreate.py, BmapCopy.py). The file's own checksum is
 * that of all of it with the checksum itself replaced by zeros, at its first occurrence.
 */
#include <errno.h>
#include <expat.h>
#include <stdarg.h>
#include <string.h>
#include "bmap.h"
#include "io.h"
#include "sha256.h"

#define HEX (2 * BMAP_SHA256)
#define SIZE_MAX_BYTES (UINT64_C(1) << 62)
#define RANGES_MAX (1u << 22) /* more than BMAP_XML_MAX has room for */
#define TEXT_MAX 256

/* --- writing */

static uint64_t blocks_of(const struct bmap *m)
{
	return (m->image_size + BMAP_BLOCK - 1) / BMAP_BLOCK;
}

static uint64_t mapped_blocks(const struct bmap *m)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < m->nranges; i++)
		sum += m->ranges[i].last - m->ranges[i].first + 1;
	return sum;
}

static void format_range(const struct bmap_range *r, struct buf *xml)
{
	char sum[HEX + 1];

	hex_encode(sum, r->sha256, BMAP_SHA256);
	buf_printf(xml, "        <Range chksum=\"%s\"> %llu", sum, (unsigned long long)r->first);
	if (r->last > r->first)
		buf_printf(xml, "-%llu", (unsigned long long)r->last);
	buf_puts(xml, " </Range>\n");
}

/* Returns where the file's checksum, zeros until now, has its place. */
static size_t format_head(const struct bmap *m, struct buf *xml)
{
	buf_puts(xml,
		"<?xml version=\"1.0\" ?>\n"
		"<!-- The blocks of the image that a card needs; bmaptool writes them too. -->\n"
		"<bmap version=\"2.0\">\n");
	buf_printf(xml, "    <ImageSize> %llu </ImageSize>\n", (unsigned long long)m->image_size);
	buf_printf(xml, "    <BlockSize> %u </BlockSize>\n", BMAP_BLOCK);
	buf_printf(
		xml, "    <BlocksCount> %llu </BlocksCount>\n", (unsigned long long)blocks_of(m));
	buf_printf(xml, "    <MappedBlocksCount> %llu </MappedBlocksCount>\n",
		(unsigned long long)mapped_blocks(m));
	buf_puts(xml, "    <ChecksumType> sha256 </ChecksumType>\n"
		      "    <BmapFileChecksum> ");
	size_t at = xml->len;
	buf_printf(xml, "%0*d </BmapFileChecksum>\n", (int)HEX, 0);
	return at;
}

static void sum_hex(const void *p, size_t n, char hex[static HEX + 1])
{
	struct sha256 s;
	uint8_t sum[BMAP_SHA256];

	sha256_begin(&s);
	sha256_add(&s, p, n);
	sha256_end(&s, sum);
	hex_encode(hex, sum, sizeof(sum));
}

void bmap_format(const struct bmap *m, struct buf *xml)
{
	char sum[HEX + 1];
	size_t begin = xml->len, at = format_head(m, xml);

	buf_puts(xml, "    <BlockMap>\n");
	for (size_t i = 0; i < m->nranges; i++)
		format_range(&m->ranges[i], xml);
	buf_puts(xml, "    </BlockMap>\n</bmap>\n");
	if (!buf_ok(xml))
		return;
	sum_hex(xml->data + begin, xml->len - begin, sum);
	memcpy(xml->data + at, sum, HEX);
}

int bmap_write(const char *path, const struct bmap *m, struct err *e)
{
	_cleanup_buf_ struct buf xml = {0};

	bmap_format(m, &xml);
	if (!buf_ok(&xml))
		return err_set(e, "%s: out of memory", path);
	return io_write_atomic(path, xml.data, xml.len, 0644, e);
}

/* --- reading */

enum field {
	IMAGE_SIZE,
	BLOCK_SIZE,
	BLOCKS_COUNT,
	MAPPED_COUNT,
	CHECKSUM_TYPE,
	CHECKSUM,
	RANGE,
	NFIELDS,
	NONE = NFIELDS,
};

static const char *const names[NFIELDS] = {
	[IMAGE_SIZE] = "ImageSize",
	[BLOCK_SIZE] = "BlockSize",
	[BLOCKS_COUNT] = "BlocksCount",
	[MAPPED_COUNT] = "MappedBlocksCount",
	[CHECKSUM_TYPE] = "ChecksumType",
	[CHECKSUM] = "BmapFileChecksum",
	[RANGE] = "Range",
};

struct reader {
	XML_Parser parser;
	struct bmap *m;
	struct err *e;
	bool refused;
	unsigned depth;
	enum field in;                /* the element whose text comes */
	char text[NFIELDS][TEXT_MAX]; /* trimmed; "" until read */
	size_t len;                   /* of text[in] */
};

static void __attribute__((format(printf, 2, 3))) refuse(struct reader *r, const char *fmt, ...)
{
	char what[256];
	va_list ap;

	if (r->refused)
		return;
	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	err_code(r->e, EXIT_INPUT, "line %lu: %s",
		(unsigned long)XML_GetCurrentLineNumber(r->parser), what);
	r->refused = true;
	XML_StopParser(r->parser, XML_FALSE);
}

static const char *attribute(const char **attributes, const char *name)
{
	for (size_t i = 0; attributes[i]; i += 2) {
		if (strcmp(attributes[i], name) == 0)
			return attributes[i + 1];
	}
	return NULL;
}

static void begin_range(struct reader *r, const char **attributes)
{
	struct bmap *m = r->m;
	const char *sum = attribute(attributes, "chksum");

	if ((m->nranges & (m->nranges - 1)) == 0)
		m->ranges = xreallocarray(
			m->ranges, m->nranges ? 2 * m->nranges : 1, sizeof(*m->ranges));
	struct bmap_range *range = &m->ranges[m->nranges++];
	*range = (struct bmap_range){0};
	if (m->nranges > RANGES_MAX)
		refuse(r, "too many ranges");
	else if (!sum || hex_decode(range->sha256, BMAP_SHA256, sum) < 0)
		refuse(r, "a range without a sha256");
}

static void on_start(void *data, const char *name, const char **attributes)
{
	struct reader *r = data;

	if (r->depth++ == 0) {
		const char *version = attribute(attributes, "version");
		if (strcmp(name, "bmap") != 0 || !version)
			refuse(r, "no bmap");
		else if (strcmp(version, "2.0") != 0)
			refuse(r, "bmap version %.16s; only 2.0 is read", version);
		return;
	}
	if (r->in != NONE) {
		refuse(r, "<%s> holds elements", names[r->in]);
		return;
	}
	for (unsigned i = 0; i < NFIELDS; i++) {
		if (strcmp(name, names[i]) == 0)
			r->in = (enum field)i;
	}
	if (r->in == NONE)
		return;
	if (r->in == RANGE)
		begin_range(r, attributes);
	else if (r->text[r->in][0])
		refuse(r, "a second <%s>", name);
	r->text[r->in][0] = '\0';
	r->len = 0;
}

static void on_text(void *data, const char *s, int n)
{
	struct reader *r = data;

	if (r->in == NONE)
		return;
	if ((size_t)n >= TEXT_MAX - r->len) {
		refuse(r, "<%s> is too long", names[r->in]);
		return;
	}
	memcpy(r->text[r->in] + r->len, s, (size_t)n);
	r->len += (size_t)n;
	r->text[r->in][r->len] = '\0';
}

static void trim(char *s)
{
	static const char space[] = " \t\r\n";
	size_t begin = strspn(s, space), n = strlen(s + begin);

	while (n && strchr(space, s[begin + n - 1]))
		n--;
	memmove(s, s + begin, n);
	s[n] = '\0';
}

/* A decimal number that fits; *end is behind it. */
static int number(const char *s, uint64_t *n, const char **end)
{
	if (*s < '0' || *s > '9')
		return -1;
	char *stop;
	errno = 0;
	unsigned long long v = strtoull(s, &stop, 10);
	*n = v;
	*end = stop;
	return errno || v > SIZE_MAX_BYTES ? -1 : 0;
}

static void end_range(struct reader *r)
{
	struct bmap_range *range = &r->m->ranges[r->m->nranges - 1];
	const char *s = r->text[RANGE], *end = s;
	int rc = number(s, &range->first, &end);

	range->last = range->first;
	if (rc == 0 && *end == '-')
		rc = number(end + 1, &range->last, &end);
	if (rc < 0 || *end || range->last < range->first)
		refuse(r, "\"%.40s\" is no range of blocks", s);
	else if (r->m->nranges > 1 && range->first <= range[-1].last)
		refuse(r, "the range %.40s is not behind the one before", s);
}

static void on_end(void *data, const char *name)
{
	struct reader *r = data;

	(void)name;
	r->depth--;
	if (r->in != NONE)
		trim(r->text[r->in]);
	if (r->in == RANGE && !r->refused)
		end_range(r);
	r->in = NONE;
}

static void on_doctype(
	void *data, const char *name, const char *system_id, const char *public_id, int internal)
{
	(void)name, (void)system_id, (void)public_id, (void)internal;
	refuse(data, "a document type, which a bmap has not");
}

static int field_number(const struct reader *r, enum field f, uint64_t *n, struct err *e)
{
	const char *end;

	if (!r->text[f][0])
		return err_code(e, EXIT_INPUT, "<%s> is missing", names[f]);
	if (number(r->text[f], n, &end) < 0 || *end)
		return err_code(e, EXIT_INPUT, "<%s> \"%.40s\" is no number", names[f], r->text[f]);
	return 0;
}

static int check_numbers(const struct reader *r, struct bmap *m, struct err *e)
{
	uint64_t block, blocks, mapped;

	if (field_number(r, IMAGE_SIZE, &m->image_size, e) < 0 ||
		field_number(r, BLOCK_SIZE, &block, e) < 0 ||
		field_number(r, BLOCKS_COUNT, &blocks, e) < 0 ||
		field_number(r, MAPPED_COUNT, &mapped, e) < 0)
		return -1;
	if (block != BMAP_BLOCK)
		return err_code(e, EXIT_INPUT, "blocks of %llu bytes; only %u are read",
			(unsigned long long)block, BMAP_BLOCK);
	if (blocks != blocks_of(m))
		return err_code(e, EXIT_INPUT, "its size and its number of blocks do not agree");
	if (!m->nranges || m->ranges[m->nranges - 1].last >= blocks)
		return err_code(e, EXIT_INPUT, "%s",
			m->nranges ? "a range lies behind the image's end" : "no range");
	if (mapped != mapped_blocks(m))
		return err_code(e, EXIT_INPUT, "%llu mapped blocks are promised, %llu listed",
			(unsigned long long)mapped, (unsigned long long)mapped_blocks(m));
	return 0;
}

static int check_own_sum(const struct reader *r, const char *xml, size_t n, struct err *e)
{
	const char *said = r->text[CHECKSUM];
	char sum[HEX + 1];
	uint8_t bytes[BMAP_SHA256];
	struct sha256 s;

	if (strcmp(r->text[CHECKSUM_TYPE], "sha256") != 0)
		return err_code(e, EXIT_INPUT, "checksums are \"%.20s\"; only sha256 is read",
			r->text[CHECKSUM_TYPE]);
	const char *at = said[0] ? memmem(xml, n, said, strlen(said)) : NULL;
	if (!at || strlen(said) != HEX)
		return err_code(e, EXIT_INPUT, "no checksum of its own");
	size_t before = (size_t)(at - xml);
	char zeros[HEX];
	memset(zeros, '0', sizeof(zeros));
	sha256_begin(&s);
	sha256_add(&s, xml, before);
	sha256_add(&s, zeros, HEX);
	sha256_add(&s, at + HEX, n - before - HEX);
	sha256_end(&s, bytes);
	hex_encode(sum, bytes, sizeof(bytes));
	return strcmp(sum, said) == 0 ? 0 : err_code(e, EXIT_INPUT, "it is damaged: its checksum");
}

static int parse(struct reader *r, const char *xml, size_t n)
{
	XML_SetUserData(r->parser, r);
	XML_SetElementHandler(r->parser, on_start, on_end);
	XML_SetCharacterDataHandler(r->parser, on_text);
	XML_SetStartDoctypeDeclHandler(r->parser, on_doctype);
	if (XML_Parse(r->parser, xml, (int)n, 1) == XML_STATUS_OK)
		return 0;
	return r->refused ? -1
			  : err_code(r->e, EXIT_INPUT, "line %lu: %s",
				    (unsigned long)XML_GetCurrentLineNumber(r->parser),
				    XML_ErrorString(XML_GetErrorCode(r->parser)));
}

static void free_parser(XML_Parser *p)
{
	XML_ParserFree(*p);
}

int bmap_parse(const char *xml, size_t n, struct bmap *m, struct err *e)
{
	_cleanup_(free_parser) XML_Parser parser = XML_ParserCreate(NULL);
	_cleanup_bmap_ struct bmap got = {0};
	struct reader r = {.parser = parser, .m = &got, .e = e, .in = NONE};

	*m = (struct bmap){0};
	if (!parser)
		return err_set(e, "out of memory");
	if (n > BMAP_XML_MAX)
		return err_code(e, EXIT_INPUT, "larger than %u bytes", BMAP_XML_MAX);
	if (parse(&r, xml, n) < 0 || check_own_sum(&r, xml, n, e) < 0 ||
		check_numbers(&r, &got, e) < 0)
		return -1;
	*m = got;
	got = (struct bmap){0};
	return 0;
}

int bmap_read(const char *path, struct bmap *m, struct err *e)
{
	_cleanup_buf_ struct buf xml = {0};

	*m = (struct bmap){0};
	if (io_read_file(path, BMAP_XML_MAX, &xml, e) < 0) {
		e->code = EXIT_INPUT;
		return -1;
	}
	return bmap_parse(buf_str(&xml), xml.len, m, e) < 0 ? err_prefix(e, "%s: bmap", path) : 0;
}
