/* SPDX-License-Identifier: GPL-3.0-or-later */
/* When the data of a card may stay, in which order versions come, and what becomes of the MBR. */
// use: builder/flash/keep.c
#include "builder/flash/keep.h"
#include "tap.h"

#define MIB UINT64_C(1048576)
#define TEXT(s) ((char *)(s)) /* nobody writes to it or frees it */
#define ID "00112233445566778899aabbccddeeff"

/* A card of garden's pi1, p3 grown to 10 GB; and the image it was made from. */
static struct card make(bool image)
{
	struct card c = {.name = TEXT("card")};

	c.table.disk_id = 0xcafe;
	c.table.size = image ? 4000 * MIB : 16000 * MIB;
	c.table.part[CARD_BOOT].at = (struct extent){4 * MIB, 256 * MIB};
	c.table.part[CARD_ROOT].at = (struct extent){260 * MIB, 3000 * MIB};
	c.table.part[CARD_DATA].at = (struct extent){3260 * MIB, image ? 512 * MIB : 10000 * MIB};
	c.fs[CARD_DATA] = (struct card_fs){.kind = FS_EXT4, .label = "bramble-data"};
	c.data.cluster_id = TEXT(ID);
	c.data.node = TEXT("pi1");
	c.data.state = TEXT(image ? "virgin" : "served");
	c.data.neo4j = TEXT(image ? NULL : "3.5.0");
	c.data.store_size = image ? 0 : MIB;
	c.identity.neo4j_version = TEXT("3.5.0");
	return c;
}

struct step {
	const char *name;
	void (*change)(struct card *card, struct card *image);
	bool upgrade;
	const char *refused; /* NULL: kept */
	enum keep_store store;
};

#define CHANGE(name, what)                                      \
	static void name(struct card *card, struct card *image) \
	{                                                       \
		(void)card, (void)image;                        \
		what;                                           \
	}
CHANGE(nothing, (void)0)
CHANGE(other_disk, card->table.disk_id++)
CHANGE(other_cluster, card->data.cluster_id = TEXT("ffffffffffffffffffffffffffffffff"))
CHANGE(no_cluster, card->data.cluster_id = NULL)
CHANGE(other_node, card->data.node = TEXT("pi2"))
CHANGE(image_of_none, image->data.node = NULL)
CHANGE(moved, card->table.part[CARD_DATA].at.start += 4 * MIB)
CHANGE(relabelled, strcpy(card->fs[CARD_DATA].label, "data"))
CHANGE(unreadable, card->fs[CARD_DATA].trouble = TEXT("bad magic number"))
CHANGE(marker_gone, card->data.node = NULL)
CHANGE(marker_bad, card->data.trouble = TEXT("bramble.marker cannot be parsed"))
CHANGE(no_p3, card->table.part[CARD_DATA].at.size = 0)
CHANGE(shrunk, card->table.size = 8000 * MIB)
CHANGE(root_larger, image->table.part[CARD_ROOT].at.size += 1)
CHANGE(newer_store, card->data.neo4j = TEXT("3.5.1"))
CHANGE(older_store, card->data.neo4j = TEXT("3.4.9"))
CHANGE(older_restore, (older_store(card, image), card->data.state = TEXT("restore")))
CHANGE(older_cut, (older_store(card, image), card->fs[CARD_DATA].dirt = "cut"))
CHANGE(same_cut, card->fs[CARD_DATA].dirt = "cut")
CHANGE(older_by_root, (card->data.neo4j = NULL, card->identity.neo4j_version = TEXT("3.4.9")))
CHANGE(older_store_of_5,
	(card->data.neo4j = TEXT("5.1.0"), image->identity.neo4j_version = TEXT("5.26.0")))
CHANGE(store_of_3,
	(card->data.neo4j = TEXT("3.5.9"), image->identity.neo4j_version = TEXT("4.4.0")))
CHANGE(patch_of_2, (card->data.neo4j = TEXT("2.3.1"), image->identity.neo4j_version = TEXT("2.3.3"),
			   image->identity.neo4j_profile = TEXT("2.x-ha")))
CHANGE(beta_store, card->data.neo4j = TEXT("3.5.0-beta03"))
CHANGE(untold, card->data.neo4j = card->identity.neo4j_version = NULL)
CHANGE(by_root, card->data.neo4j = NULL; card->identity.neo4j_version = TEXT("4.4.0"))
CHANGE(virgin, card->data.state = TEXT("virgin"); card->data.neo4j = TEXT("9.9"))
CHANGE(proxy_image, image->identity.neo4j_version = NULL)
CHANGE(proxies, image->identity.neo4j_version = NULL; card->data.store_size = 0;
	card->data.state = TEXT("used"))

