/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The texts a boot depends on: cmdline.txt and fstab, edited; files of a Wi-Fi, written. */
// use: builder/release/cmdline.c builder/release/fstab.c
#include "builder/release/cmdline.h"
#include "builder/release/fstab.h"
#include "wifi_text.h"
#include "tap.h"

#define OLD 0x0badcafe
#define NEW 0x1234abcd

static struct buf text(const char *s)
{
	struct buf b = {0};

	buf_puts(&b, s);
	return b;
}

struct cmdline_case {
	const char *name, *before, *drop, *key, *value, *after;
};

static const struct cmdline_case cmdline_cases[] = {
	{"a word goes", "a quiet b\n", "quiet", NULL, NULL, "a b\n"},
	{"at the end too, without a newline", "a quiet", "quiet", NULL, NULL, "a\n"},
	{"and wherever it stands", "quiet a quiet\n", "quiet", NULL, NULL, "a\n"},
	{"a part of a word stays", "a quietly unquiet\n", "quiet", NULL, NULL,
		"a quietly unquiet\n"},
	{"with any value", "a init=/x b init=/y\n", "init=", NULL, NULL, "a b\n"},
	{"with one value only", "a init=/x init=/xy\n", "init=/x", NULL, NULL, "a init=/xy\n"},
	{"blanks become one", "  a\t b  \r\n", "x", NULL, NULL, "a b\n"},
	{"what follows the line stays", "a x\nquiet x\n", "x", NULL, NULL, "a\nquiet x\n"},
	{"a key is added", "a\n", NULL, "k=", "v", "a k=v\n"},
	{"or replaced where it stands", "k=1 a k=2\n", NULL, "k=", "v", "k=v a\n"},
};

static void test_cmdline_edits(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(cmdline_cases); i++) {
		const struct cmdline_case *c = &cmdline_cases[i];
		_cleanup_buf_ struct buf b = text(c->before);
		for (int twice = 0; twice < 2; twice++) {
			if (c->drop)
				cmdline_drop(&b, c->drop);
			if (c->key)
				cmdline_set(&b, c->key, c->value);
			is_str(buf_str(&b), c->after, "cmdline: %s%s", c->name,
				twice ? ", twice" : "");
		}
	}
}

static void test_cmdline_disk(void)
{
	_cleanup_buf_ struct buf b = text("root=PARTUUID=0BADCAFE-02 x=0badcafe-02 "
					  "resume=PARTUUID=0badcafe-03\n");

	cmdline_set_disk(&b, OLD, NEW);
	is_str(buf_str(&b), "root=PARTUUID=1234abcd-02 x=0badcafe-02 resume=PARTUUID=1234abcd-03\n",
		"cmdline: PARTUUIDs of the disk, and nothing else");
}

static void test_cmdline_has(void)
{
	_cleanup_buf_ struct buf b = text("a root=/dev/mmcblk0p2 b\nquiet\n");
	_cleanup_free_ char *value = NULL;

	ok(cmdline_has(&b, "root=", &value), "cmdline: a key is found");
	is_str(value, "/dev/mmcblk0p2", "cmdline: with its value");
	ok(cmdline_has(&b, "b", NULL), "cmdline: the last word");
	ok(!cmdline_has(&b, "quiet", NULL), "cmdline: the next line is not looked at");
	ok(!cmdline_has(&b, "root", NULL), "cmdline: a key is no word");
}

static void test_cmdline_refused(void)
{
	struct err e = {0};
	_cleanup_buf_ struct buf empty = text(""), blank = text(" \n a\n"), nul = {0}, large = {0};

	buf_add(&nul, "a\0b\n", 4);
	for (int i = 0; i < 600; i++)
		buf_puts(&large, "a ");
	ok(cmdline_check(&empty, &e) < 0 && e.code == EXIT_INPUT, "cmdline: none is refused");
	ok(cmdline_check(&blank, &e) < 0, "cmdline: so is an empty first line");
	ok(cmdline_check(&nul, &e) < 0, "cmdline: and a NUL");
	ok(cmdline_check(&large, &e) < 0, "cmdline: and more than a kernel takes");
}

struct fstab_case {
	const char *name, *before, *after; /* after without p3's line; NULL: refused */
};

#define P3                                                           \
	"PARTUUID=1234abcd-03  /srv/bramble  ext4  "                 \
	"defaults,noatime,nofail,x-systemd.device-timeout=90s  0  2" \
	"\n"

static const struct fstab_case fstab_cases[] = {
	{"as pi-gen writes it",
		"proc            /proc           proc    defaults          0       0\n"
		"PARTUUID=0badcafe-01  /boot  vfat  defaults  0  2\n"
		"PARTUUID=0badcafe-02  /  ext4  defaults,noatime  0  1\n",
		"proc            /proc           proc    defaults          0       0\n"
		"PARTUUID=1234abcd-01  /boot  vfat  defaults  0  2\n"
		"PARTUUID=1234abcd-02  /  ext4  defaults,noatime  0  1\n"},
	{"by device, comments, no newline at the end",
		"# PARTUUID=0badcafe-02 /\n\n/dev/mmcblk0p2 / ext4 defaults 0 1",
		"# PARTUUID=0badcafe-02 /\n\n/dev/mmcblk0p2 / ext4 defaults 0 1\n"},
	{"capitals, indented", "\t PARTUUID=0BADCAFE-02\t/ ext4\n",
		"\t PARTUUID=1234abcd-02\t/ ext4\n"},
	{"another line for our folder goes",
		"PARTUUID=0badcafe-02 / ext4\n/dev/sda1 /srv/bramble ext4\n",
		"PARTUUID=1234abcd-02 / ext4\n"},
	{"another disk stays", "PARTUUID=0badcafe-02 /\nPARTUUID=0badcaff-01 /mnt\n",
		"PARTUUID=1234abcd-02 /\nPARTUUID=0badcaff-01 /mnt\n"},
	{"no root", "PARTUUID=0badcafe-01 /boot vfat\n", NULL},
	{"another root", "LABEL=rootfs / ext4\n", NULL},
	{"p2 elsewhere", "PARTUUID=0badcafe-02 /mnt ext4\n", NULL},
	{"empty", "", NULL},
};

