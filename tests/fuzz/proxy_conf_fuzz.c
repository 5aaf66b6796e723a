/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Any bytes as a proxy.conf. What must hold: what is taken has members as proxy_conf.h promises,
 * anything else is an error that names the file.
 */
// use: proxy/proxy_conf.c proxy/members/dialect.c
// mutations: 1000
#include <stdlib.h>
#include <string.h>
#include "fuzz.h"
#include "proxy/proxy_conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err e = {0};
	char *text = malloc(size + 1);

	must(text);
	memcpy(text, data, size);
	text[size] = '\0';
	struct proxy_conf *c = proxy_conf_parse("f.conf", text, &e);
	free(text);
	if (!c) {
		must(e.code && strstr(e.msg, "f.conf"));
		return 0;
	}
	must(c->nmembers <= MEMBERS_MAX && proxy_conf_finish_ms(c) >= FINISH_MIN_MS);
	for (size_t i = 0; i < c->nmembers; i++) {
		must(member_name_ok(c->members[i].name));
		must(c->members[i].id >= 1 && c->members[i].id <= 127);
		for (size_t k = 0; k < i; k++)
			must(c->members[k].id != c->members[i].id);
	}
	proxy_conf_free(c);
	return 0;
}
