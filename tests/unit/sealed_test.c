/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sealed streams: who has the secret is understood, and nobody else gets a word or a byte in. */
#include "sealed.h"
#include "tap.h"

static const uint8_t secret[32] = {1}, other_secret[32] = {2}, cluster[16] = {3}, other[16] = {4};

/* Both ends of a connection; what one writes the other reads when it is carried over. */
struct ends {
	struct sealed_key client_key;
	struct sealed_keys server_keys;
	struct sealed client, server;
	struct buf to_server, to_client, message;
	struct err e;
};

static void begin(struct ends *x)
{
	*x = (struct ends){.server_keys.n = 2};
	sealed_key_derive(&x->client_key, secret, cluster);
	sealed_key_derive(&x->server_keys.key[0], other_secret, cluster);
	sealed_key_derive(&x->server_keys.key[1], secret, cluster);
}

static void connect_them(struct ends *x)
{
	sealed_begin(&x->client, &x->client_key, &x->to_server);
	sealed_accept(&x->server, &x->server_keys);
}

static void end(struct ends *x)
{
	sealed_end(&x->client);
	sealed_end(&x->server);
	buf_free(&x->to_server);
	buf_free(&x->to_client);
	buf_free(&x->message);
}

static int server_reads(struct ends *x)
{
	return sealed_read(&x->server, &x->to_server, &x->to_client, &x->message, &x->e);
}

static int client_reads(struct ends *x)
{
	return sealed_read(&x->client, &x->to_client, &x->to_server, &x->message, &x->e);
}

static void shake_hands(struct ends *x)
{
	begin(x);
	connect_them(x);
	is_int(server_reads(x), 0, "the server takes the hello");
	is_int(client_reads(x), 0, "the client its answer");
	is_int(server_reads(x), 0, "and the server the header");
	ok(x->client.phase == SEALED_OPEN && x->server.phase == SEALED_OPEN, "both are open");
}

static void test_talk(void)
{
	struct ends x;
	static char large[SEALED_MESSAGE_MAX];

	shake_hands(&x);
	sealed_write(&x.client, "one", 3, &x.to_server);
	sealed_write(&x.client, "", 0, &x.to_server);
	sealed_write(&x.client, large, sizeof(large), &x.to_server);
	ok(!memmem(x.to_server.data, x.to_server.len, "one", 3), "nothing is in clear");
	is_int(server_reads(&x), 1, "a message");
	is_str(x.message.data, "one", "as it was");
	is_int(server_reads(&x), 1, "an empty one");
	is_int((long)x.message.len, 0, "is empty");
	is_int(server_reads(&x), 1, "the largest");
	is_int((long)x.message.len, sizeof(large), "is whole");
	is_int(server_reads(&x), 0, "and no more");
	sealed_write(&x.server, "answer", 6, &x.to_client);
	is_int(client_reads(&x), 1, "and an answer");
	is_str(x.message.data, "answer", "as it was");
	end(&x);
}

/* Byte by byte, reading no more than is wanted. */
static void test_trickle(void)
{
	struct ends x;
	struct buf in = {0};
	size_t most = 0;
	int r = 0;

	shake_hands(&x);
	sealed_write(&x.client, "slowly", 6, &x.to_server);
	for (size_t i = 0; i < x.to_server.len && r == 0; i++) {
		size_t wants = sealed_wants(&x.server, &in);
		most = wants > most ? wants : most;
		buf_add(&in, x.to_server.data + i, 1);
		r = sealed_read(&x.server, &in, &x.to_client, &x.message, &x.e);
	}
	ok(r == 1 && in.len == 0, "a message that comes byte by byte");
	is_str(x.message.data, "slowly", "is the same");
	is_int((long)most, 4 + 6 + 17, "and no more was wanted than it has");
	buf_free(&in);
	end(&x);
}

static void test_stranger(void)
{
	struct ends x;

	begin(&x);
	sealed_key_derive(&x.client_key, secret, other);
	connect_them(&x);
	is_int(server_reads(&x), -1, "another cluster's hello is refused");
	is_int((long)x.to_client.len, 0, "without a word");
	is_int(server_reads(&x), -1, "for good");
	end(&x);

	begin(&x);
	connect_them(&x);
	is_int(server_reads(&x), 0, "a good hello");
	sealed_key_derive(&x.client_key, other_secret, cluster);
	is_int(client_reads(&x), -1, "a server that does not prove itself is refused");
	end(&x);
}

