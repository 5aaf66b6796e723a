/* SPDX-License-Identifier: GPL-3.0-or-later */
/* To whom a generation is given, where one breaks off or is busy. The nodes are stand-ins. */
// use: builder/live/apply_send.c
#include <string.h>
#include "builder/live/apply.h"
#include "cmd.h"
#include "tap.h"

enum answer {
	TAKES,
	BREAKS_OFF,       /* keeps it, and its answer is lost: the next time it has all of it */
	BREAKS_AND_FAILS, /* is not there any more */
	IS_BUSY,
};

volatile int interrupted;

int check_interrupted(struct err *e)
{
	(void)e;
	return 0;
}

static struct {
	enum answer answer;
	unsigned asked;
} stands[3];
static char names[3][4] = {"pi1", "pi2", "pi3"}, path[] = "c.conf";
static struct node nodes[3] = {{.name = names[0]}, {.name = names[1]}, {.name = names[2]}};
static struct cluster cluster = {.path = path, .nodes = nodes, .nnodes = 3};

int state_stamp(const struct cluster *c, unsigned least, struct state *s, struct err *e)
{
	(void)c;
	(void)e;
	*s = (struct state){.generation = least};
	return 0;
}

int state_withdraw(const struct cluster *c, unsigned generation, struct err *e)
{
	(void)c;
	(void)generation;
	(void)e;
	return 0;
}

bool apply_is_member(const struct apply *a, const char *name)
{
	(void)a;
	(void)name;
	return true;
}

const struct rendered_file *rendering_find(const struct rendering *r, const char *digest)
{
	(void)r;
	(void)digest;
	return NULL;
}

int remote_give(const struct remote *r, const struct node *n, json_t *request,
	const struct remote_file *file, json_t **answer, struct err *e)
{
	size_t i = (size_t)(n - nodes);
	enum answer how = stands[i].answer;
	bool again = stands[i].asked++ > 0;

	(void)r;
	(void)file;
	json_decref(request);
	if (how == IS_BUSY)
		return err_code(e, EXIT_BUSY, "%s: pi1 has one already", n->name);
	if (how == BREAKS_AND_FAILS || (how == BREAKS_OFF && !again))
		return err_set(e, "%s: hung up before it answered", n->name);
	*answer = json_pack("{s:[]}", "missing");
	return 0;
}

/* All run it at once. */
int remote_ask(const struct remote *r, const struct node *n, json_t *request,
	const struct remote_listener *l, json_t **answer, bool *reached, struct err *e)
{
	(void)r;
	(void)n;
	(void)l;
	(void)reached;
	(void)e;
	json_decref(request);
	*answer = json_pack("{s:i, s:i, s:i, s:s}", "generation", 7, "decided", 7, "goal", 7,
		"state", "serving");
	return 0;
}

int remote_pause(unsigned ms, struct err *e)
{
	(void)ms;
	return err_set(e, "nobody waits here");
}

static int give(enum answer first, enum answer second, enum answer third, struct err *e)
{
	static struct apply a;

	a = (struct apply){.remote.cluster = &cluster, .state.generation = 7};
	for (size_t i = 0; i < 3; i++) {
		a.nodes[i].reached = true;
		stands[i].asked = 0;
	}
	stands[0].answer = first;
	stands[1].answer = second;
	stands[2].answer = third;
	*e = (struct err){0};
	return apply_send(&a, e);
}

int main(void)
{
	struct err e;

	is_int(give(TAKES, TAKES, TAKES, &e), 0, "the first takes it");
	is_int(stands[1].asked, 0, "and nobody else is asked");
	is_int(give(BREAKS_AND_FAILS, TAKES, TAKES, &e), 0, "one that breaks off: the next");
	is_int(give(IS_BUSY, TAKES, TAKES, &e), -1, "one that is busy with another PC's list");
	is_int(e.code, EXIT_BUSY, "is the end of it");
	is_int(stands[1].asked, 0, "and nobody else gets this one");
	is_int(give(BREAKS_OFF, IS_BUSY, TAKES, &e), 0,
		"busy with what the one before has kept, without being able to tell: that is asked "
		"again");
	is_int(give(BREAKS_AND_FAILS, IS_BUSY, TAKES, &e), -1, "does it not tell then either");
	is_int(e.code, EXIT_BUSY, "it is somebody else's");
	is_int(stands[2].asked, 0, "which the third is not to get this one beside");
	return done();
}
