/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>
#include "flash.h"
#include "inspect/show.h"
#include "keep.h"

static struct plan *get_plan(struct flash *f, const char *image, struct err *e)
{
	for (size_t i = 0; i < f->nplans; i++) {
		if (strcmp(f->plans[i]->name, image) == 0)
			return f->plans[i];
	}
	f->plans = xreallocarray(f->plans, f->nplans + 1, sizeof(*f->plans));
	struct plan *p = f->plans[f->nplans++] = xcalloc(1, sizeof(*p));
	return plan_open(p, image, f->options->keep_data, e) < 0 ? NULL : p;
}

static bool may_be_node(const struct plan *p)
{
	return card_is_node(&p->card) || p->nobody_told;
}

static int check_twice(const struct flash *f, const struct job *j, struct err *e)
{
	for (const struct job *other = f->jobs; other < j; other++) {
		if (device_same(&other->device, &j->device))
			return err_code(e, EXIT_USAGE, "%s and %s are the same card",
				other->device.path, j->device.path);
		if (other->plan == j->plan && may_be_node(j->plan) && !f->options->clones)
			return err_code(e, EXIT_USAGE,
				"%s shall go onto %s and %s: two machines that both are %s fight "
				"for its address and its place in the cluster; --clones if one is "
				"a spare",
				j->plan->label, other->device.path, j->device.path,
				card_is_node(&j->plan->card) ? j->plan->card.identity.node
							     : "one node");
	}
	return 0;
}

static int check_keep(const struct flash *f, struct plan *p, struct job *j, struct err *e)
{
	_cleanup_card_ struct card card = {0};

	if (!f->options->keep_data)
		return 0;
	if (card_read(&card, j->device.path, j->device.path, e) < 0)
		return err_prefix(e, "its data cannot be kept");
	if (keep_check(&card, &p->card, f->options->allow_store_upgrade, &j->store, e) < 0)
		return -1;
	p->upgrade = p->upgrade || j->store == KEEP_UPGRADES;
	j->keep = true;
	j->p3 = card.table.part[CARD_DATA].at;
	return 0;
}

static int prepare_job(struct flash *f, const struct operand *o, struct err *e)
{
	struct job *j = &f->jobs[f->njobs++];
	struct flash_rules rules = {
		.allow_fixed = f->options->allow_fixed, .unmount = f->options->unmount};
	_cleanup_free_ char *image = find_image(o->image, f->options->cluster, e);

	*j = (struct job){.fd = -1, .discard = f->options->discard};
	if (!image)
		return -1;
	struct plan *p = get_plan(f, image, e);
	if (!p)
		return -1;
	j->plan = p;
	rules.image_size = j->plan->image_size;
	if (device_look(&j->device, o->device, image, e) < 0 ||
		device_refuse(&j->device.facts, &rules, e) < 0 || check_twice(f, j, e) < 0)
		return -1;
	return check_keep(f, p, j, e);
}

int flash_prepare(struct flash *f, const struct operand *operands, size_t count,
	const struct flash_options *options, struct err *e)
{
	*f = (struct flash){.options = options, .jobs = xcalloc(count, sizeof(*f->jobs))};
	for (size_t i = 0; i < count; i++) {
		if (prepare_job(f, &operands[i], e) < 0)
			return -1;
	}
	return 0;
}

void flash_free(struct flash *f)
{
	for (size_t i = 0; i < f->njobs; i++) {
		cleanup_close(&f->jobs[i].fd);
		device_free(&f->jobs[i].device);
	}
	for (size_t i = 0; i < f->nplans; i++) {
		plan_close(f->plans[i]);
		free(f->plans[i]);
	}
	free(f->jobs);
	free(f->plans);
	*f = (struct flash){0};
}

/* A store that would go, on a card that was in use: the owner may have meant another card. */
static void warn_of_data(const struct job *j, FILE *out)
{
	_cleanup_card_ struct card card = {0};
	struct err ignored;

	if (j->keep || card_read(&card, j->device.path, j->device.path, &ignored) < 0)
		return;
	if (!card.data.node || (card.data.state && strcmp(card.data.state, "virgin") == 0))
		return;
	_cleanup_free_ char *node = printable(card.data.node, false);
	_cleanup_free_ char *cluster =
		printable(card.identity.cluster ? card.identity.cluster : "a cluster", false);
	bool ours = j->plan->card.data.cluster_id && card.data.cluster_id &&
		    strcmp(j->plan->card.data.cluster_id, card.data.cluster_id) == 0;
	fprintf(out, "  ! it holds the store of %s of %s, which will be erased%s\n", node, cluster,
		ours ? "; --keep-data keeps it" : "");
}

static const char *what_becomes(const struct job *j)
{
	static const char *const of_store[] = {
		[KEEP_OPENS] = "its data are kept",
		[KEEP_WAITS] = "its data are kept, its store waits for `bramble upgrade`",
		[KEEP_UPGRADES] = "its data are kept, its store is upgraded at its first boot",
	};

	if (!j->keep)
		return "all that is on it is erased";
	return of_store[j->plan->upgrade ? KEEP_UPGRADES : j->store];
}

static void list_cards(const struct flash *f, FILE *out)
{
	for (size_t i = 0; i < f->njobs; i++) {
		const struct job *j = &f->jobs[i];
		_cleanup_free_ char *about = device_describe(&j->device);
		fprintf(out, "%s (%s) becomes %s, %s\n", j->device.path, about, j->plan->label,
			what_becomes(j));
		for (size_t m = 0; m < j->device.nmounts; m++)
			fprintf(out, "  %s is unmounted\n", j->device.mounts[m]);
		warn_of_data(j, out);
	}
}

int flash_confirm(const struct flash *f, struct err *e)
{
	char answer[16];

	list_cards(f, stderr);
	if (f->options->yes)
		return 0;
	if (!isatty(STDIN_FILENO))
		return err_code(e, EXIT_USAGE,
			"flash: nobody can be asked (standard input is no terminal); --yes if that "
			"is right");
	fputs("Go on? [y/N] ", stderr);
	if (!fgets(answer, sizeof(answer), stdin) || (*answer != 'y' && *answer != 'Y'))
		return err_code(e, EXIT_INTERRUPTED, "nothing was written");
	return 0;
}
