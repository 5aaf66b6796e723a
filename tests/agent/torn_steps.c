/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One save of one of the agent's state files, for torn_test.py to interrupt; and what is read back.
 *
 *	torn_steps save KIND DIR old|new
 *	torn_steps load KIND DIR		prints old, new, none (as on a new card), or torn
 */
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include "apply/enact.h"
#include "apply/place.h"
#include "apply/record.h"
#include "apply/shelf.h"
#include "discover/book.h"
#include "helper/helper_deed.h"
#include "io.h"
#include "marker.h"
#include "memory.h"
#include "pin.h"
#include "runtime.h"
#include "upgrade/install.h"
#include "users/user_files.h"
#include "users/users.h"
#include "users/users_pull.h"
#include "task/task.h"

#define NEITHER UINT64_MAX

/* A state in one number: OLD is what was, NEW what is written over it. */
enum { OLD = 41, NEW = 42 };

static uint64_t load_memory(const char *dir)
{
	_cleanup_free_ char *path = xasprintf("%s/bramble.quorum", dir);
	_cleanup_buf_ struct buf text = {0};
	struct durable d;
	struct err e;

	if (access(path, F_OK) < 0)
		return 0;
	if (io_read_file(path, MEMORY_MAX, &text, &e) < 0 ||
		memory_parse((const uint8_t *)buf_str(&text), text.len, &d) < 0)
		return NEITHER;
	return d.granted.term;
}

static int save_memory(const char *dir, uint64_t state, struct err *e)
{
	struct durable d = {.incarnation = 7, .granted = {.term = state}};

	return memory_save(dir, &d, e);
}

static uint64_t load_runtime(const char *dir)
{
	_cleanup_free_ char *path = xasprintf("%s/run", dir);
	struct runtime r;

	runtime_load(dir, &r);
	return r.run ? r.run : access(path, F_OK) < 0 ? 0 : NEITHER;
}

static int save_runtime(const char *dir, uint64_t state, struct err *e)
{
	struct runtime r = {.run = state};

	return runtime_save(dir, &r, e);
}

static uint64_t load_lease(const char *dir)
{
	_cleanup_free_ char *path = xasprintf("%s/lease", dir);
	int64_t lease_ms = lease_load(dir);

	return lease_ms ? (uint64_t)lease_ms : access(path, F_OK) < 0 ? 0 : NEITHER;
}

static int save_lease(const char *dir, uint64_t state, struct err *e)
{
	return lease_save(dir, (int64_t)state, e);
}

/* The marker is never "as on a new card": without one the agent holds. */
static uint64_t load_marker(const char *dir)
{
	_cleanup_free_ char *path = xasprintf("%s/bramble.marker", dir);
	_cleanup_buf_ struct buf text = {0};
	struct marker m;
	struct err e;

	if (io_read_file(path, 4096, &text, &e) < 0 ||
		marker_parse(path, buf_str(&text), &m, &e) < 0)
		return NEITHER;
	return m.state == MARKER_ASIDE ? NEW : OLD;
}

static int save_marker(const char *dir, uint64_t state, struct err *e)
{
	struct marker m = {.node = "pi1", .layout = MARKER_LAYOUT};

	return marker_set(dir, &m, state == OLD ? MARKER_SERVED : MARKER_ASIDE, e);
}

/* No file is no task: the step before the first. */
static uint64_t load_task(const char *dir)
{
	struct task t;
	struct err e;

	if (task_load(dir, &t, &e) < 0)
		return NEITHER;
	return t.step == TASK_NONE ? 0 : t.step == TASK_READY ? NEW : OLD;
}

static int save_task(const char *dir, uint64_t state, struct err *e)
{
	struct task t = {.id = 7, .keeper = 1, .step = state == OLD ? TASK_RESTED : TASK_READY};

	return task_save(dir, &t, e);
}

