/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>
#include "patch.h"

#define BEGIN "# bramble begin\n"
#define END "# bramble end\n"

/* Wi-Fi comes behind the network: it says on which interface the address is. */
const struct patch patches[] = {
	{"first-boot", patch_first_boot, false},
	{"cmdline", patch_cmdline, false},
	{"fstab", patch_fstab, false},
	{"hostname", patch_hostname, .own = true},
	{"hosts", patch_hosts, .own = true},
	{"machine-id", patch_machine_id, .own = true},
	{"network", patch_network, .own = true},
	{"wifi", patch_wifi, false},
	{"password", patch_password, false},
	{"user", patch_user, false},
	{"ssh-key", patch_ssh_key, false},
	{"ssh", patch_ssh, false},
	{"host-keys", patch_host_keys, false},
	{"swap", patch_swap, false},
	{"logs", patch_logs, false},
	{"units", patch_units, false},
	{0},
};

int patch_put(struct edit *x, const char *path, const struct buf *text, mode_t mode, struct err *e)
{
	if (!buf_ok(text))
		return err_set(e, "%s: out of memory", path);
	return ext4_write(x->root, path, buf_str(text), text->len, EXT4_ROOT(mode), e);
}

/* Cuts the block out; an END that is missing ends it with the file. */
static void drop_block(struct buf *b)
{
	struct buf out = {0};
	const char *from = strstr(buf_str(b), BEGIN);

	if (!from)
		return;
	const char *to = strstr(from, END);
	buf_add(&out, b->data, (size_t)(from - b->data));
	buf_puts(&out, to ? to + strlen(END) : "");
	buf_free(b);
	*b = out;
}

int patch_block(struct edit *x, const char *path, const char *lines, bool at_start, struct err *e)
{
	_cleanup_buf_ struct buf old = {0}, new = {0};

	if (ext4_read(x->root, path, &old, e) < 0)
		return -1;
	drop_block(&old);
	if (!at_start)
		buf_puts(&new, buf_str(&old));
	if (new.len && !str_ends(new.data, "\n"))
		buf_puts(&new, "\n");
	buf_printf(&new, BEGIN "%s" END, lines);
	if (at_start)
		buf_puts(&new, buf_str(&old));
	if (!buf_ok(&new))
		return err_set(e, "%s: out of memory", path);
	return ext4_rewrite(x->root, path, new.data, new.len, e);
}

static int run_patches(struct edit *x, bool own_only, struct err *e)
{
	for (const struct patch *p = patches; p->name; p++) {
		if ((p->own || !own_only) && p->run(x, e) < 0)
			return err_prefix(e, "patch %s", p->name);
	}
	return 0;
}

int patch_own(struct edit *x, struct err *e)
{
	return run_patches(x, true, e);
}

int patch_all(struct edit *x, struct err *e)
{
	const struct boot *b = &x->boot;
	_cleanup_buf_ struct buf before = {0};

	if (fat_read(b->image, b->offset, "cmdline.txt", &before, e) < 0)
		return -1;
	x->cmdline = (struct buf){0};
	buf_add(&x->cmdline, before.data, before.len);
	int rc = run_patches(x, false, e);
	if (rc == 0 && strcmp(buf_str(&before), buf_str(&x->cmdline)) != 0)
		rc = fat_write(b->image, b->offset, "cmdline.txt", &x->cmdline, e);
	buf_free(&x->cmdline);
	return rc;
}
