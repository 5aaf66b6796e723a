/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * bramble.txt told to the system, in bramble-settings.service: as root, before the network is up.
 *
 * What was taken over lies in /etc/bramble/settings.conf (0600), so that a password can leave p1.
 * The files of the system's own that it replaces are kept in /etc/bramble/built, and come back when
 * bramble.txt says nothing any more; /etc/hosts, which `bramble apply` changes too, gets a line.
 * All of them are made beside the old ones before the first takes its place, so that what cannot be
 * leaves the card as it was; the password is blanked on p1 last, when it is safe on p2.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>
#include "agent.h"
#include "boot_word.h"
#include "hosts_lines.h"
#include "identity.h"
#include "io.h"
#include "log.h"
#include "settings.h"
#include "staged.h"
#include "util.h"
#include "wifi_text.h"

#define FILE_MAX (256u << 10)
#define BEGIN "# bramble begin\n"
#define END "# bramble end\n"

struct apply {
	const char *root;
	char *path; /* bramble.txt, root and all */
	struct settings old, now;
	struct staged files;
	bool whole; /* they all are in place */
};

static char *below(const struct apply *a, const char *path)
{
	return xasprintf("%s%s", a->root, path);
}

static bool exists(const struct apply *a, const char *path)
{
	_cleanup_free_ char *full = below(a, path);

	return access(full, F_OK) == 0;
}

static int read_file(const struct apply *a, const char *path, struct buf *to, struct err *e)
{
	_cleanup_free_ char *full = below(a, path);

	return io_read_file(full, FILE_MAX, to, e);
}

/* Only if that changes anything: cards wear. */
static int write_file(
	struct apply *a, const char *path, const struct buf *text, mode_t mode, struct err *e)
{
	_cleanup_free_ char *full = below(a, path);
	_cleanup_buf_ struct buf before = {0};
	struct err none;

	if (!buf_ok(text))
		return err_set(e, "%s: out of memory", full);
	if (io_read_file(full, FILE_MAX, &before, &none) == 0 &&
		strcmp(buf_str(&before), buf_str(text)) == 0)
		return 0;
	return staged_write(&a->files, full, text, mode, e);
}

static int remove_file(struct apply *a, const char *path, struct err *e)
{
	_cleanup_free_ char *full = below(a, path);

	return staged_remove(&a->files, full, e);
}

/* --- the system's files, kept as built */

static char *built_path(const char *path)
{
	return xasprintf("/etc/bramble/built/%s", strrchr(path, '/') + 1);
}

static int keep_built(struct apply *a, const char *path, struct err *e)
{
	_cleanup_free_ char *kept = built_path(path), *dir = below(a, "/etc/bramble/built");
	_cleanup_buf_ struct buf text = {0};

	if (exists(a, kept) || !exists(a, path))
		return 0;
	if (io_mkdir_p(dir, 0700, e) < 0 || read_file(a, path, &text, e) < 0)
		return -1;
	return write_file(a, kept, &text, 0600, e);
}

static int put_back(struct apply *a, const char *path, mode_t mode, struct err *e)
{
	_cleanup_free_ char *kept = built_path(path);
	_cleanup_buf_ struct buf text = {0};

	if (!exists(a, kept))
		return 0;
	return read_file(a, kept, &text, e) < 0 ? -1 : write_file(a, path, &text, mode, e);
}

static int replace(
	struct apply *a, const char *path, const struct buf *text, mode_t mode, struct err *e)
{
	return keep_built(a, path, e) < 0 ? -1 : write_file(a, path, text, mode, e);
}

/* --- hostname */

#define HOSTNAME "/etc/hostname"

/* The other lines are not as they were built: a later generation may have other members. */
static int apply_hosts(struct apply *a, struct err *e)
{
	const char *name = a->now.hostname;
	_cleanup_buf_ struct buf before = {0}, text = {0};

	if (!*name && !exists(a, HOSTS))
		return 0;
	if (exists(a, HOSTS) && read_file(a, HOSTS, &before, e) < 0)
		return -1;
	hosts_lines_shared(buf_str(&before), &text);
	if (*name)
		buf_printf(&text, "127.0.1.1\t%s" HOSTS_OWN, name);
	return write_file(a, HOSTS, &text, 0644, e);
}