static uint64_t load_version(const char *dir)
{
	_cleanup_free_ char *path = xasprintf("%s/bramble.marker", dir);
	_cleanup_buf_ struct buf text = {0};
	struct marker m;
	struct err e;

	if (io_read_file(path, 4096, &text, &e) < 0 ||
		marker_parse(path, buf_str(&text), &m, &e) < 0)
		return NEITHER;
	return strcmp(m.neo4j, "3.5.0") == 0 ? NEW : OLD;
}

static int save_version(const char *dir, uint64_t state, struct err *e)
{
	struct marker m = {.node = "pi1", .layout = MARKER_LAYOUT};

	return marker_set_neo4j(dir, &m, state == OLD ? "3.4.10" : "3.5.0", e);
}

/* --- of a whole card, whose root DIR is */

static int put(const char *root, const char *path, const char *text, struct err *e)
{
	_cleanup_free_ char *whole = xasprintf("%s%s", root, path);
	_cleanup_free_ char *dir = xstrndup(whole, (size_t)(strrchr(whole, '/') - whole));

	if (io_mkdir_p(dir, 0755, e) < 0)
		return -1;
	return io_write_atomic(whole, text, strlen(text), 0755, e);
}

/* Whether a file is, to the byte, what `text` makes of a state. */
static uint64_t load_text(const char *root, const char *path, char *text(uint64_t state))
{
	_cleanup_free_ char *whole = xasprintf("%s%s", root, path);
	_cleanup_free_ char *old = text(OLD), *new = text(NEW);
	_cleanup_buf_ struct buf is = {0};
	struct err e;

	if (access(whole, F_OK) < 0)
		return 0;
	if (io_read_file(whole, HELPER_FILE_MAX, &is, &e) < 0)
		return NEITHER;
	return strcmp(buf_str(&is), old) == 0   ? OLD
	       : strcmp(buf_str(&is), new) == 0 ? NEW
						: NEITHER;
}

static char *serial(uint64_t state)
{
	return xasprintf("serial = \"10000000000000%02d\"\n", (int)state);
}

static uint64_t load_pin(const char *root)
{
	return load_text(root, "/srv/bramble/bramble.serial", serial);
}

/* The first boot, and one in another board when nobody has answered for long. */
static int save_pin(const char *root, uint64_t state, struct err *e)
{
	_cleanup_free_ char *dir = xasprintf("%s/srv/bramble", root);
	const struct pin_look look = {.now_ms = 10 * PIN_GRACE_MS, .refused_ms = -1, .alone = true};
	struct pin p = {.settled_ms = -1};

	snprintf(p.own, sizeof(p.own), "10000000000000%02d", (int)state);
	return pin_check(&p, dir, &look, e);
}

static uint64_t load_book(const char *root)
{
	_cleanup_free_ char *path = xasprintf("%s/srv/bramble/bramble.peers", root);
	struct book b;
	struct err e;

	return book_load(path, &b, &e) < 0 ? NEITHER : ntohl(book_find(&b, "pi2").s_addr);
}

static int save_book(const char *root, uint64_t state, struct err *e)
{
	_cleanup_free_ char *path = xasprintf("%s/srv/bramble/bramble.peers", root);
	struct book b = {0};

	book_add(&b, "pi2", (struct in_addr){htonl((uint32_t)state)});
	return book_save(path, &b, e);
}

static uint64_t load_users(const char *root)
{
	_cleanup_free_ char *path = xasprintf("%s/srv/bramble/bramble.users", root);
	_cleanup_accounts_ struct accounts a = {0};
	_cleanup_buf_ struct buf text = {0};
	struct err e;

	if (access(path, F_OK) < 0)
		return 0;
	if (io_read_file(path, USERS_JSON_MAX, &text, &e) < 0)
		return NEITHER;
	json_t *json = json_loadb(buf_str(&text), text.len, 0, NULL);
	int rc = accounts_parse(json, &a, &e);
	json_decref(json);
	const struct account *own = accounts_find(&a, ACCOUNT_OWN, "neo4j");
	return rc < 0 || !own ? NEITHER : (uint64_t)atoi(own->value.auth);
}

