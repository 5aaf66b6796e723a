/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A head is read line by line and refused at its first fault, so that the same bytes always get
 * the same answer, in one piece or one at a time. What the fields mean together (framing, Host,
 * keep-alive) is looked at once all of them are there.
 */
#include <string.h>
#include <strings.h>
#include "http_head.h"
#include "util.h"

/* Characters of a token, RFC 9110 5.6.2. */
static const bool token_chars[256] = {
	['0' ... '9'] = true,
	['a' ... 'z'] = true,
	['A' ... 'Z'] = true,
	['!'] = true,
	['#'] = true,
	['$'] = true,
	['%'] = true,
	['&'] = true,
	['\''] = true,
	['*'] = true,
	['+'] = true,
	['-'] = true,
	['.'] = true,
	['^'] = true,
	['_'] = true,
	['`'] = true,
	['|'] = true,
	['~'] = true,
};

bool http_is_token(struct slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (!token_chars[(unsigned char)s.p[i]])
			return false;
	}
	return s.n > 0;
}

/*
 * Are all of these eight bytes neither below 0x20 nor 0x7f? Each is looked at in its own byte of
 * one number; what a byte borrows from the next one can only make that one look worse.
 */
static bool is_plain(const char *p)
{
	const uint64_t ones = UINT64_MAX / 0xff, high = ones * 0x80;
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	uint64_t del = v ^ ones * 0x7f;
	return !(((v - ones * 0x20) & ~v & high) | ((del - ones) & ~del & high));
}

/* Text of a field value or a reason: no control character but the tab. */
static bool is_text(struct slice s)
{
	size_t i = 0;

	while (i + sizeof(uint64_t) <= s.n && is_plain(s.p + i))
		i += sizeof(uint64_t);
	for (; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return false;
	}
	return true;
}

static struct slice slice_from(const char *p, const char *end)
{
	return (struct slice){p, (size_t)(end - p)};
}

static struct slice trim(struct slice s)
{
	while (s.n && (s.p[0] == ' ' || s.p[0] == '\t'))
		s = (struct slice){s.p + 1, s.n - 1};
	while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

static bool list_has(struct slice value, struct slice token)
{
	const char *p = value.p, *end = value.p + value.n;

	while (p < end) {
		const char *comma = memchr(p, ',', (size_t)(end - p));
		const char *stop = comma ? comma : end;
		struct slice member = trim(slice_from(p, stop));
		if (member.n == token.n && strncasecmp(member.p, token.p, token.n) == 0)
			return true;
		p = stop + 1;
	}
	return false;
}

/*
 * The line at p + *pos without its CRLF; moves *pos behind it. 1, 0 when more bytes are needed,
 * -1 for a line that is too long, -2 for a bare LF.
 */
static int next_line(const char *p, size_t n, size_t *pos, struct slice *line)
{
	size_t limit = n < HTTP_MAX_HEAD ? n : HTTP_MAX_HEAD;
	const char *start = p + *pos, *lf = memchr(start, '\n', limit - *pos);

	if (!lf)
		return n >= HTTP_MAX_HEAD ? -1 : 0;
	if (lf == start || lf[-1] != '\r')
		return -2;
	*line = slice_from(start, lf - 1);
	*pos = (size_t)(lf + 1 - p);
	return 1;
}

/* RFC 9112 3.2: origin-form, absolute-form, or "*" for OPTIONS. Passed on byte by byte. */
static bool target_ok(struct slice method, struct slice t)
{
	for (size_t i = 0; i < t.n; i++) {
		unsigned char c = (unsigned char)t.p[i];
		if (c <= 0x20 || c >= 0x7f || c == '#')
			return false;
	}
	if (slice_eq(t, "*"))
		return slice_eq(method, "OPTIONS");
	return (t.n && t.p[0] == '/') || http_target_authority(t).n;
}

struct slice http_target_authority(struct slice target)
{
	static const char *const schemes[] = {"http://", "https://"};

