/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A Pi's radio is off until somebody says in which country it is: by rfkill's saved state, which
 * pi-gen ships as "1" (stage2/02-net-tweaks), and with NetworkManager by its state file. The
 * country itself is on the kernel's command line.
 */
#include <string.h>
#include "firstboot.h"
#include "patch.h"
#include "wifi_text.h"

#define SUPPLICANT "/etc/wpa_supplicant/wpa_supplicant"
#define RFKILL "/var/lib/systemd/rfkill"

/* The boards' own radios by the addresses of their buses: 3 and Zero 2, Zero, 4, 5. */
static const char *const radios[] = {
	"platform-3f300000.mmcnr:wlan",
	"platform-20300000.mmcnr:wlan",
	"platform-fe300000.mmcnr:wlan",
	"platform-1001100000.mmc:wlan",
};

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

	wifi_supplicant_conf(&b, x->wifi);
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

	if (!x->wifi)
		return 0;
	if (unblock_radios(x, e) < 0)
		return -1;
	return put[x->release->network](x, e);
}
