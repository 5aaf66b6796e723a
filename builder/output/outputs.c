/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include "compress.h"
#include "image/bmap.h"
#include "io.h"
#include "made.h"
#include "stage/pipeline.h"

struct word {
	const char *word;
	int value;
};

static const struct word compress_words[] = {{"xz", COMPRESS_XZ}, {"zst", COMPRESS_ZST}, {0}};
static const struct word sbom_words[] = {{"spdx", SBOM_SPDX}, {"cyclonedx", SBOM_CYCLONEDX}, {0}};

static int find_word(const struct word *words, const char *option, const char *word, struct err *e)
{
	for (size_t i = 0; words[i].word; i++) {
		if (strcmp(words[i].word, word) == 0)
			return words[i].value;
	}
	return err_code(e, EXIT_USAGE, "--%s: \"%s\" is neither %s nor %s", option, word,
		words[0].word, words[1].word);
}

int outputs_parse_compress(const char *word, enum compress *c, struct err *e)
{
	int value = find_word(compress_words, "compress", word, e);

	*c = value < 0 ? COMPRESS_NONE : (enum compress)value;
	return value < 0 ? -1 : 0;
}

int outputs_parse_sbom(const char *word, enum sbom *s, struct err *e)
{
	int value = find_word(sbom_words, "sbom", word, e);

	*s = value < 0 ? SBOM_NONE : (enum sbom)value;
	return value < 0 ? -1 : 0;
}

static void free_input(struct input_file *in)
{
	free(in->file.name);
	free(in->package);
	free(in->version);
	free(in->architecture);
}

void made_free(struct made *m)
{
	for (size_t i = 0; i < m->ninputs; i++)
		free_input(&m->inputs[i]);
	for (size_t i = 0; i < m->nnodes; i++) {
		free(m->nodes[i].image.name);
		free(m->nodes[i].compressed.name);
		free(m->nodes[i].bmap.name);
	}
	for (size_t i = 0; i < m->npackages; i++) {
		free(m->packages[i].name);
		free(m->packages[i].version);
		free(m->packages[i].architecture);
	}
	free(m->inputs);
	free(m->nodes);
	free(m->packages);
	free(m->os_list.name);
	free(m->sbom.name);
}

void made_time(const struct made *m, char text[static 32])
{
	time_t t = (time_t)m->moment;
	struct tm tm;

	strftime(text, 32, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&t, &tm));
}

int made_write_json(
	const struct made *m, const char *name, json_t *root, struct file_sum *sum, struct err *e)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", m->b->work, name);
	_cleanup_free_ char *text = root ? json_dumps(root, JSON_INDENT(2)) : NULL;

	json_decref(root);
	if (!text)
		return err_set(e, "%s: cannot be written as JSON", name);
	_cleanup_free_ char *line = xasprintf("%s\n", text);
	if (io_write_atomic(path, line, strlen(line), 0644, e) < 0)
		return -1;
	if (!sum)
		return 0;
	sum->name = xstrdup(name);
	return sha256_file(path, sum->sha256, &sum->size, e);
}

static int make_compressed(
	const struct made *m, struct node_made *n, const char *image, struct err *e)
{
	struct compressed c;
	enum compress how = m->options->compress;
	_cleanup_free_ char *to = xasprintf("%s.%s", image, compress_suffix(how));

	progress_step(&m->b->progress, "%s: %s", n->node->name, compress_suffix(how));
	if (compress_image(image, to, how, &c, &m->b->progress, e) < 0)
		return -1;
	n->compressed.name = xasprintf("%s.%s", n->image.name, compress_suffix(how));
	n->compressed.size = c.size;
	memcpy(n->compressed.sha256, c.sha256, sizeof(c.sha256));
	memcpy(n->image.sha256, c.image_sha256, sizeof(c.image_sha256));
	return 0;
}

static int make_bmap(const struct made *m, struct node_made *n, const char *image, struct err *e)
{
	_cleanup_bmap_ struct bmap map = {0};
	_cleanup_free_ char *to = xasprintf("%s.bmap", image);

	progress_step(&m->b->progress, "%s: bmap", n->node->name);
	if (bmap_from_image(image, &map, e) < 0 || bmap_write(to, &map, e) < 0)
		return -1;
	n->bmap.name = xasprintf("%s.bmap", n->image.name);
	return sha256_file(to, n->bmap.sha256, &n->bmap.size, e);
}

static int make_sum(const struct made *m, struct node_made *n, const char *image, struct err *e)
{
	progress_step(&m->b->progress, "%s: sha256", n->node->name);
	return sha256_file(image, n->image.sha256, &n->image.size, e);
}

/* The image's own sum comes with its compression. */
static int make_for_node(struct made *m, struct node_made *n, struct err *e)
{
	const struct output_options *o = m->options;
	_cleanup_free_ char *image = xasprintf("%s/%s", m->b->work, n->image.name);

	if (o->compress && make_compressed(m, n, image, e) < 0)
		return -1;
	if (!o->compress && o->sums && make_sum(m, n, image, e) < 0)
		return -1;
	return o->bmap ? make_bmap(m, n, image, e) : 0;
}

static void list_nodes(struct made *m)
{
	const struct build *b = m->b;

	m->nodes = xcalloc(cluster_nimages(b->cluster), sizeof(*m->nodes));
	for (size_t i = 0; i < cluster_nimages(b->cluster); i++) {
		const struct node *n = cluster_image(b->cluster, i);
		if (!pipeline_wants(b, n))
			continue;
		struct node_made *one = &m->nodes[m->nnodes++];
		one->node = n;
		one->image.name = xasprintf("%s.img", n->name);
		one->image.size = b->table.image_size;
	}
}

static unsigned steps_per_node(const struct output_options *o)
{
	return (o->compress || o->sums) + o->bmap;
}

int outputs_make(struct build *b, const struct output_options *o, struct err *e)
{
	_cleanup_made_ struct made m = {.b = b, .options = o};

	list_nodes(&m);
	b->progress.steps += steps_per_node(o) * (unsigned)m.nnodes;
	if (made_add_inputs(&m, e) < 0 || made_look_into(&m, e) < 0)
		return -1;
	for (size_t i = 0; i < m.nnodes; i++) {
		if (make_for_node(&m, &m.nodes[i], e) < 0)
			return -1;
	}
	if ((o->compress || o->sums) && os_list_write(&m, e) < 0)
		return -1;
	if (o->sbom && sbom_write(&m, e) < 0)
		return -1;
	return manifest_write(&m, e);
}

static void list_unmade(const struct build *b, const char *name, struct buf *names)
{
	_cleanup_free_ char *made = xasprintf("%s/%s", b->work, name);
	_cleanup_free_ char *old = xasprintf("%s/%s", b->out, name);

	if (access(made, F_OK) < 0 && access(old, F_OK) == 0)
		buf_printf(names, "%s\n", name);
}

static void list_beside(const struct build *b, const struct node *n, struct buf *names)
{
	static const char *const suffixes[] = {"img.xz", "img.zst", "img.bmap"};

	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
		_cleanup_free_ char *name = xasprintf("%s.%s", n->name, suffixes[i]);
		list_unmade(b, name, names);
	}
}

void outputs_list_stale(const struct build *b, struct buf *names)
{
	static const char *const files[] = {"os_list.json", "sbom.spdx.json", "sbom.cdx.json"};

	for (size_t i = 0; i < cluster_nimages(b->cluster); i++) {
		const struct node *n = cluster_image(b->cluster, i);
		if (pipeline_wants(b, n))
			list_beside(b, n, names);
	}
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		list_unmade(b, files[i], names);
}