	for (size_t i = 0; i < ARRAY_SIZE(schemes); i++) {
		size_t n = strlen(schemes[i]);
		if (target.n <= n || strncasecmp(target.p, schemes[i], n) != 0)
			continue;
		const char *p = target.p + n, *end = target.p + target.n, *q = p;
		while (q < end && *q != '/' && *q != '?')
			q++;
		return slice_from(p, q);
	}
	return (struct slice){target.p, 0};
}

/* "HTTP/1.0" or "HTTP/1.1" -> 0; another version -505; anything else -400. */
static int parse_version(struct slice v, unsigned *minor)
{
	if (v.n != 8 || memcmp(v.p, "HTTP/", 5) != 0 || v.p[6] != '.' || v.p[5] < '0' ||
		v.p[5] > '9' || v.p[7] < '0' || v.p[7] > '9')
		return -400;
	if (v.p[5] != '1' || v.p[7] > '1')
		return -505;
	*minor = (unsigned)(v.p[7] - '0');
	return 0;
}

/* method SP target SP version, single spaces only. */
static int parse_request_line(struct slice line, struct http_head *h)
{
	const char *end = line.p + line.n;
	const char *sp1 = memchr(line.p, ' ', line.n);
	const char *sp2 = memrchr(line.p, ' ', line.n);

	if (!sp1 || sp1 == sp2)
		return -400;
	h->method = slice_from(line.p, sp1);
	h->target = slice_from(sp1 + 1, sp2);
	int r = parse_version(slice_from(sp2 + 1, end), &h->minor);
	if (r < 0)
		return r;
	if (!http_is_token(h->method))
		return -400;
	if (slice_eq(h->method, "CONNECT"))
		return -501;
	return target_ok(h->method, h->target) ? 0 : -400;
}

/* version SP 3DIGIT [SP reason]; many servers leave the last space out. */
static int parse_status_line(struct slice line, struct http_head *h)
{
	if (line.n < 12 || line.p[8] != ' ' || (line.n > 12 && line.p[12] != ' ') ||
		parse_version((struct slice){line.p, 8}, &h->minor) < 0)
		return -502;
	for (size_t i = 9; i < 12; i++) {
		if (line.p[i] < '0' || line.p[i] > '9')
			return -502;
		h->status = h->status * 10 + (unsigned)(line.p[i] - '0');
	}
	if (line.n > 13)
		h->reason = slice_from(line.p + 13, line.p + line.n);
	return h->status >= 100 && h->status <= 599 && is_text(h->reason) ? 0 : -502;
}

/* A folded line (RFC 9112 5.2) starts with white space and so has no token for a name. */
static int parse_field(struct slice line, struct http_head *h, int bad)
{
	const char *colon = memchr(line.p, ':', line.n);

	if (!colon)
		return bad;
	struct slice name = slice_from(line.p, colon);
	struct http_field f = {
		.name = name,
		.value = trim(slice_from(colon + 1, line.p + line.n)),
		.is = http_name_of(name),
	};
	if ((f.is == FIELD_OTHER && !http_is_token(name)) || !is_text(f.value))
		return bad;
	if (h->nfields == HTTP_MAX_FIELDS)
		return bad == -400 ? -431 : bad;
	h->names |= FIELD_BIT(f.is);
	h->fields[h->nfields++] = f;
	return 0;
}

/* The fields up to the empty line; bad is the status of a malformed one. Like http_parse_*. */
static int parse_fields(const char *p, size_t n, size_t pos, struct http_head *h, int bad)
{
	struct slice line;

	for (;;) {
		int r = next_line(p, n, &pos, &line);
		if (r == 0)
			return 0;
		if (r < 0)
			return r == -1 && bad == -400 ? -431 : bad;
		if (line.n == 0)
			break;
		r = parse_field(line, h, bad);
		if (r < 0)
			return r;
	}
	h->len = pos;
	return (int)pos;
}

/* The only field of that name: 1, 0 when there is none, -1 when there are more. */
static int find_single(const struct http_head *h, enum http_name name, struct slice *value)
{
	const struct http_field *f = http_find(h, name);

	if (!f)
		return 0;
	if (http_find_next(h, f))
		return -1;
	*value = f->value;
	return 1;
}

/* Digits only, below 2^63. */
static bool parse_length(struct slice s, uint64_t *n)
{
	uint64_t v = 0;

	if (!s.n || s.n > 19)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
		v = v * 10 + (uint64_t)(s.p[i] - '0');
	}
	*n = v;
	return v <= INT64_MAX;
}

