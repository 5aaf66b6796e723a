/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * glibc's stdio can turn wide characters into any character set there is, by iconv, which reads
 * locales and loads libraries for it. No stream of ours is wide, and no text but ASCII or bytes:
 * these take the place (--wrap) of what would need all that. Who asks for a wide character
 * nevertheless learns that there is none (EILSEQ).
 */
#include <gconv.h>
#include <stdarg.h>
#include <stdio.h>
#include <wchar.h>

static int convert(struct __gconv_step *step, struct __gconv_step_data *data,
	const unsigned char **in, const unsigned char *end, unsigned char **out,
	size_t *irreversible, int flush, int consume)
{
	(void)step, (void)data, (void)in, (void)end, (void)out;
	(void)irreversible, (void)flush, (void)consume;
	return __GCONV_ILLEGAL_INPUT;
}

static wint_t convert_byte(struct __gconv_step *step, unsigned char byte)
{
	(void)step, (void)byte;
	return WEOF;
}

static struct __gconv_step none = {.__fct = convert, .__btowc_fct = convert_byte};

/* glibc's wcsmbs/wcsmbsload.h (2.36). */
struct gconv_fcts {
	struct __gconv_step *towc;
	size_t towc_nsteps;
	struct __gconv_step *tomb;
	size_t tomb_nsteps;
};
static const struct gconv_fcts fcts = {&none, 1, &none, 1};
/* ld 2.40 ends where debugging data refers to an object with such a name itself. */
extern const struct gconv_fcts __wrap___wcsmbs_gconv_fcts_c __attribute__((alias("fcts")));

/* Of another locale than "C". */
void __wrap___wcsmbs_load_conv(void *locale);
void __wrap___wcsmbs_load_conv(void *locale)
{
	(void)locale;
}

/* Of a stream that becomes wide. */
void __wrap___wcsmbs_clone_conv(struct gconv_fcts *to);
void __wrap___wcsmbs_clone_conv(struct gconv_fcts *to)
{
	*to = fcts;
}

/* Of fopen(name, "r,ccs=NAME"). */
int __wrap___wcsmbs_named_conv(struct gconv_fcts *to, const char *name);
int __wrap___wcsmbs_named_conv(struct gconv_fcts *to, const char *name)
{
	(void)to, (void)name;
	return 1;
}

/* Of a wide stream that is closed. */
static int lock;
extern int __wrap___gconv_lock __attribute__((alias("lock")));

void __wrap___gconv_release_step(struct __gconv_step *step);
void __wrap___gconv_release_step(struct __gconv_step *step)
{
	(void)step;
}

int __wrap___vfwprintf_internal(FILE *to, const wchar_t *format, va_list args, unsigned flags);
int __wrap___vfwprintf_internal(FILE *to, const wchar_t *format, va_list args, unsigned flags)
{
	(void)to, (void)format, (void)args, (void)flags;
	return -1;
}
