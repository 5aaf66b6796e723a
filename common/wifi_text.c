/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <ctype.h>
#include <string.h>
#include "wifi_text.h"

#define PSK_DIGITS 64
#define PASSPHRASE_MIN 8
#define PASSPHRASE_MAX 63

static bool is_key(const struct buf *p)
{
	return p->len == PSK_DIGITS && strspn(buf_str(p), "0123456789abcdefABCDEF") == PSK_DIGITS;
}

int wifi_check_passphrase(const struct buf *p, struct err *e)
{
	if (is_key(p))
		return 0;
	if (p->len < PASSPHRASE_MIN || p->len > PASSPHRASE_MAX)
		return err_code(e, EXIT_CONFIG,
			"holds no Wi-Fi passphrase: 8 to 63 characters, or 64 hexadecimal digits");
	if (!is_printable(p->data, p->len))
		return err_code(
			e, EXIT_CONFIG, "a Wi-Fi passphrase has only printable ASCII characters");
	return 0;
}

/* Names that need no rule of GKeyFile or NetworkManager to be read as they are. */
static bool is_plain(const char *s)
{
	for (const char *p = s; *p; p++) {
		if (!isalnum((unsigned char)*p) && !strchr("-_.", *p))
			return false;
	}
	return true;
}

/* Any other name as a list of its bytes, which NetworkManager reads as well. */
static void put_keyfile_ssid(struct buf *b, const char *ssid)
{
	buf_puts(b, "ssid=");
	if (is_plain(ssid)) {
		buf_puts(b, ssid);
	} else {
		for (const char *p = ssid; *p; p++)
			buf_printf(b, "%u;", (unsigned char)*p);
	}
	buf_puts(b, "\n");
}

/* GKeyFile's escapes: a backslash is two, a blank at the start is \s. */
static void put_keyfile_psk(struct buf *b, const struct buf *p)
{
	buf_puts(b, "psk=");
	for (size_t i = 0; i < p->len; i++) {
		if (p->data[i] == '\\')
			buf_puts(b, "\\\\");
		else if (p->data[i] == ' ')
			buf_puts(b, "\\s");
		else
			buf_add(b, p->data + i, 1);
	}
	buf_puts(b, "\n");
}

void wifi_keyfile(struct buf *b, const struct wifi *w)
{
	buf_puts(b, "[wifi]\nmode=infrastructure\n");
	put_keyfile_ssid(b, w->ssid);
	buf_puts(b, w->hidden ? "hidden=true\n\n" : "\n");
	if (!w->passphrase)
		return;
	buf_puts(b, "[wifi-security]\nkey-mgmt=wpa-psk\n");
	put_keyfile_psk(b, w->passphrase);
	buf_puts(b, "\n");
}

/*
 * A passphrase is quoted up to the last quotation mark of its line, so that those inside need no
 * escape (wpa_supplicant/config.c).
 */
static void put_supplicant_psk(struct buf *b, const struct buf *passphrase)
{
	const char *quote = is_key(passphrase) ? "" : "\"";

	buf_printf(b, "\tpsk=%s", quote);
	buf_add(b, passphrase->data, passphrase->len);
	buf_printf(b, "%s\n", quote);
}

/* A name in hexadecimal needs no quotes. */
void wifi_supplicant_conf(struct buf *b, const struct wifi *w)
{
	buf_printf(b,
		"ctrl_interface=DIR=/var/run/wpa_supplicant GROUP=netdev\nupdate_config=1\n"
		"country=%s\n\nnetwork={\n\tssid=",
		w->country);
	for (const char *p = w->ssid; *p; p++)
		buf_printf(b, "%02x", (unsigned char)*p);
	buf_puts(b, w->hidden ? "\n\tscan_ssid=1\n" : "\n");
	if (w->passphrase)
		put_supplicant_psk(b, w->passphrase);
	else
		buf_puts(b, "\tkey_mgmt=NONE\n");
	buf_puts(b, "}\n");
}
