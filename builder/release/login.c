/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Who may log in, and how: by key only; the well-known password opens nothing. Because there is no
 * password, sudo asks for none, as for the first user of every Raspberry Pi OS.
 */
#include <crypt.h>
#include <string.h>
#include "firstboot.h"
#include "patch.h"

/* Of user pi on every image until April 2022. */
#define KNOWN_PASSWORD "raspberry"

/* "name:2nd:...": the second field of the line at p; *n is its length. */
static const char *second_field(const char *p, size_t *n)
{
	const char *f = p + strcspn(p, ":\n");

	f += *f == ':';
	*n = strcspn(f, ":\n");
	return f;
}

static bool is_known_password(const char *hash, size_t n)
{
	_cleanup_free_ char *setting = xstrndup(hash, n);
	_cleanup_free_ struct crypt_data *data = xcalloc(1, sizeof(*data));

	if (setting[0] != '$')
		return false;
	const char *got = crypt_r(KNOWN_PASSWORD, setting, data);
	return got && strcmp(got, setting) == 0;
}

int patch_password(struct edit *x, struct err *e)
{
	_cleanup_buf_ struct buf old = {0}, new = {0};

	if (ext4_read(x->root, "/etc/shadow", &old, e) < 0)
		return -1;
	for (const char *p = buf_str(&old); *p;) {
		size_t n, len = strcspn(p, "\n");
		const char *hash = second_field(p, &n);
		bool known = is_known_password(hash, n);
		len += p[len] == '\n';
		buf_add(&new, p, (size_t)(hash - p));
		if (known)
			buf_puts(&new, "*");
		else
			buf_add(&new, hash, n);
		buf_add(&new, hash + n, (size_t)(p + len - hash) - n);
		p += len;
	}
	if (strcmp(buf_str(&old), buf_str(&new)) == 0)
		return 0;
	return ext4_rewrite(x->root, "/etc/shadow", new.data, new.len, e);
}

/* Since 2026 a user without a password has nologin for a shell until a wizard gives it one. */
static int open_shell(struct edit *x, struct err *e)
{
	_cleanup_free_ char *name = xasprintf("%s:", x->cluster->access.user);
	_cleanup_buf_ struct buf old = {0}, new = {0};

	if (ext4_read(x->root, "/etc/passwd", &old, e) < 0)
		return -1;
	for (const char *p = buf_str(&old); *p; p += *p == '\n') {
		size_t len = strcspn(p, "\n");
		_cleanup_free_ char *line = xstrndup(p, len);
		char *shell = strrchr(line, ':');
		if (str_starts(line, name) && shell && str_ends(shell, "/nologin"))
			buf_printf(&new, "%.*s:/bin/bash\n", (int)(shell - line), line);
		else
			buf_printf(&new, "%s\n", line);
		p += len;
	}
	return ext4_rewrite(x->root, "/etc/passwd", new.data, new.len, e);
}

/* What useradd takes from /etc/skel. */
static int copy_skeleton(struct edit *x, struct ext4_owner owner, struct err *e)
{
	static const char *const names[] = {".bashrc", ".profile", ".bash_logout"};

	owner.mode = 0644;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		_cleanup_free_ char *from = xasprintf("/etc/skel/%s", names[i]);
		_cleanup_free_ char *to = xasprintf("%s/%s", x->login->home, names[i]);
		_cleanup_buf_ struct buf b = {0};
		if (ext4_kind(x->root, from) != EXT4_FILE || ext4_exists(x->root, to))
			continue;
		if (ext4_read(x->root, from, &b, e) < 0 ||
			ext4_write(x->root, to, buf_str(&b), b.len, owner, e) < 0)
			return -1;
	}
	return 0;
}