static int save_users(const char *root, uint64_t state, struct err *e)
{
	_cleanup_free_ char *dir = xasprintf("%s/srv/bramble", root);
	_cleanup_free_ char *password = xasprintf("%d", (int)state);
	static struct identity id = {.members = {{.id = 1}}};
	struct users u = {.id = &id, .store = dir, .enabled = true, .begun = true};

	users_own_password(&u, password);
	accounts_free(&u.accounts);
	return u.why[0] ? err_set(e, "%s", u.why) : 0;
}

static char *secret(uint64_t state)
{
	return xasprintf("%064d\n", (int)state);
}

static uint64_t load_secret(const char *root)
{
	return load_text(root, "/etc/bramble/cluster.secret", secret);
}

static int save_secret(const char *root, uint64_t state, struct err *e)
{
	static struct helper_request r = {
		.version = HELPER_VERSION, .verb = HELPER_WRITE, .file.name = HELPER_SECRET};
	const struct agent_options o = {.root = root};
	_cleanup_free_ char *text = secret(state);
	struct helper_deed d = {0};

	if (state == OLD)
		return put(root, "/etc/bramble/cluster.secret", text, e);
	r.file.size = (uint32_t)strlen(text);
	memcpy(r.file.bytes, text, r.file.size);
	helper_do(&o, &r, &d);
	return d.code ? err_set(e, "%s", d.text) : 0;
}

#define CONF "/etc/bramble/node.conf"

static uint64_t load_place(const char *root)
{
	return load_text(root, CONF, secret);
}

static int save_place(const char *root, uint64_t state, struct err *e)
{
	_cleanup_free_ char *from = xasprintf("%s/content", root);
	_cleanup_free_ char *text = secret(state);
	_cleanup_place_ struct place p = {.dir = -1};
	char digest[GENERATION_DIGEST];
	struct generation_file f = {.kind = GENERATION_FILE,
		.path = CONF,
		.digest = digest,
		.mode = 0644,
		.uid = geteuid(),
		.gid = getegid()};

	generation_digest(text, strlen(text), digest);
	if (put(root, "/content", text, e) < 0 || place_open(&p, root, f.path, true, e) < 0 ||
		place_stage(&p, &f, from, e) < 0)
		return -1;
	return place_commit(&p, e);
}

static uint64_t load_record(const char *root)
{
	json_t *record = enact_record(root);
	json_int_t n = json_integer_value(json_object_get(record, "generation"));

	json_decref(record);
	return record ? (uint64_t)n : NEITHER;
}

static int save_record(const char *root, uint64_t state, struct err *e)
{
	json_t *record = json_pack("{s:i, s:[]}", "generation", (int)state, "files");
	int rc = record_save(root, record, e);

	json_decref(record);
	return rc;
}

static char *conf(uint64_t state)
{
	return xasprintf(
		"cluster { id = \"00112233445566778899aabbccddeeff\" name = \"garden\" "
		"generation = 1 }\nnode { name = \"pi1\" }\n"
		"neo4j { version = \"3.5.%d\" profile = \"3.x-ha\" }\n"
		"member \"pi1\" { id = 1 roles = {\"data\"} address = \"192.168.2.11\" }\n",
		(int)state);
}

static uint64_t load_switch(const char *root)
{
	_cleanup_free_ char *link = xasprintf("%s/opt/neo4j", root);
	char target[64] = "";
	int version = 0;

	if (readlink(link, target, sizeof(target) - 1) < 0)
		return NEITHER;
	return sscanf(target, "neo4j-3.5.%d", &version) == 1 ? (uint64_t)version : NEITHER;
}

