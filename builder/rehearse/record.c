/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <arpa/inet.h>
#include <errno.h>
#include <glob.h>
#include <string.h>
#include "io.h"
#include "record.h"

#define RECORD_MAX (4u << 20)
#define FORMAT 1

static json_t *machine_json(const struct rehearsal *r, const struct machine *m)
{
	_cleanup_free_ char *console = machine_path(r, m, "console");

	/* clang-format off */
	return json_pack("{s:s, s:s, s:s, s:i, s:i, s:I, s:I, s:I, s:s, s:s}",
		"node", m->node,
		"machine", m->name,
		"address", m->address,
		"roles", (int)m->roles,
		"pid", (int)m->pid,
		"on_ms", (json_int_t)m->on_ms,
		"booted_ms", (json_int_t)m->booted_ms,
		"off_ms", (json_int_t)m->off_ms,
		"off_why", m->off_why,
		"console", console);
	/* clang-format on */
}

static json_t *forward_json(const struct forward *f)
{
	_cleanup_free_ char *url = xasprintf("http://127.0.0.1:%u/", f->host_port);

	/* clang-format off */
	return json_pack("{s:s, s:s, s:i, s:i, s:s}",
		"what", f->label,
		"node", f->node,
		"port", (int)f->port,
		"host_port", (int)f->host_port,
		"url", url);
	/* clang-format on */
}

static json_t *event_json(const struct event *ev)
{
	return json_pack(
		"{s:I, s:s, s:s}", "ms", (json_int_t)ev->ms, "what", ev->what, "node", ev->node);
}

json_t *record_json(const struct rehearsal *r)
{
	char gateway[INET_ADDRSTRLEN];
	json_t *machines = json_array(), *forwards = json_array(), *events = json_array();

	inet_ntop(AF_INET, &r->gateway, gateway, sizeof(gateway));
	for (size_t i = 0; i < r->nmachines; i++)
		json_array_append_new(machines, machine_json(r, &r->machines[i]));
	for (size_t i = 0; i < r->nforwards; i++)
		json_array_append_new(forwards, forward_json(&r->forwards[i]));
	for (size_t i = 0; i < r->nevents; i++)
		json_array_append_new(events, event_json(&r->events[i]));
	/* clang-format off */
	return json_pack("{s:i, s:s, s:s, s:s, s:s, s:b, s:i, s:s, s:i, s:o, s:o, s:o}",
		"format", FORMAT,
		"cluster", r->cluster,
		"conf", r->conf,
		"dir", r->dir,
		"netns", r->netns,
		"twin", r->twin,
		"supervisor", (int)r->supervisor,
		"gateway", gateway,
		"prefix", (int)r->prefix,
		"machines", machines,
		"forwards", forwards,
		"events", events);
	/* clang-format on */
}

static char *get_text(const json_t *j, const char *key)
{
	const char *s = json_string_value(json_object_get(j, key));

	return xstrdup(s ? s : "");
}

static int64_t get_number(const json_t *j, const char *key)
{
	return json_integer_value(json_object_get(j, key));
}

static void copy_text(const json_t *j, const char *key, char *dst, size_t size)
{
	_cleanup_free_ char *s = get_text(j, key);

	snprintf(dst, size, "%s", s);
}

static void parse_machine(const json_t *j, struct machine *m)
{
	*m = (struct machine){
		.node = get_text(j, "node"),
		.address = get_text(j, "address"),
		.roles = (unsigned)get_number(j, "roles"),
		.pid = (pid_t)get_number(j, "pid"),
		.on_ms = get_number(j, "on_ms"),
		.booted_ms = get_number(j, "booted_ms"),
		.off_ms = get_number(j, "off_ms"),
	};
	copy_text(j, "machine", m->name, sizeof(m->name));
	copy_text(j, "off_why", m->off_why, sizeof(m->off_why));
}

static void parse_forward(const json_t *j, struct forward *f)
{
	*f = (struct forward){
		.label = get_text(j, "what"),
		.node = get_text(j, "node"),
		.port = (unsigned)get_number(j, "port"),
		.host_port = (unsigned)get_number(j, "host_port"),
	};
}

