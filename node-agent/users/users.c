/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "users.h"
#include <arpa/inet.h>
#include <errno.h>
#include <sodium.h>
#include <string.h>
#include <sys/wait.h>
#include "../neo4j_watch.h"
#include "../secrets.h"
#include "io.h"
#include "log.h"
#include "user_files.h"
#include "users_pull.h"

#define PULL_AGAIN_MS 2000
#define NOTHING_NEW_MS 10000
#define FIRST 0 /* the card came with it */

_Static_assert(HELLO_USERS == ACCOUNTS_DIGEST, "one digest");

static unsigned self(const struct users *u)
{
	return identity_self(u->id)->id;
}

/* Once for each reason. */
static void complain(struct users *u, const char *why)
{
	if (strncmp(u->why, why, WHY_SIZE - 1) != 0)
		log_error("users: %s", why);
	why_copy(u->why, why);
}

/* --- p3 */

static char *users_path(const struct users *u)
{
	return xasprintf("%s/bramble.users", u->store);
}

static json_t *parse(const struct buf *text)
{
	return json_loadb(buf_str(text), text->len, JSON_REJECT_DUPLICATES, NULL);
}

static int load(struct users *u, struct accounts *to, struct err *e)
{
	_cleanup_free_ char *path = users_path(u);
	_cleanup_secret_ struct buf text = {0};

	if (access(path, F_OK) < 0 && errno == ENOENT)
		return 0;
	if (io_read_plain(path, USERS_JSON_MAX, &text, e) < 0)
		return -1;
	json_t *json = parse(&text);
	int rc = accounts_parse(json, to, e);
	u->seen = json_is_true(json_object_get(json, "seen"));
	json_decref(json);
	return rc < 0 ? err_prefix(e, "%s", path) : 0;
}

static int save(struct users *u, struct err *e)
{
	_cleanup_free_ char *path = users_path(u);
	json_t *json = accounts_json(&u->accounts, true);

	accounts_digest(&u->accounts, u->digest);
	json_object_set_new(json, "seen", json_boolean(u->seen));
	char *text = json_dumps(json, JSON_COMPACT);
	json_decref(json);
	int rc = text ? io_write_atomic(path, text, strlen(text), 0600, e)
		      : err_set(e, "%s: out of memory", path);
	if (text)
		sodium_memzero(text, strlen(text));
	free(text);
	return rc;
}

/* What was not written down is read again from where it came, after the next start at the latest.
 */
static void keep(struct users *u)
{
	struct err e;

	if (save(u, &e) < 0)
		complain(u, e.msg);
}

/* --- this node's files */

static struct timespec folder_time(const struct users *u)
{
	_cleanup_free_ char *dir = user_files_dir(u->store);
	struct stat st;

	return stat(dir, &st) == 0 ? st.st_mtim : (struct timespec){0};
}

static bool is_due(const struct users *u, int64_t now_ms)
{
	struct timespec t = folder_time(u);

	return now_ms >= u->look_ms || t.tv_sec != u->changed.tv_sec ||
	       t.tv_nsec != u->changed.tv_nsec;
}

static const char *own_password(const struct users *u)
{
	const struct account *own = accounts_find(&u->accounts, ACCOUNT_OWN, NEO4J_USER);

	return own && own->value.there ? own->value.auth : "";
}

static void take_files(struct users *u, const struct accounts *files)
{
	if (!u->seen && !accounts_are_first_whole(files))
		return;
	bool changed = accounts_observe(&u->accounts, files, !u->seen, self(u));

	bool covers = accounts_cover(&u->accounts, files);

	/* To write them would remove the newest; and what was never written is not settled. */
	u->differ = covers && accounts_differ(&u->accounts, files);
	if (!covers && u->accounts.n >= ACCOUNTS_MAX)
		complain(u, "too many users and roles were ever made: changes stay on this node");
	if (changed)
		log_info("users: changed here: %zu users and roles", u->accounts.n);
	if (covers && !u->differ && !accounts_settled(&u->accounts) &&
		boottime_ms() - u->put_ms >= USERS_READ_MS) {
		accounts_settle(&u->accounts);
		changed = true;
		/* One that Neo4j refused before it knew it is not tried again otherwise. */
		u->password_changed(u->agent, own_password(u));
	}
	if (changed || !u->seen) {
		u->seen = true;
		keep(u);
	}
}

