/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "apply/place.h"
#include "assign.h"
#include "boot_word.h"
#include "io.h"
#include "log.h"
#include "marker.h"
#include "pin.h"
#include "settings.h"
#include "util.h"

#define NODE_CONF "/etc/bramble/node.conf"

/* --- which node */

/* For people: "pi1, pi2, pi3" */
static char *list_names(const struct identical *all)
{
	struct buf names = {0};

	for (size_t i = 0; i < all->n; i++)
		buf_printf(&names, "%s%s", i ? ", " : "", all->node[i].name);
	return buf_steal(&names);
}

static const char *decide_marked(
	const struct identical *all, const struct assign_look *look, struct err *e)
{
	const struct identical_node *n = identical_find(all, look->marked);

	if (!n)
		err_set(e,
			"p3 is %s's, and cluster %s has no such node: flash the card of one it "
			"has, "
			"or this one without its data",
			look->marked, all->cluster);
	else if (*look->wanted && strcmp(look->wanted, n->name) != 0)
		err_set(e,
			"bramble.txt: node \"%s\": this card is %s's, and so is what is on it; "
			"take "
			"that line out, or flash the card anew",
			look->wanted, n->name);
	else
		return n->name;
	return NULL;
}

static const char *decide_wanted(
	const struct identical *all, const struct assign_look *look, struct err *e)
{
	const struct identical_node *n = identical_find(all, look->wanted);
	_cleanup_free_ char *names = n ? NULL : list_names(all);

	if (!n)
		err_set(e, "bramble.txt: node \"%s\": cluster %s has none of that name, but %s",
			look->wanted, all->cluster, names ? names : "");
	return n ? n->name : NULL;
}

static const char *decide_serial(
	const struct identical *all, const struct assign_look *look, struct err *e)
{
	if (!*look->serial) {
		err_set(e,
			"this board tells no serial number: put node = \"NAME\" into bramble.txt");
		return NULL;
	}
	for (size_t i = 0; i < all->n; i++) {
		if (strcmp(all->node[i].serial, look->serial) == 0)
			return all->node[i].name;
	}
	err_set(e,
		"this Pi's serial number is %s, which no node of cluster %s has: put it into "
		"cluster.conf, build and flash again, or put node = \"NAME\" into bramble.txt",
		look->serial, all->cluster);
	return NULL;
}

const char *assign_decide(
	const struct identical *all, const struct assign_look *look, struct err *e)
{
	if (*look->marked)
		return decide_marked(all, look, e);
	return *look->wanted ? decide_wanted(all, look, e) : decide_serial(all, look, e);
}

/* --- whose p3 it is */

static int load_marker(
	const char *store, const struct identical *all, struct marker *m, struct err *e)
{
	char hex[2 * CLUSTER_ID_SIZE + 1];

	if (marker_load(store, m, e) < 0)
		return -1;
	hex_encode(hex, m->cluster_id, CLUSTER_ID_SIZE);
	if (strcmp(hex, all->list.cluster) != 0)
		return err_set(
			e, "p3 is another cluster's: flash the whole card, without its data");
	return m->layout == MARKER_LAYOUT
		       ? 0
		       : err_set(e, "p3: layout %u, this agent knows %d", m->layout, MARKER_LAYOUT);
}

static const char *settle(const struct agent_options *o, const struct identical *all, struct err *e)
{
	_cleanup_free_ char *store = xasprintf("%s/srv/bramble", o->root);
	static struct settings said;
	char serial[SERIAL_TEXT] = "";
	struct marker m;

	if (load_marker(store, all, &m, e) < 0 || settings_load(o->root, &said, e) < 0)
		return NULL;
	pin_read_serial(o->root, serial);
	const struct assign_look look = {serial, said.node, m.node};
	const char *node = assign_decide(all, &look, e);
	memset(said.password, 0, sizeof(said.password));
	return node && marker_assign(store, &m, node, e) == 0 ? node : NULL;
}

/* --- its files */

static int put_file(const char *root, const struct generation_file *f, struct err *e)
{
	_cleanup_free_ char *from = xasprintf("%s" IDENTICAL_DIR "/%s", root, f->digest);
	_cleanup_place_ struct place p = {.dir = -1};

	if (place_open(&p, root, f->path, true, e) < 0)
		return -1;
	if (place_is(&p, f))
		return 0;
	if (place_stage(&p, f, from, e) < 0)
		return -1;
	return f->kind == GENERATION_DIR ? 0 : place_commit(&p, e);
}

/* node.conf by itself: a card that has one is a node's, and has all the rest. */
static int put_files(
	const char *root, const struct identical *all, const char *node, bool last, struct err *e)
{
	ssize_t n = generation_count(&all->list, node);

	for (ssize_t i = 0; i < n; i++) {
		struct generation_file f = generation_file_at(&all->list, node, (size_t)i);
		if ((strcmp(f.path, NODE_CONF) == 0) == last && put_file(root, &f, e) < 0)
			return -1;
	}
	return 0;
}

/* What bramble.txt has replaced was nobody's; from now on there is another original. */
static int forget_built(const char *root, struct err *e)
{
	_cleanup_free_ char *built = xasprintf("%s/etc/bramble/built", root);

	return io_remove_tree(built, e);
}

static int become(const char *root, const struct identical *all, const char *node, struct err *e)
{
	if (forget_built(root, e) < 0 || put_files(root, all, node, false, e) < 0)
		return -1;
	sync();
	return put_files(root, all, node, true, e);
}

static int forget_others(const char *root, struct err *e)
{
	_cleanup_free_ char *dir = xasprintf("%s" IDENTICAL_DIR, root);

	if (io_remove_tree(dir, e) < 0)
		return -1;
	sync();
	return 0;
}

/* --- the unit */

/*
 * Much of what was put in place is read once a boot: machine-id, units, the network's. What is
 * ordered behind this unit must not begin with half of it: it ends with the machine.
 */
static int boot_again(const struct agent_options *o, struct err *e)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		execl(o->service_manager, o->service_manager, "--no-block", "reboot", (char *)NULL);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
		return err_set(e, "%s reboot: failed; boot it again by hand", o->service_manager);
	if (!*o->root)
		pause();
	return 0;
}

static bool is_somebody(const char *root)
{
	_cleanup_free_ char *conf = xasprintf("%s" NODE_CONF, root);

	return access(conf, F_OK) == 0;
}

static int assign(const struct agent_options *o, struct err *e)
{
	_cleanup_free_ char *path = xasprintf("%s" IDENTICAL_LIST, o->root);
	_cleanup_identical_ struct identical all = {0};
	_cleanup_buf_ struct buf text = {0};

	if (io_read_file(path, GENERATION_LIST_MAX, &text, e) < 0)
		return -1;
	if (identical_parse(buf_str(&text), text.len, &all, e) < 0)
		return err_prefix(e, "%s", path);
	const char *node = settle(o, &all, e);
	if (!node || become(o->root, &all, node, e) < 0)
		return -1;
	log_info("this card is %s of cluster %s from now on", node, all.cluster);
	return forget_others(o->root, e) < 0 ? -1 : boot_again(o, e);
}

int assign_run(const struct agent_options *o, struct err *e)
{
	int r = is_somebody(o->root) ? forget_others(o->root, e) : assign(o, e);

	boot_word_set(o->root, BOOT_WORD_ASSIGN, r < 0 ? e->msg : NULL);
	return r;
}
