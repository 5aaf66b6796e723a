/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>
#include <sys/stat.h>
#include "card.h"

static void describe_fat(struct card_fs *s, struct fat *f)
{
	struct fat_info info;

	fat_info(f, &info);
	s->kind = FS_FAT;
	snprintf(s->type, sizeof(s->type), "FAT%u", info.bits);
	memcpy(s->label, info.label, sizeof(info.label));
	snprintf(s->uuid, sizeof(s->uuid), "%04X-%04X", info.serial >> 16, info.serial & 0xffff);
	s->size = info.size;
	s->free = info.free;
	s->dirt = info.dirty ? "it was not unmounted cleanly" : NULL;
}

static void describe_ext4(struct card_fs *s, struct ext4 *fs)
{
	struct ext4_info info;

	ext4_info(fs, &info);
	s->kind = FS_EXT4;
	snprintf(s->type, sizeof(s->type), "ext4");
	memcpy(s->label, info.label, sizeof(s->label));
	memcpy(s->uuid, info.uuid, sizeof(s->uuid));
	s->features = info.features;
	s->size = info.size;
	s->free = info.free;
	s->dirt = info.dirt;
}

static bool is_fat_type(uint8_t type)
{
	return type == 0x01 || type == 0x04 || type == 0x06 || type == 0x0b || type == 0x0c ||
	       type == 0x0e;
}

struct ext4 *card_open_ext4(const struct card *c, size_t part, struct err *e)
{
	if (c->table.part[part].at.size && !is_fat_type(c->table.part[part].type))
		return ext4_open_look(c->image, c->table.part[part].at.start, e);
	err_code(e, EXIT_INPUT, "%s: partition %zu: no Linux partition", c->name, part + 1);
	return NULL;
}

struct fat *card_open_fat(const struct card *c, struct err *e)
{
	const struct extent *x = &c->table.part[CARD_BOOT].at;

	if (x->size && is_fat_type(c->table.part[CARD_BOOT].type))
		return fat_open(c->image, x->start, x->size, e);
	err_code(e, EXIT_INPUT, "%s: partition 1: no FAT partition", c->name);
	return NULL;
}

static void read_fat(struct card *c, size_t part)
{
	const struct extent *x = &c->table.part[part].at;
	struct err e = {0};
	_cleanup_fat_ struct fat *f = fat_open(c->image, x->start, x->size, &e);

	if (f)
		describe_fat(&c->fs[part], f);
	else
		c->fs[part].trouble = xstrdup(e.msg);
}

static void read_ext4(struct card *c, size_t part)
{
	struct err e = {0};
	_cleanup_ext4_ struct ext4 *fs = ext4_open_look(c->image, c->table.part[part].at.start, &e);

	if (!fs) {
		c->fs[part].trouble = xstrdup(e.msg);
		return;
	}
	describe_ext4(&c->fs[part], fs);
	if (part == CARD_ROOT)
		card_read_root(c, fs);
	else if (part == CARD_DATA)
		card_read_data(c, fs);
}

int card_read(struct card *c, const char *name, const char *image, struct err *e)
{
	struct stat st;

	*c = (struct card){.name = xstrdup(name), .image = xstrdup(image)};
	if (stat(image, &st) < 0)
		return err_errno(e, "%s", name);
	c->device = S_ISBLK(st.st_mode);
	if (!c->device && !S_ISREG(st.st_mode))
		return err_code(e, EXIT_INPUT, "%s: neither an image nor a device", name);
	if (!c->device && st.st_size < (off_t)SECTOR)
		return err_code(e, EXIT_INPUT, "%s: too small to be a card", name);
	if (table_look(image, &c->table, e) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(c->fs); i++) {
		if (!c->table.part[i].at.size)
			continue;
		if (is_fat_type(c->table.part[i].type))
			read_fat(c, i);
		else if (c->table.part[i].type == 0x83)
			read_ext4(c, i);
	}
	return 0;
}

bool card_is_node(const struct card *c)
{
	return c->identity.node && c->identity.cluster_id;
}

void card_free(struct card *c)
{
	char *strings[] = {c->name, c->image, c->release.name, c->release.id, c->release.version,
		c->release.image, c->release.arch, c->identity.hostname, c->identity.machine_id,
		c->identity.cluster, c->identity.cluster_id, c->identity.node, c->identity.address,
		c->identity.neo4j_version, c->identity.neo4j_profile, c->identity.trouble,
		c->software.neo4j, c->software.java, c->software.bramble, c->data.cluster_id,
		c->data.node, c->data.state, c->data.neo4j, c->data.store_format, c->data.trouble};

	for (size_t i = 0; i < ARRAY_SIZE(strings); i++)
		free(strings[i]);
	for (size_t i = 0; i < ARRAY_SIZE(c->fs); i++) {
		free(c->fs[i].features);
		free(c->fs[i].trouble);
	}
	*c = (struct card){0};
}
