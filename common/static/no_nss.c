/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Libraries refer to functions that in a static program would load shared libraries of the build
 * machine's version at run time: libconfuse to the user database, for "~user" in file names,
 * OpenSSL to the resolver and to loadable modules, for its own sockets and engines, glibc itself to
 * character sets. We ask for none of that. These stand in glibc's place, know nobody and load
 * nothing.
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

/* The linker puts these in the others' places (--wrap): glibc's own are in the archive's same
 * members as more. */
void *__wrap_dlopen(const char *file, int mode);
void *__wrap_dlopen(const char *file, int mode)
{
	(void)file;
	(void)mode;
	return NULL;
}

void *__wrap___libc_dlopen_mode(const char *file, int mode);
void *__wrap___libc_dlopen_mode(const char *file, int mode)
{
	(void)file;
	(void)mode;
	return NULL;
}

void *__wrap___libc_dlsym(void *module, const char *name);
void *__wrap___libc_dlsym(void *module, const char *name)
{
	(void)module;
	(void)name;
	return NULL;
}

int __wrap___libc_dlclose(void *module);
int __wrap___libc_dlclose(void *module)
{
	(void)module;
	return 0;
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
