/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <sodium.h>
#include <stdarg.h>
#include <string.h>
#include "cmd.h"
#include "compare.h"
#include "laid.h"
#include "places.h"
#include "secret_file.h"
#include "stage/build.h"
#include "verify.h"

#define TEXT_MAX 65536
#define PIECE (256u << 10) /* what is larger is compared in such */

struct compare {
	const struct card *card;
	struct card wanted;
	struct state state;
	struct ext4 *card_fs, *wanted_fs;
	struct laid *laid; /* over the image, on a card of one for all that has become a node */
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

/* Both have the same size. */
static int compare_pieces(
	struct compare *cmp, const char *path, const char *from, bool *same, struct err *e)
{
	_cleanup_free_ char *a = xcalloc(2, PIECE);
	_cleanup_ext4_reader_ struct ext4_reader *card = ext4_reader_open(cmp->card_fs, path, e);
	_cleanup_ext4_reader_ struct ext4_reader *wanted =
		card ? ext4_reader_open(cmp->wanted_fs, from, e) : NULL;
	ssize_t n = card && wanted ? 1 : -1;

	for (*same = true; *same && n > 0;) {
		n = ext4_reader_get(card, a, PIECE, e);
		ssize_t m = n < 0 ? -1 : ext4_reader_get(wanted, a + PIECE, PIECE, e);
		if (m < 0 || check_interrupted(e) < 0)
			return -1;
		*same = n == m && memcmp(a, a + PIECE, (size_t)n) == 0;
	}
	return n < 0 ? -1 : 0;
}

/* No text: that it differs is all that is said of it. */
static int compare_large(struct compare *cmp, const struct place_file *f, const char *from,
	uint64_t size, struct err *e)
{
	bool same = f->st.size == size;

	if (same && compare_pieces(cmp, f->path, from, &same, e) < 0)
		return -1;
	if (!same)
		add(cmp, f->path, "differs");
	return 0;
}

/* A file of the card with the one at from in the image. */
static int compare_bytes(
	struct compare *cmp, const struct place_file *f, const char *from, struct err *e)
{
	_cleanup_buf_ struct buf card = {0}, wanted = {0};
	struct ext4_stat st;

	if (ext4_stat(cmp->wanted_fs, from, &st) && (st.size > PIECE || f->st.size > PIECE))
		return compare_large(cmp, f, from, st.size, e);
	if (ext4_read(cmp->card_fs, f->path, &card, e) < 0 ||
		ext4_read(cmp->wanted_fs, from, &wanted, e) < 0)
		return -1;
	if (strcmp(f->path, SECRET_FILE) == 0 && secret_is_changing(&card, &cmp->state))
		cmp->found->secret_changes = true;
	else
		add_content(cmp, f->path, &card, &wanted, f->secret);
	return 0;
}

static int compare_link(
	struct compare *cmp, const struct place_file *f, const struct buf *wanted, struct err *e)
{
	_cleanup_buf_ struct buf card = {0};

	if (ext4_readlink(cmp->card_fs, f->path, &card, e) < 0)
		return -1;
	add_content(cmp, f->path, &card, wanted, f->secret);
	return 0;
}

/* Only what is of the same kind has a content to compare. */
static bool compare_kind(
	struct compare *cmp, const struct place_file *f, const struct ext4_stat *st)
{
	const struct ext4_owner *is = &f->st.owner, *w = &st->owner;

