/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>
#include "places.h"
#include "show.h"

char *printable(const char *text, bool lines)
{
	char *copy = xstrdup(text);

	for (char *p = copy; *p; p++) {
		bool kept = lines && (*p == '\n' || *p == '\t');
		*p = (*p >= ' ' && *p <= '~') || kept ? *p : '?';
	}
	return copy;
}

static void say(FILE *f, const char *before, const char *text)
{
	_cleanup_free_ char *clean = text ? printable(text, false) : NULL;

	if (clean)
		fprintf(f, "%s%s", before, clean);
}

static double mib(uint64_t bytes)
{
	return (double)bytes / (1 << 20);
}

/* The largest power of two up to 8 MiB that divides the start: what the card's flash cares for. */
static void show_alignment(uint64_t start, FILE *f)
{
	uint64_t align = start ? start & -start : 0;

	if (align >= 1 << 20)
		fprintf(f, "aligned to %.0f MiB", mib(align > 8 << 20 ? 8 << 20 : align));
	else
		fprintf(f, "aligned to %llu bytes", (unsigned long long)align);
}

static void show_fs(const struct card_fs *s, FILE *f)
{
	if (s->trouble) {
		say(f, "        cannot be read: ", s->trouble);
		fputc('\n', f);
		return;
	}
	if (!s->kind)
		return;
	fprintf(f, "        %s", s->type);
	say(f, " ", s->label);
	fprintf(f, ", UUID %s, %.1f of %.1f MiB free, %s%s\n", s->uuid, mib(s->free), mib(s->size),
		s->dirt ? "not clean: " : "clean", s->dirt ? s->dirt : "");
	if (s->features)
		fprintf(f, "        features %s\n", s->features);
}

static void show_table(const struct card *c, FILE *f)
{
	say(f, "", c->name);
	fprintf(f, ": %s of %llu bytes, MBR, disk id %08x\n", c->device ? "a device" : "an image",
		(unsigned long long)c->table.size, c->table.disk_id);
	for (size_t i = 0; i < ARRAY_SIZE(c->table.part); i++) {
		const struct extent *x = &c->table.part[i].at;
		if (!x->size)
			continue;
		fprintf(f, "  p%zu    type %02x, %.1f MiB at byte %llu, ", i + 1,
			c->table.part[i].type, mib(x->size), (unsigned long long)x->start);
		show_alignment(x->start, f);
		fputc('\n', f);
		show_fs(&c->fs[i], f);
	}
}

static void show_release(const struct card_release *r, FILE *f)
{
	if (!r->name && !r->arch)
		return;
	say(f, "release  ", r->name ? r->name : "unknown");
	say(f, ", ", r->arch);
	say(f, ", ", r->image);
	say(f, ", known as ", r->known_as);
	say(f, ", network by ", r->network);
	fputc('\n', f);
}

static void show_identity(const struct card *c, FILE *f)
{
	const struct card_identity *id = &c->identity;

	if (card_is_for_all(c)) {
		fprintf(f, "node     one of %zu, by the board's serial number,", id->of_all);
		say(f, " of cluster ", id->cluster);
		say(f, " ", id->cluster_id);
		fprintf(f, ", generation %ld\n", id->generation);
	} else if (!card_is_node(c)) {
		fputs("node     none: not a card of bramble's\n", f);
		say(f, "         ", id->trouble);
		fputs(id->trouble ? "\n" : "", f);
	} else {
		say(f, "node     ", id->node);
		fprintf(f, " (%s", roles_text(id->roles));
		if (id->server_id)
			fprintf(f, ", id %u", id->server_id);
		say(f, ") at ", id->address);
		say(f, " in cluster ", id->cluster);
		say(f, " ", id->cluster_id);
		fprintf(f, ", generation %ld\n", id->generation);
	}
	say(f, "host     ", id->hostname);
	say(f, ", machine-id ",
		id->machine_id && *id->machine_id ? id->machine_id : "not made yet");
	fputs(id->hostname ? "\n" : "", f);
}

static void show_software(const struct card *c, FILE *f)
{
	const struct card_software *s = &c->software;

	say(f, "neo4j    ", s->neo4j);
	say(f, ", profile ", s->neo4j ? c->identity.neo4j_profile : NULL);
	fputs(s->neo4j ? "\n" : "", f);
	say(f, "java     ", s->java);
	fputs(s->java ? "\n" : "", f);
	say(f, "bramble  ", s->bramble);
	fputs(s->bramble ? "\n" : "", f);
}

static void show_data(const struct card_data *d, FILE *f)
{
	if (d->trouble) {
		say(f, "data     ", d->trouble);
		fputc('\n', f);
		return;
	}
	if (!d->node)
		return;
	say(f, "data     of ", *d->node ? d->node : "nobody yet");
	say(f, ", ", d->state);
	fprintf(f, ", layout %ld, %.1f MiB of Neo4j's", d->layout, mib(d->store_size));
	say(f, ", store format ", d->store_format);
	say(f, ", last used by Neo4j ", d->neo4j);
	fputc('\n', f);
}

void show_card(const struct card *c, FILE *f)
{
	show_table(c, f);
	show_release(&c->release, f);
	show_identity(c, f);
	show_software(c, f);
	show_data(&c->data, f);
}

static int show_file(void *arg, const struct place_file *file, struct err *e)
{
	FILE *f = arg;
	_cleanup_buf_ struct buf b = {0};

	(void)e;
	if (file->st.kind != EXT4_FILE)
		return 0;
	say(f, "--- ", file->path);
	if (file->secret) {
		fprintf(f, ": present, mode %04o\n", (unsigned)file->st.owner.mode);
		return 0;
	}
	struct err trouble;
	if (ext4_read(file->fs, file->path, &b, &trouble) < 0) {
		say(f, ": cannot be read: ", trouble.msg);
		fputc('\n', f);
		return 0;
	}
	_cleanup_free_ char *text = printable(buf_str(&b), true);
	fprintf(f, "\n%s%s", text, str_ends(text, "\n") ? "" : "\n");
	return 0;
}

int show_config(const struct card *c, FILE *f, struct err *e)
{
	_cleanup_ext4_ struct ext4 *fs = card_open_ext4(c, CARD_ROOT, e);

	return fs ? places_each(fs, PLACE_CONFIG, show_file, f, e) : -1;
}
