/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>
#include "vip.h"

static bool before(const struct vip_peer *p, const char *self)
{
	return strcmp(p->name, self) < 0;
}

/* Does that one have it, or is to have it, rather than this node? */
static bool goes_first(const struct vip_peer *p, const struct vip *v, const char *self)
{
	if (!p->present)
		return false;
	if (p->holds)
		return !v->holds || before(p, self);
	return p->stands && !v->holds && before(p, self);
}

void vip_step(struct vip *v, const struct vip_look *look)
{
	v->stands = look->serves && look->majority;
	if (!v->stands) {
		/* One that has just started has not heard or asked anybody yet. */
		v->holds = v->holds && look->up_ms < VIP_SETTLE_MS;
		return;
	}
	if (!v->holds && look->up_ms < VIP_SETTLE_MS)
		return;
	for (size_t i = 0; i < look->npeers; i++) {
		if (goes_first(&look->peers[i], v, look->self)) {
			v->holds = false;
			return;
		}
	}
	v->holds = true;
}
