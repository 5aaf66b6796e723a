/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The folder with a cluster's secrets: made once, whole, kept from others, never made up again. */
// use: builder/cluster/cluster_tls.c
// use: builder/cluster/cluster.c builder/cluster/cluster_overlay.c
// use: builder/cluster/pi.c builder/arch.c
// use: builder/cluster/cluster_neo4j.c
// use: builder/cluster/state.c builder/hash.c builder/run.c
// use: builder/input/conf_hash.c builder/input/look.c
#include <string.h>
#include <sys/wait.h>
#include "builder/cluster/state.h"
#include "image.h"

static char conf[256], dir[256], images[256];

static void write_file(const char *path, const char *text, mode_t mode)
{
	struct err e;

	if (io_write_atomic(path, text, strlen(text), mode, &e) < 0)
		ok(false, "%s", e.msg);
}

static const char *in_dir(const char *name)
{
	static char path[512];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static void write_conf(const char *size)
{
	_cleanup_free_ char *text =
		xasprintf("cluster \"c\" { base = \"b\" neo4j = \"n\" size = \"%s\" "
			  "network { subnet = \"10.0.0.0/24\" } node \"n1\" { "
			  "roles = {\"data\"} id = 1 address = \"10.0.0.1\" } }\n",
			size);

	write_file(conf, text, 0644);
}

/* Put before the node: what of the user's own files goes onto the cards. */
static void write_conf_with(const char *more)
{
	_cleanup_free_ char *text =
		xasprintf("cluster \"c\" { base = \"b\" neo4j = \"n\" "
			  "network { subnet = \"10.0.0.0/24\" } %s node \"n1\" { "
			  "roles = {\"data\"} id = 1 address = \"10.0.0.1\" } }\n",
			more);

	write_file(conf, text, 0644);
}

static int open_state(struct state *s, struct err *e)
{
	_cleanup_cluster_ struct cluster *c = cluster_load(conf, e);

	*e = (struct err){0};
	return c ? state_open(c, s, e) : -1;
}

static int peek_state(struct state *s, struct err *e)
{
	_cleanup_cluster_ struct cluster *c = cluster_load(conf, e);

	*e = (struct err){0};
	return c ? state_peek(c, s, e) : -1;
}

static int adopt_state(struct state *s, struct err *e)
{
	_cleanup_cluster_ struct cluster *c = cluster_load(conf, e);

	*e = (struct err){0};
	return c ? state_adopt(c, s, e) : -1;
}

static void start_again(void)
{
	struct err e;

	if (io_remove_tree(dir, &e) < 0 || io_remove_tree(images, &e) < 0)
		ok(false, "%s", e.msg);
	write_conf("16GB");
}

static mode_t mode_of(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 ? st.st_mode & 07777 : 0;
}

static void test_first(void)
{
	struct state s, again, seen;
	struct err e = {0};

	start_again();
	umask(0);
	ok(peek_state(&s, &e) < 0 && strstr(e.msg, "no such folder"), "%s", e.msg);
	ok(access(dir, F_OK) < 0, "a look makes nothing");
	ok(open_state(&s, &e) == 0, "the first build makes it");
	ok(strlen(s.id) == 32 && strlen(s.secret) == 64 && strlen(s.stats_password) == 32,
		"id, secret and password have their lengths");
	is_int(s.generation, 1, "of generation 1");
	is_int((int)strlen(s.built), 10, "made on a day: %s", s.built);
	ok(strlen(s.neo4j_password) == 32 && mode_of(in_dir("neo4j.password")) == 0600,
		"Neo4j's password is there to be looked up");
	ok(unlink(in_dir("neo4j.password")) == 0 && peek_state(&seen, &e) == 0 &&
			access(in_dir("neo4j.password"), F_OK) < 0 &&
			strcmp(seen.neo4j_password, s.neo4j_password) == 0,
		"gone, it is known all the same");
	is_int(mode_of(dir), 0700, "the folder is ours alone");
	is_int(mode_of(in_dir("secret")), 0600, "and so is what is in it");
	ok(open_state(&again, &e) == 0 && memcmp(&s, &again, sizeof(s)) == 0, "it stays");
	write_conf("32GB");
	ok(peek_state(&seen, &e) == 0 && seen.generation == 2,
		"another cluster.conf would count up");
	ok(peek_state(&seen, &e) == 0 && seen.generation == 2, "looking does not");
	ok(open_state(&again, &e) == 0 && again.generation == 2, "a build does");
	write_file(in_dir("built"), "2024-10-04\n", 0600);
	ok(open_state(&again, &e) == 0 && strcmp(again.built, "2024-10-04") == 0,
		"the same generation was made on the same day");
	unlink(in_dir("built"));
	ok(open_state(&again, &e) == 0 && strlen(again.built) == 10,
		"an earlier bramble's folder gets one");
	ok(strcmp(again.id, s.id) == 0, "the cluster is the same");
}

struct damage {
	const char *what, *file, *text, *said;
};

static const struct damage damages[] = {
	{"an empty id", "id", "", "id: damaged"},
	{"half an id", "id", "0123456789abcdef\n", "id: damaged"},
	{"an id without its end of line", "id", "0123456789abcdef0123456789abcdef", "damaged"},
	{"a secret that is no hex", "secret",
		"zz23456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n",
		"secret: damaged"},
	{"a line too many", "stats.password", "0123456789abcdef0123456789abcdef\nx\n", "damaged"},
	{"a password nobody can type", "neo4j.password", "p\001\n", "neo4j.password: damaged"},
	{"a huge generation", "generation", "4294967296\n", "generation: damaged"},
	{"a day that is none", "built", "2026-13-01\n", "built: damaged"},
	{"a negative generation", "generation", "-1\n", "generation: damaged"},
};

static void test_damage(const struct damage *d)
{
	struct state s;
	struct err e;

	start_again();
	if (open_state(&s, &e) < 0)
		ok(false, "%s", e.msg);
	write_file(in_dir(d->file), d->text, 0600);
	ok(open_state(&s, &e) < 0 && e.code == EXIT_CONFIG && strstr(e.msg, d->said), "%s: %s",
		d->what, e.msg);
}

static void test_missing(const char *file)
{
	struct state s;
	struct err e;

	start_again();
	if (open_state(&s, &e) < 0 || unlink(in_dir(file)) < 0)
		ok(false, "%s", file);
	ok(open_state(&s, &e) < 0 && strstr(e.msg, "is gone"), "%s", e.msg);
	ok(access(in_dir(file), F_OK) < 0, "no other %s is made", file);
}

static void test_strangers(void)
{
	struct state s;
	struct err e;

	start_again();
	if (open_state(&s, &e) < 0 || chmod(in_dir("secret"), 0640) < 0)
		ok(false, "%s", e.msg);
	ok(open_state(&s, &e) < 0 && strstr(e.msg, "must have mode 0600"), "%s", e.msg);
	chmod(in_dir("secret"), 0600);
	chmod(dir, 0710);
	ok(open_state(&s, &e) < 0 && strstr(e.msg, "must have mode 0700"), "%s", e.msg);
	chmod(dir, 0700);
	if (rename(in_dir("secret"), in_scratch("elsewhere")) < 0 ||
		symlink(in_scratch("elsewhere"), in_dir("secret")) < 0)
		perror("link");
	ok(open_state(&s, &e) < 0, "a link in the place of the secret: %s", e.msg);
	if (geteuid() != 0) {
		puts("# not root: owners are not tried");
		return;
	}
	start_again();
	if (open_state(&s, &e) < 0 || chown(dir, 1234, 0) < 0)
		ok(false, "%s", e.msg);
	ok(open_state(&s, &e) < 0 && strstr(e.msg, "belongs to user 1234"), "%s", e.msg);
	start_again();
}

/* Root builds for somebody else: what is made belongs to them. */
static void test_root_for_another(void)
{
	struct state s;
	struct err e;
	struct stat st;

	if (geteuid() != 0)
		return;
	start_again();
	if (chown(conf, 1234, 1234) < 0)
		perror(conf);
	ok(open_state(&s, &e) == 0, "root builds another user's cluster");
	ok(stat(dir, &st) == 0 && st.st_uid == 1234, "the folder is that user's");
	ok(stat(in_dir("generation"), &st) == 0 && st.st_uid == 1234, "and what is in it");
	unlink(conf);
}

static void test_lost(void)
{
	struct state s;
	struct err e = {0};

	start_again();
	_cleanup_free_ char *manifest = xasprintf("%s/manifest.json", images);
	if (io_mkdir_p(images, 0755, &e) < 0)
		ok(false, "%s", e.msg);
	write_file(manifest, "{}", 0644);
	ok(open_state(&s, &e) < 0 && strstr(e.msg, "recover-state"), "%s", e.msg);
	ok(access(dir, F_OK) < 0, "no second cluster is made");
}

static void test_leftover(void)
{
	_cleanup_free_ char *new = xasprintf("%s.new", dir);
	_cleanup_free_ char *secret = xasprintf("%s/secret", new);
	struct state s;
	struct err e = {0};

	start_again();
	mkdir(new, 0700);
	write_file(secret, "half", 0600);
	ok(open_state(&s, &e) == 0 && strlen(s.secret) == 64, "half a folder of a killed build");
	ok(access(new, F_OK) < 0, "is gone");
}

static void test_race(void)
{
	int ends[2], same = 0;
	char ids[8][33], first[33] = "";

	start_again();
	if (pipe(ends) < 0)
		perror("pipe");
	for (int i = 0; i < 8; i++) {
		if (fork() == 0) {
			struct state s = {0};
			struct err e;
			int rc = open_state(&s, &e);
			_exit(rc < 0 || write(ends[1], s.id, 33) != 33);
		}
	}
	for (int i = 0; i < 8; i++)
		wait(NULL);
	close(ends[1]);
	for (int i = 0; i < 8 && read(ends[0], ids[i], 33) == 33; i++) {
		if (!*first)
			memcpy(first, ids[i], 33);
		same += strcmp(first, ids[i]) == 0;
	}
	close(ends[0]);
	is_int(same, 8, "eight first builds at once make one cluster");
}

static unsigned generation_now(void)
{
	struct state peeked, s = {0};
	struct err e;

	ok(peek_state(&peeked, &e) == 0 && open_state(&s, &e) == 0 &&
			peeked.generation == s.generation,
		"the generation is %u, as was told before", s.generation);
	return s.generation;
}

/* One number with two contents would be two configurations that no node can tell apart. */
static void test_own_files(void)
{
	_cleanup_free_ char *top = xasprintf("%.*s", (int)(strrchr(conf, '/') - conf), conf);
	_cleanup_free_ char *folder = xasprintf("%s/own", top), *link = xasprintf("%s/l", folder);
	_cleanup_free_ char *file = xasprintf("%s/.f", folder), *jar = xasprintf("%s/p.jar", top);
	struct state s;
	struct err e;

	start_again();
	write_conf_with("overlay \"own\" { } plugins = {\"p.jar\"}");
	ok(open_state(&s, &e) == 0 && s.generation == 1, "whose overlay is missing: build says so");
	ok(mkdir(folder, 0755) == 0, "it comes");
	is_int(generation_now(), 2, "that is a change");
	write_file(file, "one", 0644);
	is_int(generation_now(), 3, "so is a hidden file in it");
	write_file(file, "two", 0644);
	is_int(generation_now(), 4, "what it holds");
	ok(chmod(file, 0600) == 0, "who may read it");
	is_int(generation_now(), 5, "too");
	ok(symlink("/etc/motd", link) == 0, "a link");
	is_int(generation_now(), 6, "as well");
	write_file(jar, "PK", 0644);
	is_int(generation_now(), 7, "and a plugin");
	is_int(generation_now(), 7, "once");
	ok(io_remove_tree(folder, &e) == 0 && unlink(jar) == 0, "all gone");
	is_int(generation_now(), 8, "is another one");
	_cleanup_cluster_ struct cluster *c = cluster_load(conf, &e);
	ok(c && state_read(c, &s, &e) == 0 && s.secret[0] && s.generation == 0,
		"who only talks to the cluster needs none of them");
	write_conf("1");
}

static void test_withdraw(void)
{
	struct state s;
	struct err e = {0};

	start_again();
	_cleanup_cluster_ struct cluster *c = cluster_load(conf, &e);
	ok(c && state_open(c, &s, &e) == 0 && state_stamp(c, 5, &s, &e) == 0 && s.generation == 5,
		"generation 5 is sent");
	ok(open_state(&s, &e) == 0 && s.generation == 5, "a build of the same has that number");
	ok(state_withdraw(c, 4, &e) == 0 && open_state(&s, &e) == 0 && s.generation == 5,
		"also when an earlier one is withdrawn");
	ok(state_withdraw(c, 5, &e) == 0 && state_withdraw(c, 5, &e) == 0,
		"it is withdrawn, as two see: %s", e.msg);
	ok(peek_state(&s, &e) == 0 && s.generation == 6 && s.unstamped, "the next one is new");
	ok(open_state(&s, &e) == 0 && s.generation == 6, "so is a build's");
	ok(open_state(&s, &e) == 0 && s.generation == 6, "once");
}

/* A change of the secret: begun once, whoever asks; Neo4j's password is not derived anew. */
static void test_rotate(void)
{
	struct state before, begun, again, after;
	struct err e;

	start_again();
	_cleanup_cluster_ struct cluster *c = cluster_load(conf, &e);
	ok(c && state_open(c, &before, &e) == 0 && state_peek(c, &before, &e) == 0, "a state");
	is_str(before.next, "", "whose secret is not being changed");
	is_int(state_take_secret(c, &e), -1, "there is none to take");
	is_int(state_next_secret(c, &begun, &e), 0, "a change begins");
	ok(strlen(begun.next) == 64 && strcmp(begun.next, before.secret) != 0, "to another one");
	is_int(state_next_secret(c, &again, &e), 0, "begins again");
	is_str(again.next, begun.next, "with the same");
	ok(state_peek(c, &again, &e) == 0 && strcmp(again.next, begun.next) == 0, "for all to see");
	is_str(again.secret, before.secret, "and the old one still counts");
	ok(state_open(c, &again, &e) == 0 && strcmp(again.next, begun.next) == 0,
		"a build knows of it");
	is_str(again.secret, before.secret, "and has the old one");
	is_int(state_take_secret(c, &e), 0, "it is taken");
	ok(state_peek(c, &after, &e) == 0 && !after.next[0], "that was the change");
	is_str(after.secret, begun.next, "it is the secret");
	is_str(after.neo4j_password, before.neo4j_password, "Neo4j's password stays");
	is_str(after.id, before.id, "and so does all else");
}

static void test_adopt(void)
{
	struct state s = {.id = "00112233445566778899aabbccddeeff",
		.secret = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
		.generation = 5};
	struct state other = s, got;
	struct err e = {0};

	start_again();
	ok(adopt_state(&s, &e) == 0 && strlen(s.stats_password) == 32, "a lost state comes back");
	ok(open_state(&got, &e) == 0 && strcmp(got.id, s.id) == 0, "the next build uses it");
	ok(!s.apply_seed[0] && got.apply_seed[0], "and has made the key that no card has");
	is_int(got.generation, 6, "and counts on: nobody knows which cluster.conf the cards had");
	other.generation = 9;
	ok(adopt_state(&other, &e) == 0 && peek_state(&got, &e) == 0 && got.generation == 9,
		"a later card of the same cluster only counts up");
	is_str(other.apply_seed, got.apply_seed, "and says that there is that key now");
	ok(adopt_state(&s, &e) == 0 && peek_state(&got, &e) == 0 && got.generation == 9,
		"an earlier one changes nothing");
	other.id[0] = 'f';
	ok(adopt_state(&other, &e) < 0 && strstr(e.msg, "another cluster"), "%s", e.msg);
	other = s;
	other.secret[0] = 'f';
	ok(adopt_state(&other, &e) < 0 && strstr(e.msg, "another secret"), "%s", e.msg);
	other = s;
	other.stats_password[0] ^= 1;
	ok(adopt_state(&other, &e) < 0 && strstr(e.msg, "stats.password"), "%s", e.msg);
	ok(peek_state(&got, &e) == 0 && strcmp(got.secret, s.secret) == 0, "and nothing changed");
}

/* A state that was lost while the secret was being changed. */
static void test_adopt_change(void)
{
	struct state s = {.id = "00112233445566778899aabbccddeeff",
		.secret = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
		.generation = 5};
	struct state got, begun;
	struct err e = {0};

	memcpy(s.next, s.secret, sizeof(s.next));
	start_again();
	_cleanup_cluster_ struct cluster *c = cluster_load(conf, &e);
	ok(c && adopt_state(&s, &e) == 0 && peek_state(&got, &e) == 0, "comes back");
	is_str(got.next, s.secret, "with a change that is to be finished");
	is_int(state_take_secret(c, &e), 0, "it is");
	is_int(state_next_secret(c, &begun, &e), 0, "and another one begins");
	memcpy(s.second, begun.next, sizeof(s.second));
	ok(adopt_state(&s, &e) == 0 && peek_state(&got, &e) == 0, "nodes say what they know");
	is_str(got.next, begun.next, "and the folder which of it is the new one");
	memset(s.second, 'c', sizeof(s.second) - 1);
	ok(adopt_state(&s, &e) == 0 && peek_state(&got, &e) == 0, "where none knows the folder's");
	is_str(got.next, s.next, "theirs is finished");
	memcpy(s.second, s.secret, sizeof(s.second));
	memset(s.secret, 'd', sizeof(s.secret) - 1);
	memcpy(s.next, s.secret, sizeof(s.next));
	ok(adopt_state(&s, &e) == 0 && peek_state(&got, &e) == 0, "nodes that use the new one");
	is_str(got.secret, s.second, "know the folder's still");
	is_str(got.next, s.next, "which changes to it");
}

int main(void)
{
	struct err e;

	if (!mkdtemp(scratch))
		return 1;
	snprintf(conf, sizeof(conf), "%s", in_scratch("c.conf"));
	snprintf(dir, sizeof(dir), "%s", in_scratch("c.state"));
	snprintf(images, sizeof(images), "%s", in_scratch("c.images"));
	test_first();
	for (size_t i = 0; i < ARRAY_SIZE(damages); i++)
		test_damage(&damages[i]);
	test_missing("id");
	test_missing("secret");
	test_missing("stats.password");
	test_strangers();
	test_root_for_another();
	test_lost();
	test_leftover();
	test_race();
	test_adopt();
	test_adopt_change();
	test_rotate();
	test_own_files();
	test_withdraw();
	if (io_remove_tree(scratch, &e) < 0)
		ok(false, "%s", e.msg);
	return done();
}
