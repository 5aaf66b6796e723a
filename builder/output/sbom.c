/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is on the cards as an SPDX 2.3 document (ISO/IEC 5962's JSON form) or a CycloneDX 1.5 BOM:
 * one list of components, written in the words of either. Ids and times follow from the inputs, so
 * that the same cards have the same document.
 */
#include <ctype.h>
#include <string.h>
#include "image/ext4_private.h"
#include "made.h"

struct component {
	const char *name, *version; /* version "": not known */
	const char *kind;           /* CycloneDX's type */
	const char *purpose;        /* SPDX's primaryPackagePurpose */
	const char *license;        /* SPDX id; NULL: not said here */
	const char *sha256;         /* of the file it came in; NULL: none */
	char *purl;                 /* NULL: none */
};

struct components {
	struct component *v;
	size_t n;
};

static void free_components(struct components *c)
{
	for (size_t i = 0; i < c->n; i++)
		free(c->v[i].purl);
	free(c->v);
}

static void add(struct components *c, struct component one)
{
	c->v = xreallocarray(c->v, c->n + 1, sizeof(*c->v));
	c->v[c->n++] = one;
}

/* github.com/package-url: everything but these is escaped in a name, a version, a qualifier. */
static char *escaped(const char *s)
{
	struct buf b = {0};

	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;
		bool plain = c < 128 && (isalnum(c) || strchr("-._~", c));
		buf_printf(&b, plain ? "%c" : "%%%02X", c);
	}
	buf_add(&b, "", 0);
	return buf_steal(&b);
}

static char *package_url(const struct made *m, const struct package *p)
{
	_cleanup_free_ char *name = escaped(p->name);
	_cleanup_free_ char *version = escaped(p->version);

	return xasprintf("pkg:deb/%s/%s@%s?arch=%s&distro=%s", m->distribution, name, version,
		p->architecture, m->b->inputs.release.name ? m->b->inputs.release.name : "unknown");
}

static const struct input_file *input(const struct made *m, const char *role)
{
	for (size_t i = 0; i < m->ninputs; i++) {
		if (strcmp(m->inputs[i].role, role) == 0)
			return &m->inputs[i];
	}
	return NULL;
}

/* What came as a file of its own, and not by the system's packages. */
static void add_file(struct components *c, const struct input_file *in, struct component one)
{
	_cleanup_free_ char *name = escaped(one.name);
	_cleanup_free_ char *version = escaped(one.version);

	one.sha256 = in->file.sha256;
	one.purl = xasprintf("pkg:generic/%s%s%s?checksum=sha256:%s", name, *version ? "@" : "",
		version, one.sha256);
	add(c, one);
}

static void add_files(const struct made *m, struct components *c)
{
	const struct inputs *inputs = &m->b->inputs;
	const struct component neo4j = {.name = "neo4j",
		.version = inputs->neo4j_version,
		.kind = "application",
		.purpose = "APPLICATION"};
	const struct component java = {.name = "openjdk",
		.version = inputs->java_version,
		.kind = "application",
		.purpose = "APPLICATION"};

	for (size_t i = 0; i < m->ninputs; i++) {
		const struct input_file *in = &m->inputs[i];
		const struct component plugin = {.name = in->file.name,
			.version = "",
			.kind = "library",
			.purpose = "LIBRARY"};
		if (strcmp(in->role, "neo4j") == 0)
			add_file(c, in, neo4j);
		else if (strcmp(in->role, "java") == 0 && inputs->java_is_archive)
			add_file(c, in, java);
		else if (strcmp(in->role, "plugin") == 0)
			add_file(c, in, plugin);
	}
}

static void collect(const struct made *m, struct components *c)
{
	const struct input_file *base = input(m, "base");

	add(c, (struct component){
		       .name = base->file.name,
		       .version = m->b->inputs.release.name ? m->b->inputs.release.name : "unknown",
		       .kind = "operating-system",
		       .purpose = "OPERATING-SYSTEM",
		       .sha256 = base->file.sha256,
	       });
	add(c, (struct component){
		       .name = "bramble",
		       .version = BRAMBLE_VERSION,
		       .kind = "application",
		       .purpose = "APPLICATION",
		       .license = "GPL-3.0-or-later",
	       });
	add_files(m, c);
	for (size_t i = 0; i < m->npackages; i++)
		add(c, (struct component){
			       .name = m->packages[i].name,
			       .version = m->packages[i].version,
			       .kind = "library",
			       .purpose = "INSTALL",
			       .purl = package_url(m, &m->packages[i]),
		       });
}

/* RFC 9562's version 8: an id of our own making, here from what the document is about. */
static char *document_uuid(const struct made *m)
{
	uint8_t u[16];
	char text[37];
	_cleanup_free_ char *about =
		xasprintf("%u %s", m->b->state.generation, m->inputs[0].file.sha256);

	hash_derive(u, sizeof(u), m->b->state.id, "sbom " BRAMBLE_VERSION, about);
	u[6] = (uint8_t)(0x80 | (u[6] & 0x0f));
	u[8] = (uint8_t)(0x80 | (u[8] & 0x3f));
	ext4_uuid_text(text, u);
	return xasprintf("urn:uuid:%s", text);
}

