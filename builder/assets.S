/* SPDX-License-Identifier: AGPL-3.0-or-later */
	.section .rodata
	.balign 16
	.global assets_start, assets_end
assets_start:
	.incbin "assets.tar"
assets_end:
	.byte 0
	.section .note.GNU-stack, "", %progbits