static void have_read(struct users *u, const char *text)
{
	_cleanup_accounts_ struct accounts files = {0};
	struct err e;

	if (accounts_read(text, &files, &e) < 0)
		complain(u, e.msg);
	else if (files.n)
		take_files(u, &files);
	/* Without any Neo4j has yet to make them. */
}

static void done(void *arg, int code, const char *text)
{
	struct users *u = arg;

	if (code) {
		complain(u, text[0] ? text : strerror(code));
		u->look_ms = boottime_ms() + PULL_AGAIN_MS;
		return;
	}
	if (u->reads) {
		have_read(u, text);
		return;
	}
	u->put_ms = boottime_ms();
	u->look_ms = 0;
	log_info("users: Neo4j gets those of the other members");
}

static void read_files(struct users *u, int64_t now_ms)
{
	u->changed = folder_time(u);
	u->look_ms = now_ms + USERS_LOOK_MS;
	u->reads = true;
	helper_ask(&u->hands, &(struct helper_request){.verb = HELPER_USERS}, done, u);
}

static void write_files(struct users *u)
{
	_cleanup_secret_ struct buf text = {0};
	struct helper_request *r = calloc(1, sizeof(*r));
	struct err e;

	if (!r || accounts_write(&u->accounts, &text, &e) < 0) {
		complain(u, r ? e.msg : "out of memory");
		free(r);
		return;
	}
	r->verb = HELPER_WRITE;
	r->file.name = HELPER_ACCOUNTS;
	r->file.size = (uint32_t)text.len;
	memcpy(r->file.bytes, text.data, text.len);
	u->reads = false;
	u->differ = false;
	helper_ask(&u->hands, r, done, u);
	sodium_memzero(r, sizeof(*r));
	free(r);
}

/* --- the password by which the agents ask */

static void own_written(void *arg, int code, const char *text)
{
	if (code)
		complain(arg, text[0] ? text : strerror(code));
}

/* Neo4j knows it when it has read its users: asked before it would refuse, and lock the user. */
static void take_own(struct users *u, const char *password)
{
	struct helper_request *r = calloc(1, sizeof(*r));

	if (!r)
		return;
	r->verb = HELPER_WRITE;
	r->file.name = HELPER_PASSWORD;
	r->file.size = (uint32_t)snprintf(r->file.bytes, sizeof(r->file.bytes), "%s\n", password);
	helper_ask(&u->own_hands, r, own_written, u);
	sodium_memzero(r, sizeof(*r));
	free(r);
	u->own_ms = boottime_ms() + USERS_READ_MS;
}

static void follow_own(struct users *u)
{
	if (!u->own_ms || boottime_ms() < u->own_ms)
		return;
	u->own_ms = 0;
	u->password_changed(u->agent, own_password(u));
}

void users_own_password(struct users *u, const char *password)
{
	if (!u->enabled || !u->begun)
		return;
	if (accounts_set_own(&u->accounts, password, self(u)) < 0)
		complain(u, "no room for the agents' password");
	u->own_ms = 0;
	keep(u);
}

/* --- what the others have */

static const struct peer *find_giver(struct users *u)
{
	for (size_t i = 0; i < u->peers->n; i++) {
		const struct peer *p = &u->peers->peer[(u->pull_next + i) % u->peers->n];
		static const uint8_t none[ACCOUNTS_DIGEST];
		if (!peer_present(p) || memcmp(p->last.users, none, sizeof(none)) == 0 ||
			memcmp(p->last.users, u->digest, sizeof(u->digest)) == 0)
			continue;
		u->pull_next = (u->pull_next + i + 1) % u->peers->n;
		return p;
	}
	return NULL;
}

static void merge(struct users *u, const struct accounts *theirs)
{
	char before[ACCOUNT_AUTH_MAX + 1];

	memcpy(before, own_password(u), strlen(own_password(u)) + 1);
	if (!accounts_merge(&u->accounts, theirs)) {
		u->pull_ms = boottime_ms() + NOTHING_NEW_MS;
	} else {
		keep(u);
		u->look_ms = 0;
		if (strcmp(before, own_password(u)) != 0)
			take_own(u, own_password(u));
	}
	sodium_memzero(before, sizeof(before));
}

