/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A machine's address in its kernel's own table. */
// use: builder/rehearse/locate.c
#include <arpa/inet.h>
#include "builder/rehearse/locate.h"
#include "tap.h"

#define LOOPBACK                        \
	"     +-- 127.0.0.0/8 2 0 2\n"  \
	"        |-- 127.0.0.0\n"       \
	"           /8 host LOCAL\n"    \
	"        |-- 127.0.0.1\n"       \
	"           /32 host LOCAL\n"   \
	"        |-- 127.255.255.255\n" \
	"           /32 link BROADCAST\n"

static const struct table {
	const char *text, *address, *what;
} tables[] = {
	{"", "0.0.0.0", "no table"},
	{"Main:\n  +-- 0.0.0.0/0 3 0 5\n" LOOPBACK, "0.0.0.0", "loopback alone"},
	{"Main:\n  +-- 0.0.0.0/0 3 0 5\n" LOOPBACK "     +-- 169.254.0.0/16 2 0 2\n"
	 "        |-- 169.254.0.0\n           /16 link UNICAST\n"
	 "        |-- 169.254.7.9\n           /32 host LOCAL\n"
	 "        |-- 169.254.255.255\n           /32 link BROADCAST\n",
		"169.254.7.9", "link-local"},
	{"|-- 999.1.1.1\n/32 host LOCAL\n", "0.0.0.0", "nonsense"},
};

int main(void)
{
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		struct in_addr a = locate_parse(tables[i].text);
		is_str(inet_ntoa(a), tables[i].address, "%s", tables[i].what);
	}
	return done();
}
