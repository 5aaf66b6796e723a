/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>
#include "keep.h"
#include "neo4j.h"
#include "neo4j_upgrade.h"

/* The MBR's table: 4 entries of 16 bytes; start and length in sectors are its last 8 bytes. */
#define TABLE_AT 446
#define ENTRY 16
#define ENTRY_START 8
#define ENTRY_SECTORS 12

#define LABEL "bramble-data"

/* What was last started on the store; of an older bramble's card, what p2 would have started. */
static const char *store_version(const struct card *card)
{
	return card->data.neo4j ? card->data.neo4j : card->identity.neo4j_version;
}

/* An older one's, or nobody's who is known. */
static int check_older(const struct card *card, const struct card *image, bool allow_upgrade,
	enum keep_store *kept, struct err *e)
{
	const char *store = store_version(card), *ours = image->identity.neo4j_version;
	bool alone;

	if (neo4j_upgrade_find(store, ours, image->identity.neo4j_profile, &alone, e) < 0)
		return err_prefix(e, "%s", card->name);
	if (alone && card->fs[CARD_DATA].dirt)
		return err_code(e, EXIT_INPUT,
			"%s was not powered off in order (%s), and only the Neo4j of its store can "
			"close that: put it back, let it serve, take it out after `bramble "
			"poweroff`",
			card->name, card->fs[CARD_DATA].dirt);
	const char *state = card->data.state;
	if (alone && state && strcmp(state, "used") != 0 && strcmp(state, "served") != 0)
		return err_code(e, EXIT_INPUT,
			"%s: what was ordered of its store (%s) is not done yet: put it back, let "
			"it serve, take it out after `bramble poweroff`",
			card->name, state);
	if (allow_upgrade)
		*kept = alone ? KEEP_UPGRADES : KEEP_OPENS;
	else if (alone && card->data.neo4j)
		*kept = KEEP_WAITS;
	else
		return err_code(e, EXIT_INPUT,
			"%s has a store of Neo4j %s, and there is no way back once the image's %s "
			"has opened it; take a backup, then add --allow-store-upgrade",
			card->name, store, ours);
	return 0;
}

static int check_store(const struct card *card, const struct card *image, bool allow_upgrade,
	enum keep_store *kept, struct err *e)
{
	const char *store = store_version(card), *ours = image->identity.neo4j_version;
	bool virgin = card->data.state && strcmp(card->data.state, "virgin") == 0;

	if (virgin || (!ours && !card->data.store_size))
		return 0;
	if (!ours)
		return err_code(e, EXIT_INPUT,
			"%s has a store, and the image has no Neo4j to open it; give this node the "
			"role data, or flash without --keep-data",
			card->name);
	if (!store && !allow_upgrade)
		return err_code(e, EXIT_INPUT,
			"%s does not tell which Neo4j wrote its store; --allow-store-upgrade if it "
			"was no newer one than %s",
			card->name, ours);
	int order = store ? neo4j_version_compare(store, ours) : 0;
	if (order > 0)
		return err_code(e, EXIT_INPUT,
			"%s has a store of Neo4j %s, which the image's %s cannot open; build with "
			"%s "
			"or later",
			card->name, store, ours, store);
	return order == 0 && store ? 0 : check_older(card, image, allow_upgrade, kept, e);
}

static bool same(const char *a, const char *b)
{
	return a && b && strcmp(a, b) == 0;
}

struct agreement {
	bool agrees;
	const char *what, *card, *image;
};

static int check_identity(const struct card *card, const struct card *image, struct err *e)
{
	const struct table_view *c = &card->table, *i = &image->table;
	const struct card_fs *cf = &card->fs[CARD_DATA], *jf = &image->fs[CARD_DATA];
	char id[2][16], start[2][32];

	snprintf(id[0], sizeof(id[0]), "%08x", c->disk_id);
	snprintf(id[1], sizeof(id[1]), "%08x", i->disk_id);
	snprintf(start[0], sizeof(start[0]), "byte %llu",
		(unsigned long long)c->part[CARD_DATA].at.start);
	snprintf(start[1], sizeof(start[1]), "byte %llu",
		(unsigned long long)i->part[CARD_DATA].at.start);
	const struct agreement agreements[] = {
		{same(card->data.cluster_id, image->data.cluster_id), "cluster id",
			card->data.cluster_id, image->data.cluster_id},
		{same(card->data.node, image->data.node) || card_is_for_all(image), "node",
			card->data.node, image->data.node},
		{c->disk_id == i->disk_id, "disk id", id[0], id[1]},
		{same(start[0], start[1]), "start of p3", start[0], start[1]},
		{same(cf->label, LABEL) && same(jf->label, LABEL), "label of p3", cf->label,
			jf->label},
	};

	for (size_t n = 0; n < ARRAY_SIZE(agreements); n++) {
		const struct agreement *a = &agreements[n];
		if (!a->agrees)
			return err_code(e, EXIT_INPUT,
				"%s: its data cannot be kept: its %s is %s, the image's %s; take "
				"this node's own card, or flash without --keep-data",
				card->name, a->what, a->card ? a->card : "not told",
				a->image ? a->image : "not told");
	}
	return 0;
}

/* A card whose data cannot be read is not thrown away: e2fsck or a boot may bring it back. */
static int check_readable(const struct card *card, struct err *e)
{
	const struct card_fs *fs = &card->fs[CARD_DATA];
	const char *trouble = fs->trouble ? fs->trouble : card->data.trouble;

	if (!card->table.part[CARD_DATA].at.size)
		return err_code(e, EXIT_INPUT,
			"%s has no third partition, so no data to keep; flash without --keep-data",
			card->name);
	if (fs->kind == FS_EXT4 && card->data.node && !trouble)
		return 0;
	return err_code(e, EXIT_INPUT,
		"%s: its data cannot be read (%s); boot it once, or let e2fsck repair p3",
		card->name, trouble ? trouble : "p3 has no bramble.marker");
}

/* The image's p2 must end where p3 begins, and p3 on the card: another build may have it larger. */
static int check_layout(const struct card *card, const struct card *image, struct err *e)
{
	const struct extent *p2 = &image->table.part[CARD_ROOT].at;
	const struct extent *p3 = &card->table.part[CARD_DATA].at;

	if (p2->start + p2->size > p3->start)
		return err_code(e, EXIT_INPUT, "%s: the image's p2 ends behind the start of p3",
			card->name);
	if (p3->start + p3->size > card->table.size)
		return err_code(e, EXIT_INPUT,
			"%s: p3 ends behind the card's own end: a copy of a larger card?",
			card->name);
	return 0;
}

int keep_check(const struct card *card, const struct card *image, bool allow_upgrade,
	enum keep_store *store, struct err *e)
{
	*store = KEEP_OPENS;
	if (check_readable(card, e) < 0 || check_identity(card, image, e) < 0 ||
		check_layout(card, image, e) < 0)
		return -1;
	return check_store(card, image, allow_upgrade, store, e);
}

static void put_le32(uint8_t *p, uint64_t v)
{
	for (size_t i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

void keep_entry(uint8_t *mbr, const struct extent *p3)
{
	uint8_t *entry = mbr + TABLE_AT + CARD_DATA * ENTRY;

	put_le32(entry + ENTRY_START, p3->start / SECTOR);
	put_le32(entry + ENTRY_SECTORS, p3->size / SECTOR);
}

void keep_only_data(uint8_t *mbr)
{
	memset(mbr + TABLE_AT, 0, CARD_DATA * ENTRY);
}
