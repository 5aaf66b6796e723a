/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "url.h"
#include <curl/curl.h>
#include <string.h>

static void cleanup_curlu(CURLU **u)
{
	curl_url_cleanup(*u);
}
#define _cleanup_curlu_ _cleanup_(cleanup_curlu)

static CURLU *parse(const char *url)
{
	_cleanup_curlu_ CURLU *u = curl_url();

	if (!u || curl_url_set(u, CURLUPART_URL, url, 0) != CURLUE_OK)
		return NULL;
	return steal(&u);
}

/* The caller's, not libcurl's; NULL when there is none. */
static char *part(CURLU *u, CURLUPart which)
{
	char *text = NULL;

	if (!u || curl_url_get(u, which, &text, 0) != CURLUE_OK)
		return NULL;
	char *copy = xstrdup(text);
	curl_free(text);
	return copy;
}

bool url_has_scheme(const char *url, const char *scheme)
{
	_cleanup_curlu_ CURLU *u = parse(url);
	_cleanup_free_ char *has = part(u, CURLUPART_SCHEME);

	return has && strcmp(has, scheme) == 0;
}

bool url_is_web(const char *url)
{
	return url_has_scheme(url, "http") || url_has_scheme(url, "https");
}

char *url_shown(const char *url)
{
	static const CURLUPart hidden[] = {
		CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_QUERY, CURLUPART_FRAGMENT};
	_cleanup_curlu_ CURLU *u = parse(url);

	for (size_t i = 0; u && i < ARRAY_SIZE(hidden); i++)
		curl_url_set(u, hidden[i], NULL, 0);
	char *text = part(u, CURLUPART_URL);
	return text ? text : xstrdup("a malformed address");
}

char *url_file(const char *url)
{
	_cleanup_curlu_ CURLU *u = parse(url);
	_cleanup_free_ char *path = part(u, CURLUPART_PATH);
	const char *slash = path ? strrchr(path, '/') : NULL;

	return xstrdup(slash ? slash + 1 : "");
}

char *url_on_mirror(const char *url, const char *mirror)
{
	_cleanup_curlu_ CURLU *u = parse(url), *m = parse(mirror);
	_cleanup_free_ char *path = part(u, CURLUPART_PATH);
	_cleanup_free_ char *prefix = part(m, CURLUPART_PATH);

	if (!path || !prefix)
		return NULL;
	size_t n = strlen(prefix);
	while (n && prefix[n - 1] == '/')
		n--;
	_cleanup_free_ char *whole = xasprintf("%.*s%s", (int)n, prefix, path);
	curl_url_set(m, CURLUPART_PATH, whole, 0);
	return part(m, CURLUPART_URL);
}
