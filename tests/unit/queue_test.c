// use: proxy/http/queue.c
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "proxy/http/queue.h"
#include "tap.h"
#include "util.h"

static struct waiter w[60];
static struct queue q;

static void reset(void)
{
	memset(w, 0, sizeof(w));
	q = (struct queue){0};
}

static int take(bool write_possible, bool read_possible)
{
	struct waiter *write = write_possible ? queue_first(&q.writes) : NULL;
	struct waiter *read = read_possible ? queue_first(&q.reads) : NULL;

	if (!write || (read && queue_before(read, write)))
		write = read;
	if (!write)
		return -1;
	queue_serve(&q, write);
	return (int)(write - w);
}

static void test_order(void)
{
	reset();
	is_int(take(true, true), -1, "nobody waits");
	queue_push(&q, &q.writes, &w[0]);
	queue_push(&q, &q.reads, &w[1]);
	queue_push(&q, &q.writes, &w[2]);
	queue_push(&q, &q.reads, &w[3]);
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
		queue_push(&q, &q.writes, &w[i]);
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
		queue_push(&q, &q.reads, &w[i]);
	int first = take(true, true), second = take(true, true);
	ok(first == 0 && second == 1, "two are taken");
	queue_return(&q.reads, &w[1]);
	queue_return(&q.reads, &w[0]);
	for (int i = 0; i < 4; i++)
		is_int(take(true, true), i, "who had a turn in vain keeps the place: %d", i);
	queue_push(&q, &q.reads, &w[0]);
	queue_push(&q, &q.reads, &w[1]);
	(void)take(true, true);
	(void)take(true, true);
	queue_return(&q.reads, &w[1]);
	is_int(take(true, true), 1, "also into an empty line");
}

/* Fifty of one client before two of another and one of a third. */
static void test_turns(void)
{
	reset();
	for (int i = 0; i < 53; i++) {
		w[i].from.s6_addr[15] = i < 50 ? 1 : i < 52 ? 2 : 3;
		queue_push(&q, &q.reads, &w[i]);
	}
	static const int order[] = {0, 50, 52, 1, 51, 2, 3};
	for (size_t i = 0; i < ARRAY_SIZE(order); i++)
		is_int(take(false, true), order[i], "clients take turns: %zu", i);
	w[53].from.s6_addr[15] = 4;
	queue_push(&q, &q.reads, &w[53]);
	is_int(take(false, true), 53, "a newcomer waits for one round at most");
	is_int((long long)(queue_last(&q.reads) - w), 49, "the last is who asked for most");
}

int main(void)
{
	test_order();
	test_leaving();
	test_returning();
	test_turns();
	return done();
}
