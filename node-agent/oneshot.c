/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the units of systemd run once, beside the daemon (agent.h). */
#include <stdio.h>
#include <unistd.h>
#include "agent.h"
#include "backup/unpack.h"
#include "discover/book.h"
#include "grow.h"
#include "hosts.h"
#include "identity.h"
#include "marker.h"
#include "proxy_conf.h"
#include "runtime.h"
#include "secrets.h"
#include "store.h"
#include "util.h"

int agent_check(const struct agent_options *o, struct err *e)
{
	_cleanup_secret_ struct buf password = {0};
	struct identity id;
	struct keys keys;

	if (identity_load_root(o->root, &id, e) < 0 || keys_load(o->root, &id, &keys, e) < 0 ||
		password_load(o->root, &password, e) < 0)
		return -1;
	keys_wipe(&keys);
	printf("%s of cluster %s, generation %llu: ok\n", identity_self(&id)->name, id.cluster,
		(unsigned long long)id.generation);
	return 0;
}

/* p3, if its marker is this node's. The caller frees *store. */
static int find_own_store(const struct agent_options *o, struct identity *id, struct marker *m,
	char **store, struct err *e)
{
	*store = xasprintf("%s/srv/bramble", o->root);
	return identity_load_root(o->root, id, e) < 0 ? -1 : marker_check(*store, id, m, e);
}

int agent_prepare(const struct agent_options *o, struct err *e)
{
	_cleanup_free_ char *store = NULL;
	struct identity id;
	struct marker m;

	if (find_own_store(o, &id, &m, &store, e) < 0 || store_prepare(store, &m, e) < 0)
		return -1;
	store_mend(store, &id);
	return 0;
}

int agent_upgraded(const struct agent_options *o, struct err *e)
{
	_cleanup_free_ char *store = NULL;
	struct identity id;
	struct marker m;

	if (find_own_store(o, &id, &m, &store, e) < 0)
		return -1;
	return marker_set_neo4j(store, &m, id.neo4j, e);
}

int agent_unpack(const struct agent_options *o, struct err *e)
{
	_cleanup_free_ char *store = NULL;
	struct identity id;
	struct marker m;

	if (find_own_store(o, &id, &m, &store, e) < 0)
		return -1;
	return unpack_store(store, e);
}

static const char *const confs[] = {
	"neo4j.conf",       /* 3.x */
	"neo4j.properties", /* 2.x */
};

int agent_hosts(const struct agent_options *o, struct err *e)
{
	_cleanup_free_ char *run = xasprintf("%s/run/bramble", o->root);
	_cleanup_free_ char *addresses = xasprintf("%s/addresses", run);
	struct identity id;
	struct runtime r;
	struct book book;
	struct hosts hosts = {.id = &id, .book = &book};

	runtime_load(run, &r);
	if (identity_load_root(o->root, &id, e) < 0 || book_load(addresses, &book, e) < 0)
		return -1;
	if (id.mode == NEO4J_HA && r.run)
		hosts.initial = &r.hosts;
	for (size_t i = 0; i < ARRAY_SIZE(confs); i++) {
		_cleanup_free_ char *path = xasprintf("%s/opt/neo4j/conf/%s", o->root, confs[i]);
		if (access(path, F_OK) == 0 && hosts_write(&hosts, path, e) < 0)
			return -1;
	}
	return 0;
}

int agent_proxy(const struct agent_options *o, struct err *e)
{
	_cleanup_close_ int lock = proxy_conf_lock(o->root, e);
	bool changed;

	if (lock < 0 || proxy_conf_renew(o->root, &changed, e) < 0)
		return -1;
	if (!changed)
		return 0;
	/* By its old name, which new releases know, too. One that a person has stopped stays so. */
	execl(o->service_manager, o->service_manager, "reload-or-try-restart", "--no-block",
		"bramble-proxy.service", (char *)NULL);
	return err_errno(e, "%s", o->service_manager);
}

int agent_grow(const struct agent_options *o, struct err *e)
{
	_cleanup_free_ char *store = NULL;
	struct identity id;
	struct marker m;

	if (find_own_store(o, &id, &m, &store, e) < 0)
		return -1;
	return grow_mounted(store, id.reserved_end, e);
}