static void test_fstab(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(fstab_cases); i++) {
		const struct fstab_case *c = &fstab_cases[i];
		struct err e = {0};
		_cleanup_buf_ struct buf b = text(c->before);
		int rc = fstab_edit(&b, OLD, NEW, "/srv/bramble", &e);
		if (!c->after) {
			ok(rc < 0 && e.code == EXIT_INPUT, "fstab: %s: refused", c->name);
			continue;
		}
		_cleanup_free_ char *want = xasprintf("%s" P3, c->after);
		is_str(buf_str(&b), want, "fstab: %s", c->name);
		ok(fstab_edit(&b, OLD, NEW, "/srv/bramble", &e) == 0, "fstab: %s, twice", c->name);
		is_str(buf_str(&b), want, "fstab: is the same");
	}
}

static void test_mount_point(void)
{
	_cleanup_buf_ struct buf uuid = text("PARTUUID=0badcafe-01 /boot/firmware vfat\n");
	_cleanup_buf_ struct buf device = text("# x\n/dev/mmcblk0p1 /boot vfat\n");
	_cleanup_free_ char *a = fstab_mount_point(&uuid, OLD, 1);
	_cleanup_free_ char *b = fstab_mount_point(&device, OLD, 1);

	is_str(a, "/boot/firmware", "fstab: the boot partition by PARTUUID");
	is_str(b, "/boot", "fstab: and by device");
	ok(!fstab_mount_point(&uuid, NEW, 1), "fstab: another disk's is not ours");
}

struct wifi_case {
	const char *ssid, *passphrase, *keyfile, *supplicant; /* NULL: refused */
};

#define KEY "00112233445566778899aabbccddeeffFFEEDDCCBBAA99887766554433221100"

static const struct wifi_case wifi_cases[] = {
	{"Garden-1", "eightchr", "ssid=Garden-1\n\n",
		"\tssid=47617264656e2d31\n\tpsk=\"eightchr\"\n"},
	{"a;b", "quote\" back\\slash", "ssid=97;59;98;\n\n",
		"\tssid=613b62\n\tpsk=\"quote\" back\\slash\"\n"},
	{"x", KEY, "psk=" KEY "\n", "\tpsk=" KEY "\n"},
	{"x", "seven77", NULL, NULL},
	{"x", KEY "0", NULL, NULL},
	{"x", "two\nlines", NULL, NULL},
	{"x",
		"gr\xc3\xbc\xc3\x9f"
		"e euch",
		NULL, NULL},
};

static void test_wifi(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(wifi_cases); i++) {
		const struct wifi_case *c = &wifi_cases[i];
		struct err e = {0};
		_cleanup_buf_ struct buf p = text(c->passphrase), nm = {0}, wpa = {0};
		if (!c->keyfile) {
			ok(wifi_check_passphrase(&p, &e) < 0 && e.code == EXIT_CONFIG &&
					!strstr(e.msg, c->passphrase),
				"wifi: passphrase %zu is refused and not told", i);
			continue;
		}
		ok(wifi_check_passphrase(&p, &e) == 0, "wifi: passphrase %zu", i);
		const struct wifi w = {c->ssid, "DE", .passphrase = &p};
		wifi_keyfile(&nm, &w);
		wifi_supplicant_conf(&wpa, &w);
		ok(strstr(buf_str(&nm), c->keyfile), "wifi: keyfile %zu", i);
		ok(strstr(buf_str(&wpa), c->supplicant), "wifi: wpa_supplicant.conf %zu", i);
	}
	_cleanup_buf_ struct buf p = text(" a\\b cdef"), nm = {0};
	wifi_keyfile(&nm, &(struct wifi){"x", "DE", .passphrase = &p});
	ok(strstr(buf_str(&nm), "psk=\\sa\\\\b\\scdef\n"), "wifi: a keyfile's escapes");
	ok(!strstr(buf_str(&nm), "hidden"), "wifi: a network tells its name");
}

static void test_wifi_open(void)
{
	const struct wifi w = {"cafe", "DE", .hidden = true};
	_cleanup_buf_ struct buf nm = {0}, wpa = {0};

	wifi_keyfile(&nm, &w);
	wifi_supplicant_conf(&wpa, &w);
	is_str(buf_str(&nm), "[wifi]\nmode=infrastructure\nssid=cafe\nhidden=true\n\n",
		"wifi: a hidden and open network's keyfile");
	ok(strstr(buf_str(&wpa), "network={\n\tssid=63616665\n\tscan_ssid=1\n\tkey_mgmt=NONE\n}\n"),
		"wifi: and its wpa_supplicant.conf");
}

int main(void)
{
	test_cmdline_edits();
	test_cmdline_disk();
	test_cmdline_has();
	test_cmdline_refused();
	test_fstab();
	test_mount_point();
	test_wifi();
	test_wifi_open();
	return done();
}
