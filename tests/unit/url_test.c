/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Addresses: what is shown of them, what their file is called, where a mirror has it. */
// use: builder/fetch/url.c
#include "builder/fetch/url.h"
#include "tap.h"

struct a_case {
	const char *url, *shown, *file, *on_mirror;
};

static const struct a_case cases[] = {
	{"https://a.org/x/y.img", "https://a.org/x/y.img", "y.img", "http://b.net/pub/x/y.img"},
	{"https://u:secret@a.org:8/y.zip?token=1#z", "https://a.org:8/y.zip", "y.zip",
		"http://b.net/pub/y.zip"},
	{"https://a.org/jdk%2B8/y.tgz", "https://a.org/jdk%2B8/y.tgz", "y.tgz",
		"http://b.net/pub/jdk%2b8/y.tgz"},
	{"https://a.org/x/", "https://a.org/x/", "", "http://b.net/pub/x/"},
	{"https://a.org", "https://a.org/", "", "http://b.net/pub/"},
	{"https://a.org/x/../../y", "https://a.org/y", "y", "http://b.net/pub/y"},
	{"not one", "a malformed address", "", NULL},
};

struct kind {
	const char *url;
	bool web;
};

static const struct kind kinds[] = {
	{"http://a.org/x", true},
	{"HTTPS://a.org/x", true},
	{"file:///etc/passwd", false},
	{"ftp://a.org/x", false},
	{"a.org/x", false},
	{"https://a.org/x y", false},
	{"https://a.org/x\x1b[2J", false},
	{"", false},
};

int main(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct a_case *c = &cases[i];
		_cleanup_free_ char *shown = url_shown(c->url), *file = url_file(c->url);
		_cleanup_free_ char *there = url_on_mirror(c->url, "http://b.net/pub/");
		is_str(shown, c->shown, "shown of %s", c->url);
		is_str(file, c->file, "file of %s", c->url);
		is_str(there, c->on_mirror, "on a mirror: %s", c->url);
	}
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		is_int(url_is_web(kinds[i].url), kinds[i].web, "%zu: by http or https", i);
	return done();
}