	if (f->st.kind != st->kind) {
		add(cmp, f->path, "is something else");
		return false;
	}
	if (is->mode != w->mode || is->uid != w->uid || is->gid != w->gid)
		add(cmp, f->path, "has mode %04o and owner %u:%u, not %04o and %u:%u",
			(unsigned)is->mode, (unsigned)is->uid, (unsigned)is->gid, (unsigned)w->mode,
			(unsigned)w->uid, (unsigned)w->gid);
	return true;
}

/* Called for each file the image has that cluster.conf gives. */
static int compare_file(void *arg, const struct place_file *wanted, struct err *e)
{
	struct compare *cmp = arg;
	_cleanup_buf_ struct buf link = {0};
	struct place_file f;

	if (place_is_live(wanted->path) || laid_has(cmp->laid, wanted->path))
		return 0;
	if (!place_look(cmp->card_fs, wanted->path, &f)) {
		add(cmp, wanted->path, "is missing");
		return 0;
	}
	f.secret |= wanted->secret;
	if (!compare_kind(cmp, &f, &wanted->st))
		return 0;
	if (f.st.kind == EXT4_FILE)
		return compare_bytes(cmp, &f, wanted->path, e);
	if (f.st.kind != EXT4_LINK)
		return 0;
	if (ext4_readlink(cmp->wanted_fs, wanted->path, &link, e) < 0)
		return -1;
	return compare_link(cmp, &f, &link, e);
}

/* Called for each file that made the card a node. */
static int compare_laid(
	void *arg, const char *path, const struct generation_file *wanted, struct err *e)
{
	static const enum ext4_kind kinds[] = {[GENERATION_FILE] = EXT4_FILE,
		[GENERATION_LINK] = EXT4_LINK,
		[GENERATION_DIR] = EXT4_DIR};
	struct compare *cmp = arg;
	struct place_file f;
	struct ext4_stat st = {.kind = kinds[wanted->kind],
		.owner = {.mode = wanted->mode, .uid = wanted->uid, .gid = wanted->gid}};

	if (place_is_live(path))
		return 0;
	if (!place_look(cmp->card_fs, path, &f)) {
		add(cmp, path, "is missing");
		return 0;
	}
	if (wanted->kind == GENERATION_LINK)
		st.owner = f.st.owner; /* a link's are nobody's */
	f.secret |= wanted->kind == GENERATION_FILE && !(wanted->mode & 04);
	if (!compare_kind(cmp, &f, &st) || wanted->kind == GENERATION_DIR)
		return 0;
	_cleanup_free_ char *from = laid_source(wanted);
	_cleanup_buf_ struct buf link = {0};
	if (wanted->kind == GENERATION_FILE)
		return compare_bytes(cmp, &f, from, e);
	buf_puts(&link, wanted->link);
	return compare_link(cmp, &f, &link, e);
}

#define TAKEN_SETTINGS "/etc/bramble/settings.conf" /* node-agent/settings_apply.c */

/* Is it what a card keeps of a bramble.txt that says no more than whose it is? */
static bool is_name_alone(struct compare *cmp, const char *path)
{
	_cleanup_buf_ struct buf text = {0};
	struct err ignored;

	if (!cmp->laid || strcmp(path, TAKEN_SETTINGS) != 0 ||
		ext4_read(cmp->card_fs, path, &text, &ignored) < 0)
		return false;
	laid_forget_name(&text);
	return text.len == 0;
}

/* Called for each file of the card: the other one said all about those both have. */
static int find_surplus(void *arg, const struct place_file *f, struct err *e)
{
	struct compare *cmp = arg;
	struct ext4_stat st;

	(void)e;
	if (!place_is_live(f->path) && !laid_has(cmp->laid, f->path) &&
		!laid_lies_in(cmp->laid, f->path) && !is_name_alone(cmp, f->path) &&
		!ext4_stat(cmp->wanted_fs, f->path, &st))
		add(cmp, f->path, "is only on the card");
	return 0;
}

static int compare_places(struct compare *cmp, struct err *e)
{
	if (places_each(cmp->wanted_fs, PLACE_COMPARE, compare_file, cmp, e) < 0 ||
		(cmp->laid && laid_each(cmp->laid, compare_laid, cmp, e) < 0))
		return -1;
	return places_each(cmp->card_fs, PLACE_COMPARE, find_surplus, cmp, e);
}

static int compare_root(struct compare *cmp, struct err *e)
{
	_cleanup_laid_ struct laid *laid = NULL;
	_cleanup_ext4_ struct ext4 *card = card_open_ext4(cmp->card, CARD_ROOT, e);
	_cleanup_ext4_ struct ext4 *wanted =
		card ? card_open_ext4(&cmp->wanted, CARD_ROOT, e) : NULL;

	if (!card || !wanted)
		return -1;
	cmp->card_fs = card;
	cmp->wanted_fs = wanted;
	const char *node = cmp->card->identity.node;
	if (card_is_for_all(&cmp->wanted) && node && !(laid = laid_open(wanted, node, e)))
		return -1;
	cmp->laid = laid;
	return compare_places(cmp, e);
}

/* A person wrote it there for the next boot, which takes it away. */
static bool holds_password(const struct buf *text)
{
	static const char key[] = "wifi_password";

	for (const char *p = buf_str(text), *next; *p; p = next) {
		next = p + strcspn(p, "\n");
		next += *next == '\n';
		if (p[strspn(p, " \t")] != '#' && memmem(p, (size_t)(next - p), key, strlen(key)))
			return true;
	}
	return false;
}

static void compare_boot_file(
	struct compare *cmp, const char *name, struct buf *card, struct buf *wanted)
{
	_cleanup_free_ char *path = xasprintf("boot: %s", name);