/* "chunked" -> 0; another coding before one final chunked -501; anything else -400. */
static int check_coding(struct slice te)
{
	if (slice_ieq(te, "chunked"))
		return 0;
	const char *comma = memrchr(te.p, ',', te.n);
	if (!comma)
		return -400;
	struct slice last = trim(slice_from(comma + 1, te.p + te.n));
	struct slice before = slice_from(te.p, comma);
	return slice_ieq(last, "chunked") && !http_list_has(before, "chunked") ? -501 : -400;
}

/* RFC 9112 6.3, with every ambiguity refused. 0 or the negative status of a request. */
static int find_framing(struct http_head *h)
{
	struct slice cl = {0}, te = {0};
	int has_cl = find_single(h, FIELD_CONTENT_LENGTH, &cl);
	int has_te = find_single(h, FIELD_TRANSFER_ENCODING, &te);

	if (has_cl < 0 || has_te < 0 || (has_cl && has_te) || (has_te && h->minor == 0))
		return -400;
	if (has_te) {
		h->framing = HTTP_BODY_CHUNKED;
		return check_coding(te);
	}
	if (has_cl) {
		h->framing = HTTP_BODY_LENGTH;
		return parse_length(cl, &h->content_length) ? 0 : -400;
	}
	h->framing = HTTP_BODY_NONE;
	return 0;
}

bool http_connection_has(const struct http_head *h, struct slice option)
{
	const struct http_field *f = http_find(h, FIELD_CONNECTION);

	while (f && !list_has(f->value, option))
		f = http_find_next(h, f);
	return f;
}

static void find_keep_alive(struct http_head *h)
{
	if (http_connection_has(h, SLICE("close")))
		h->keep_alive = false;
	else
		h->keep_alive = h->minor >= 1 || http_connection_has(h, SLICE("keep-alive"));
}

static bool is_host_char(unsigned char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c && strchr("-._~%!$&'()*+,;=", c));
}

/* host [":" port], host a name, an IPv4 address or [IPv6]; not empty (RFC 9110 4.2.1). */
static bool authority_ok(struct slice s)
{
	const char *p = s.p, *end = s.p + s.n;

	if (p < end && *p == '[') {
		p = memchr(p, ']', s.n);
		if (!p || p - s.p < 3 ||
			strspn(s.p + 1, "0123456789abcdefABCDEF:.") < (size_t)(p - s.p - 1))
			return false;
		p++;
	} else {
		while (p < end && is_host_char((unsigned char)*p))
			p++;
	}
	if (p == s.p)
		return false;
	if (p < end && *p++ != ':')
		return false;
	while (p < end && *p >= '0' && *p <= '9')
		p++;
	return p == end;
}

/* Host is checked also when the target is absolute and wins over it (RFC 9112 3.2.2). */
static int check_host(const struct http_head *h)
{
	struct slice host, authority = http_target_authority(h->target);
	int found = find_single(h, FIELD_HOST, &host);

	if (found < 0 || (found == 0 && h->minor >= 1) || (found && !authority_ok(host)))
		return -400;
	return !authority.n || authority_ok(authority) ? 0 : -400;
}

