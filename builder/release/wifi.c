/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A Pi's radio is off until somebody says in which country it is: by rfkill's saved state, which
 * pi-gen ships as "1" (stage2/02-net-tweaks), and with NetworkManager by its state file. The
 * country itself is on the kernel's command line.
 */
#include <ctype.h>
#include <string.h>
#include "firstboot.h"
#include "patch.h"
#include "wifi.h"

#define SUPPLICANT "/etc/wpa_supplicant/wpa_supplicant"
#define RFKILL "/var/lib/systemd/rfkill"

#define PSK_DIGITS 64
#define PASSPHRASE_MIN 8
#define PASSPHRASE_MAX 63

/* The boards' own radios by the addresses of their buses: 3 and Zero 2, Zero, 4, 5. */
static const char *const radios[] = {
	"platform-3f300000.mmcnr:wlan",
	"platform-20300000.mmcnr:wlan",
	"platform-fe300000.mmcnr:wlan",
	"platform-1001100000.mmc:wlan",
};

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
	for (size_t i = 0; i < p->len; i++) {
		if (p->data[i] < ' ' || p->data[i] > '~')
			return err_code(e, EXIT_CONFIG,
				"a Wi-Fi passphrase has only printable ASCII characters");
	}
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

void wifi_keyfile(struct buf *b, const char *ssid, const struct buf *passphrase)
{
	buf_puts(b, "[wifi]\nmode=infrastructure\n");
	put_keyfile_ssid(b, ssid);
	buf_puts(b, "\n[wifi-security]\nkey-mgmt=wpa-psk\n");
	put_keyfile_psk(b, passphrase);
	buf_puts(b, "\n");
}

/*
 * A name in hexadecimal needs no quotes. A passphrase is quoted up to the last quotation mark of
 * its line, so that those inside need no escape (wpa_supplicant/config.c).
 */
void wifi_supplicant_conf(
	struct buf *b, const char *ssid, const char *country, const struct buf *passphrase)
{
	const char *quote = is_key(passphrase) ? "" : "\"";

	buf_printf(b,
		"ctrl_interface=DIR=/var/run/wpa_supplicant GROUP=netdev\nupdate_config=1\n"
		"country=%s\n\nnetwork={\n\tssid=",
		country);
	for (const char *p = ssid; *p; p++)
		buf_printf(b, "%02x", (unsigned char)*p);
	buf_printf(b, "\n\tpsk=%s", quote);
	buf_add(b, passphrase->data, passphrase->len);
	buf_printf(b, "%s\n}\n", quote);
}

static int unblock_radios(struct edit *x, struct err *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(radios); i++) {
		_cleanup_free_ char *path = xasprintf(RFKILL "/%s", radios[i]);
		if (ext4_write(x->root, path, "0\n", 2, EXT4_ROOT(0644), e) < 0)
			return -1;
	}
	return 0;
}

static int put_supplicant(struct edit *x, const char *path, struct err *e)
{
	_cleanup_buf_ struct buf b = {0};

	wifi_supplicant_conf(&b, x->cluster->wifi.ssid, x->cluster->wifi.country, x->passphrase);
	return patch_put(x, path, &b, 0600, e);
}

/* The keyfile itself is the network patch's. */
static int wifi_manager(struct edit *x, struct err *e)
{
	static const char state[] = "[main]\nWirelessEnabled=true\n";

	return ext4_write(x->root, "/var/lib/NetworkManager/NetworkManager.state", state,
		strlen(state), EXT4_ROOT(0644), e);
}

/* dhcpcd's hook 10-wpa_supplicant starts it on every radio. */
static int wifi_dhcpcd(struct edit *x, struct err *e)
{
	return put_supplicant(x, SUPPLICANT ".conf", e);
}

static int wifi_networkd(struct edit *x, struct err *e)
{
	_cleanup_free_ char *unit = release_unit_path(x->root, "wpa_supplicant@.service");

	if (!unit)
		return err_code(
			e, EXIT_INPUT, "wpa_supplicant@.service: the base has no such unit");
	if (put_supplicant(x, SUPPLICANT "-wlan0.conf", e) < 0)
		return -1;
	return unit_enable(x->root, "multi-user.target", "wpa_supplicant@wlan0.service", unit, e);
}

int patch_wifi(struct edit *x, struct err *e)
{
	static int (*const put[])(struct edit * x, struct err * e) = {
		[NETWORK_MANAGER] = wifi_manager,
		[NETWORK_DHCPCD] = wifi_dhcpcd,
		[NETWORK_NETWORKD] = wifi_networkd,
	};

	if (!x->cluster->wifi.ssid)
		return 0;
	if (unblock_radios(x, e) < 0)
		return -1;
	return put[x->release->network](x, e);
}
