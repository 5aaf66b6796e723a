/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include "../clock/clock_set.h"
#include "helper_deed.h"
#include "helper_rules.h"
#include "helper_vip.h"
#include "../users/user_files.h"
#include "io.h"
#include "util.h"

#define JOURNALCTL "/usr/bin/journalctl"

static PRINTF(3, 4) void answer(struct helper_deed *d, int code, const char *fmt, ...)
{
	va_list ap;

	d->argv[0] = NULL;
	d->code = code;
	va_start(ap, fmt);
	vsnprintf(d->text, sizeof(d->text), fmt, ap);
	va_end(ap);
}

/* Is program this machine's own, though the agent has another root? */
static bool is_foreign(const struct agent_options *o, const char *program, const char *preset)
{
	return o->root[0] && strcmp(program, preset) == 0;
}

/* --- systemctl */

static const char *const manager_words[HELPER_VERBS][4] = {
	[HELPER_NEO4J_SHOW] = {"show", "-p", "ActiveState,MainPID", "neo4j.service"},
	[HELPER_NEO4J_START] = {"start", "--no-block", "neo4j.service"},
	[HELPER_NEO4J_STOP] = {"stop", "--no-block", "neo4j.service"},
	[HELPER_NEO4J_KILL] = {"kill", "--signal=KILL", "neo4j.service"},
	[HELPER_UNPACK] = {"start", "--no-block", "bramble-unpack.service"},
	[HELPER_INSTALL] = {"start", "--no-block", "bramble-install.service"},
	[HELPER_UPGRADE] = {"start", "--no-block", "bramble-upgrade-copy.service"},
	[HELPER_SWITCH] = {"start", "--no-block", "bramble-switch.service"},
	/* What logind does for "systemctl poweroff", without asking it (systemd.special(7)). */
	[HELPER_POWEROFF] = {"start", "--no-block", "--job-mode=replace-irreversibly",
		"poweroff.target"},
	[HELPER_REBOOT] = {"start", "--no-block", "--job-mode=replace-irreversibly",
		"reboot.target"},
	[HELPER_ENACT] = {"start", "--no-block", "bramble-enact.service"},
};

static void ask_manager(
	const struct agent_options *o, const struct helper_request *r, struct helper_deed *d)
{
	const char *const *words = manager_words[r->verb];

	if (is_foreign(o, o->service_manager, SERVICE_MANAGER)) {
		answer(d, ENOTSUP, "%s is not this root's", o->service_manager);
		return;
	}
	d->argv[0] = o->service_manager;
	for (size_t i = 0; i < ARRAY_SIZE(manager_words[0]); i++)
		d->argv[i + 1] = words[i];
}

/* --- the others */

static void set_clock(
	const struct agent_options *o, const struct helper_request *r, struct helper_deed *d)
{
	struct err e;

	if (o->root[0]) {
		answer(d, ENOTSUP, "this machine's clock is not this root's");
		return;
	}
	int rc = r->clock.slew ? clock_slew(r->clock.ms, &e) : clock_set(r->clock.ms, &e);
	if (rc < 0)
		answer(d, EPERM, "%s", e.msg);
}

static int memory_file(const struct buf *text)
{
	int fd = memfd_create("rules", MFD_CLOEXEC);

	if (fd < 0)
		return -1;
	if (io_pwrite_full(fd, text->data, text->len, 0) == 0)
		return fd;
	close(fd);
	return -1;
}

static void set_firewall(
	const struct agent_options *o, const struct helper_request *r, struct helper_deed *d)
{
	_cleanup_buf_ struct buf rules = {0};
	struct identity id;
	struct err e;

	if (is_foreign(o, o->nft, NFT)) {
		answer(d, ENOTSUP, "this machine's firewall is not this root's");
		return;
	}
	if (access(o->nft, X_OK) < 0) {
		answer(d, ENOENT, "%s is not there", o->nft);
		return;
	}
	if (identity_load_root(o->root, &id, &e) < 0) {
		answer(d, EINVAL, "%s", e.msg);
		return;
	}
	rules_render(&id, &r->firewall, &rules);
	d->input = buf_ok(&rules) ? memory_file(&rules) : -1;
	if (d->input < 0) {
		answer(d, ENOMEM, "the rules: out of memory");
		return;
	}
	d->argv[0] = o->nft;
	d->argv[1] = "-f";
	d->argv[2] = "-";
}

static void read_journal(
	const struct agent_options *o, const struct helper_request *r, struct helper_deed *d)
{
	(void)o;
	snprintf(d->number, sizeof(d->number), "%u", r->journal.lines);
	const char *const argv[] = {JOURNALCTL, "--no-pager", "--quiet", "--output=short-iso",
		"--lines", d->number, "--unit", helper_unit_name(r->journal.unit)};
	_Static_assert(ARRAY_SIZE(argv) < ARRAY_SIZE(d->argv), "no room for the NULL behind them");
	memcpy(d->argv, argv, sizeof(argv));
}

