/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <string.h>
#include "config.h"
#include "io.h"
#include "log.h"
#include "pin.h"
#include "util.h"

#define FILE_MAX 512

/*
 * The firmware's word, by both of its names; then that of a rehearsed machine, which has none: what
 * cluster.conf says of its board, else systemd-nspawn's own.
 */
static const char *const sources[] = {
	"/proc/device-tree/serial-number",
	"/sys/firmware/devicetree/base/serial-number",
	"/run/bramble-board/serial-number",
	"/run/host/container-uuid",
};

static cfg_opt_t pin_opts[] = {
	CFG_STR("serial", NULL, CFGF_NODEFAULT),
	CFG_END(),
};

void pin_read_serial(const char *root, char to[PIN_TEXT])
{
	for (size_t i = 0; i < ARRAY_SIZE(sources); i++) {
		_cleanup_free_ char *path = xasprintf("%s%s", root, sources[i]);
		_cleanup_buf_ struct buf text = {0};
		struct err e;
		if (io_read_file(path, FILE_MAX, &text, &e) == 0 &&
			serial_take(buf_str(&text), text.len, to))
			return;
	}
}

void pin_open(struct pin *p, const char *root, int64_t now_ms)
{
	uint8_t hash[crypto_generichash_BYTES];

	*p = (struct pin){.since_ms = now_ms, .settled_ms = -1};
	pin_read_serial(root, p->own);
	if (!p->own[0])
		return;
	crypto_generichash(hash, sizeof(hash), (const uint8_t *)p->own, strlen(p->own), NULL, 0);
	memcpy(p->digest, hash, sizeof(p->digest));
}

int pin_parse(const char *name, const char *text, char serial[PIN_TEXT], struct err *e)
{
	_cleanup_cfg_ cfg_t *cfg = config_parse(name, text, pin_opts, e);
	const char *s = cfg ? cfg_getstr(cfg, "serial") : NULL;

	if (!cfg)
		return -1;
	if (!s || !serial_take(s, strlen(s), serial))
		return err_code(e, EXIT_CONFIG, "%s: holds no serial number", name);
	return 0;
}

static char *pin_path(const char *dir)
{
	return xasprintf("%s/bramble.serial", dir);
}

/* No file is the first boot. A damaged one is believed nothing: then the card is where it is. */
static int load(struct pin *p, const char *path, struct err *e)
{
	_cleanup_buf_ struct buf text = {0};
	struct err damaged;

	if (p->pinned[0] || (access(path, F_OK) < 0 && errno == ENOENT))
		return 0;
	if (io_read_plain(path, FILE_MAX, &text, e) < 0)
		return -1;
	if (pin_parse(path, buf_str(&text), p->pinned, &damaged) < 0)
		log_error("%s; pinned anew", damaged.msg);
	return 0;
}

static int save(struct pin *p, const char *path, struct err *e)
{
	_cleanup_free_ char *text = xasprintf("serial = \"%s\"\n", p->own);

	if (io_write_atomic(path, text, strlen(text), 0644, e) < 0)
		return -1;
	memcpy(p->pinned, p->own, sizeof(p->pinned));
	return 0;
}

static int64_t wait_ms(const struct pin *p)
{
	bool own = strcmp(p->own, p->pinned) == 0;

	return PIN_GRACE_MS + (own ? PIN_GRACE_MS / 256 * p->digest[0] : 0);
}

bool pin_believe(struct pin *p)
{
	p->believed |= p->asks;
	return p->asks;
}

static bool is_answered(const struct pin *p, const struct pin_look *look)
{
	return look->alone || look->heard_ms >= p->since_ms;
}

bool pin_grace_over(const struct pin *p, const struct pin_look *look)
{
	if (p->believed && look->refused_ms < 0)
		return true;
	int64_t from = look->refused_ms > p->since_ms ? look->refused_ms : p->since_ms;

	return is_answered(p, look) && look->now_ms - from >= wait_ms(p);
}

static int stay_out(const struct pin *p, const struct pin_look *look, struct err *e)
{
	bool own = strcmp(p->own, p->pinned) == 0;
	bool alive = look->refused_ms >= 0 && look->now_ms - look->refused_ms < PIN_RECENT_MS;

	if (own && alive)
		return err_set(e, "another Pi with this node's name is alive: its card is a copy");
	if (own)
		return err_set(e,
			"another Pi with this node's name was alive: waits until it has been "
			"silent for %" PRId64 " s",
			wait_ms(p) / 1000);
	if (alive)
		return err_set(e, "this card is a copy: it is pinned to the Pi %s, which is alive",
			p->pinned);
	const char *why = is_answered(p, look) ? "waits until that has been silent"
					       : "no other member has answered that it is silent,";
	return err_set(e, "this card was pinned to the Pi %s: %s for %d s", p->pinned, why,
		PIN_GRACE_MS / 1000);
}

int pin_check(struct pin *p, const char *dir, const struct pin_look *look, struct err *e)
{
	_cleanup_free_ char *path = pin_path(dir);

	p->asks = false;
	if (!p->own[0])
		return 0;
	if (load(p, path, e) < 0)
		return -1;
	if (!p->pinned[0])
		return save(p, path, e);
	bool own = strcmp(p->own, p->pinned) == 0;
	if (own && look->refused_ms <= p->settled_ms)
		return 0;
	p->asks = !pin_grace_over(p, look);
	if (p->asks)
		return stay_out(p, look, e);
	p->settled_ms = look->now_ms;
	if (own)
		return 0;
	log_info("the card of the Pi %s is in the Pi %s now", p->pinned, p->own);
	return save(p, path, e);
}
