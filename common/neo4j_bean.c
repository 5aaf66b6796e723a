/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include "neo4j_bean.h"

#define SERVER_ID_MAX 127

/* Neo4j writes a number as one or as a string of one, by version. */
static uint64_t number_of(const json_t *value, uint64_t otherwise)
{
	if (json_is_integer(value) && json_integer_value(value) >= 0)
		return (uint64_t)json_integer_value(value);
	const char *s = json_string_value(value);
	if (!s || !*s || strlen(s) > 18 || strspn(s, "0123456789") != strlen(s))
		return otherwise;
	return strtoull(s, NULL, 10);
}

/* Of a list of {"name": ..., "value": ...}; NULL when it is not there. */
static const json_t *value_of(const json_t *list, const char *name)
{
	const json_t *a;
	size_t i;

	json_array_foreach(list, i, a)
	{
		const char *s = json_string_value(json_object_get(a, "name"));
		if (s && strcmp(s, name) == 0)
			return json_object_get(a, "value");
	}
	return NULL;
}

static unsigned master_of(const json_t *instances)
{
	const json_t *instance;
	size_t i;

	json_array_foreach(instances, i, instance)
	{
		const json_t *of = json_object_get(instance, "value");
		const char *role = json_string_value(value_of(of, "haRole"));
		uint64_t id = number_of(value_of(of, "instanceId"), 0);
		if (role && strcmp(role, "master") == 0 && id <= SERVER_ID_MAX)
			return (unsigned)id;
	}
	return 0;
}

struct neo4j_bean neo4j_bean_parse(struct slice body)
{
	json_t *beans = json_loadb(body.p, body.n, JSON_REJECT_DUPLICATES, NULL);
	const json_t *list = json_object_get(json_array_get(beans, 0), "attributes");
	struct neo4j_bean bean = {
		.last_tx = number_of(value_of(list, "LastCommittedTxId"), TX_UNKNOWN),
		.master = master_of(value_of(list, "InstancesInCluster")),
	};

	json_decref(beans);
	return bean;
}
