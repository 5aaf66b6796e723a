/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "remote.h"

bool remote_is_settled(const struct remote_status *s)
{
	bool withdrawn = s->goal < s->decided && s->generation == s->decided;

	return !s->owed && !withdrawn && s->generation >= s->goal;
}
