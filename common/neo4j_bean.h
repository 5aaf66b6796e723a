/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_NEO4J_BEAN_H
#define BRAMBLE_NEO4J_BEAN_H

#include <stdint.h>
#include "http_head.h"

/* What the bean "High Availability" of 2.x and 3.x tells (NEO4J_HA_BEAN). Pure. */
#define TX_UNKNOWN UINT64_MAX

struct neo4j_bean {
	uint64_t last_tx; /* LastCommittedTxId, or TX_UNKNOWN */
	unsigned master;  /* of InstancesInCluster, the instanceId whose haRole is master; or 0 */
};

struct neo4j_bean neo4j_bean_parse(struct slice body);

#endif
