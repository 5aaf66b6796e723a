/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How much is kept of what clients send that have no member yet. */
// use: proxy/budget.c
#include "proxy/budget.h"
#include "tap.h"

static void test_small(void)
{
	struct budget b = {0};
	size_t mine = 0;

	budget_hold(&b, &mine, 0);
	ok(b.used == 0, "nothing");
	budget_hold(&b, &mine, BUDGET_FREE);
	ok(b.used == 0, "what each client always has is not counted");
	budget_hold(&b, &mine, BUDGET_FREE + 1);
	ok(b.used == 1, "what is above it is");
}

static void test_change(void)
{
	struct budget b = {0};
	size_t mine = 0, other = 0;

	budget_hold(&b, &mine, BUDGET_FREE + 1000);
	budget_hold(&b, &other, BUDGET_FREE + 500);
	ok(b.used == 1500, "two");
	budget_hold(&b, &mine, BUDGET_FREE + 200);
	ok(b.used == 700, "one has less");
	budget_hold(&b, &mine, 100);
	budget_hold(&b, &mine, 0);
	ok(b.used == 500 && mine == 0, "it gave all back, once");
	budget_hold(&b, &other, 0);
	ok(b.used == 0, "the other one, too");
}

static void test_spent(void)
{
	struct budget b = {0};
	size_t mine = 0;

	budget_hold(&b, &mine, BUDGET_FREE + BUDGET_MAX / 2 - 1);
	ok(!budget_half(&b) && !budget_spent(&b), "less than the half");
	budget_hold(&b, &mine, BUDGET_FREE + BUDGET_MAX / 2);
	ok(budget_half(&b) && !budget_spent(&b), "the half: who can wait waits");
	budget_hold(&b, &mine, BUDGET_FREE + BUDGET_MAX);
	ok(budget_half(&b) && budget_spent(&b), "all");
	budget_hold(&b, &mine, BUDGET_FREE);
	ok(!budget_half(&b) && !budget_spent(&b), "and none again");
}

int main(void)
{
	test_small();
	test_change();
	test_spent();
	return done();
}
