/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include "account.h"

void account_free(struct account *a)
{
	free(a->home);
	*a = (struct account){0};
}

/* fgetpwent(3) and its like read nothing but the stream: no NSS, none of this machine's users. */
static FILE *open_file(struct ext4 *fs, const char *path, struct buf *b, struct err *e)
{
	if (ext4_read(fs, path, b, e) < 0)
		return NULL;
	buf_puts(b, "\n"); /* fmemopen wants at least one byte */
	FILE *f = buf_ok(b) ? fmemopen(b->data, b->len, "r") : NULL;
	if (!f)
		err_errno(e, "%s", path);
	return f;
}

int account_find(struct ext4 *fs, const char *name, struct account *a, struct err *e)
{
	_cleanup_buf_ struct buf b = {0};
	_cleanup_fclose_ FILE *f = open_file(fs, "/etc/passwd", &b, e);

	if (!f)
		return -1;
	for (struct passwd *pw; (pw = fgetpwent(f));) {
		if (strcmp(pw->pw_name, name) != 0)
			continue;
		*a = (struct account){pw->pw_uid, pw->pw_gid, xstrdup(pw->pw_dir)};
		return 1;
	}
	return 0;
}

static int conflict(const char *path, const char *name, unsigned id, struct err *e)
{
	return err_code(e, EXIT_INPUT,
		"%s of the base image: \"%s\" has number %u; bramble needs that name and number",
		path, name, id);
}

/* 1: the user is there; 0: neither its name nor its number is. */
static int has_user(struct ext4 *fs, const char *name, unsigned uid, struct err *e)
{
	static const char path[] = "/etc/passwd";
	_cleanup_buf_ struct buf b = {0};
	_cleanup_fclose_ FILE *f = open_file(fs, path, &b, e);
	int found = 0;

	if (!f)
		return -1;
	for (struct passwd *pw; (pw = fgetpwent(f));) {
		bool same_name = strcmp(pw->pw_name, name) == 0;
		if (same_name != (pw->pw_uid == uid))
			return conflict(path, pw->pw_name, pw->pw_uid, e);
		found |= same_name;
	}
	return found;
}

static int has_group(struct ext4 *fs, const char *name, unsigned gid, struct err *e)
{
	static const char path[] = "/etc/group";
	_cleanup_buf_ struct buf b = {0};
	_cleanup_fclose_ FILE *f = open_file(fs, path, &b, e);
	int found = 0;

	if (!f)
		return -1;
	for (struct group *gr; (gr = fgetgrent(f));) {
		bool same_name = strcmp(gr->gr_name, name) == 0;
		if (same_name != (gr->gr_gid == gid))
			return conflict(path, gr->gr_name, gr->gr_gid, e);
		found |= same_name;
	}
	return found;
}

static int append_line(struct ext4 *fs, const char *path, const char *line, struct err *e)
{
	_cleanup_buf_ struct buf b = {0};

	if (ext4_read(fs, path, &b, e) < 0)
		return -1;
	if (b.len && b.data[b.len - 1] != '\n')
		buf_puts(&b, "\n");
	buf_puts(&b, line);
	return ext4_rewrite(fs, path, b.data, b.len, e);
}

static int add_group(struct ext4 *fs, const char *name, unsigned gid, struct err *e)
{
	_cleanup_free_ char *group = xasprintf("%s:x:%u:\n", name, gid);
	_cleanup_free_ char *gshadow = xasprintf("%s:!::\n", name);

	if (append_line(fs, "/etc/group", group, e) < 0)
		return -1;
	return ext4_exists(fs, "/etc/gshadow") ? append_line(fs, "/etc/gshadow", gshadow, e) : 0;
}

/* "*": no password fits, and unlike "!" nobody takes the account for a locked one. */
static int add_user(struct ext4 *fs, const char *name, unsigned uid, const char *home,
	const char *shell, struct err *e)
{
	_cleanup_free_ char *passwd = xasprintf("%s:x:%u:%u::%s:%s\n", name, uid, uid, home, shell);
	_cleanup_free_ char *shadow = xasprintf("%s:*:19000::::::\n", name);

	if (append_line(fs, "/etc/passwd", passwd, e) < 0)
		return -1;
	return append_line(fs, "/etc/shadow", shadow, e);
}

int account_add_system(
	struct ext4 *fs, const char *name, unsigned uid, const char *home, struct err *e)
{
	int group = has_group(fs, name, uid, e);
	int user = group < 0 ? -1 : has_user(fs, name, uid, e);

