/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Checks of what makes a card one node's: ids, marker, units, programs. */
#include <ctype.h>
#include <string.h>
#include "elf_look.h"
#include "release/firstboot.h"
#include "verify.h"

/* Is there a node to look at? */
static bool is_no_node(struct verify *v, enum verdict *verdict)
{
	if (!v->root)
		*verdict = verify_not_checked(v, "the root filesystem cannot be read");
	else if (card_is_for_all(v->card))
		*verdict = verify_not_checked(v, "it is no node's before its first boot");
	else if (!card_is_node(v->card))
		*verdict = verify_not_checked(v, "no card of bramble's: it has no node.conf");
	return !v->root || !card_is_node(v->card);
}

/* The first PARTUUID in a text that is not of this disk, or NULL. */
static const char *stranger(const char *text, const char *id)
{
	for (const char *p = text; (p = strcasestr(p, "PARTUUID=")); p++) {
		const char *value = p + strlen("PARTUUID=");
		if (strncasecmp(value, id, strlen(id)) != 0)
			return value;
	}
	return NULL;
}

static bool names_partition(const char *text, const char *id, const char *number)
{
	_cleanup_free_ char *want = xasprintf("PARTUUID=%s%s", id, number);

	return strcasestr(text, want) != NULL;
}

/* Before 2017-06 Raspberry Pi OS went by the slot; that needs no id. */
static bool names_slot(const char *text, const char *number)
{
	_cleanup_free_ char *want = xasprintf("/dev/mmcblk0p%s", number + 1);

	return strstr(text, want) != NULL;
}

static enum verdict check_text(
	struct verify *v, const char *file, const char *text, const char *id, const char *what)
{
	const char *other = stranger(text, id);

	if (other)
		return verify_failed(
			v, "%s names %.11s, the table's disk id is %.8s", file, other, id);
	if (!names_partition(text, id, what) && !names_slot(text, what))
		return verify_failed(v, "%s does not name %s%s", file, id, what);
	return VERDICT_OK;
}

enum verdict check_partuuids(struct verify *v)
{
	_cleanup_buf_ struct buf fstab = {0}, cmdline = {0};
	struct err e = {0};
	char id[16];

	snprintf(id, sizeof(id), "%08x-", v->card->table.disk_id);
	if (!v->root || v->card->fs[CARD_BOOT].kind != FS_FAT)
		return verify_not_checked(v, "the root or boot filesystem cannot be read");
	_cleanup_fat_ struct fat *f = card_open_fat(v->card, &e);
	if (!f || fat_read_file(f, "cmdline.txt", &cmdline, &e) < 0 ||
		ext4_read(v->root, "/etc/fstab", &fstab, &e) < 0)
		return verify_failed(v, "%s", e.msg);
	enum verdict verdict = check_text(v, "cmdline.txt", buf_str(&cmdline), id, "02");
	if (verdict == VERDICT_OK)
		verdict = check_text(v, "fstab", buf_str(&fstab), id, "02");
	if (verdict == VERDICT_OK && card_is_node(v->card))
		verdict = check_text(v, "fstab", buf_str(&fstab), id, "03");
	return verdict;
}

/* What a stock image does when it boots first, and a card of ours must not: grow p2 over p3. */
enum verdict check_first_boot(struct verify *v)
{
	_cleanup_buf_ struct buf cmdline = {0}, names = {0};
	enum verdict verdict = VERDICT_OK;
	struct err e = {0};

	if (is_no_node(v, &verdict))
		return verdict;
	_cleanup_fat_ struct fat *f = card_open_fat(v->card, &e);
	if (!f || fat_read_file(f, "cmdline.txt", &cmdline, &e) < 0 || fat_names(f, &names, &e) < 0)
		return verify_not_checked(v, "cmdline.txt cannot be read");
	const char *armed = first_boot_armed(v->root, &cmdline, &names);
	_cleanup_free_ char *unknown = first_boot_unknown(&cmdline);
	if (armed || unknown)
		return verify_failed(v, "%s would still act", armed ? armed : unknown);
	return VERDICT_OK;
}

static bool is_hex(const char *s, size_t n)
{
	return s && strlen(s) == n && strspn(s, "0123456789abcdef") == n;
}

enum verdict check_identity(struct verify *v)
{
	const struct card_identity *id = &v->card->identity;

	if (!v->root)
		return verify_not_checked(v, "the root filesystem cannot be read");
	if (id->trouble)
		return verify_failed(v, "%s", id->trouble);
	if (card_is_for_all(v->card))
		return VERDICT_OK; /* its list is whole, or it were none */
	if (!card_is_node(v->card))
		return verify_failed(v, "no card of bramble's: it has no node.conf");
	if (!id->hostname || strcmp(id->hostname, id->node) != 0)
		return verify_failed(v, "the host name is %s, node.conf says %s",
			id->hostname ? id->hostname : "missing", id->node);
	if (!is_hex(id->machine_id, 32))
		return verify_failed(v, "machine-id is not 32 hex digits");
	if (!is_hex(id->cluster_id, 32) || !id->roles)
		return verify_failed(v, "node.conf is not whole: no cluster id or roles");
	return VERDICT_OK;
}

