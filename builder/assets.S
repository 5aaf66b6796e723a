/* SPDX-License-Identifier: GPL-3.0-or-later */

/* name: the file's bytes; name_size: how many (a size_t). */
.macro embed name, file
	.global \name, \name\()_size
	.balign 16
\name:
	.incbin "\file"
.L\name\()_end:
	.byte 0
	.balign __SIZEOF_SIZE_T__
\name\()_size:
#if __SIZEOF_SIZE_T__ == 8
	.quad .L\name\()_end - \name
#else
	.int .L\name\()_end - \name
#endif
.endm

	.section .rodata
	embed assets, "assets.tar"
	embed garden_conf, "examples/garden.conf"
	embed catalogue_json, "builder/fetch/catalogue.json"
	.section .note.GNU-stack, "", %progbits