int patch_user(struct edit *x, struct err *e)
{
	const char *name = x->cluster->access.user;
	struct ext4_owner owner = {x->login->uid, x->login->gid, 0755};
	_cleanup_account_ struct account there = {0};

	int found = x->ssh_key->len ? account_find(x->root, name, &there, e) : 1;
	if (found)
		return found < 0 ? -1 : 0;
	_cleanup_free_ char *sudoers = xasprintf("/etc/sudoers.d/010_%s-nopasswd", name);
	_cleanup_free_ char *line = xasprintf("%s ALL=(ALL) NOPASSWD: ALL\n", name);
	if (account_add_login(x->root, name, x->login, e) < 0 ||
		ext4_mkdir(x->root, x->login->home, owner, e) < 0 || copy_skeleton(x, owner, e) < 0)
		return -1;
	return ext4_write(x->root, sudoers, line, strlen(line), EXT4_ROOT(0440), e);
}

int patch_ssh_key(struct edit *x, struct err *e)
{
	if (!x->ssh_key->len)
		return 0;
	struct ext4_owner owner = {x->login->uid, x->login->gid, 0700};
	_cleanup_free_ char *dir = xasprintf("%s/.ssh", x->login->home);
	_cleanup_free_ char *file = xasprintf("%s/authorized_keys", dir);
	if (ext4_mkdir(x->root, dir, owner, e) < 0)
		return -1;
	owner.mode = 0600;
	if (ext4_write(x->root, file, x->ssh_key->data, x->ssh_key->len, owner, e) < 0)
		return -1;
	return open_shell(x, e);
}

/* Raspberry Pi OS keeps ssh off until asked for (since November 2016). */
int patch_ssh(struct edit *x, struct err *e)
{
	static const char not_to_be_run[] = "/etc/ssh/sshd_not_to_be_run";
	_cleanup_free_ char *unit = release_unit_path(x->root, "ssh.service");

	if (!x->ssh_key->len || !unit)
		return 0;
	if (ext4_exists(x->root, not_to_be_run) && ext4_remove(x->root, not_to_be_run, e) < 0)
		return -1;
	if (ext4_symlink(x->root, "/etc/systemd/system/sshd.service", unit, e) < 0)
		return -1;
	return unit_enable(x->root, "multi-user.target", "ssh.service", unit, e);
}

/* Made by the card itself, once: no image holds any, no two cards share one. */
static int provide_host_keys_unit(struct edit *x, struct err *e)
{
	static const char path[] = "/etc/systemd/system/regenerate_ssh_host_keys.service";
	static const char unit[] =
		"# Written by bramble: this base makes no ssh host keys itself.\n"
		"[Unit]\n"
		"Description=Make the ssh host keys\n"
		"Before=ssh.service\n"
		"ConditionPathExists=!/etc/ssh/ssh_host_rsa_key\n"
		"ConditionFileIsExecutable=/usr/bin/ssh-keygen\n\n"
		"[Service]\n"
		"Type=oneshot\n"
		"ExecStart=/usr/bin/ssh-keygen -A\n\n"
		"[Install]\n"
		"WantedBy=multi-user.target\n";

	if (x->release->host_keys_service)
		return 0;
	return ext4_write(x->root, path, unit, strlen(unit), EXT4_ROOT(0644), e);
}

static int remove_host_keys(struct edit *x, struct err *e)
{
	static const char *const kinds[] = {"rsa", "dsa", "ecdsa", "ed25519"};

	for (size_t i = 0; i < 2 * ARRAY_SIZE(kinds); i++) {
		_cleanup_free_ char *path =
			xasprintf("/etc/ssh/ssh_host_%s_key%s", kinds[i / 2], i % 2 ? ".pub" : "");
		if (ext4_exists(x->root, path) && ext4_remove(x->root, path, e) < 0)
			return -1;
	}
	return 0;
}

int patch_host_keys(struct edit *x, struct err *e)
{
	static const char name[] = "regenerate_ssh_host_keys.service";

	if (remove_host_keys(x, e) < 0 || provide_host_keys_unit(x, e) < 0)
		return -1;
	_cleanup_free_ char *unit = release_unit_path(x->root, name);
	return unit ? unit_enable(x->root, "multi-user.target", name, unit, e) : 0;
}
