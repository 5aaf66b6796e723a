/* SPDX-License-Identifier: AGPL-3.0-or-later */
	.section .rodata
	.balign 16
	.global assets_start, assets_end, garden_conf, garden_conf_end
assets_start:
	.incbin "assets.tar"
assets_end:
	.byte 0
garden_conf:
	.incbin "examples/garden.conf"
garden_conf_end:
	.byte 0
	.section .note.GNU-stack, "", %progbits
