/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The words of the control protocol, from one end to the other. */
#include "talk.h"
#include "tap.h"

static struct sealed_keys keys = {.n = 1};
static struct talk pc, agent;
static struct err e;

/* All that one has to say, in pieces of at most n bytes, as a socket would. */
static void carry(struct talk *from, struct talk *to, size_t n)
{
	struct talk_word w;
	char *room;

	while (from->out.len && sealed_wants(&to->sealed, &to->in) > to->in.len) {
		size_t fits = talk_room(to, &room);
		fits = fits < n ? fits : n;
		fits = fits < from->out.len ? fits : from->out.len;
		memcpy(room, from->out.data, fits);
		talk_took(to, fits);
		buf_consume(&from->out, fits);
		if (to->sealed.phase != SEALED_OPEN)
			(void)!talk_next(to, &w, &e);
	}
}

static void begin(void)
{
	talk_begin(&pc, keys.key);
	talk_accept(&agent, &keys);
	carry(&pc, &agent, 7);
	carry(&agent, &pc, 7);
	carry(&pc, &agent, 7);
	ok(agent.sealed.phase == SEALED_OPEN && !agent.sealed.proven, "open, and not proven yet");
}

static void end(void)
{
	talk_end(&pc);
	talk_end(&agent);
}

/* What the agent makes of one message. */
static int hear(const void *p, size_t n, struct talk_word *w)
{
	sealed_write(&pc.sealed, p, n, &pc.out);
	carry(&pc, &agent, SIZE_MAX);
	return talk_next(&agent, w, &e);
}

static void test_words(void)
{
	static char file[TALK_DATA_MAX];
	struct talk_word w;

	begin();
	talk_json(&pc, json_pack("{s:s}", "verb", "status"));
	carry(&pc, &agent, 3);
	is_int(talk_next(&agent, &w, &e), 1, "a word");
	ok(w.kind == TALK_JSON && agent.sealed.proven, "of a proven one, JSON");
	is_str(json_string_value(json_object_get(w.json, "verb")), "status", "as it was");
	json_decref(w.json);
	talk_data(&pc, file, sizeof(file));
	carry(&pc, &agent, 4096);
	is_int(talk_next(&agent, &w, &e), 1, "a piece of a file");
	ok(w.kind == TALK_DATA && w.n == sizeof(file) && !w.json, "as large as can be");
	talk_data(&pc, file, 0);
	carry(&pc, &agent, 4096);
	ok(talk_next(&agent, &w, &e) == 1 && w.n == 0, "and an empty one");
	is_int(talk_next(&agent, &w, &e), 0, "no more");
	end();
}

static void test_refused(void)
{
	static const char *const bad[] = {"", "X", "J", "J1", "J[]", "J{", "J{} {}",
		"J{\"a\":1,\"a\":2}", "J{\"a\":\"\\u0000\"}", "j{}"};
	struct talk_word w;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		begin();
		is_int(hear(bad[i], strlen(bad[i]), &w), -1, "\"%s\" is no word", bad[i]);
		end();
	}
}

static void test_too_much(void)
{
	static char file[SEALED_MESSAGE_MAX];
	json_t *long_text = json_stringn(memset(file, 'x', sizeof(file)), sizeof(file));

	begin();
	talk_json(&pc, json_pack("{s:o}", "a", long_text));
	ok(!buf_ok(&pc.out), "what is too long for a message is not sent");
	end();
	begin();
	talk_data(&pc, file, sizeof(file));
	ok(!buf_ok(&pc.out), "nor is a piece of a file");
	end();
}

int main(void)
{
	static const uint8_t secret[SEALED_SECRET] = {1}, cluster[SEALED_CLUSTER_ID] = {2};

	if (sodium_init() < 0)
		return 1;
	sealed_key_derive(keys.key, secret, cluster);
	test_words();
	test_refused();
	test_too_much();
	return done();
}
