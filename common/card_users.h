/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_CARD_USERS_H
#define BRAMBLE_CARD_USERS_H

/* Uids that never change, because files on p3 outlive a re-flash. 7474 is Neo4j's own choice. */
#define NEO4J_UID 7474
#define PROXY_UID 7480
#define AGENT_UID 7470

#endif
