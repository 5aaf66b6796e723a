/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>
#include "talk.h"

void talk_begin(struct talk *t, const struct sealed_key *key)
{
	*t = (struct talk){0};
	sealed_begin(&t->sealed, key, &t->out);
}

void talk_accept(struct talk *t, const struct sealed_keys *keys)
{
	*t = (struct talk){0};
	sealed_accept(&t->sealed, keys);
}

void talk_end(struct talk *t)
{
	sealed_end(&t->sealed);
	buf_free(&t->in);
	buf_free(&t->out);
	buf_free(&t->message);
}

size_t talk_room(struct talk *t, char **to)
{
	size_t wants = sealed_wants(&t->sealed, &t->in);
	size_t n = wants > t->in.len ? wants - t->in.len : 0;

	*to = n ? buf_reserve(&t->in, n) : NULL;
	return *to ? n : 0;
}

void talk_took(struct talk *t, size_t n)
{
	t->in.len += n;
}

static int parse(struct talk_word *w, struct err *e)
{
	json_error_t je;

	w->json = json_loadb(w->data, w->n, JSON_REJECT_DUPLICATES, &je);
	if (!w->json)
		return err_set(e, "no JSON: %s", je.text);
	if (json_is_object(w->json))
		return 1;
	json_decref(w->json);
	return err_set(e, "not a JSON object");
}

int talk_next(struct talk *t, struct talk_word *w, struct err *e)
{
	int r = sealed_read(&t->sealed, &t->in, &t->out, &t->message, e);

	if (r <= 0)
		return r;
	if (!t->message.len)
		return err_set(e, "an empty message");
	*w = (struct talk_word){.kind = (enum talk_kind)t->message.data[0],
		.data = t->message.data + 1,
		.n = t->message.len - 1};
	switch (w->kind) {
	case TALK_JSON:
		return parse(w, e);
	case TALK_DATA:
		return 1;
	}
	return err_set(e, "a message of an unknown kind");
}

static void add(struct talk *t, enum talk_kind kind, const void *p, size_t n)
{
	_cleanup_buf_ struct buf word = {0};
	char first = (char)kind;

	buf_add(&word, &first, 1);
	buf_add(&word, p, n);
	if (buf_ok(&word) && word.len <= SEALED_MESSAGE_MAX)
		sealed_write(&t->sealed, word.data, word.len, &t->out);
	else
		t->out.failed = true;
}

void talk_json(struct talk *t, json_t *json)
{
	char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;

	json_decref(json);
	if (text)
		add(t, TALK_JSON, text, strlen(text));
	else
		t->out.failed = true;
	free(text);
}

void talk_data(struct talk *t, const void *p, size_t n)
{
	add(t, TALK_DATA, p, n);
}
