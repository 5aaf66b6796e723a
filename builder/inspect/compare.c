/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <sodium.h>
#include <stdarg.h>
#include <string.h>
#include "compare.h"
#include "places.h"
#include "secret_file.h"
#include "stage/build.h"
#include "verify.h"

#define TEXT_MAX 65536

struct compare {
	const struct card *card;
	struct card wanted;
	struct state state;
	struct ext4 *card_fs, *wanted_fs;
	struct differences *found;
};

static PRINTF(3, 4) struct difference *add(
	struct compare *cmp, const char *path, const char *fmt, ...)
{
	struct differences *d = cmp->found;
	char what[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	d->list = xreallocarray(d->list, d->n + 1, sizeof(*d->list));
	d->list[d->n] = (struct difference){.path = xstrdup(path), .what = xstrdup(what)};
	return &d->list[d->n++];
}

void differences_free(struct differences *d)
{
	for (size_t i = 0; i < d->n; i++) {
		free(d->list[i].path);
		free(d->list[i].what);
		free(d->list[i].card);
		free(d->list[i].wanted);
	}
	free(d->list);
	*d = (struct differences){0};
}

static bool is_text(const struct buf *b)
{
	return b->len <= TEXT_MAX && !(b->len && memchr(b->data, '\0', b->len));
}

static void add_content(struct compare *cmp, const char *path, const struct buf *card,
	const struct buf *wanted, bool secret)
{
	if (card->len == wanted->len && memcmp(buf_str(card), buf_str(wanted), card->len) == 0)
		return;
	struct difference *d = add(cmp, path, "differs");
	if (secret || !is_text(card) || !is_text(wanted))
		return;
	d->card = xstrdup(buf_str(card));
	d->wanted = xstrdup(buf_str(wanted));
}

static int compare_content(struct compare *cmp, const struct place_file *f, struct err *e)
{
	_cleanup_buf_ struct buf card = {0}, wanted = {0};
	int (*get)(struct ext4 *, const char *, struct buf *, struct err *) =
		f->st.kind == EXT4_LINK ? ext4_readlink : ext4_read;

	if (get(cmp->card_fs, f->path, &card, e) < 0 ||
		get(cmp->wanted_fs, f->path, &wanted, e) < 0)
		return -1;
	if (strcmp(f->path, SECRET_FILE) == 0 && secret_is_changing(&card, &cmp->state)) {
		cmp->found->secret_changes = true;
		return 0;
	}
	add_content(cmp, f->path, &card, &wanted, f->secret);
	return 0;
}

/* Called for each file the image has that cluster.conf gives. */
static int compare_file(void *arg, const struct place_file *wanted, struct err *e)
{
	struct compare *cmp = arg;
	const struct ext4_owner *w = &wanted->st.owner;
	struct place_file f;

	if (place_is_live(wanted->path))
		return 0;
	if (!place_look(cmp->card_fs, wanted->path, &f)) {
		add(cmp, wanted->path, "is missing");
		return 0;
	}
	if (f.st.kind != wanted->st.kind) {
		add(cmp, wanted->path, "is something else");
		return 0;
	}
	if (f.st.owner.mode != w->mode || f.st.owner.uid != w->uid || f.st.owner.gid != w->gid)
		add(cmp, wanted->path, "has mode %04o and owner %u:%u, not %04o and %u:%u",
			(unsigned)f.st.owner.mode, (unsigned)f.st.owner.uid,
			(unsigned)f.st.owner.gid, (unsigned)w->mode, (unsigned)w->uid,
			(unsigned)w->gid);
	if (wanted->st.kind != EXT4_FILE && wanted->st.kind != EXT4_LINK)
		return 0;
	f.secret |= wanted->secret;
	return compare_content(cmp, &f, e);
}

/* Called for each file of the card: the other one said all about those both have. */
static int find_surplus(void *arg, const struct place_file *f, struct err *e)
{
	struct compare *cmp = arg;
	struct ext4_stat st;

	(void)e;
	if (!place_is_live(f->path) && !ext4_stat(cmp->wanted_fs, f->path, &st))
		add(cmp, f->path, "is only on the card");
	return 0;
}

static int compare_root(struct compare *cmp, struct err *e)
{
	_cleanup_ext4_ struct ext4 *card = card_open_ext4(cmp->card, CARD_ROOT, e);
	_cleanup_ext4_ struct ext4 *wanted =
		card ? card_open_ext4(&cmp->wanted, CARD_ROOT, e) : NULL;

	if (!card || !wanted)
		return -1;
	cmp->card_fs = card;
	cmp->wanted_fs = wanted;
	if (places_each(wanted, PLACE_COMPARE, compare_file, cmp, e) < 0)
		return -1;
	return places_each(card, PLACE_COMPARE, find_surplus, cmp, e);
}

static int compare_boot(struct compare *cmp, struct err *e)
{
	static const char *const files[] = {"cmdline.txt", "config.txt", "bramble.txt"};
	_cleanup_fat_ struct fat *card = card_open_fat(cmp->card, e);
	_cleanup_fat_ struct fat *wanted = card ? card_open_fat(&cmp->wanted, e) : NULL;

	if (!card || !wanted)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		_cleanup_free_ char *path = xasprintf("boot: %s", files[i]);
		_cleanup_buf_ struct buf a = {0}, b = {0};
		struct err ignored;
		bool has = fat_read_file(card, files[i], &a, &ignored) == 0;
		if (has != (fat_read_file(wanted, files[i], &b, &ignored) == 0))
			add(cmp, path, has ? "is only on the card" : "is missing");
		else if (has)
			add_content(cmp, path, &a, &b, false);
	}
	return 0;
}