/* Each byte of a hello, its answer and a message, changed one at a time. */
static void test_damage(void)
{
	struct ends x;
	int bad = 0;

	for (size_t i = 0; i < 52; i++) {
		begin(&x);
		sealed_begin(&x.client, &x.client_key, &x.to_server);
		sealed_accept(&x.server, &x.server_keys);
		x.to_server.data[i] ^= 1;
		bad += server_reads(&x) != -1 || x.to_client.len;
		end(&x);
	}
	is_int(bad, 0, "no changed hello is answered");
	shake_hands(&x);
	sealed_write(&x.client, "four", 4, &x.to_server);
	for (size_t i = 0; i < x.to_server.len; i++) {
		struct sealed server = x.server;
		struct buf in = {0};
		buf_add(&in, x.to_server.data, x.to_server.len);
		in.data[i] ^= 1;
		bad += sealed_read(&server, &in, &x.to_client, &x.message, &x.e) == 1;
		buf_free(&in);
	}
	is_int(bad, 0, "no changed message opens");
	end(&x);
}

static void test_order(void)
{
	struct ends x;
	struct buf first = {0};

	shake_hands(&x);
	sealed_write(&x.client, "1", 1, &first);
	sealed_write(&x.client, "2", 1, &x.to_server);
	is_int(server_reads(&x), -1, "a message that was left out is missed");
	end(&x);
	buf_free(&first);

	shake_hands(&x);
	sealed_write(&x.client, "1", 1, &x.to_server);
	buf_add(&first, x.to_server.data, x.to_server.len);
	is_int(server_reads(&x), 1, "a message");
	buf_add(&x.to_server, first.data, first.len);
	is_int(server_reads(&x), -1, "does not come twice");
	end(&x);
	buf_free(&first);

	shake_hands(&x);
	sealed_write(&x.server, "echo", 4, &x.to_client);
	buf_add(&x.to_server, x.to_client.data, x.to_client.len);
	is_int(server_reads(&x), -1, "what one said is not what it hears");
	end(&x);
}

/* A whole recorded conversation, played to the same server again. */
static void test_replay(void)
{
	struct ends x;
	struct buf tape = {0};

	begin(&x);
	connect_them(&x);
	buf_add(&tape, x.to_server.data, x.to_server.len);
	ok(server_reads(&x) == 0 && client_reads(&x) == 0, "hands are shaken");
	sealed_write(&x.client, "poweroff", 8, &x.to_server);
	buf_add(&tape, x.to_server.data, x.to_server.len);
	is_int(server_reads(&x), 1, "and a request comes");
	sealed_accept(&x.server, &x.server_keys);
	buf_add(&x.to_server, tape.data, tape.len);
	is_int(server_reads(&x), -1, "which opens in no other session");
	buf_free(&tape);
	end(&x);
}

/* The keys change while a client has yet to say its hello; the place of one is empty now. */
static void test_keys_change(void)
{
	const struct sealed_key zeros = {{0}};
	struct ends x;

	begin(&x);
	connect_them(&x);
	x.server_keys = (struct sealed_keys){.n = 1, .key[0] = x.server_keys.key[0]};
	is_int(server_reads(&x), -1, "who comes with one that counts no more is a stranger");
	end(&x);
	begin(&x);
	x.client_key = zeros;
	connect_them(&x);
	x.server_keys = (struct sealed_keys){.n = 1, .key[0] = x.server_keys.key[0]};
	is_int(server_reads(&x), -1, "and so is who comes with zeros");
	end(&x);
}

static void test_lengths(void)
{
	static const uint32_t lengths[] = {
		0, 16, SEALED_FIRST_MAX + 18, SEALED_MESSAGE_MAX + 18, UINT32_MAX};
	struct ends x;

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		uint32_t n = lengths[i];
		uint8_t wire[4] = {
			(uint8_t)n, (uint8_t)(n >> 8), (uint8_t)(n >> 16), (uint8_t)(n >> 24)};
		shake_hands(&x);
		buf_add(&x.to_server, wire, 4);
		is_int((long)sealed_wants(&x.server, &x.to_server), 4, "nothing is wanted for");
		is_int(server_reads(&x), -1, "a message of %u bytes", n);
		end(&x);
	}
}

/* Points of small order, with which anybody knows the shared secret. */
static void test_weak_keys(void)
{
	struct ends x;
	uint8_t hello[52] = "BRC1", tag[16];
	crypto_generichash_state h;

	begin(&x);
	connect_them(&x);
	crypto_generichash_init(&h, x.client_key.bytes, 32, sizeof(tag));
	crypto_generichash_update(&h, (const uint8_t *)"\1", 1);
	crypto_generichash_update(&h, hello + 4, 32);
	crypto_generichash_final(&h, tag, sizeof(tag));
	memcpy(hello + 36, tag, sizeof(tag));
	buf_consume(&x.to_server, x.to_server.len);
	buf_add(&x.to_server, hello, sizeof(hello));
	is_int(server_reads(&x), -1, "a public key of zeros is none");
	is_str(x.e.msg, "not a public key", "and that is why");
	end(&x);
}

int main(void)
{
	if (sodium_init() < 0)
		return 1;
	test_talk();
	test_trickle();
	test_stranger();
	test_damage();
	test_order();
	test_replay();
	test_keys_change();
	test_lengths();
	test_weak_keys();
	return done();
}
