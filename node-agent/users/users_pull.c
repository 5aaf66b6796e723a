/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "users_pull.h"
#include "../member_line.h"
#include "../secrets.h"
#include "io.h"

int users_pull(const struct agent_options *o, struct err *e)
{
	_cleanup_secret_ struct buf all = {0};
	_cleanup_keys_ struct keys keys = {0};
	struct member_text text = {&all, USERS_JSON_MAX, "too many users"};
	struct identity id;

	if (identity_load_root(o->root, &id, e) < 0 || keys_load(o->root, &id, &keys, e) < 0)
		return -1;
	if (member_ask(o->from, keys.control.key, json_pack("{s:s}", "verb", USERS_VERB),
		    member_collect, &text, e) < 0)
		return -1;
	return io_write_full(STDOUT_FILENO, buf_str(&all), all.len) < 0
		       ? err_errno(e, "standard output")
		       : 0;
}
