/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include "netns.h"
#include "run.h"

#define NETNS_DIR "/run/netns"

static int enter(const char *name, struct err *e)
{
	_cleanup_free_ char *path = xasprintf(NETNS_DIR "/%s", name);
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || setns(fd, CLONE_NEWNET) < 0)
		return err_errno(e, "%s", path);
	return 0;
}

int netns_create(const struct rehearsal *r, struct err *e)
{
	char address[INET_ADDRSTRLEN + 4], gateway[INET_ADDRSTRLEN];

	inet_ntop(AF_INET, &r->gateway, gateway, sizeof(gateway));
	snprintf(address, sizeof(address), "%s/%u", gateway, r->prefix & 63);
	const char *const add[] = {"ip", "netns", "add", r->netns, NULL};
	if (run_tool(add, NULL, NULL, 0, e) < 0 || enter(r->netns, e) < 0)
		return err_prefix(e, "network");
	const char *const steps[][12] = {
		{"ip", "link", "set", "lo", "up"},
		{"ip", "link", "add", BRIDGE, "type", "bridge", "stp_state", "0", "mcast_snooping",
			"0"},
		{"ip", "addr", "add", address, "dev", BRIDGE},
		{"ip", "link", "set", BRIDGE, "up"},
	};
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		if (run_tool(steps[i], NULL, NULL, 0, e) < 0)
			return err_prefix(e, "network");
	}
	return 0;
}

int netns_remove(const char *name, struct err *e)
{
	_cleanup_free_ char *path = xasprintf(NETNS_DIR "/%s", name);
	const char *const del[] = {"ip", "netns", "del", name, NULL};

	if (access(path, F_OK) < 0 && errno == ENOENT)
		return 0;
	return run_tool(del, NULL, NULL, 0, e);
}

static void port_name(const struct machine *m, char name[static IFNAMSIZ])
{
	snprintf(name, IFNAMSIZ, "vb-%.12s", m->name);
}

int netns_unplug(const struct machine *m, struct err *e)
{
	_cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq ifr = {0};

	port_name(m, ifr.ifr_name);
	if (fd < 0)
		return err_errno(e, "%s: its port %s", m->node, ifr.ifr_name);
	if (ioctl(fd, SIOCGIFFLAGS, &ifr) < 0)
		return errno == ENODEV ? 0 : err_errno(e, "%s: its port %s", m->node, ifr.ifr_name);
	ifr.ifr_flags &= (short)~IFF_UP;
	if (ioctl(fd, SIOCSIFFLAGS, &ifr) < 0)
		return err_errno(e, "%s: its port %s", m->node, ifr.ifr_name);
	return 0;
}

int netns_drop_port(const struct machine *m, struct err *e)
{
	char name[IFNAMSIZ];
	port_name(m, name);
	const char *const del[] = {"ip", "link", "del", name, NULL};

	if (!if_nametoindex(name) || run_tool(del, NULL, NULL, 0, e) == 0)
		return 0;
	/* The kernel was quicker than the tool. */
	return if_nametoindex(name) ? -1 : 0;
}
