/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_HELPER_WIRE_H
#define BRAMBLE_HELPER_WIRE_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "../identity.h"

/*
 * What the agent, which reads the network and has no rights, may have done by bramble-helper,
 * which has them and reads nothing but this: one request and one answer, each one packet of a
 * SOCK_SEQPACKET connection of its own at /run/bramble-helper. Both ends are this program on this
 * machine, so the structs travel as they are; a version tells apart two programs during a
 * re-install. No request holds a command, a path, or a rule: only which verb of the table, and
 * numbers within bounds. The one that holds bytes (HELPER_WRITE) names its file by number.
 */
#define HELPER_VERSION 3
#define HELPER_FILE_MAX 16384
#define HELPER_TEXT_MAX 32768
#define HELPER_LINES_MAX 1000

enum helper_verb {
	HELPER_NEO4J_SHOW, /* text: "ActiveState=...\nMainPID=...\n" */
	HELPER_NEO4J_START,
	HELPER_NEO4J_STOP, /* in order, as at shutdown */
	HELPER_NEO4J_KILL, /* all its processes, at once */
	HELPER_POWEROFF,
	HELPER_REBOOT,
	HELPER_CLOCK,
	HELPER_FIREWALL,
	HELPER_JOURNAL, /* text: the last lines of one unit */
	HELPER_WRITE,
	HELPER_VIP,
	HELPER_UNPACK,  /* what came for the store becomes a folder: bramble-unpack.service */
	HELPER_INSTALL, /* another Neo4j, beside the one there is: bramble-install.service */
	HELPER_UPGRADE, /* a copy of the store becomes that one's: bramble-upgrade-copy.service */
	HELPER_SWITCH,  /* that one is this node's Neo4j: bramble-switch.service */
	HELPER_ENACT,   /* what the agent's order says: bramble-enact.service (apply/enact.h) */
	HELPER_USERS,   /* text: Neo4j's users, as users/account.h has them */
	HELPER_VERBS,
};

/* Sets the wall clock to a base (clock.h); or, to slew, adds to it by and by. */
struct helper_clock {
	int64_t ms;
	uint32_t slew, unused;
};

/* Who may come in; which ports and what else is node.conf's (helper_rules.h). */
struct helper_host {
	struct in_addr address;
	uint32_t roles;  /* enum role */
	uint32_t silent; /* are this node's connections to its Neo4j refused? (silence.h) */
};

struct helper_firewall {
	uint32_t open; /* may 7474 and 7687 be reached by anybody but this node itself? */
	uint32_t shut; /* is Neo4j's cluster port closed to the members, too? (verdict.shut) */
	uint32_t n;
	struct helper_host host[MEMBERS_MAX];
};

enum helper_unit {
	HELPER_UNIT_AGENT,
	HELPER_UNIT_HELPER,
	HELPER_UNIT_GUARD,
	HELPER_UNIT_GROW,
	HELPER_UNIT_PROXY,
	HELPER_UNIT_NEO4J,
	HELPER_UNIT_UPGRADE,
	HELPER_UNIT_UNPACK,
	HELPER_UNIT_INSTALL,
	HELPER_UNIT_COPY,
	HELPER_UNIT_SWITCH,
	HELPER_UNITS,
};

struct helper_journal {
	uint32_t unit; /* enum helper_unit */
	uint32_t lines;
};

enum helper_file_name {
	HELPER_MOTD,     /* what a login shows */
	HELPER_ISSUE,    /* what the console shows before it */
	HELPER_SECRET,   /* the cluster's, one or two lines of 64 hex digits; stays its owner's */
	HELPER_PASSWORD, /* Neo4j's, by which the agent asks: one line; stays its owner's */
	HELPER_ACCOUNTS, /* what HELPER_USERS reads */
	HELPER_FILES,
	HELPER_BANNERS = HELPER_SECRET, /* those before it show one line to people (banner.h) */
};

struct helper_file {
	uint32_t name; /* enum helper_file_name */
	uint32_t size;
	char bytes[HELPER_FILE_MAX];
};

/* node.conf says which address that is; one of a node.conf before is taken off in any case. */
struct helper_floating {
	uint32_t hold; /* may this node have it? */
};

struct helper_request {
	uint32_t version, verb;
	union {
		struct helper_floating vip;
		struct helper_clock clock;
		struct helper_firewall firewall;
		struct helper_journal journal;
		struct helper_file file;
	};
};

struct helper_answer {
	uint32_t version;
	int32_t code; /* 0, or an errno: text says why */
	char text[HELPER_TEXT_MAX + 1];
};

/* "neo4j-start" and the like; "?" for what is no verb. */
const char *helper_verb_name(unsigned verb);
/* "bramble-agent.service" and the like; NULL for what is none. */
const char *helper_unit_name(unsigned unit);
/* Of a unit by its name without ".service"; -1: not one of ours. */
int helper_unit_find(const char *name);

/*
 * May people be shown it before they log in? Printable and no backslash: neither a terminal nor
 * agetty does anything at it.
 */
static inline bool helper_may_show(char c)
{
	return c >= ' ' && c <= '~' && c != '\\';
}

/* How many bytes of r are sent; 0: it is out of bounds. */
size_t helper_request_size(const struct helper_request *r);

/*
 * A packet that came in: 0, or the errno to answer with, and *why (static). EPROTO: another
 * version; ENOSYS: no such verb; EMSGSIZE: not of that verb's size; EINVAL: out of bounds. What
 * is accepted is in *r, and all of r behind it is zero.
 */
int helper_request_parse(const void *packet, size_t n, struct helper_request *r, const char **why);

/* The bytes of an answer to send; text is cut to fit, at its front. */
size_t helper_answer_make(struct helper_answer *a, int code, const char *text);
/* 0, or -1 for what is no answer. Then the text ends with a NUL. */
int helper_answer_parse(struct helper_answer *a, size_t n);

#endif
