/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>
#include "fixed.h"
#include "util.h"

#define FLASH "bramble build and bramble flash --keep-data, node by node, change it"
#define ANEW \
	"bramble build and bramble flash change it; a new card fetches its store from the others"

struct word {
	const char *name;
	const char *how;
};

static const struct word words[] = {
	{"cluster", "a cluster keeps its name for life"},
	{"neo4j", "bramble upgrade changes it"},
	{"neo4j_mode", "another kind of cluster is another cluster: bramble init"},
	{"neo4j_auth", "HA members must agree on it at every moment; " FLASH},
	{"base", FLASH},
	{"java", FLASH},
	{"size", ANEW},
	{"root_size", ANEW},
	{"data_size", ANEW},
	{"reserved_end", ANEW},
	{"network", FLASH},
	{"user", FLASH},
	{"ssh_key", FLASH},
	{"wifi", FLASH},
	{"wifi_country", FLASH},
	{"wifi_hidden", FLASH},
	{"swap", FLASH},
	{"packages", FLASH},
	{"node", "a node's name is its identity: bramble node remove, then add"},
	{"id", "a node's id is its identity: bramble node remove, then add"},
	{"roles", "bramble node remove, then add with the other roles"},
	{"address", FLASH},
};

int fixed_check(const char *node, const json_t *is, const json_t *wanted, struct err *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		const json_t *a = json_object_get(is, words[i].name),
			     *b = json_object_get(wanted, words[i].name);
		if (a && b && !json_equal(a, b))
			return err_code(e, EXIT_CONFIG,
				"%s: %s cannot change while the node lives: %s", node,
				words[i].name, words[i].how);
	}
	return 0;
}
