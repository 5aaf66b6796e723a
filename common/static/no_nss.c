/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Libraries refer to functions that in a static program would load shared libraries of the build
 * machine's version at run time: libconfuse to the user database, for "~user" in file names,
 * OpenSSL to the resolver and to loadable modules, for its own sockets and engines. We ask for none
 * of that. These stand in glibc's place, know nobody and load nothing.
 */
#include <netdb.h>
#include <pwd.h>
#include <stddef.h>

struct passwd *getpwnam(const char *name)
{
	(void)name;
	return NULL;
}

struct passwd *getpwuid(uid_t uid)
{
	(void)uid;
	return NULL;
}

int getaddrinfo(const char *restrict node, const char *restrict service,
	const struct addrinfo *restrict hints, struct addrinfo **restrict result)
{
	(void)node;
	(void)service;
	(void)hints;
	*result = NULL;
	return EAI_FAIL;
}

void freeaddrinfo(struct addrinfo *list)
{
	(void)list;
}

struct hostent *gethostbyname(const char *name)
{
	(void)name;
	return NULL;
}

/* The linker puts it in dlopen's place (--wrap): glibc's own is in the archive's same member as
 * others. */
void *__wrap_dlopen(const char *file, int mode);
void *__wrap_dlopen(const char *file, int mode)
{
	(void)file;
	(void)mode;
	return NULL;
}

int getnameinfo(const struct sockaddr *restrict address, socklen_t len, char *restrict host,
	socklen_t host_len, char *restrict service, socklen_t service_len, int flags)
{
	(void)address;
	(void)len;
	(void)host;
	(void)host_len;
	(void)service;
	(void)service_len;
	(void)flags;
	return EAI_FAIL;
}
