/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "show.h"

/* A text of the card; null when it is not there. jansson refuses what is no UTF-8. */
static json_t *text(const char *s)
{
	json_t *j = s ? json_string(s) : json_null();

	if (j)
		return j;
	_cleanup_free_ char *clean = printable(s, true);
	return json_string(clean);
}

static json_t *fs_json(const struct card_fs *s)
{
	if (!s->kind && !s->trouble)
		return json_null();
	return json_pack("{so so so so sI sI sb so so}", "type", text(s->type), "label",
		text(s->label), "uuid", text(s->uuid), "features", text(s->features), "size",
		(json_int_t)s->size, "free", (json_int_t)s->free, "clean", s->kind && !s->dirt,
		"not_clean_because", text(s->dirt), "trouble", text(s->trouble));
}

static json_t *table_json(const struct card *c)
{
	char id[16];
	json_t *parts = json_array();

	snprintf(id, sizeof(id), "%08x", c->table.disk_id);
	for (size_t i = 0; i < ARRAY_SIZE(c->table.part); i++) {
		const struct extent *x = &c->table.part[i].at;
		if (!x->size)
			continue;
		json_array_append_new(parts,
			json_pack("{si si sI sI so}", "number", (int)i + 1, "type",
				(int)c->table.part[i].type, "start", (json_int_t)x->start, "size",
				(json_int_t)x->size, "filesystem", fs_json(&c->fs[i])));
	}
	return json_pack("{ss sI so}", "disk_id", id, "size", (json_int_t)c->table.size,
		"partitions", parts);
}

static json_t *identity_json(const struct card_identity *id)
{
	return json_pack("{so so so so so so ss si sI so}", "hostname", text(id->hostname),
		"machine_id", text(id->machine_id), "cluster", text(id->cluster), "cluster_id",
		text(id->cluster_id), "node", text(id->node), "address", text(id->address), "roles",
		roles_text(id->roles), "server_id", (int)id->server_id, "generation",
		(json_int_t)id->generation, "trouble", text(id->trouble));
}

static json_t *software_json(const struct card *c)
{
	return json_pack("{so so so so}", "neo4j", text(c->software.neo4j), "neo4j_profile",
		text(c->identity.neo4j_profile), "java", text(c->software.java), "bramble",
		text(c->software.bramble));
}

static json_t *data_json(const struct card_data *d)
{
	return json_pack("{so so so so sI sI so so}", "cluster_id", text(d->cluster_id), "node",
		text(d->node), "state", text(d->state), "neo4j", text(d->neo4j), "layout",
		(json_int_t)d->layout, "store_size", (json_int_t)d->store_size, "store_format",
		text(d->store_format), "trouble", text(d->trouble));
}

json_t *card_json(const struct card *c)
{
	const struct card_release *r = &c->release;
	json_t *release = json_pack("{so so so so so so so}", "name", text(r->name), "id",
		text(r->id), "version", text(r->version), "image", text(r->image), "architecture",
		text(r->arch), "known_as", text(r->known_as), "network", text(r->network));

	return json_pack("{so sb so so so so so}", "card", text(c->name), "device", c->device,
		"table", table_json(c), "release", release, "identity", identity_json(&c->identity),
		"software", software_json(c), "data", data_json(&c->data));
}