static void parse_event(const json_t *j, struct event *ev)
{
	ev->ms = get_number(j, "ms");
	copy_text(j, "what", ev->what, sizeof(ev->what));
	copy_text(j, "node", ev->node, sizeof(ev->node));
}

static void parse_lists(const json_t *root, struct rehearsal *r)
{
	const json_t *machines = json_object_get(root, "machines");
	const json_t *forwards = json_object_get(root, "forwards");
	const json_t *events = json_object_get(root, "events");

	r->machines = xcalloc(json_array_size(machines), sizeof(*r->machines));
	for (size_t i = 0; i < json_array_size(machines); i++)
		parse_machine(json_array_get(machines, i), &r->machines[r->nmachines++]);
	for (size_t i = 0; i < json_array_size(forwards) && i < FORWARDS_MAX; i++)
		parse_forward(json_array_get(forwards, i), &r->forwards[r->nforwards++]);
	r->events = xcalloc(EVENTS_MAX, sizeof(*r->events));
	for (size_t i = 0; i < json_array_size(events) && i < EVENTS_MAX; i++)
		parse_event(json_array_get(events, i), &r->events[r->nevents++]);
}

struct rehearsal *record_parse(const char *json, size_t n, struct err *e)
{
	json_error_t je;
	_cleanup_json_ json_t *root = json_loadb(json, n, 0, &je);

	if (!root || get_number(root, "format") != FORMAT) {
		err_set(e, "not the record of a rehearsal: %s", root ? "wrong format" : je.text);
		return NULL;
	}
	struct rehearsal *r = xcalloc(1, sizeof(*r));
	*r = (struct rehearsal){
		.cluster = get_text(root, "cluster"),
		.conf = get_text(root, "conf"),
		.dir = get_text(root, "dir"),
		.netns = get_text(root, "netns"),
		.twin = json_is_true(json_object_get(root, "twin")),
		.supervisor = (pid_t)get_number(root, "supervisor"),
		.prefix = (unsigned)get_number(root, "prefix"),
	};
	_cleanup_free_ char *gateway = get_text(root, "gateway");
	if (inet_pton(AF_INET, gateway, &r->gateway) != 1)
		r->gateway.s_addr = 0;
	parse_lists(root, r);
	return r;
}

int record_save(const struct rehearsal *r, struct err *e)
{
	_cleanup_free_ char *path = rehearsal_run_path(r->cluster, "json");
	_cleanup_json_ json_t *root = record_json(r);
	_cleanup_free_ char *text = root ? json_dumps(root, JSON_INDENT(1)) : NULL;

	if (!text)
		return err_set(e, "%s: out of memory", path);
	return io_write_atomic(path, text, strlen(text), 0600, e);
}

struct rehearsal *record_load(const char *cluster, struct err *e)
{
	_cleanup_free_ char *path = rehearsal_run_path(cluster, "json");
	_cleanup_buf_ struct buf text = {0};

	if (access(path, F_OK) < 0 && errno == ENOENT)
		return NULL;
	if (io_read_file(path, RECORD_MAX, &text, e) < 0)
		return NULL;
	struct rehearsal *r = record_parse(buf_str(&text), text.len, e);
	if (!r)
		err_prefix(e, "%s", path);
	return r;
}

char *record_only_cluster(struct err *e)
{
	static const char prefix[] = REHEARSAL_RUN_DIR "/rehearsal-", suffix[] = ".json";
	glob_t found;
	char *name = NULL;

	if (glob(REHEARSAL_RUN_DIR "/rehearsal-*.json", 0, NULL, &found) != 0) {
		err_set(e, "no rehearsal runs here; `bramble rehearse FILE` starts one");
		return NULL;
	}
	const char *path = found.gl_pathv[0] + strlen(prefix);
	if (found.gl_pathc == 1)
		name = xstrndup(path, strlen(path) - strlen(suffix));
	else
		err_code(e, EXIT_USAGE, "%zu rehearsals run here; say which: --cluster NAME",
			found.gl_pathc);
	globfree(&found);
	return name;
}