static int save_switch(const char *root, uint64_t state, struct err *e)
{
	_cleanup_free_ char *link = xasprintf("%s/opt/neo4j", root);
	_cleanup_free_ char *old = conf(OLD), *new = conf(NEW);
	const struct agent_options o = {.root = root};

	if (state == NEW)
		return switch_run(&o, e);
	if (put(root, CONF, old, e) < 0 || put(root, INSTALL_NEW "/node.conf", new, e) < 0 ||
		put(root, "/opt/neo4j-3.5.42/bin/neo4j", "", e) < 0)
		return -1;
	return symlink("neo4j-3.5.41", link) < 0 ? err_errno(e, "%s", link) : 0;
}

/* --- the shelf: a content, and a list; and what enact.c does with them */

#define SHELF "/srv/bramble/apply"

static struct shelf shelf_of(const char *root)
{
	_cleanup_free_ char *dir = xasprintf("%s" SHELF, root);
	struct shelf s;

	shelf_open(&s, root, dir, NULL);
	return s;
}

static int put_content(
	const char *root, const char *text, char digest[GENERATION_DIGEST], struct err *e)
{
	struct shelf s = shelf_of(root);
	struct shelf_writer w = {.fd = -1};
	size_t n = strlen(text);

	generation_digest(text, n, digest);
	int rc = shelf_begin(&w, &s, digest, n, e);
	if (rc == 0 && (rc = shelf_add(&w, text, n, e)) < 0)
		shelf_abandon(&w);
	else if (rc == 0)
		rc = shelf_end(&w, e);
	shelf_close(&s);
	return rc;
}

/* A name that is there has all its bytes. */
static uint64_t load_content(const char *root)
{
	for (uint64_t state = NEW; state >= OLD; state--) {
		char digest[GENERATION_DIGEST];
		_cleanup_free_ char *text = secret(state);
		generation_digest(text, strlen(text), digest);
		_cleanup_free_ char *path = xasprintf(SHELF "/%s", digest);
		uint64_t is = load_text(root, path, secret);
		if (is)
			return is == state ? state : NEITHER;
	}
	return 0;
}

static int save_content(const char *root, uint64_t state, struct err *e)
{
	char digest[GENERATION_DIGEST];
	_cleanup_free_ char *text = secret(state);

	return put_content(root, text, digest, e);
}

static uint64_t load_list(const char *root)
{
	struct shelf s = shelf_of(root);
	uint64_t newest = shelf_newest(&s);
	_cleanup_free_ char *path = xasprintf(SHELF "/%d.list", (int)newest);

	shelf_close(&s);
	return newest && load_text(root, path, secret) != newest ? NEITHER : newest;
}

static int save_list(const char *root, uint64_t state, struct err *e)
{
	struct shelf s = shelf_of(root);
	_cleanup_free_ char *text = secret(state);
	const struct buf sealed = {.data = text, .len = strlen(text)};
	const struct generation g = {.number = state};

	int rc = shelf_keep(&s, &g, &sealed, e);
	shelf_close(&s);
	return rc;
}

/* Of enact.c's; bramble.txt has a test of its own. */
int agent_settings_hosts(const struct agent_options *o, struct err *e)
{
	(void)o, (void)e;
	return 0;
}

static int enact(const char *root, enum enact_what what, uint64_t generation, struct err *e)
{
	const struct agent_options o = {.root = root, .service_manager = "/bin/true"};
	const struct enact_order order = {.serial = 1, .what = what, .generation = generation};
	_cleanup_free_ char *dir = xasprintf("%s" SHELF, root);

	return enact_order_save(dir, &order, e) < 0 ? -1 : enact_run(&o, e);
}

#define KEPT RECORD_DIR "/before/0"
#define LIST                                                                                   \
	"{\"for\": %d, \"mixed\": false, \"installed\": {\"generation\": 40, \"files\": []}, " \
	"\"entries\": [{\"path\": \"%s\", \"there\": true}]}"

static uint64_t load_kept(const char *root)
{
	return load_text(root, KEPT, conf);
}

