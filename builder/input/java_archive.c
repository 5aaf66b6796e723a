/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "java_archive.h"
#include <string.h>
#include "archive_private.h"

#define RELEASE_MAX 65536
#define PROGRAM_HEAD 65536 /* the interpreter's name lies within (PT_INTERP is at the start) */

/* OS_ARCH as the vendors write it. */
struct arch_word {
	const char *word;
	enum arch arch;
};

static const struct arch_word words[] = {
	{"x86_64", ARCH_AMD64},
	{"amd64", ARCH_AMD64},
	{"aarch64", ARCH_ARM64},
	{"arm64", ARCH_ARM64},
	{"arm", ARCH_ARMHF},
	{"aarch32", ARCH_ARMHF},
	{"armv7l", ARCH_ARMHF},
	{"armhf", ARCH_ARMHF},
};

struct look {
	const char *path;
	struct buf release, program;
	bool has_release, has_program;
};

static void look_free(struct look *l)
{
	buf_free(&l->release);
	buf_free(&l->program);
}

static int look_at(
	void *arg, const char *name, struct archive *a, struct archive_entry *en, struct err *e)
{
	struct look *l = arg;
	bool file = archive_entry_filetype(en) == AE_IFREG;

	if (file && strcmp(name, "release") == 0) {
		l->has_release = true;
		if (archive_read_head(a, l->path, RELEASE_MAX, &l->release, e) < 0)
			return -1;
	} else if (file && strcmp(name, "bin/java") == 0) {
		l->has_program = true;
		if (archive_read_head(a, l->path, PROGRAM_HEAD, &l->program, e) < 0)
			return -1;
	}
	return l->has_release && l->has_program;
}

/* The value of NAME="value" in `release`, or NULL; the caller frees. */
static char *value_of(const struct buf *release, const char *name)
{
	_cleanup_free_ char *start = xasprintf("%s=\"", name);
	const char *line = buf_str(release);

	for (; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (!str_starts(line, start))
			continue;
		const char *v = line + strlen(start);
		return xstrndup(v, strcspn(v, "\"\n"));
	}
	return NULL;
}

/* JEP 223: before 9 the major version was the second number. */
static unsigned major_of(const char *version)
{
	unsigned first = 0, second = 0;

	if (!version || sscanf(version, "%4u.%4u", &first, &second) < 1)
		return 0;
	return first == 1 ? second : first;
}

static enum arch arch_of_word(const char *word)
{
	for (size_t i = 0; word && i < ARRAY_SIZE(words); i++) {
		if (strcmp(words[i].word, word) == 0)
			return words[i].arch;
	}
	return ARCH_UNKNOWN;
}

static int read_release(const struct look *l, struct java_archive *j, struct err *e)
{
	_cleanup_free_ char *version = value_of(&l->release, "JAVA_VERSION");
	_cleanup_free_ char *os = value_of(&l->release, "OS_NAME");
	_cleanup_free_ char *arch = value_of(&l->release, "OS_ARCH");
	_cleanup_free_ char *libc = value_of(&l->release, "LIBC");

	j->major = major_of(version);
	if (version)
		snprintf(j->version, sizeof(j->version), "%.*s",
			(int)strspn(version, "0123456789._+-abcdefghijklmnopqrstuvwxyz"), version);
	j->arch = arch_of_word(arch);
	if (!j->major)
		return err_code(e, EXIT_INPUT,
			"%s: its file release names no JAVA_VERSION, so it is no JRE or JDK",
			l->path);
	if (os && strcmp(os, "Linux") != 0)
		return err_code(
			e, EXIT_INPUT, "%s: is Java for %s; take the one for Linux", l->path, os);
	if (libc && strcmp(libc, "musl") == 0)
		return err_code(e, EXIT_INPUT,
			"%s: is built for musl (Alpine); take the one for glibc", l->path);
	if (arch && !j->arch)
		return err_code(
			e, EXIT_INPUT, "%s: is Java for %s, which no card is", l->path, arch);
	return 0;
}

static int check_program(const struct look *l, struct java_archive *j, struct err *e)
{
	unsigned machine;
	enum arch own = arch_of_elf(l->program.data, l->program.len, &machine);

	if (!own)
		return err_code(e, EXIT_INPUT, "%s: its bin/java is no program for any card (%s)",
			l->path, machine ? "another machine's" : "not ELF");
	if (j->arch && j->arch != own)
		return err_code(e, EXIT_INPUT, "%s: its file release says %s, its program is %s",
			l->path, arch_name(j->arch), arch_name(own));
	if (memmem(l->program.data, l->program.len, "ld-musl-", strlen("ld-musl-")))
		return err_code(e, EXIT_INPUT,
			"%s: is built for musl (Alpine); take the one for glibc", l->path);
	j->arch = own;
	return 0;
}

int java_archive_look(const char *path, struct java_archive *j, struct err *e)
{
	_cleanup_(look_free) struct look l = {.path = path};
	_cleanup_free_ char *top = archive_top_folder(path, e);

	if (!top || archive_look(path, top, look_at, &l, e) < 0)
		return -1;
	if (!l.has_release || !l.has_program)
		return err_code(e, EXIT_INPUT,
			"%s: holds no %s below its top folder, so it is no JRE or JDK for Linux",
			path, l.has_program ? "release" : "bin/java");
	return read_release(&l, j, e) < 0 ? -1 : check_program(&l, j, e);
}
