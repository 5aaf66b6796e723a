/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "neostore.h"

#define RECORD 9

/* In the order of MetaDataStore.Position. */
enum position {
	POSITION_TIME,
	POSITION_RANDOM,
	POSITION_LOG_VERSION,
	POSITION_LAST_TX,
	POSITIONS,
};
_Static_assert(POSITIONS *RECORD == NEOSTORE_NEEDS, "as many as are read");

int neostore_parse(const void *p, size_t n, struct neostore *s, struct err *e)
{
	const uint8_t *at = p;
	uint64_t value[POSITIONS];

	if (n < NEOSTORE_NEEDS)
		return err_set(e, "neostore: too short to be Neo4j's");
	for (size_t i = 0; i < POSITIONS; i++, at += RECORD) {
		if (at[0] != 1)
			return err_set(e, "neostore: not of a Neo4j this bramble knows");
		value[i] = 0;
		for (size_t k = 1; k < RECORD; k++)
			value[i] = value[i] << 8 | at[k];
	}
	if (value[POSITION_LAST_TX] > INT64_MAX)
		return err_set(e, "neostore: its last transaction makes no sense");
	*s = (struct neostore){.created = value[POSITION_TIME],
		.random = value[POSITION_RANDOM],
		.last_tx = value[POSITION_LAST_TX]};
	return 0;
}
