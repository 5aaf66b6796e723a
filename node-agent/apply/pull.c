/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Takes a generation from another member, by the control protocol: `bramble-agent pull`, a child of
 * the agent's, so that it may wait for network and card. What it has got stays when it is ended.
 */
#include <string.h>
#include "../agent.h"
#include "../member_line.h"
#include "../secrets.h"
#include "shelf.h"

struct pull {
	const struct agent_options *o;
	struct identity id;
	struct keys keys;
	struct shelf shelf;
};

static int ask(
	const struct pull *p, json_t *request, member_data_fn *data, void *arg, struct err *e)
{
	return member_ask(p->o->from, p->keys.control.key, request, data, arg, e);
}

static int take_content(void *arg, const char *bytes, size_t n, struct err *e)
{
	return shelf_add(arg, bytes, n, e);
}

static int get_content(const struct pull *p, const json_t *what, struct err *e)
{
	const char *digest = json_string_value(json_object_get(what, "digest"));
	json_int_t size = json_integer_value(json_object_get(what, "size"));
	struct shelf_writer w;

	int rc = shelf_begin(&w, &p->shelf, digest ? digest : "", (uint64_t)size, e);
	if (rc == 0)
		rc = ask(p, json_pack("{s:s, s:s}", "verb", "fetch", "digest", digest),
			take_content, &w, e);
	if (rc == 0)
		return shelf_end(&w, e);
	shelf_abandon(&w);
	return -1;
}

static int get_contents(const struct pull *p, const struct generation *g, struct err *e)
{
	_cleanup_json_ json_t *missing = shelf_missing(&p->shelf, g, SIZE_MAX);

	for (size_t i = 0; i < json_array_size(missing); i++) {
		if (get_content(p, json_array_get(missing, i), e) < 0)
			return -1;
	}
	return 0;
}

static int get_generation(const struct pull *p, uint64_t number, struct err *e)
{
	_cleanup_generation_ struct generation g = {0};
	_cleanup_buf_ struct buf sealed = {0};
	struct member_text list = {&sealed, GENERATION_LIST_MAX, "too long a list"};

	if (ask(p, json_pack("{s:s, s:I}", "verb", "list", "generation", (json_int_t)number),
		    member_collect, &list, e) < 0)
		return -1;
	if (shelf_check(&p->shelf, &p->id, &sealed, &g, e) < 0)
		return err_prefix(e, "%s", p->o->from);
	if (g.number != number)
		return err_set(e, "%s: gives another generation", p->o->from);
	if (get_contents(p, &g, e) < 0)
		return -1;
	return shelf_keep(&p->shelf, &g, &sealed, e);
}

int agent_pull(const struct agent_options *o, struct err *e)
{
	static struct pull p; /* too large for the stack */
	uint64_t number = strtoull(o->generation, NULL, 10);

	p.o = o;
	if (!number)
		return err_code(e, EXIT_USAGE, "pull: --from and --generation are needed");
	if (identity_load_root(o->root, &p.id, e) < 0 || keys_load(o->root, &p.id, &p.keys, e) < 0)
		return -1;
	_cleanup_free_ char *dir = shelf_dir(o->root, &p.id);
	bool has_p3 = identity_self(&p.id)->roles & ROLE_VOTER;
	shelf_open(&p.shelf, o->root, dir, has_p3 ? NULL : identity_self(&p.id)->name);
	int rc = get_generation(&p, number, e);
	shelf_close(&p.shelf);
	keys_wipe(&p.keys);
	return rc;
}