static json_t *spdx_package(const struct component *c, const char *id)
{
	json_t *o = json_pack("{ss ss ss sb ss ss ss}", "SPDXID", id, "name", c->name,
		"downloadLocation", "NOASSERTION", "filesAnalyzed", 0, "licenseDeclared",
		c->license ? c->license : "NOASSERTION", "copyrightText", "NOASSERTION",
		"primaryPackagePurpose", c->purpose);

	if (*c->version)
		json_object_set_new(o, "versionInfo", json_string(c->version));
	if (c->sha256)
		json_object_set_new(o, "checksums",
			json_pack("[{ss ss}]", "algorithm", "SHA256", "checksumValue", c->sha256));
	if (c->purl)
		json_object_set_new(o, "externalRefs",
			json_pack("[{ss ss ss}]", "referenceCategory", "PACKAGE-MANAGER",
				"referenceType", "purl", "referenceLocator", c->purl));
	return o;
}

static json_t *relation(const char *from, const char *type, const char *to)
{
	return json_pack("{ss ss ss}", "spdxElementId", from, "relationshipType", type,
		"relatedSpdxElement", to);
}

static json_t *spdx(const struct made *m, const struct components *c)
{
	static const char document[] = "SPDXRef-DOCUMENT", whole[] = "SPDXRef-cluster";
	json_t *packages = json_array(), *relations = json_array();
	_cleanup_free_ char *uuid = document_uuid(m);
	_cleanup_free_ char *generation = xasprintf("%u", m->b->state.generation);
	const struct component cluster = {
		.name = m->b->cluster->name, .version = generation, .purpose = "OTHER"};
	char created[32], id[32];

	made_time(m, created);
	json_array_append_new(packages, spdx_package(&cluster, whole));
	json_array_append_new(relations, relation(document, "DESCRIBES", whole));
	for (size_t i = 0; i < c->n; i++) {
		snprintf(id, sizeof(id), "SPDXRef-%zu", i + 1);
		json_array_append_new(packages, spdx_package(&c->v[i], id));
		json_array_append_new(relations, relation(whole, "CONTAINS", id));
	}
	return json_pack("{ss ss ss ss ss s{ss s[s]} so so}", "spdxVersion", "SPDX-2.3",
		"dataLicense", "CC0-1.0", "SPDXID", document, "name", m->b->cluster->name,
		"documentNamespace", uuid, "creationInfo", "created", created, "creators",
		"Tool: bramble-" BRAMBLE_VERSION, "packages", packages, "relationships", relations);
}

static json_t *cyclonedx_component(const struct component *c, const char *ref)
{
	json_t *o = json_pack("{ss ss ss}", "type", c->kind, "bom-ref", ref, "name", c->name);

	if (*c->version)
		json_object_set_new(o, "version", json_string(c->version));
	if (c->sha256)
		json_object_set_new(o, "hashes",
			json_pack("[{ss ss}]", "alg", "SHA-256", "content", c->sha256));
	if (c->license)
		json_object_set_new(
			o, "licenses", json_pack("[{s{ss}}]", "license", "id", c->license));
	if (c->purl)
		json_object_set_new(o, "purl", json_string(c->purl));
	return o;
}

static json_t *cyclonedx(const struct made *m, const struct components *c)
{
	json_t *list = json_array(), *parts = json_array();
	_cleanup_free_ char *uuid = document_uuid(m);
	_cleanup_free_ char *generation = xasprintf("%u", m->b->state.generation);
	const struct component cluster = {
		.name = m->b->cluster->name, .version = generation, .kind = "firmware"};
	const struct component tool = {
		.name = "bramble", .version = BRAMBLE_VERSION, .kind = "application"};
	char created[32], ref[32];

	made_time(m, created);
	for (size_t i = 0; i < c->n; i++) {
		snprintf(ref, sizeof(ref), "component-%zu", i + 1);
		json_array_append_new(list, cyclonedx_component(&c->v[i], ref));
		json_array_append_new(parts, json_string(ref));
	}
	return json_pack("{ss ss ss si s{ss s{s[o]} so} so s[{ss so}]}", "bomFormat", "CycloneDX",
		"specVersion", "1.5", "serialNumber", uuid, "version", 1, "metadata", "timestamp",
		created, "tools", "components", cyclonedx_component(&tool, "bramble"), "component",
		cyclonedx_component(&cluster, "cluster"), "components", list, "dependencies", "ref",
		"cluster", "dependsOn", parts);
}

struct format {
	const char *file;
	json_t *(*write)(const struct made *m, const struct components *c);
};

static const struct format formats[] = {
	[SBOM_SPDX] = {"sbom.spdx.json", spdx},
	[SBOM_CYCLONEDX] = {"sbom.cdx.json", cyclonedx},
};

int sbom_write(struct made *m, struct err *e)
{
	_cleanup_(free_components) struct components c = {0};
	const struct format *f = &formats[m->options->sbom];

	collect(m, &c);
	return made_write_json(m, f->file, f->write(m, &c), &m->sbom, e);
}