/* systemd named the machine by the file of before, which Neo4j would look for in vain. */
static int name_machine(const struct apply *a, struct err *e)
{
	_cleanup_buf_ struct buf text = {0};

	bool changes = *a->now.hostname || *a->old.hostname;
	if (*a->root || !changes || !exists(a, HOSTNAME))
		return 0;
	if (read_file(a, HOSTNAME, &text, e) < 0)
		return -1;
	size_t n = strcspn(buf_str(&text), "\n");
	return sethostname(buf_str(&text), n) < 0 ? err_errno(e, "host name of " HOSTNAME) : 0;
}

static int apply_hostname(struct apply *a, struct err *e)
{
	const char *name = a->now.hostname;
	_cleanup_buf_ struct buf text = {0};

	if (apply_hosts(a, e) < 0) {
		if (*name || *a->old.hostname)
			return -1;
		log_warn("%s", e->msg); /* it should have no line of ours */
	}
	buf_printf(&text, "%s\n", name);
	return *name ? replace(a, HOSTNAME, &text, 0644, e) : put_back(a, HOSTNAME, 0644, e);
}

/* --- network: the one of three files that the builder wrote is the system's */

static const struct system {
	const char *path;
	mode_t mode;
	bool wifi; /* can its Wi-Fi be set up by files alone? */
} systems[] = {
	{NETCONF_KEYFILE, 0600, true},
	{NETCONF_NETWORKD, 0644, false},
	{NETCONF_DHCPCD, 0644, true},
};

#define SUPPLICANT "/etc/wpa_supplicant/wpa_supplicant.conf"

static const struct system *system_of(const struct apply *a)
{
	for (size_t i = 0; i < ARRAY_SIZE(systems); i++) {
		if (exists(a, systems[i].path))
			return &systems[i];
	}
	return NULL;
}

/* The connection's own uuid stays. */
static void put_keyfile(const struct netconf *n, const char *built, struct buf *to)
{
	const char *at = strstr(built, "\nuuid=");
	char uuid[37] = "";

	if (at)
		snprintf(uuid, sizeof(uuid), "%.36s", at + strlen("\nuuid="));
	netconf_keyfile(n, uuid, to);
}

/* The base's own file, with our lines between the builder's marks. */
static void put_dhcpcd(const struct netconf *n, const char *built, struct buf *to)
{
	const char *begin = strstr(built, BEGIN), *end = begin ? strstr(begin, END) : NULL;

	buf_add(to, built, begin ? (size_t)(begin - built) : strlen(built));
	buf_puts(to, BEGIN);
	netconf_dhcpcd(n, to);
	buf_puts(to, END);
	buf_puts(to, end ? end + strlen(END) : "");
}

static void render(
	const struct system *sys, const struct netconf *n, const char *built, struct buf *to)
{
	if (strcmp(sys->path, NETCONF_KEYFILE) == 0)
		put_keyfile(n, built, to);
	else if (strcmp(sys->path, NETCONF_DHCPCD) == 0)
		put_dhcpcd(n, built, to);
	else
		netconf_networkd(n, to);
}

static int check_wifi(
	const struct apply *a, const struct system *sys, const char *built, struct err *e)
{
	const char *wlan = strstr(built, "wlan0");

	if (a->now.ssid[0] && !sys->wifi)
		return err_code(e, EXIT_CONFIG,
			"wifi_ssid: this system's Wi-Fi cannot be set up here; use cluster.conf");
	if (!a->now.ssid[0] && wlan)
		return err_code(e, EXIT_CONFIG,
			"address: this card was built for Wi-Fi: say wifi_ssid, wifi_password and "
			"wifi_country, too");
	return 0;
}

static int put_supplicant(struct apply *a, const struct buf *password, struct err *e)
{
	_cleanup_buf_ struct buf text = {0};

	wifi_supplicant_conf(
		&text, &(struct wifi){a->now.ssid, a->now.country, .passphrase = password});
	return replace(a, SUPPLICANT, &text, 0600, e);
}

/* The one we wrote, if we did. */
static int drop_supplicant(struct apply *a, struct err *e)
{
	_cleanup_free_ char *kept = built_path(SUPPLICANT);

	if (!a->old.ssid[0])
		return 0;
	return exists(a, kept) ? put_back(a, SUPPLICANT, 0600, e) : remove_file(a, SUPPLICANT, e);
}