	if (user < 0 || (!group && add_group(fs, name, uid, e) < 0))
		return -1;
	return user ? 0 : add_user(fs, name, uid, home, "/usr/sbin/nologin", e);
}

/* System users have 100 to 999, people from 1000 on; more than that are not looked at. */
#define NUMBERS 2000

static int mark_numbers(struct ext4 *fs, bool taken[NUMBERS], struct err *e)
{
	_cleanup_buf_ struct buf users = {0}, groups = {0};
	_cleanup_fclose_ FILE *u = open_file(fs, "/etc/passwd", &users, e);
	_cleanup_fclose_ FILE *g = u ? open_file(fs, "/etc/group", &groups, e) : NULL;

	if (!u || !g)
		return -1;
	for (struct passwd *pw; (pw = fgetpwent(u));) {
		if (pw->pw_uid < NUMBERS)
			taken[pw->pw_uid] = true;
	}
	for (struct group *gr; (gr = fgetgrent(g));) {
		if (gr->gr_gid < NUMBERS)
			taken[gr->gr_gid] = true;
	}
	return 0;
}

int account_free_number(struct ext4 *fs, unsigned *number, struct err *e)
{
	bool taken[NUMBERS] = {false};

	if (mark_numbers(fs, taken, e) < 0)
		return -1;
	for (*number = 1000; *number < NUMBERS; (*number)++) {
		if (!taken[*number])
			return 0;
	}
	return err_code(e, EXIT_INPUT, "/etc/passwd: no number is free for another user");
}

/* pi-gen stage2/01-sys-tweaks/01-run.sh; those a base does not have are left out. */
static bool is_login_group(const char *line, size_t n)
{
	static const char *const groups[] = {"adm", "dialout", "cdrom", "sudo", "audio", "video",
		"plugdev", "games", "users", "input", "render", "netdev", "spi", "i2c", "gpio"};

	for (size_t i = 0; i < ARRAY_SIZE(groups); i++) {
		if (strlen(groups[i]) == n && strncmp(groups[i], line, n) == 0)
			return true;
	}
	return false;
}

/* group(5): "sudo:x:27:pi,other". */
static int join_groups(struct ext4 *fs, const char *name, struct err *e)
{
	_cleanup_buf_ struct buf old = {0}, new = {0};

	if (ext4_read(fs, "/etc/group", &old, e) < 0)
		return -1;
	for (const char *p = buf_str(&old); *p; p += *p == '\n') {
		size_t n = strcspn(p, "\n");
		buf_add(&new, p, n);
		if (is_login_group(p, strcspn(p, ":\n")))
			buf_printf(&new, "%s%s", n && p[n - 1] == ':' ? "" : ",", name);
		buf_puts(&new, "\n");
		p += n;
	}
	return ext4_rewrite(fs, "/etc/group", new.data, new.len, e);
}

int account_add_login(struct ext4 *fs, const char *name, const struct account *a, struct err *e)
{
	int user = has_user(fs, name, a->uid, e);
	int group = user ? 1 : has_group(fs, name, a->gid, e);

	if (user)
		return user < 0 ? -1 : 0;
	if (group < 0 || (!group && add_group(fs, name, a->gid, e) < 0) ||
		join_groups(fs, name, e) < 0)
		return -1;
	return add_user(fs, name, a->uid, a->home, "/bin/bash", e);
}

int account_find_group(struct ext4 *fs, const char *name, gid_t *gid, struct err *e)
{
	_cleanup_buf_ struct buf b = {0};
	_cleanup_fclose_ FILE *f = open_file(fs, "/etc/group", &b, e);

	if (!f)
		return -1;
	for (struct group *gr; (gr = fgetgrent(f));) {
		if (strcmp(gr->gr_name, name) == 0) {
			*gid = gr->gr_gid;
			return 1;
		}
	}
	return 0;
}

int account_add_free(struct ext4 *fs, const char *name, const char *home, struct err *e)
{
	_cleanup_account_ struct account a = {0};
	bool taken[NUMBERS] = {false};
	unsigned n = 999;

	int rc = account_find(fs, name, &a, e);
	if (rc)
		return rc < 0 ? -1 : 0;
	if (mark_numbers(fs, taken, e) < 0)
		return -1;
	while (n >= 100 && taken[n])
		n--;
	if (n < 100)
		return err_code(e, EXIT_INPUT, "no number is free for the user \"%s\"", name);
	return account_add_system(fs, name, n, home, e);
}
