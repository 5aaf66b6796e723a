// use: proxy/http/queue.c
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "proxy/http/queue.h"
#include "tap.h"

static struct waiter w[6];
static struct queue q;

static void reset(void)
{
	memset(w, 0, sizeof(w));
	q = (struct queue){0};
}

static int take(bool write_possible, bool read_possible)
{
	struct waiter *taken = queue_take(&q, write_possible, read_possible);

	return taken ? (int)(taken - w) : -1;
}

static void test_order(void)
{
	reset();
	is_int(take(true, true), -1, "nobody waits");
	queue_push(&q, &w[0], true);
	queue_push(&q, &w[1], false);
	queue_push(&q, &w[2], true);
	queue_push(&q, &w[3], false);
	is_int(take(true, true), 0, "the first");
	is_int(take(true, true), 1, "then the first of the other line");
	is_int(take(false, true), 3, "who can be placed passes who cannot");
	is_int(take(false, true), -1, "no read is left");
	is_int(take(true, false), 2, "the write had not lost its place");
	is_int((long long)(q.writes.len + q.reads.len), 0, "empty");
}

static void test_leaving(void)
{
	reset();
	for (int i = 0; i < 4; i++)
		queue_push(&q, &w[i], true);
	queue_note_length(&q);
	queue_remove(&w[1]);
	queue_remove(&w[1]);
	queue_remove(&w[3]);
	queue_remove(&w[5]);
	is_int((long long)q.writes.len, 2, "two left");
	is_int(take(true, true), 0, "the first remains");
	is_int(take(true, true), 2, "and the third");
	is_int((long long)q.len_max, 4, "the longest is remembered");
}

static void test_returning(void)
{
	reset();
	for (int i = 0; i < 4; i++)
		queue_push(&q, &w[i], false);
	int first = take(true, true), second = take(true, true);
	ok(first == 0 && second == 1, "two are taken");
	queue_return(&q, &w[1], false);
	queue_return(&q, &w[0], false);
	for (int i = 0; i < 4; i++)
		is_int(take(true, true), i, "who had a turn in vain keeps the place: %d", i);
	queue_push(&q, &w[0], false);
	queue_push(&q, &w[1], false);
	(void)take(true, true);
	(void)take(true, true);
	queue_return(&q, &w[1], false);
	is_int(take(true, true), 1, "also into an empty line");
}

int main(void)
{
	test_order();
	test_leaving();
	test_returning();
	return done();
}