static const struct step steps[] = {
	{"the same", nothing, false, NULL, KEEP_OPENS},
	{"another disk id", other_disk, false, "disk id is 0000caff", KEEP_OPENS},
	{"another cluster", other_cluster, false, "cluster id is ffff", KEEP_OPENS},
	{"no cluster", no_cluster, false, "cluster id is not told", KEEP_OPENS},
	{"another node", other_node, false, "node is pi2, the image's pi1", KEEP_OPENS},
	{"an image of no node", image_of_none, false, "the image's not told", KEEP_OPENS},
	{"p3 elsewhere", moved, false, "start of p3", KEEP_OPENS},
	{"another label", relabelled, false, "label of p3 is data", KEEP_OPENS},
	{"p3 cannot be read", unreadable, false, "bad magic number", KEEP_OPENS},
	{"no marker", marker_gone, false, "no bramble.marker", KEEP_OPENS},
	{"a bad marker", marker_bad, false, "cannot be parsed", KEEP_OPENS},
	{"no p3", no_p3, false, "no third partition", KEEP_OPENS},
	{"p3 behind the end", shrunk, false, "copy of a larger card", KEEP_OPENS},
	{"a larger p2", root_larger, false, "p2 ends behind", KEEP_OPENS},
	{"a newer store", newer_store, false, "3.5.1, which the image's 3.5.0 cannot open",
		KEEP_OPENS},
	{"a newer store, whatever is allowed", newer_store, true, "cannot open", KEEP_OPENS},
	{"an older store", older_store, false, NULL, KEEP_WAITS},
	{"an older store after a power cut", older_cut, false, "bramble poweroff", KEEP_OPENS},
	{"an older store that a backup shall replace", older_restore, false, "not done yet",
		KEEP_OPENS},
	{"whatever is allowed", older_cut, true, "bramble poweroff", KEEP_OPENS},
	{"a power cut with the same Neo4j", same_cut, false, NULL, KEEP_OPENS},
	{"an older store only p2 tells", older_by_root, false, "--allow-store-upgrade", KEEP_OPENS},
	{"an older store, allowed", older_store, true, NULL, KEEP_UPGRADES},
	{"one that would be opened as it is", older_store_of_5, false, "--allow-store-upgrade",
		KEEP_OPENS},
	{"which is allowed", older_store_of_5, true, NULL, KEEP_OPENS},
	{"an older store no newer one reads", store_of_3, false, "opens no store", KEEP_OPENS},
	{"a store no newer one reads", store_of_3, true,
		"Neo4j 4.4.0 opens no store of Neo4j 3.5.9", KEEP_OPENS},
	{"a member's of another 2.3", patch_of_2, false, "flash all nodes with one of them",
		KEEP_OPENS},
	{"which nothing allows", patch_of_2, true, "never seen together", KEEP_OPENS},
	{"a beta's store", beta_store, false, NULL, KEEP_WAITS},
	{"nobody tells the store's version", untold, false, "does not tell", KEEP_OPENS},
	{"nobody tells, allowed", untold, true, NULL, KEEP_UPGRADES},
	{"p2 tells it", by_root, true, "4.4.0, which", KEEP_OPENS},
	{"a virgin p3 has no store", virgin, false, NULL, KEEP_OPENS},
	{"a store, and a node without Neo4j", proxy_image, false, "role data", KEEP_OPENS},
	{"a node without Neo4j and store", proxies, false, NULL, KEEP_OPENS},
};

static void test_keep(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		const struct step *s = &steps[i];
		struct card card = make(false), image = make(true);
		struct err e = {0};
		s->change(&card, &image);
		enum keep_store store;
		int rc = keep_check(&card, &image, s->upgrade, &store, &e);
		ok(rc == (s->refused ? -1 : 0) && (!s->refused || strstr(e.msg, s->refused)),
			"%s: %s", s->name, e.msg[0] ? e.msg : "kept");
		is_int(store, s->store, "what becomes of its store");
	}
}

static void test_mbr(void)
{
	uint8_t mbr[512] = {0};

	memset(mbr + 446, 0xaa, 64);
	mbr[510] = 0x55;
	mbr[440] = 0x12; /* the disk id */
	keep_entry(mbr, &(struct extent){3260 * MIB, 10000 * MIB});
	static const uint8_t want[] = {0x00, 0xe0, 0x65, 0x00, 0x00, 0x80, 0x38, 0x01};
	ok(memcmp(mbr + 446 + 32 + 8, want, 8) == 0, "p3's entry gets the card's place and size");
	is_int(mbr[446 + 32 + 4], 0xaa, "its type stays");
	keep_only_data(mbr);
	static const uint8_t none[32];
	ok(memcmp(mbr + 446, none, 32) == 0, "p1 and p2 are gone");
	ok(memcmp(mbr + 446 + 32 + 8, want, 8) == 0, "p3 is not");
	ok(mbr[440] == 0x12 && mbr[510] == 0x55, "nor are disk id and signature");
}

int main(void)
{
	test_keep();
	test_mbr();
	return done();
}
