/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What --allow-store-upgrade leaves on a card. */
#include <fcntl.h>
#include "image/ext4.h"
#include "neo4j_upgrade.h"
#include "plan.h"

#define FOLDER "/etc/bramble/upgrade" /* bramble-upgrade.service has it too */

static int edit(const struct plan *p, struct ext4 *fs, struct err *e)
{
	_cleanup_buf_ struct buf conf = {0}, alone = {0};

	if (ext4_read(fs, "/opt/neo4j/conf/neo4j.conf", &conf, e) < 0)
		return -1;
	neo4j_upgrade_render(p->card.identity.neo4j_version, buf_str(&conf), &alone);
	if (ext4_mkdir(fs, FOLDER, EXT4_ROOT(0755), e) < 0)
		return -1;
	return ext4_write(fs, FOLDER "/neo4j.conf", alone.data, alone.len, EXT4_ROOT(0644), e);
}

static int edit_root(const struct plan *p, struct err *e)
{
	_cleanup_ext4_ struct ext4 *fs =
		ext4_open(p->source.image, p->card.table.part[CARD_ROOT].at.start, e);

	return !fs || edit(p, fs, e) < 0 ? -1 : ext4_close(&fs, e);
}

int plan_order_upgrade(struct plan *p, struct err *e)
{
	if (source_make_own(&p->source, e) < 0 || edit_root(p, e) < 0)
		return -1;
	close(p->fd);
	p->fd = open(p->source.image, O_RDONLY | O_CLOEXEC);
	return p->fd < 0 ? err_errno(e, "%s", p->source.image) : 0;
}