static int check_expect(struct http_head *h)
{
	struct slice expect;
	int found = find_single(h, FIELD_EXPECT, &expect);

	if (found == 0 || h->minor == 0)
		return 0;
	h->expect_continue = found > 0 && slice_ieq(expect, "100-continue");
	return h->expect_continue ? 0 : -417;
}

int http_parse_request(const char *p, size_t n, struct http_head *h)
{
	struct slice line;
	size_t pos = 0;

	memset(h, 0, offsetof(struct http_head, fields));
	if (n >= 2 && p[0] == '\r' && p[1] == '\n')
		pos = 2;
	int r = next_line(p, n, &pos, &line);
	if (r <= 0)
		return r == 0 ? 0 : r == -1 ? -414 : -400;
	r = parse_request_line(line, h);
	if (r == 0)
		r = parse_fields(p, n, pos, h, -400);
	if (r <= 0)
		return r;
	if ((r = find_framing(h)) < 0 || (r = check_host(h)) < 0 || (r = check_expect(h)) < 0)
		return r;
	find_keep_alive(h);
	return (int)h->len;
}

/* RFC 9112 6.3 rule 1: these end with their head, whatever their fields say. */
static bool has_no_body(unsigned status, struct slice method)
{
	return status < 200 || status == 204 || status == 304 || slice_eq(method, "HEAD");
}

int http_parse_response(const char *p, size_t n, struct slice method, struct http_head *h)
{
	struct slice line;
	size_t pos = 0;

	memset(h, 0, offsetof(struct http_head, fields));
	int r = next_line(p, n, &pos, &line);
	if (r <= 0)
		return r < 0 ? -502 : 0;
	r = parse_status_line(line, h);
	if (r == 0)
		r = parse_fields(p, n, pos, h, -502);
	if (r <= 0)
		return r;
	if (find_framing(h) < 0)
		return -502;
	find_keep_alive(h);
	if (has_no_body(h->status, method)) {
		h->framing = HTTP_BODY_NONE;
	} else if (h->framing == HTTP_BODY_NONE) {
		h->framing = HTTP_BODY_UNTIL_CLOSE;
		h->keep_alive = false;
	}
	return (int)h->len;
}

static const struct http_field *find_from(
	const struct http_head *h, enum http_name name, const struct http_field *f)
{
	for (; f < h->fields + h->nfields; f++) {
		if (f->is == name)
			return f;
	}
	return NULL;
}

const struct http_field *http_find(const struct http_head *h, enum http_name name)
{
	return http_has(h, FIELD_BIT(name)) ? find_from(h, name, h->fields) : NULL;
}

const struct http_field *http_find_next(const struct http_head *h, const struct http_field *f)
{
	return find_from(h, f->is, f + 1);
}

bool http_list_has(struct slice value, const char *token)
{
	return list_has(value, (struct slice){token, strlen(token)});
}

static const struct {
	unsigned status;
	const char *reason;
} reasons[] = {
	{100, "Continue"},
	{200, "OK"},
	{204, "No Content"},
	{303, "See Other"},
	{304, "Not Modified"},
	{400, "Bad Request"},
	{401, "Unauthorized"},
	{403, "Forbidden"},
	{404, "Not Found"},
	{405, "Method Not Allowed"},
	{408, "Request Timeout"},
	{413, "Content Too Large"},
	{414, "URI Too Long"},
	{417, "Expectation Failed"},
	{429, "Too Many Requests"},
	{431, "Request Header Fields Too Large"},
	{500, "Internal Server Error"},
	{501, "Not Implemented"},
	{502, "Bad Gateway"},
	{503, "Service Unavailable"},
	{504, "Gateway Timeout"},
	{505, "HTTP Version Not Supported"},
};

const char *http_reason(unsigned status)
{
	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++) {
		if (reasons[i].status == status)
			return reasons[i].reason;
	}
	return "Unknown";
}
