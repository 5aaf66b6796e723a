/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_SETTINGS_H
#define BRAMBLE_SETTINGS_H

#include "buf.h"
#include "local.h"
#include "netconf.h"

/*
 * bramble.txt on p1: what a person may change on any PC. At boot, before the network is up,
 * `bramble-agent settings` reads it and tells it to the system (settings_apply.c).
 *
 *	node = "pi2"				which node a card of identical images is (assign.h)
 *	hostname = "kitchen"
 *	address = "192.168.7.11/24"		or "dhcp", "linklocal"
 *	gateway = "192.168.7.1"
 *	wifi_ssid = 'home' wifi_password = '...' wifi_country = "DE"
 *	seeds = {"192.168.7.12"}
 *
 * It counts as a whole or not at all: where anything in it is wrong or unknown, or a file that it
 * concerns cannot be made, the card stays as it was, and the reason lies beside it for the next PC
 * to show. So it does without the file; an empty one gives back what was built. A byte order mark,
 * CRLF and comments are borne.
 */
#define SETTINGS_MAX (16u << 10) /* bytes of bramble.txt */
#define SETTINGS_TEXT 65         /* the longest is a Wi-Fi key of 64 digits */

struct settings {
	char node[SETTINGS_TEXT];     /* "": not said; so for all */
	char hostname[SETTINGS_TEXT]; /* "": as built; so for all that follow */
	char address[SETTINGS_TEXT];  /* dotted, for NETCONF_STATIC */
	char gateway[SETTINGS_TEXT];
	char ssid[SETTINGS_TEXT], password[SETTINGS_TEXT], country[SETTINGS_TEXT];
	bool has_network; /* mode, and what belongs to it, is said */
	enum netconf_mode mode;
	unsigned prefix;
	size_t nseeds;
	struct in_addr seed[SEEDS_MAX];
};

/* Pure. name stands for the file in errors; text has n bytes of any kind. */
MUST_CHECK int settings_parse(
	const char *name, const char *text, size_t n, struct settings *s, struct err *e);

/* Where bramble.txt is below root, or would be. The caller frees. */
char *settings_path(const char *root);

/* bramble.txt of the system below root; *s is empty where there is none (perhaps p1 is not
 * mounted). */
MUST_CHECK int settings_load(const char *root, struct settings *s, struct err *e);

/*
 * A password that was taken over before, of the same network, is still its password. -1: it has
 * none at all.
 */
MUST_CHECK int settings_take_password(
	struct settings *s, const struct settings *before, struct err *e);

/* Pure: as settings_parse reads it; only for the card's own file of mode 0600. */
void settings_format(const struct settings *s, struct buf *to);

/* Pure: local.conf's text; "" where there is nothing for the agent. */
void settings_format_local(const struct settings *s, struct buf *to);

/*
 * Pure: can the password be blanked, and nothing else? It needs a line of its own, key and value.
 */
MUST_CHECK int settings_check_password(
	const char *name, const char *text, size_t n, const struct settings *s, struct err *e);

/* Overwrites the line that sets wifi_password, in place. Was there one? */
bool settings_blank_password(char *text, size_t n);

#endif
