/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes as the small files of addresses and of the board. What is read can be written again. */
// use: node-agent/discover/book.c node-agent/pin.c node-agent/local.c
#include "fuzz.h"
#include "node-agent/discover/book.h"
#include "node-agent/local.h"
#include "node-agent/pin.h"
#include "util.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = xstrndup((const char *)data, size);
	static struct book book, again;
	char serial[PIN_TEXT];
	struct local local;
	struct err e = {0};

	if (book_parse("book", text, &book, &e) == 0) {
		_cleanup_buf_ struct buf out = {0};
		book_format(&book, &out);
		must(book.n <= BOOK_MAX);
		must(book_parse("book", buf_str(&out), &again, &e) == 0 && again.n == book.n);
	}
	if (pin_parse("serial", text, serial, &e) == 0)
		must(strnlen(serial, PIN_TEXT) > 0 && strnlen(serial, PIN_TEXT) < PIN_TEXT);
	if (local_load(fuzz_file(data, size, 0), &local, &e) == 0)
		must(local.nseeds <= SEEDS_MAX);
	return 0;
}
