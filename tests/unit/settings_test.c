/* SPDX-License-Identifier: GPL-3.0-or-later */
/* bramble.txt: what a person may say, and what is refused. */
// use: node-agent/settings.c
#include "node-agent/settings.h"
#include "tap.h"

static struct settings s;
static struct err e;

static int parse(const char *text)
{
	return settings_parse("bramble.txt", text, strlen(text), &s, &e);
}

static void test_good(void)
{
	is_int(parse(""), 0, "it may be empty");
	ok(!s.has_network && !s.nseeds && !s.hostname[0], "and says nothing then");
	is_int(parse("\xef\xbb\xbf# Notepad\r\nhostname = \"kitchen\"\r\n"
		     "address = \"192.168.7.11/24\"\r\ngateway = \"192.168.7.1\"\r\n"
		     "seeds = {\"192.168.7.12\", \"192.168.7.13\"}"),
		0, "a byte order mark, CRLF, no end of the last line");
	is_str(s.hostname, "kitchen", "hostname");
	is_str(s.address, "192.168.7.11", "address");
	is_int(s.prefix, 24, "its network");
	is_str(s.gateway, "192.168.7.1", "gateway");
	is_int((long long)s.nseeds, 2, "seeds");
	is_int(parse("address = \"dhcp\"\nwifi_ssid = 'my \"home\"'\nwifi_password = 'a\\b\"c$d "
		     "efg'\n"
		     "wifi_country = \"DE\"\n"),
		0, "Wi-Fi");
	is_str(s.ssid, "my \"home\"", "its name");
	is_str(s.password, "a\\b\"c$d efg", "its password");
	is_int(s.mode, NETCONF_DHCP, "by DHCP");
	is_int(parse("address = \"linklocal\""), 0, "link-local");
	is_int(s.mode, NETCONF_LINKLOCAL, "is a mode");
}

static const struct bad {
	const char *text, *why;
} bad[] = {
	{"adress = \"192.168.7.11/24\"", "bramble.txt:1: no such option 'adress'"},
	{"hostname = \"a\"\nhostname = \"b\"", "bramble.txt:2: hostname is set twice"},
	{"hostname = \"Kitchen Pi\"",
		"bramble.txt: hostname \"Kitchen Pi\" is not a name of a-z, 0-9 and \"-\""},
	{"hostname = \"\"", "bramble.txt: hostname is empty or too long"},
	{"address = \"192.168.7.11\"", NULL},
	{"address = \"192.168.7.0/24\"", NULL},
	{"address = \"192.168.7.255/24\"", NULL},
	{"address = \"192.168.7.11/33\"", NULL},
	{"address = \"192.168.7.11/24x\"", NULL},
	{"address = \"192.168.7.11/+8\"", NULL},
	{"address = \"192.168.7.11/ 8\"", NULL},
	{"address = \"127.0.0.1/8\"", NULL},
	{"address = \"224.0.0.251/24\"", NULL},
	{"address = \"static\"", NULL},
	{"gateway = \"192.168.7.1\"", "bramble.txt: gateway needs an address = \"A.B.C.D/P\""},
	{"address = \"10.0.0.2/24\"\ngateway = \"10.0.1.1\"",
		"bramble.txt: gateway \"10.0.1.1\" is no other address of 10.0.0.2/24's network"},
	{"address = \"10.0.0.2/24\"\ngateway = \"10.0.0.2\"", NULL},
	{"wifi_password = 'secret123'", NULL},
	{"wifi_ssid = 'home' wifi_country = \"DE\"", NULL},
	{"wifi_ssid = 'home' wifi_password = 'secret123' address = \"dhcp\"", NULL},
	{"wifi_ssid = 'home' wifi_password = 'short' address = \"dhcp\" wifi_country = \"DE\"",
		NULL},
	{"hostname = \"a\"\nwifi_password = correct horse9",
		"bramble.txt:2: is not KEY = \"VALUE\", or its key is none; as it may be a "
		"password it is not shown"},
	{"wifi_password = \"abc\"def\"ghi12345\"",
		"bramble.txt:1: is not KEY = \"VALUE\", or its key is none; as it may be a "
		"password it is not shown"},
	{"seeds = {\"pi1\"}", NULL},
	{"hostname = \"${HOME}\"", NULL},
	{"wifi_ssid = \"a\nb\" address = \"dhcp\" wifi_country = \"DE\"", NULL},
};

