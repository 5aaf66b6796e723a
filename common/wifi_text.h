/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_WIFI_TEXT_H
#define BRAMBLE_WIFI_TEXT_H

#include "buf.h"

/*
 * A Wi-Fi network's name and passphrase as two programs want them. Both texts are secret: files
 * they go into are 0600. The name has 1 to 32 bytes; the passphrase is 8 to 63 printable ASCII
 * characters, or the key itself in 64 hexadecimal digits (IEEE 802.11 annex J.4).
 */
MUST_CHECK int wifi_check_passphrase(const struct buf *passphrase, struct err *e);

/* Strings and passphrase belong to the caller. */
struct wifi {
	const char *ssid, *country;
	bool hidden;                  /* it does not tell its name: it must be asked for by it */
	const struct buf *passphrase; /* NULL: an open network, anybody may join and listen */
};

/* The sections [wifi] and, unless it is open, [wifi-security] of nm-settings-keyfile(5). */
void wifi_keyfile(struct buf *b, const struct wifi *w);

/* A whole wpa_supplicant.conf(5). */
void wifi_supplicant_conf(struct buf *b, const struct wifi *w);

#endif
