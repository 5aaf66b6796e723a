/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <sys/resource.h>
#include "descriptors.h"
#include "log.h"

#define BRIDGE 2
#define CHECKS 3 /* of each member: its role, its agent, its store */
#define OTHERS 128

/* A client by HTTP may come by TLS; one that speaks Bolt by TLS, a WebSocket, or both. */
size_t descriptors_needed(const struct proxy_conf *conf, size_t nmembers)
{
	size_t tls = conf->tls_certificate ? BRIDGE : 0;
	size_t http = conf->maxconn * (1 + tls), bolt = conf->maxconn * (1 + tls + BRIDGE);
	size_t member = 2 * conf->member_maxconn + CHECKS;

	if (proxy_conf_bolt(conf))
		member += 2 * conf->bolt_maxconn;
	else
		bolt = 0;
	return http + bolt + nmembers * member + OTHERS;
}

void descriptors_raise(const struct proxy_conf *conf, size_t nmembers)
{
	rlim_t need = descriptors_needed(conf, nmembers);
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= need)
		return;
	limit.rlim_cur = need < limit.rlim_max ? need : limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur < need)
		log_warn("only %llu of %llu file descriptors: limits.maxconn may not be reached",
			(unsigned long long)limit.rlim_cur, (unsigned long long)need);
}