static void test_bad(void)
{
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		is_int(parse(bad[i].text), -1, "number %zu is refused", i);
		if (bad[i].why)
			is_str(e.msg, bad[i].why, "and says so");
	}
	is_int(settings_parse("bramble.txt", "h\0o\0", 4, &s, &e), -1, "UTF-16: %s", e.msg);
	static char large[SETTINGS_MAX + 1];
	is_int(settings_parse("bramble.txt", large, sizeof(large), &s, &e), -1, "%s", e.msg);
}

static void test_format(void)
{
	struct settings back;
	_cleanup_buf_ struct buf text = {0}, local = {0};

	is_int(parse("hostname = \"k\" address = \"10.0.0.2/8\" gateway = \"10.1.0.1\"\n"
		     "wifi_ssid = 'a\"b' wifi_password = '12\\3\"45678' wifi_country = \"DE\"\n"
		     "seeds = {\"10.0.0.3\"}"),
		0, "all there is");
	settings_format(&s, &text);
	is_int(settings_parse("settings.conf", buf_str(&text), text.len, &back, &e), 0,
		"is kept: %s", e.msg);
	ok(memcmp(&s, &back, sizeof(s)) == 0, "and read again as it was");
	settings_format_local(&s, &local);
	is_str(buf_str(&local), "address = \"10.0.0.2\"\nseeds = {\"10.0.0.3\"}\n",
		"the agent's part has no secret");
	is_int(parse("address = \"dhcp\""), 0, "by DHCP");
	buf_free(&local);
	settings_format_local(&s, &local);
	is_str(buf_str(&local), "address = \"dhcp\"\n", "the agent must know it, too");
}

static void test_password(void)
{
	struct settings old = {.ssid = "home", .password = "taken over"};
	char text[] = "a = 1\r\nwifi_password = '12345678'\r\nb = 2";
	char none[] = "# nothing about it\n";

	ok(settings_blank_password(text, strlen(text)), "a password is blanked");
	is_str(text, "a = 1\r\n# wifi_password: taken     \nb = 2", "in its place");
	ok(!settings_blank_password(text, strlen(text)), "once");
	ok(!settings_blank_password(none, strlen(none)), "nothing else is");
	static const char *const shared[] = {
		"wifi_ssid = 'home' wifi_password = '12345678'\naddress = \"dhcp\" wifi_country = "
		"\"DE\"",
		"wifi_ssid = 'home' address = \"dhcp\" wifi_country = \"DE\"\nwifi_password "
		"=\n'12345678'",
	};
	for (size_t i = 0; i < 2; i++) {
		is_int(parse(shared[i]), 0, "a password in company is read");
		is_int(settings_check_password("t", shared[i], strlen(shared[i]), &s, &e), -1,
			"but could not be blanked: %s", e.msg);
	}
	is_int(parse("wifi_ssid = 'home' address = \"dhcp\" wifi_country = \"DE\""), 0, "the rest");
	is_int(settings_take_password(&s, &old, &e), 0, "it is remembered");
	is_str(s.password, "taken over", "as it was");
	is_int(parse("wifi_ssid = 'other' address = \"dhcp\" wifi_country = \"DE\""), 0,
		"elsewhere");
	is_int(settings_take_password(&s, &old, &e), -1, "%s", e.msg);
}

int main(void)
{
	test_good();
	test_bad();
	test_format();
	test_password();
	return done();
}