/* The radio is off until somebody says otherwise (builder/release/wifi.c). */
static int unblock_radio(struct apply *a, struct err *e)
{
	static const char nm[] = "/var/lib/NetworkManager/NetworkManager.state";
	_cleanup_buf_ struct buf text = {0};

	buf_puts(&text, "[main]\nWirelessEnabled=true\n");
	return exists(a, "/var/lib/NetworkManager") ? write_file(a, nm, &text, 0644, e) : 0;
}

static int apply_wifi(
	struct apply *a, const struct system *sys, const struct buf *password, struct err *e)
{
	if (!a->now.ssid[0])
		return 0;
	if (strcmp(sys->path, NETCONF_DHCPCD) == 0 && put_supplicant(a, password, e) < 0)
		return -1;
	return unblock_radio(a, e);
}

static void wipe(struct buf *b)
{
	if (b->data)
		sodium_memzero(b->data, b->cap);
	buf_free(b);
}

static int apply_network(struct apply *a, struct err *e)
{
	const struct settings *s = &a->now;
	const struct system *sys = system_of(a);
	_cleanup_(wipe) struct buf password = {0}, text = {0};
	_cleanup_buf_ struct buf built = {0};

	if (!sys)
		return s->has_network ? err_set(e, "nothing here brings interfaces up") : 0;
	if (!s->has_network)
		return drop_supplicant(a, e) < 0 ? -1 : put_back(a, sys->path, sys->mode, e);
	_cleanup_free_ char *kept = built_path(sys->path);
	if (keep_built(a, sys->path, e) < 0 ||
		read_file(a, exists(a, kept) ? kept : sys->path, &built, e) < 0 ||
		check_wifi(a, sys, buf_str(&built), e) < 0 ||
		(!s->ssid[0] && drop_supplicant(a, e) < 0))
		return -1;
	buf_puts(&password, s->password);
	const struct wifi wifi = {s->ssid, s->country, .passphrase = &password};
	const struct netconf n = {
		.mode = s->mode,
		.interface = s->ssid[0] ? "wlan0" : "eth0",
		.address = s->address,
		.prefix = s->prefix,
		.gateway = s->gateway,
		.wifi = s->ssid[0] ? &wifi : NULL,
	};
	render(sys, &n, buf_str(&built), &text);
	if (write_file(a, sys->path, &text, sys->mode, e) < 0)
		return -1;
	return apply_wifi(a, sys, &password, e);
}

/* --- */

static int apply_local(struct apply *a, struct err *e)
{
	_cleanup_buf_ struct buf text = {0};

	settings_format_local(&a->now, &text);
	return text.len ? write_file(a, LOCAL_CONF, &text, 0644, e) : remove_file(a, LOCAL_CONF, e);
}

#define TAKEN "/etc/bramble/settings.conf"

static int read_taken(struct apply *a, struct err *e)
{
	_cleanup_(wipe) struct buf text = {0};
	struct err damaged;

	if (!exists(a, TAKEN))
		return 0;
	if (read_file(a, TAKEN, &text, e) < 0)
		return -1;
	if (settings_parse(TAKEN, buf_str(&text), text.len, &a->old, &damaged) < 0)
		log_error("%s; written anew", damaged.msg);
	return 0;
}

static int write_taken(struct apply *a, struct err *e)
{
	_cleanup_(wipe) struct buf text = {0};

	settings_format(&a->now, &text);
	return text.len ? write_file(a, TAKEN, &text, 0600, e) : remove_file(a, TAKEN, e);
}

/* In place and synced: a new file would leave the old one's clusters as they are. */
static int blank_password(const struct apply *a, struct buf *text, struct err *e)
{
	if (!text->len || !settings_blank_password(text->data, text->len))
		return 0;
	_cleanup_close_ int fd = open(a->path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || io_pwrite_full(fd, text->data, text->len, 0) < 0 || fsync(fd) < 0)
		return err_errno(e, "%s: wifi_password cannot be erased", a->path);
	return 0;
}