struct file {
	const char *path;
	mode_t mode;
	bool keeps_owner; /* it must be there */
};

static const struct file files[HELPER_FILES] = {
	[HELPER_MOTD] = {"/run/motd.d/bramble", 0644, false},         /* pam_motd(8) */
	[HELPER_ISSUE] = {"/run/issue.d/bramble.issue", 0644, false}, /* agetty(8) */
	[HELPER_SECRET] = {"/etc/bramble/cluster.secret", 0600, true},
	[HELPER_PASSWORD] = {"/etc/bramble/neo4j.password", 0600, true},
};

/* Whole and with its owner, or as it was: without its owner the agent could not read it. */
static int replace_file(const char *path, const struct helper_file *f, mode_t mode, struct err *e)
{
	_cleanup_free_ char *new = xasprintf("%s.new", path);
	struct stat st;

	if (stat(path, &st) < 0)
		return err_errno(e, "%s", path);
	if (io_write_atomic(new, f->bytes, f->size, mode, e) < 0)
		return -1;
	if (chown(new, st.st_uid, st.st_gid) < 0 || rename(new, path) < 0 ||
		io_sync_parent(path) < 0)
		return err_errno(e, "%s", path);
	return 0;
}

/* This program again, as Neo4j's own user (users/user_files.h). */
static void ask_users(const struct agent_options *o, const char *command, struct helper_deed *d)
{
	const char *const argv[] = {"/proc/self/exe", "--root", o->root, command};

	memcpy(d->argv, argv, sizeof(argv));
}

static void read_users(
	const struct agent_options *o, const struct helper_request *r, struct helper_deed *d)
{
	(void)r;
	ask_users(o, USER_FILES_READ, d);
}

static void write_users(
	const struct agent_options *o, const struct helper_file *f, struct helper_deed *d)
{
	const struct buf text = {.data = (char *)(uintptr_t)f->bytes, .len = f->size};

	d->input = memory_file(&text);
	if (d->input < 0)
		answer(d, ENOMEM, "the users: out of memory");
	else
		ask_users(o, USER_FILES_WRITE, d);
}

static void write_file(
	const struct agent_options *o, const struct helper_request *r, struct helper_deed *d)
{
	if (r->file.name == HELPER_ACCOUNTS) {
		write_users(o, &r->file, d);
		return;
	}
	const struct file *f = &files[r->file.name];
	_cleanup_free_ char *path = xasprintf("%s%s", o->root, f->path);
	struct err e;

	int rc = f->keeps_owner ? replace_file(path, &r->file, f->mode, &e)
				: io_write_atomic(path, r->file.bytes, r->file.size, f->mode, &e);
	if (rc < 0)
		answer(d, EIO, "%s", e.msg);
}

static void set_vip(
	const struct agent_options *o, const struct helper_request *r, struct helper_deed *d)
{
	struct identity id;
	struct err e;

	if (o->root[0] && !o->vip_interface[0])
		answer(d, ENOTSUP, "this machine's interfaces are not this root's");
	else if (identity_load_root(o->root, &id, &e) < 0)
		answer(d, EINVAL, "%s", e.msg);
	else if (r->vip.hold && !id.vip.s_addr)
		answer(d, EINVAL, "node.conf names none");
	else if (helper_vip(id.vip, r->vip.hold, o->vip_interface, &e) < 0)
		answer(d, EIO, "%s", e.msg);
}

typedef void verb_fn(
	const struct agent_options *o, const struct helper_request *r, struct helper_deed *d);

static verb_fn *const verbs[HELPER_VERBS] = {
	[HELPER_NEO4J_SHOW] = ask_manager,
	[HELPER_NEO4J_START] = ask_manager,
	[HELPER_NEO4J_STOP] = ask_manager,
	[HELPER_NEO4J_KILL] = ask_manager,
	[HELPER_POWEROFF] = ask_manager,
	[HELPER_REBOOT] = ask_manager,
	[HELPER_CLOCK] = set_clock,
	[HELPER_FIREWALL] = set_firewall,
	[HELPER_JOURNAL] = read_journal,
	[HELPER_WRITE] = write_file,
	[HELPER_VIP] = set_vip,
	[HELPER_UNPACK] = ask_manager,
	[HELPER_INSTALL] = ask_manager,
	[HELPER_UPGRADE] = ask_manager,
	[HELPER_SWITCH] = ask_manager,
	[HELPER_ENACT] = ask_manager,
	[HELPER_USERS] = read_users,
};

void helper_do(const struct agent_options *o, const struct helper_request *r, struct helper_deed *d)
{
	*d = (struct helper_deed){.input = -1};
	verbs[r->verb](o, r, d);
}