	if (card_is_for_all(&cmp->wanted) && strcmp(name, "bramble.txt") == 0) {
		laid_forget_name(card);
		laid_forget_name(wanted);
	}
	add_content(cmp, path, card, wanted, holds_password(card) || holds_password(wanted));
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
			compare_boot_file(cmp, files[i], &a, &b);
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
	const char *node = cmp->card->identity.node; /* an image for all has none yet */
	compare_text(cmp, "data: bramble.marker", cmp->card->data.node,
		node ? node : cmp->wanted.data.node);
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
	const char *name = cluster->identical_images ? cluster_image(cluster, 0)->name
						     : cmp->card->identity.node;
	_cleanup_free_ char *image = xasprintf("%s/%s.img", out, name);
	struct build_options o = {.out = out, .quiet = true, .only = name, .peek = true};

	if (is_twin(cmp->card, cluster, &o.twin, e) < 0 || build_cluster(cluster, &o, e) < 0 ||
		card_read(&cmp->wanted, image, image, e) < 0 ||
		state_peek(cluster, &cmp->state, e) < 0)
		return -1;
	compare_layout(cmp);
	return compare_boot(cmp, e) < 0 ? -1 : compare_root(cmp, e);
}

/* Of a cluster with one image for all a card may be no node's yet. */
static bool is_comparable(const struct card *c, const struct cluster *cluster)
{
	return card_is_node(c) || (cluster->identical_images && card_is_for_all(c));
}

static int check_is_of(const struct card *c, const struct cluster *cluster, struct err *e)
{
	const char *node = c->identity.node;

	if (!is_comparable(c, cluster))
		return err_code(e, EXIT_INPUT, "%s: no card of bramble's", c->name);
	if (node && !cluster_node(cluster, node))
		return err_code(e, EXIT_INPUT, "%s: is of node \"%s\", which %s does not have",
			c->name, node, cluster->path);
	return 0;
}

int compare_card(
	const struct card *c, const struct cluster *cluster, struct differences *d, struct err *e)
{
	struct cache cache = CACHE_NONE;
	struct compare cmp = {.card = c, .found = d};

	*d = (struct differences){0};
	if (check_is_of(c, cluster, e) < 0)
		return -1;
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
	if (!v->root || !is_comparable(v->card, v->cluster))
		return verify_not_checked(v, "no node to compare");
	if (compare_card(v->card, v->cluster, &d, &e) < 0)
		return verify_failed(v, "%s", e.msg);
	if (!d.n)
		return d.secret_changes ? verify_noted(v, SECRET_CHANGES) : VERDICT_OK;
	return verify_failed(v, "%s gives other things: %s %s%s; see bramble inspect --cluster",
		v->cluster->path, d.list[0].path, d.list[0].what, d.n > 1 ? ", and more" : "");
}