static void compare_text(
	struct compare *cmp, const char *path, const char *card, const char *wanted)
{
	if (card && wanted && strcmp(card, wanted) != 0)
		add(cmp, path, "says %s, not %s", card, wanted);
	else if (!card && wanted)
		add(cmp, path, "does not say %s", wanted);
}

/* p3's end is the card's, whatever its size is. */
static void compare_layout(struct compare *cmp)
{
	const struct table_view *card = &cmp->card->table, *wanted = &cmp->wanted.table;

	if (card->disk_id != wanted->disk_id)
		add(cmp, "partition table", "has disk id %08x, not %08x", card->disk_id,
			wanted->disk_id);
	for (size_t i = 0; i < 3; i++) {
		const struct extent *c = &card->part[i].at, *w = &wanted->part[i].at;
		if (c->start != w->start || (i < 2 && c->size != w->size))
			add(cmp, "partition table", "partition %zu lies elsewhere", i + 1);
	}
	compare_text(cmp, "data: bramble.marker", cmp->card->data.node, cmp->wanted.data.node);
	compare_text(cmp, "data: bramble.marker", cmp->card->data.cluster_id,
		cmp->wanted.data.cluster_id);
}

/* A twin is amd64, made of a base cluster.conf does not name. */
static int is_twin(const struct card *c, const struct cluster *cluster, bool *twin, struct err *e)
{
	_cleanup_build_ struct build b = {.cache = CACHE_NONE};
	const struct build_options o = {.quiet = true};

	if (build_plan(&b, cluster, &o, e) < 0)
		return -1;
	*twin = c->release.arch && strcmp(c->release.arch, "amd64") == 0 &&
		b.inputs.arch != ARCH_AMD64;
	return 0;
}

static int compare_with(
	struct compare *cmp, const struct cluster *cluster, const char *out, struct err *e)
{
	const char *node = cmp->card->identity.node;
	_cleanup_free_ char *image = xasprintf("%s/%s.img", out, node);
	struct build_options o = {.out = out, .quiet = true, .only = node, .peek = true};

	if (is_twin(cmp->card, cluster, &o.twin, e) < 0 || build_cluster(cluster, &o, e) < 0 ||
		card_read(&cmp->wanted, image, image, e) < 0 ||
		state_peek(cluster, &cmp->state, e) < 0)
		return -1;
	compare_layout(cmp);
	return compare_boot(cmp, e) < 0 ? -1 : compare_root(cmp, e);
}

#define NOT_IDENTICAL                                                                     \
	"%s: a card of identical images became what it is at its first boot, and is not " \
	"compared with cluster.conf"

int compare_card(
	const struct card *c, const struct cluster *cluster, struct differences *d, struct err *e)
{
	struct cache cache = CACHE_NONE;
	struct compare cmp = {.card = c, .found = d};

	*d = (struct differences){0};
	if (!card_is_node(c))
		return err_code(e, EXIT_INPUT, "%s: no card of bramble's", c->name);
	if (cluster->identical_images)
		return err_code(e, EXIT_CONFIG,
			NOT_IDENTICAL "; `bramble apply --check` asks the "
				      "running nodes instead",
			c->name);
	if (!cluster_node(cluster, c->identity.node))
		return err_code(e, EXIT_INPUT, "%s: is of node \"%s\", which %s does not have",
			c->name, c->identity.node, cluster->path);
	int rc = cache_open(&cache, e);
	_cleanup_free_ char *out = rc == 0 ? xasprintf("%s/wanted", cache.work) : NULL;
	if (rc == 0)
		rc = compare_with(&cmp, cluster, out, e);
	sodium_memzero(&cmp.state, sizeof(cmp.state));
	card_free(&cmp.wanted);
	cache_close(&cache);
	return rc;
}

enum verdict check_cluster(struct verify *v)
{
	_cleanup_differences_ struct differences d = {0};
	struct err e = {0};

	if (!v->cluster)
		return verify_not_checked(v, "none was named (--cluster FILE)");
	if (!v->root || !card_is_node(v->card))
		return verify_not_checked(v, "no node to compare");
	if (v->cluster->identical_images)
		return verify_not_checked(v, "a card of identical images cannot be");
	if (compare_card(v->card, v->cluster, &d, &e) < 0)
		return verify_failed(v, "%s", e.msg);
	if (!d.n)
		return d.secret_changes ? verify_noted(v, SECRET_CHANGES) : VERDICT_OK;
	return verify_failed(v, "%s gives other things: %s %s%s; see bramble inspect --cluster",
		v->cluster->path, d.list[0].path, d.list[0].what, d.n > 1 ? ", and more" : "");
}
