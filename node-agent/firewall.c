/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <arpa/inet.h>
#include <string.h>
#include "firewall.h"
#include "hello.h"
#include "log.h"
#include "util.h"

static void on_answer(void *arg, int code, const char *text)
{
	struct firewall *f = arg;
	char why[WHY_SIZE] = "";

	f->shut = !code && f->asked.shut;
	if (code) {
		snprintf(why, sizeof(why), "no firewall: %.*s", (int)strcspn(text, "\n"), text);
		f->again_ms = boottime_ms() + FIREWALL_RETRY_MS;
	}
	if (strcmp(why, f->why) != 0)
		log_at(code ? LOG_LEVEL_WARN : LOG_LEVEL_INFO, "%s",
			code ? why : "the firewall is set");
	why_copy(f->why, why);
}

void firewall_init(struct firewall *f, struct loop *l, const char *helper)
{
	*f = (struct firewall){0};
	helper_client_init(&f->helper, l, helper);
}

void firewall_close(struct firewall *f)
{
	helper_client_cancel(&f->helper);
}

/* One that is gone may have left its address to one that is not. */
void firewall_add(struct helper_firewall *want, const struct helper_host *member)
{
	struct helper_host *added = &want->host[want->n];

	if (!member->address.s_addr || want->n == MEMBERS_MAX)
		return;
	*added = *member;
	for (struct helper_host *h = want->host; h < added; h++) {
		if (h->address.s_addr == added->address.s_addr)
			h->silent = added->silent = h->silent && added->silent;
	}
	want->n++;
}

static bool is_silent(const struct helper_firewall *rules, struct in_addr address)
{
	for (size_t i = 0; i < rules->n; i++) {
		if (rules->host[i].address.s_addr == address.s_addr)
			return rules->host[i].silent;
	}
	return false;
}

static void log_silence(const struct helper_firewall *was, const struct helper_firewall *now)
{
	for (size_t i = 0; i < now->n; i++) {
		const struct helper_host *h = &now->host[i];
		char text[INET_ADDRSTRLEN];
		if (h->silent == is_silent(was, h->address))
			continue;
		inet_ntop(AF_INET, &h->address, text, sizeof(text));
		log_info("%s %s", text,
			h->silent ? "is not heard: Neo4j does not wait for it"
				  : "may be reached again by Neo4j");
	}
}

/* What was asked for counts when it was done; while it is under way something newer waits. */
void firewall_step(struct firewall *f, const struct helper_firewall *want)
{
	int64_t now_ms = boottime_ms();
	struct helper_request r = {.verb = HELPER_FIREWALL, .firewall = *want};

	if (helper_client_busy(&f->helper))
		return;
	if (now_ms < f->again_ms && memcmp(&f->asked, want, sizeof(*want)) == 0)
		return;
	log_silence(&f->asked, want);
	f->asked = *want;
	f->again_ms = now_ms + FIREWALL_AGAIN_MS;
	helper_ask(&f->helper, &r, on_answer, f);
}