enum verdict check_marker(struct verify *v)
{
	const struct card_data *d = &v->card->data;
	const struct card_identity *id = &v->card->identity;
	enum verdict verdict = VERDICT_OK;

	if (is_no_node(v, &verdict))
		return verdict;
	if (v->card->fs[CARD_DATA].kind != FS_EXT4)
		return verify_not_checked(v, "the data filesystem cannot be read");
	if (d->trouble || !d->node || !d->cluster_id || !d->state)
		return verify_failed(
			v, "%s", d->trouble ? d->trouble : "no marker of a builder is there");
	if (strcmp(d->cluster_id, id->cluster_id) != 0)
		return verify_failed(v, "it is of another cluster, %s", d->cluster_id);
	return strcmp(d->node, id->node) == 0
		       ? VERDICT_OK
		       : verify_failed(v, "it is %s's, the card is %s's", d->node, id->node);
}

enum verdict check_neo4j(struct verify *v)
{
	enum verdict verdict = VERDICT_OK;
	const char *is = v->card->software.neo4j, *want = v->card->identity.neo4j_version;

	if (is_no_node(v, &verdict))
		return verdict;
	if (!(v->card->identity.roles & (ROLE_DATA | ROLE_ARBITER)))
		return verify_not_checked(v, "the node carries none");
	if (!is || ext4_kind(v->root, "/opt/neo4j/bin/neo4j") != EXT4_FILE)
		return verify_failed(v, "/opt/neo4j/bin/neo4j is missing");
	if (!want || strcmp(is, want) != 0)
		return verify_failed(v, "it is %s, node.conf says %s", is, want ? want : "nothing");
	return VERDICT_OK;
}

struct unit {
	const char *name, *target;
	unsigned roles; /* whose cards have it enabled */
};

static const struct unit units[] = {
	{"bramble-grow.service", "multi-user", ~0u},
	{"bramble-helper.socket", "sockets", ~0u}, /* has done what the agent may not */
	{"bramble-agent.service", "multi-user", ~0u},
	{"bramble-guard.service", "multi-user", ROLE_DATA},
	{"bramble-proxy.service", "multi-user", ROLE_PROXY},
	{"neo4j.service", "multi-user", 0}, /* only the agent starts it */
};

/* 1: enabled, and the link leads to a unit; 0: not enabled; -1: a link to nothing. */
static int unit_enabled(struct ext4 *fs, const struct unit *u)
{
	_cleanup_free_ char *link =
		xasprintf("/etc/systemd/system/%s.target.wants/%s", u->target, u->name);
	_cleanup_buf_ struct buf to = {0};
	struct err ignored;

	if (ext4_kind(fs, link) == EXT4_NONE)
		return 0;
	if (ext4_readlink(fs, link, &to, &ignored) < 0 || !str_ends(buf_str(&to), u->name))
		return -1;
	return ext4_kind(fs, buf_str(&to)) == EXT4_FILE ? 1 : -1;
}

enum verdict check_units(struct verify *v)
{
	enum verdict verdict = VERDICT_OK;

	if (is_no_node(v, &verdict))
		return verdict;
	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		bool wanted = units[i].roles & v->card->identity.roles;
		int is = unit_enabled(v->root, &units[i]);
		if (is < 0)
			return verify_failed(
				v, "the link that enables %s leads nowhere", units[i].name);
		if (is != wanted)
			return verify_failed(v, "%s is %senabled", units[i].name, is ? "" : "not ");
	}
	return VERDICT_OK;
}

enum verdict check_programs(struct verify *v)
{
	static const char *const programs[] = {"bramble-agent", "bramble-proxy"};
	const char *arch = v->card->release.arch;
	enum verdict verdict = VERDICT_OK;
	struct elf_look look;
	struct err e = {0};

	if (is_no_node(v, &verdict))
		return verdict;
	for (size_t i = 0; i < ARRAY_SIZE(programs); i++) {
		_cleanup_free_ char *path = xasprintf("/usr/lib/bramble/%s", programs[i]);
		struct ext4_stat st;
		if (!ext4_stat(v->root, path, &st) || elf_look(v->root, path, &look, &e) < 0)
			return verify_failed(v, "%s: %s", path, e.msg[0] ? e.msg : "missing");
		if (st.owner.mode != 0755 || st.owner.uid)
			return verify_failed(v, "%s has mode %04o and owner %u, not 0755 and root",
				path, (unsigned)st.owner.mode, (unsigned)st.owner.uid);
		if (!arch || strcmp(look.arch, arch) != 0)
			return verify_failed(v, "%s is for %s, the system for %s", path, look.arch,
				arch ? arch : "nothing known");
		if (look.dynamic)
			return verify_failed(v, "%s is not static", path);
	}
	return VERDICT_OK;
}
