/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What gcc puts in front of each static program (crtbeginT.o) registers the tables for unwinding
 * the stack, and to see whether there are any it reads their first word. We strip them (Makefile,
 * UNWINDING). Mostly the place where they were lies in a page that is there, and holds zeros; once
 * it began a page that was not, and the program ended before main(). The linker puts these in the
 * place of both functions (--wrap).
 */
void __wrap___register_frame_info(const void *begin, void *object);
void *__wrap___deregister_frame_info(const void *begin);

void __wrap___register_frame_info(const void *begin, void *object)
{
	(void)begin;
	(void)object;
}

void *__wrap___deregister_frame_info(const void *begin)
{
	(void)begin;
	return (void *)0;
}
