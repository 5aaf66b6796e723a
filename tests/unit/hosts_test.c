/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The initial hosts of a run, put into Neo4j's configuration; the guard's way to processes. */
// use: node-agent/hosts.c node-agent/guard.c node-agent/runtime.c node-agent/discover/book.c
#include <arpa/inet.h>
#include <signal.h>
#include <sys/wait.h>
#include "io.h"
#include "node-agent/guard.h"
#include "node-agent/hosts.h"
#include "tap.h"

static struct identity id = {.nmembers = 4,
	.members = {{.name = "pi1", .id = 1, .roles = ROLE_DATA},
		{.name = "pi2", .id = 2, .roles = ROLE_DATA | ROLE_PROXY},
		{.name = "pi3", .id = 3, .roles = ROLE_DATA},
		{.name = "pi4", .id = 0, .roles = ROLE_PROXY}}};

static struct book book;

static void test_replace(void)
{
	static const char text[] = "# ha.initial_hosts=x\nha.server_id=1\nha.server=10.0.0.1:6001\n"
				   "ha.initial_hosts=a:5001,b:5001\nother=1\n";
	_cleanup_buf_ struct buf to = {0}, none = {0};
	struct idset some = {0}, stranger = {0}, nobody = {0};
	struct hosts h = {.id = &id, .initial = &some, .book = &book};
	struct err e;

	idset_add(&some, 3);
	idset_add(&some, 1);
	is_int(hosts_replace(&h, text, &to, &e), 0, "the line is replaced");
	is_str(buf_str(&to),
		"# ha.initial_hosts=x\nha.server_id=1\nha.server=10.0.0.1:6001\n"
		"ha.initial_hosts=10.0.0.1:5001,10.0.0.3:5001\nother=1\n",
		"and nothing else");
	_cleanup_buf_ struct buf other = {0}, again = {0};
	idset_remove(&some, 1);
	is_int(hosts_replace(&h, text, &other, &e), 0, "a list without this node's own address");
	is_str(buf_str(&other),
		"# ha.initial_hosts=x\nha.server_id=1\nha.server=10.0.0.1:6001\n"
		"ha.initial_hosts=10.0.0.3:5001\nha.allow_init_cluster=false\nother=1\n",
		"goes with the word that it creates no cluster");
	idset_add(&some, 1);
	is_int(hosts_replace(&h, buf_str(&other), &again, &e), 0, "the next list has it");
	is_str(buf_str(&again), buf_str(&to), "and that word is gone");
	idset_add(&stranger, 9);
	h.initial = &stranger;
	is_int(hosts_replace(&h, text, &none, &e), -1, "no such node: %s", e.msg);
	h.initial = &nobody;
	is_int(hosts_replace(&h, text, &none, &e), -1, "no host: %s", e.msg);
	is_int(hosts_replace(&h, "x=1\n", &none, &e), -1, "no line: %s", e.msg);
	is_int(hosts_write(&h, "/nonexistent", &e), -1, "no file: %s", e.msg);
}

/* It was elsewhere by bramble.txt, and is back where node.conf says: at its next start. */
static void test_back(void)
{
	static const char elsewhere[] =
		"ha.host.coordination=10.9.9.9:5001\nha.host.data=10.9.9.9:6001\n";
	static const char single[] = "dbms.default_advertised_address=127.0.0.1\n";
	_cleanup_buf_ struct buf to = {0}, alone = {0};
	struct hosts h = {.id = &id, .book = &book};
	struct err e;

	is_int(hosts_replace(&h, elsewhere, &to, &e), 0, "it is back at its own address");
	is_str(buf_str(&to), "ha.host.coordination=10.0.0.1:5001\nha.host.data=10.0.0.1:6001\n",
		"so is its Neo4j");
	is_int(hosts_replace(&h, single, &alone, &e), 0, "one that is for its own machine alone");
	is_str(buf_str(&alone), single, "stays so");
}

/* Where the builder knew no address, the agent's book has them. */
static void test_unknown(void)
{
	static const char text[] = "ha.host.coordination=127.0.0.1:5001\nha.server=127.0.0.1:6001\n"
				   "dbms.connectors.default_advertised_address=127.0.0.1\n"
				   "ha.initial_hosts=127.0.0.1:5001";
	_cleanup_buf_ struct buf to = {0}, none = {0}, own = {0};
	struct idset some = {0};
	static struct identity roaming;
	struct hosts h = {.id = &roaming, .initial = &some, .book = &book};
	struct err e;

	roaming = id;
	for (size_t i = 0; i < id.nmembers; i++)
		roaming.members[i].address.s_addr = 0;
	idset_add(&some, 1);
	idset_add(&some, 2);
	book_add(&book, "pi1", (struct in_addr){htonl(0xa9fe0709)});
	is_int(hosts_replace(&h, text, &none, &e), -1, "an address is missing: %s", e.msg);
	book_add(&book, "pi2", (struct in_addr){htonl(0xa9fe070a)});
	is_int(hosts_replace(&h, text, &to, &e), 0, "none is");
	is_str(buf_str(&to),
		"ha.host.coordination=169.254.7.9:5001\nha.server=169.254.7.9:6001\n"
		"dbms.connectors.default_advertised_address=169.254.7.9\n"
		"ha.initial_hosts=169.254.7.9:5001,169.254.7.10:5001",
		"all are as the book has them");
	h.initial = NULL;
	is_int(hosts_replace(&h, "ha.initial_hosts=x\nha.server=y", &own, &e), 0, "no quorum");
	is_str(buf_str(&own), "ha.initial_hosts=x\nha.server=169.254.7.9:6001", "its own only");
}

static void test_guard(void)
{
	char root[] = "/tmp/bramble-guard-test.XXXXXX";
	struct err e;

	if (!mkdtemp(root))
		return;
	is_int(guard_kill(root, "neo4j.service"), 0, "no control group, nobody to kill");
	pid_t pid = fork();
	if (pid == 0) {
		pause();
		_exit(0);
	}
	_cleanup_free_ char *group =
		xasprintf("%s/sys/fs/cgroup/systemd/system.slice/neo4j.service", root);
	_cleanup_free_ char *procs = xasprintf("%s/cgroup.procs", group);
	_cleanup_free_ char *text = xasprintf("%ld\n", (long)pid);
	(void)!io_mkdir_p(group, 0755, &e);
	(void)!io_write_atomic(procs, text, strlen(text), 0644, &e);
	is_int(guard_kill(root, "neo4j.service"), 1, "one process in it");
	int status = 0;
	waitpid(pid, &status, 0);
	ok(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "is killed");
	(void)!io_remove_tree(root, &e);
}

int main(void)
{
	for (size_t i = 0; i < id.nmembers; i++)
		id.members[i].address.s_addr = htonl(0x0a000001 + (uint32_t)i);
	test_replace();
	test_back();
	test_unknown();
	test_guard();
	return done();
}