static int take_over(struct apply *a, struct err *e)
{
	if (settings_take_password(&a->now, &a->old, e) < 0)
		return -1;
	/*
	 * What tells that there is a wpa_supplicant.conf of ours is there as long as that is, also
	 * where the power goes in between and bramble.txt says something else at the next boot.
	 */
	bool first = a->now.ssid[0];
	if ((first && write_taken(a, e) < 0) || apply_network(a, e) < 0 ||
		apply_hostname(a, e) < 0 || apply_local(a, e) < 0 ||
		(!first && write_taken(a, e) < 0))
		return -1;
	a->whole = staged_commit(&a->files, e) == 0;
	return a->whole ? name_machine(a, e) : -1;
}

/*
 * Which node a card is was settled when it first booted (assign.c), and so is whose its store is: a
 * line about it can only agree. A card that is nobody's yet has other settings taken over, to be
 * reached.
 */
static int check_node(const struct apply *a, struct err *e)
{
	static struct identity id;
	_cleanup_free_ char *conf = below(a, "/etc/bramble/node.conf");

	if (!a->now.node[0] || access(conf, F_OK) < 0)
		return 0;
	if (identity_load_root(a->root, &id, e) < 0)
		return -1;
	const char *self = identity_self(&id)->name;
	if (strcmp(self, a->now.node) == 0)
		return 0;
	return err_code(e, EXIT_CONFIG,
		"%s: node \"%s\": this card is %s's, and so is what is on it; flash it anew to "
		"make it another's",
		a->path, a->now.node, self);
}

static int read_and_apply(struct apply *a, struct err *e)
{
	_cleanup_(wipe) struct buf text = {0};

	if (access(a->path, F_OK) < 0) /* perhaps p1 is not mounted */
		return 0;
	if (io_read_file(a->path, FILE_MAX, &text, e) < 0 || read_taken(a, e) < 0 ||
		settings_parse(a->path, buf_str(&text), text.len, &a->now, e) < 0 ||
		check_node(a, e) < 0 ||
		settings_check_password(a->path, buf_str(&text), text.len, &a->now, e) < 0 ||
		take_over(a, e) < 0)
		return -1;
	return blank_password(a, &text, e);
}

/* What was not is tried again at the next boot. */
static const char *how_far(const struct apply *a)
{
	if (a->whole)
		return "all of bramble.txt was taken over, but";
	return a->files.done ? "only a part of bramble.txt was taken over"
			     : "nothing of bramble.txt was taken over";
}

/*
 * Beside bramble.txt, where the person who wrote it can read it on the same PC; and for the agent
 * to tell.
 */
static void tell(const struct apply *a, const char *why)
{
	_cleanup_free_ char *word = xasprintf("%s: %s", how_far(a), why ? why : "");
	_cleanup_free_ char *path =
		xasprintf("%.*s-error.txt", (int)(strlen(a->path) - 4), a->path);
	_cleanup_buf_ struct buf text = {0};
	struct err e;

	boot_word_set(a->root, BOOT_WORD_SETTINGS, why ? word : NULL);
	buf_printf(&text, "%c%s:\r\n%s\r\n", toupper(*word), how_far(a) + 1, why ? why : "");
	if (!why && unlink(path) < 0 && errno != ENOENT)
		log_warn("%s: %s", path, strerror(errno));
	else if (why && io_write_atomic(path, text.data, text.len, 0600, &e) < 0)
		log_warn("%s", e.msg);
}

static void forget(struct apply *a)
{
	sodium_memzero(&a->old, sizeof(a->old));
	sodium_memzero(&a->now, sizeof(a->now));
	staged_close(&a->files);
}

int agent_settings(const struct agent_options *o, struct err *e)
{
	struct apply a = {.root = o->root, .path = settings_path(o->root)};

	int r = read_and_apply(&a, e);
	tell(&a, r < 0 ? e->msg : NULL);
	forget(&a);
	free(a.path);
	return r;
}

int agent_settings_hosts(const struct agent_options *o, struct err *e)
{
	struct apply a = {.root = o->root};

	int r = read_taken(&a, e);
	a.now = a.old;
	if (r == 0 && apply_hosts(&a, e) < 0)
		r = -1;
	if (r == 0)
		r = staged_commit(&a.files, e);
	forget(&a);
	return r;
}