/* The way back after an upgrade: the node.conf that was kept gets the Neo4j there is. */
static int save_kept(const char *root, uint64_t state, struct err *e)
{
	_cleanup_free_ char *list = xasprintf(LIST, 41, CONF), *text = conf(state);

	if (state == OLD)
		return put(root, RECORD_DIR "/before/list.json", list, e) < 0
			       ? -1
			       : put(root, KEPT, text, e);
	return put(root, CONF, text, e) < 0 ? -1 : enact(root, ENACT_BEFORE, 41, e);
}

#define SEED "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

/* Generation 42, with nothing but this node.conf in it. */
static int put_generation(const char *root, const char *node_conf, struct err *e)
{
	_cleanup_free_ char *list = xasprintf("%s" SHELF "/42.list", root);
	_cleanup_buf_ struct buf sealed = {0};
	char digest[GENERATION_DIGEST], public[GENERATION_PUBLIC_HEX + 2] = "";

	if (put_content(root, node_conf, digest, e) < 0)
		return -1;
	json_t *json = json_pack(
		"{s:i, s:s, s:i, s:s, s:s, s:[{s:s, s:i, s:[s], s:s}], s:{s:[{s:s, s:i, s:i, s:i, "
		"s:i, s:s}]}}",
		"bramble", 1, "cluster", "00112233445566778899aabbccddeeff", "generation", 42,
		"built", "2026-11-28", "neo4j", "3.5.41", "members", "name", "pi1", "id", 1,
		"roles", "data", "address", "192.168.2.11", "nodes", "pi1", "path", CONF, "mode",
		0644, "uid", geteuid(), "gid", getegid(), "size", (int)strlen(node_conf), "digest",
		digest);
	int rc = generation_seal(json, SEED, &sealed, e);
	if (rc == 0)
		rc = generation_public(SEED, public, e);
	public[GENERATION_PUBLIC_HEX] = '\n';
	if (rc == 0)
		rc = put(root, "/etc/bramble/owner.pub", public, e);
	if (rc == 0)
		rc = io_write_atomic(list, sealed.data, sealed.len, 0600, e);
	json_decref(json);
	return rc;
}

static char *motd(uint64_t state)
{
	return xasprintf("of before %d\n", (int)state);
}

/* Whose way back is it, and is all there that it lists? */
static uint64_t load_before(const char *root)
{
	if (record_before_is(root, OLD))
		return load_text(root, KEPT, motd) == OLD ? OLD : NEITHER;
	return record_before_is(root, NEW) && load_text(root, KEPT, conf) == OLD ? NEW : NEITHER;
}

static int save_before(const char *root, uint64_t state, struct err *e)
{
	_cleanup_free_ char *list = xasprintf(LIST, OLD, "/etc/motd"), *kept = motd(OLD);
	_cleanup_free_ char *is = conf(OLD);

	if (state == NEW)
		return enact(root, ENACT_GENERATION, NEW, e);
	if (put(root, RECORD_DIR "/before/list.json", list, e) < 0 ||
		put(root, KEPT, kept, e) < 0 || put(root, CONF, is, e) < 0)
		return -1;
	_cleanup_free_ char *next = xasprintf("# of generation 42\n%s", is);
	return put_generation(root, next, e);
}

/* --- Neo4j's own users: two files, each of which is whole */

#define USERS "/srv/bramble/neo4j/data/dbms"

/* What stands for p3 is no mount point. */
int __wrap_marker_check(
	const char *dir, const struct identity *id, struct marker *m, struct err *e);
int __wrap_marker_check(const char *dir, const struct identity *id, struct marker *m, struct err *e)
{
	(void)dir, (void)id, (void)m, (void)e;
	return 0;
}

static char *user(uint64_t state)
{
	return xasprintf("neo4j:SHA-256,%d,AA:\n", (int)state);
}

