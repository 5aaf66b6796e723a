/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "rules.h"
#include "util.h"

#define IMAGE_SECTOR 512 /* what an image's partition table counts in */

struct refusal {
	bool applies;
	enum exit_code code;
	const char *cause, *detail, *remedy;
};

static const char *text(const char *s)
{
	return s ? s : "";
}

int device_refuse(const struct device_facts *f, const struct flash_rules *r, struct err *e)
{
	bool disk = f->kind == DEVICE_DISK;
	_cleanup_free_ char *sizes = xasprintf("%llu bytes, the image %llu",
		(unsigned long long)f->size, (unsigned long long)r->image_size);
	_cleanup_free_ char *sector = xasprintf(
		"%u bytes; a Pi looks for an image's partitions by 512 and would boot nothing",
		f->sector);
	const struct refusal refusals[] = {
		{f->kind == DEVICE_MISSING, EXIT_INPUT, "is not there", NULL,
			"is the card in the reader? A file that shall stand for one is made with "
			"truncate -s"},
		{f->kind == DEVICE_OTHER, EXIT_INPUT, "is neither a disk nor a file", NULL,
			"name a card's device"},
		{f->is_image, EXIT_INPUT, "is the image itself", NULL, "name a card's device"},
		{f->system, EXIT_INPUT, "is a disk of the running system, which has on it: ",
			text(f->system), "name a card's device"},
		{f->kind == DEVICE_PARTITION, EXIT_INPUT, "is a partition of ", text(f->disk),
			"name the whole disk"},
		{f->holder, EXIT_BUSY, "is in use by ", text(f->holder),
			"stop that LVM, RAID or encrypted volume first"},
		{f->mount && !r->unmount, EXIT_BUSY, "is mounted at ", text(f->mount),
			"unmount it, or add --unmount"},
		{disk && !f->size, EXIT_INPUT, "is empty", NULL, "put a card into the reader"},
		{disk && !f->removable && !r->allow_fixed, EXIT_INPUT,
			"cannot be taken out, so it is no card", NULL,
			"--allow-fixed if it is the right disk"},
		{f->read_only, EXIT_INPUT, "is read-only", NULL,
			"slide the card's lock, or take another card"},
		{f->sector && f->sector != IMAGE_SECTOR, EXIT_INPUT, "has sectors of ", sector,
			"take a card, reader or adapter that has sectors of 512 bytes"},
		{f->size < r->image_size, EXIT_INPUT, "is too small: ", sizes,
			"take a larger card, or build with a smaller size"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(refusals); i++) {
		const struct refusal *x = &refusals[i];
		if (x->applies)
			return err_code(e, x->code, "%s %s%s; %s", f->path, x->cause,
				text(x->detail), x->remedy);
	}
	return 0;
}
