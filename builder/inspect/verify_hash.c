/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The image against the SHA-256 that the build left beside it in manifest.json. */
#include <string.h>
#include "beside.h"
#include "sha256.h"
#include "verify.h"

enum verdict check_manifest(struct verify *v)
{
	_cleanup_beside_ struct beside b = {0};
	struct err e = {0};
	char hex[SHA256_HEX];

	beside_read(&b, v->card->name);
	if (v->card->device || !b.there)
		return verify_not_checked(v, "no manifest.json beside it");
	if (b.trouble)
		return verify_failed(v, "%s", b.trouble);
	if (!b.sha256)
		return verify_not_checked(v, "%s has no hash of %s", b.path, v->card->name);
	if (sha256_file(v->card->image, hex, NULL, &e) < 0)
		return verify_failed(v, "%s", e.msg);
	return strcasecmp(hex, b.sha256) == 0
		       ? VERDICT_OK
		       : verify_failed(
				 v, "is %.12s..., was %.12s... when it was built", hex, b.sha256);
}
