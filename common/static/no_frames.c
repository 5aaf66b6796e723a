/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * glibc is compiled for C++ exceptions and for threads that are cancelled, with tables by which the
 * stack is unwound then. We have neither, and no_frames.ld leaves the tables out. These take the
 * place of what would read them (--wrap), and with it libgcc's unwinder is not linked either.
 */
#include <stdlib.h>

_Noreturn void __wrap__Unwind_Resume(void *exception);
_Noreturn void __wrap__Unwind_Resume(void *exception)
{
	(void)exception;
	abort();
}

_Noreturn void __wrap___gcc_personality_v0(void);
_Noreturn void __wrap___gcc_personality_v0(void)
{
	abort();
}
