/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>
#include "handshake.h"

#define MANIFEST_MAJOR 0xff
#define MANIFEST_V1 1
#define VARINT_MAX 9 /* bytes of a 63 bit number */

static bool proposes(const uint8_t *p, struct bolt_version v)
{
	uint8_t range = p[1], minor = p[2], major = p[3];

	return p[0] == 0 && major == v.major && v.minor <= minor && minor - v.minor <= range;
}

static bool asks_for_manifest(const uint8_t *p)
{
	return p[0] == 0 && p[1] == 0 && p[2] == MANIFEST_V1 && p[3] == MANIFEST_MAJOR;
}

enum handshake_answer handshake_choose(const uint8_t client[static HANDSHAKE_SIZE],
	const struct bolt_version *have, size_t n, struct bolt_version *chosen)
{
	bool manifest = false;

	if (memcmp(client, HANDSHAKE_MAGIC, 4) != 0)
		return HANDSHAKE_NONE;
	for (const uint8_t *p = client + 4; p < client + HANDSHAKE_SIZE; p += 4) {
		manifest |= asks_for_manifest(p);
		for (size_t i = 0; i < n; i++) {
			if (proposes(p, have[i])) {
				*chosen = have[i];
				return HANDSHAKE_CHOSEN;
			}
		}
	}
	return manifest ? HANDSHAKE_MANIFEST : HANDSHAKE_NONE;
}

void handshake_drop_manifest(uint8_t client[static HANDSHAKE_SIZE])
{
	for (uint8_t *p = client + 4; p < client + HANDSHAKE_SIZE; p += 4) {
		if (asks_for_manifest(p))
			memset(p, 0, 4);
	}
}

void handshake_put_version(struct buf *to, struct bolt_version v)
{
	const uint8_t bytes[4] = {0, 0, v.minor, v.major};

	buf_add(to, bytes, sizeof(bytes));
}

void handshake_put_manifest(struct buf *to, const struct bolt_version *have, size_t n)
{
	const uint8_t count = (uint8_t)n; /* a varint of one byte: there are fewer than 128 */

	handshake_put_version(to, (struct bolt_version){MANIFEST_MAJOR, MANIFEST_V1});
	buf_add(to, &count, 1);
	for (size_t i = 0; i < n; i++)
		handshake_put_version(to, have[i]);
	buf_add(to, "\0", 1); /* no capabilities */
}

int handshake_manifest_choice(const uint8_t *p, size_t len, const struct bolt_version *have,
	size_t n, struct bolt_version *chosen)
{
	size_t used = 4;

	if (len <= used)
		return 0;
	while (p[used] & 0x80) {
		used++;
		if (used - 4 >= VARINT_MAX)
			return -1;
		if (used == len)
			return 0;
	}
	for (size_t i = 0; i < n; i++) {
		if (p[0] == 0 && p[1] == 0 && p[2] == have[i].minor && p[3] == have[i].major) {
			*chosen = have[i];
			return (int)used + 1;
		}
	}
	return -1;
}

void handshake_put_proposals(struct buf *to, const struct bolt_version *v, size_t n)
{
	buf_add(to, HANDSHAKE_MAGIC, 4);
	for (size_t i = 0; i < 4; i++)
		handshake_put_version(to, i < n ? v[i] : (struct bolt_version){0});
}
