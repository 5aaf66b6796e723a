/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <fnmatch.h>
#include <string.h>
#include "cmd.h"
#include "places.h"

#define DEPTH_MAX 16
#define NAMES_MAX \
	1000000 /* of all places: a folder may name itself, and so be a tree without an end */

const struct place places[] = {
	{"/etc/bramble", PLACE_CONFIG},
	{"/opt/neo4j/conf", PLACE_CONFIG | PLACE_COMPARE},
	{"/etc/hostname", PLACE_CONFIG},
	{"/etc/hosts", PLACE_CONFIG},
	{"/etc/fstab", PLACE_CONFIG},
	{"/etc/dhcpcd.conf", PLACE_CONFIG},
	{"/etc/network/interfaces", PLACE_CONFIG},
	{"/etc/systemd/network", PLACE_CONFIG},
	{"/etc/NetworkManager/system-connections", PLACE_CONFIG},
	{"/etc", PLACE_COMPARE},
	{"/home", PLACE_COMPARE},
	{"/root", PLACE_COMPARE},
	{"/usr/lib/bramble", PLACE_COMPARE},
	{"/usr/lib/systemd/system", PLACE_COMPARE},
};
const size_t nplaces = ARRAY_SIZE(places);

/* Secrets by name, for a card on which their modes were loosened. */
static const char *const secret_names[] = {
	"/etc/bramble/*secret*",
	"/etc/bramble/*password*",
	"/etc/bramble/*auth*",
	"/etc/bramble/*key*",
	"/opt/neo4j/conf/*password*",
	"/etc/shadow*",
	"/etc/gshadow*",
	"/etc/ssh/ssh_host_*_key",
	"/etc/wpa_supplicant/*",
	"/etc/NetworkManager/system-connections/*",
};

static const char *const live_names[] = {
	"/etc/ssh/ssh_host_*",
	"/etc/systemd/system/*.wants/regenerate_ssh_host_keys.service",
	"/etc/resolv.conf",
	"/etc/adjtime",
	"/etc/.updated",
	"/etc/.pwd.lock",
	"/etc/fake-hwclock.data",
	"/etc/ld.so.cache",
	"/etc/passwd-",
	"/etc/group-",
	"/etc/shadow-",
	"/etc/gshadow-",
	"/etc/subuid-",
	"/etc/subgid-",
	"/home/*/.bash_history",
	"/home/*/.lesshst",
	"/home/*/.cache*",
	"/root/.bash_history",
	"/root/.lesshst",
	"/root/.cache*",
};

static bool is_one_of(const char *path, const char *const *patterns, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (fnmatch(patterns[i], path, 0) == 0)
			return true;
	}
	return false;
}

bool place_is_live(const char *path)
{
	return is_one_of(path, live_names, ARRAY_SIZE(live_names));
}

bool place_lies_in(const char *path, const char *folder)
{
	size_t n = strlen(folder);

	return strncmp(path, folder, n) == 0 && (!path[n] || path[n] == '/');
}

bool place_is_compared(const char *path)
{
	for (size_t i = 0; i < nplaces; i++) {
		if ((places[i].use & PLACE_COMPARE) && place_lies_in(path, places[i].path))
			return true;
	}
	return false;
}

/* What not everybody on the card may read is nobody's business on the PC either. */
bool place_look(struct ext4 *fs, const char *path, struct place_file *f)
{
	*f = (struct place_file){.fs = fs, .path = path};
	if (!ext4_stat(fs, path, &f->st))
		return false;
	f->secret =
		!(f->st.owner.mode & 04) || is_one_of(path, secret_names, ARRAY_SIZE(secret_names));
	return true;
}

struct walk {
	struct ext4 *fs;
	int (*each)(void *arg, const struct place_file *f, struct err *e);
	void *arg;
	unsigned names;
};

static int walk_place(struct walk *w, const char *path, unsigned depth, struct err *e)
{
	struct place_file f;

	if (check_interrupted(e) < 0)
		return -1;
	if (++w->names > NAMES_MAX)
		return err_code(e, EXIT_INPUT, "%s: too many files", path);
	if (!place_look(w->fs, path, &f))
		return 0;
	if (w->each(w->arg, &f, e) < 0)
		return -1;
	if (f.st.kind != EXT4_DIR)
		return 0;
	if (depth > DEPTH_MAX)
		return err_code(e, EXIT_INPUT, "%s: more than %d folders deep", path, DEPTH_MAX);
	_cleanup_names_ char **names = ext4_names(w->fs, path, e);
	if (!names)
		return -1;
	for (char **p = names; *p; p++) {
		_cleanup_free_ char *below = xasprintf("%s/%s", path, *p);
		if (walk_place(w, below, depth + 1, e) < 0)
			return -1;
	}
	return 0;
}

int places_each(struct ext4 *fs, enum place_use use,
	int (*each)(void *arg, const struct place_file *f, struct err *e), void *arg, struct err *e)
{
	struct walk w = {.fs = fs, .each = each, .arg = arg};

	for (size_t i = 0; i < nplaces; i++) {
		if ((places[i].use & use) && walk_place(&w, places[i].path, 0, e) < 0)
			return -1;
	}
	return 0;
}
