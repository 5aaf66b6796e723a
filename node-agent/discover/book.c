/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include "book.h"
#include "config.h"
#include "io.h"
#include "util.h"

#define FILE_MAX (32u << 10)

static cfg_opt_t node_opts[] = {
	CFG_STR("address", NULL, CFGF_NODEFAULT),
	CFG_END(),
};

static cfg_opt_t book_opts[] = {
	CFG_SEC("node", node_opts, CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES),
	CFG_END(),
};

void book_add(struct book *b, const char *name, struct in_addr address)
{
	size_t n = strlen(name);

	if (b->n == BOOK_MAX || !address.s_addr || n >= BOOK_NAME ||
		strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != n)
		return;
	memcpy(b->entry[b->n].name, name, n + 1);
	b->entry[b->n++].address = address;
}

struct in_addr book_find(const struct book *b, const char *name)
{
	for (size_t i = 0; i < b->n; i++) {
		if (strcmp(b->entry[i].name, name) == 0)
			return b->entry[i].address;
	}
	return (struct in_addr){0};
}

int book_parse(const char *name, const char *text, struct book *b, struct err *e)
{
	_cleanup_cfg_ cfg_t *cfg = config_parse(name, text, book_opts, e);

	*b = (struct book){0};
	for (unsigned i = 0; cfg && i < cfg_size(cfg, "node"); i++) {
		cfg_t *sec = cfg_getnsec(cfg, "node", i);
		const char *address = cfg_getstr(sec, "address");
		struct in_addr a;
		if (!address || inet_pton(AF_INET, address, &a) != 1)
			return err_code(
				e, EXIT_CONFIG, "%s: address is not A.B.C.D", config_where(sec));
		book_add(b, cfg_title(sec), a);
	}
	return cfg ? 0 : -1;
}

void book_format(const struct book *b, struct buf *to)
{
	char address[INET_ADDRSTRLEN];

	for (size_t i = 0; i < b->n; i++) {
		inet_ntop(AF_INET, &b->entry[i].address, address, sizeof(address));
		buf_printf(to, "node \"%s\" { address = \"%s\" }\n", b->entry[i].name, address);
	}
}

int book_load(const char *path, struct book *b, struct err *e)
{
	_cleanup_buf_ struct buf text = {0};

	*b = (struct book){0};
	if (access(path, F_OK) < 0 && errno == ENOENT)
		return 0;
	if (io_read_plain(path, FILE_MAX, &text, e) < 0)
		return -1;
	return book_parse(path, buf_str(&text), b, e);
}

int book_save(const char *path, const struct book *b, struct err *e)
{
	_cleanup_buf_ struct buf text = {0};

	book_format(b, &text);
	if (!buf_ok(&text))
		return err_set(e, "%s: out of memory", path);
	return io_write_atomic(path, buf_str(&text), text.len, 0644, e);
}
