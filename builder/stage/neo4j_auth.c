/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Neo4j's first password. HA does not replicate users, so every data node gets the same one, in the
 * file Neo4j itself would have made of it: nobody has to be asked and nothing is open meanwhile, as
 * there would be if the agent set it once Neo4j answers.
 *
 * The line is NAME:SHA-256,HASH,SALT:FLAGS with HASH = SHA-256(SALT, PASSWORD) in capital hex (2.2:
 * UserSerialization, Credential; the same in 3.x; 4.0 and later write a count of rounds behind the
 * salt and take its absence for one).
 */
#include <sodium.h>
#include <string.h>
#include "build.h"

#define SALT_SIZE 32

static void put_hex(struct buf *out, const uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf_printf(out, "%02X", bytes[i]);
}

/* The salt only has to differ from node to node; made up, it would make two builds differ. */
static void put_user(const struct state *s, const char *node, struct buf *out)
{
	uint8_t salt[SALT_SIZE], hash[crypto_hash_sha256_BYTES];
	crypto_hash_sha256_state st;

	hash_derive(salt, sizeof(salt), s->id, "neo4j-salt", node);
	crypto_hash_sha256_init(&st);
	crypto_hash_sha256_update(&st, salt, sizeof(salt));
	crypto_hash_sha256_update(
		&st, (const uint8_t *)s->neo4j_password, strlen(s->neo4j_password));
	crypto_hash_sha256_final(&st, hash);
	buf_puts(out, "neo4j:SHA-256,");
	put_hex(out, hash, sizeof(hash));
	buf_puts(out, ",");
	put_hex(out, salt, sizeof(salt));
	buf_puts(out, ":\n");
}

int neo4j_auth_put_root(const struct build *b, struct ext4 *root, struct err *e)
{
	char line[sizeof(b->state.neo4j_password) + 1];

	if (!b->cluster->neo4j_auth)
		return 0;
	int n = snprintf(line, sizeof(line), "%s\n", b->state.neo4j_password);
	return ext4_write(root, "/etc/bramble/neo4j.password", line, (size_t)n, AGENT_ONLY, e);
}

int neo4j_auth_put_data(
	const struct build *b, const struct node *n, struct ext4 *data, struct err *e)
{
	const struct ext4_owner dir = {.uid = NEO4J_UID, .gid = NEO4J_UID, .mode = 0755};
	const struct ext4_owner own = {.uid = NEO4J_UID, .gid = NEO4J_UID, .mode = 0700};
	const struct ext4_owner file = {.uid = NEO4J_UID, .gid = NEO4J_UID, .mode = 0600};
	_cleanup_free_ char *path =
		xasprintf("/neo4j/%s", neo4j_profile_auth_file(&b->inputs.profile));
	_cleanup_buf_ struct buf user = {0};

	if (!b->cluster->neo4j_auth)
		return 0;
	put_user(&b->state, n->name, &user);
	if (ext4_mkdir(data, "/neo4j/data", dir, e) < 0 ||
		ext4_mkdir(data, "/neo4j/data/dbms", own, e) < 0)
		return -1;
	return ext4_write(data, path, buf_str(&user), user.len, file, e);
}