static void pull_ended(struct child *c, int status)
{
	struct users *u = container_of(c, struct users, pull);
	_cleanup_accounts_ struct accounts theirs = {0};
	struct err e;

	if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
		json_t *json = parse(&c->text);
		if (accounts_parse(json, &theirs, &e) == 0)
			merge(u, &theirs);
		else
			complain(u, e.msg);
		json_decref(json);
	} else {
		complain(u, c->text.len && c->text.len < WHY_SIZE && buf_str(&c->text)[0] != '{'
				    ? buf_str(&c->text)
				    : "cannot be taken from another member");
	}
	secret_wipe(&c->text);
}

static void pull(struct users *u, int64_t now_ms)
{
	if (!u->seen || u->pull.pid || now_ms < u->pull_ms || !accounts_settled(&u->accounts))
		return;
	const struct peer *from = find_giver(u);
	if (!from)
		return;
	char where[INET_ADDRSTRLEN + 8], address[INET_ADDRSTRLEN];
	struct in_addr at = from->at.address;
	u->pull_ms = now_ms + PULL_AGAIN_MS;
	inet_ntop(AF_INET, &at, address, sizeof(address));
	snprintf(where, sizeof(where), "%s:%u", address, ntohs(u->peers->port));
	const char *const argv[] = {
		"/proc/self/exe", "--root", u->root, "--from", where, USERS_PULL, NULL};
	if (child_run(&u->pull, u->loop, argv, -1, pull_ended) < 0)
		complain(u, strerror(errno));
}

/* --- each round */

/* The password that p3 knows counts, unless it is only what an earlier card came with. */
static void begin(struct users *u)
{
	struct accounts stored = {0};
	struct err e;

	u->begun = true;
	if (load(u, &stored, &e) < 0) { /* what it had, the files and the others have */
		complain(u, e.msg);
		u->seen = false;
	}
	const struct account *own = accounts_find(&stored, ACCOUNT_OWN, NEO4J_USER);
	bool counts = own && own->change;
	if (!counts && accounts_set_own(&stored, own_password(u), FIRST) < 0)
		complain(u, "no room for the agents' password");
	bool another = counts && strcmp(own->value.auth, own_password(u)) != 0;
	accounts_free(&u->accounts);
	u->accounts = stored;
	accounts_digest(&u->accounts, u->digest);
	if (another)
		take_own(u, own_password(u));
}

void users_step(struct users *u, bool there)
{
	int64_t now_ms = boottime_ms();

	if (!u->enabled || !there)
		return;
	if (!u->begun)
		begin(u);
	follow_own(u);
	if (helper_client_busy(&u->hands))
		return;
	if (is_due(u, now_ms))
		read_files(u, now_ms);
	else if (u->differ && now_ms - u->put_ms >= PULL_AGAIN_MS)
		write_files(u);
	else if (u->put_ms && !accounts_settled(&u->accounts) &&
		 now_ms - u->put_ms >= USERS_READ_MS)
		u->look_ms = 0;
	pull(u, now_ms);
}

void users_reap(struct users *u)
{
	child_reap(&u->pull);
}

void users_tell(const struct users *u, uint8_t digest[ACCOUNTS_DIGEST])
{
	memset(digest, 0, ACCOUNTS_DIGEST);
	if (u->enabled && u->seen)
		memcpy(digest, u->digest, ACCOUNTS_DIGEST);
}

static bool keeps_them_in_files(const struct identity *id)
{
	unsigned version = 0;

	return neo4j_version_parse(id->neo4j, &version) == 0 && version >= NEO4J_VERSION(3, 1) &&
	       version < NEO4J_VERSION(4, 0) && (id->mode == NEO4J_HA || id->mode == NEO4J_CAUSAL);
}

void users_open(struct users *u, const char *password)
{
	helper_client_init(&u->hands, u->loop, u->helper);
	helper_client_init(&u->own_hands, u->loop, u->helper);
	u->enabled =
		password && (identity_self(u->id)->roles & ROLE_DATA) && keeps_them_in_files(u->id);
	if (u->enabled && accounts_set_own(&u->accounts, password, FIRST) < 0)
		u->enabled = false;
}

void users_close(struct users *u)
{
	helper_client_cancel(&u->hands);
	helper_client_cancel(&u->own_hands);
	child_close(&u->pull);
	accounts_free(&u->accounts);
}