static char *role(uint64_t state)
{
	return xasprintf("admin:neo4j\nreader%d:neo4j\n", (int)state);
}

/* The roles come last. */
static uint64_t load_user_files(const char *root)
{
	uint64_t users = load_text(root, USERS "/auth", user);
	uint64_t roles = load_text(root, USERS "/roles", role);

	return users == NEITHER || (roles == NEW && users != NEW) ? NEITHER : roles;
}

static int save_user_files(const char *root, uint64_t state, struct err *e)
{
	const struct agent_options o = {.root = root};
	_cleanup_free_ char *is = conf(OLD), *input = xasprintf("%s/input", root);
	_cleanup_free_ char *text =
		xasprintf("auth neo4j:SHA-256,%d,AA:\nrole admin:neo4j\nrole reader%d:neo4j\n",
			(int)state, (int)state);

	if (put(root, CONF, is, e) < 0 || put(root, "/input", text, e) < 0)
		return -1;
	if (!freopen(input, "r", stdin))
		return err_errno(e, "%s", input);
	return user_files_write(&o, e);
}

/* How it is not to be done: the test must find both. */
static int save_unsynced(const char *dir, uint64_t state, struct err *e)
{
	_cleanup_free_ char *path = xasprintf("%s/lease", dir);
	_cleanup_free_ char *next = xasprintf("%s.next", path);
	_cleanup_free_ char *text = xasprintf("%d\n", (int)state);
	_cleanup_close_ int fd = open(next, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || io_write_full(fd, text, strlen(text)) < 0 || rename(next, path) < 0)
		return err_errno(e, "%s", path);
	return 0;
}

static int save_in_place(const char *dir, uint64_t state, struct err *e)
{
	_cleanup_free_ char *path = xasprintf("%s/lease", dir);
	_cleanup_free_ char *text = xasprintf("%d\n", (int)state);
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || io_write_full(fd, text, strlen(text)) < 0 || fsync(fd) < 0)
		return err_errno(e, "%s", path);
	return 0;
}

static const struct kind {
	const char *name;
	int (*save)(const char *dir, uint64_t state, struct err *e);
	uint64_t (*load)(const char *dir);
} kinds[] = {
	{"memory_save", save_memory, load_memory},
	{"runtime_save", save_runtime, load_runtime},
	{"lease_save", save_lease, load_lease},
	{"marker_set", save_marker, load_marker},
	{"marker_set_neo4j", save_version, load_version},
	{"task_save", save_task, load_task},
	{"pin_check", save_pin, load_pin},
	{"book_save", save_book, load_book},
	{"users_own_password", save_users, load_users},
	{"replace_file", save_secret, load_secret},
	{"place_commit", save_place, load_place},
	{"record_save", save_record, load_record},
	{"switch_run", save_switch, load_switch},
	{"shelf_end", save_content, load_content},
	{"shelf_keep", save_list, load_list},
	{"rewrite_kept", save_kept, load_kept},
	{"save_before", save_before, load_before},
	{"user_files_write", save_user_files, load_user_files},
	{"careless-unsynced", save_unsynced, load_lease},
	{"careless-in-place", save_in_place, load_lease},
};

static const struct kind *find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (strcmp(kinds[i].name, name) == 0)
			return &kinds[i];
	}
	return NULL;
}

int main(int argc, char **argv)
{
	const struct kind *k = argc > 3 ? find(argv[2]) : NULL;
	struct err e = {0};

	if (!k || sodium_init() < 0)
		return 2;
	if (strcmp(argv[1], "load") == 0) {
		uint64_t state = k->load(argv[3]);
		puts(state == OLD ? "old" : state == NEW ? "new" : state == 0 ? "none" : "torn");
		return 0;
	}
	if (argc > 4 && k->save(argv[3], strcmp(argv[4], "old") == 0 ? OLD : NEW, &e) == 0)
		return 0;
	fprintf(stderr, "torn_steps: %s\n", e.msg);
	return 1;
}
