/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_VERSION_H
#define BRAMBLE_VERSION_H

/* `git describe` of the tree this program was made from; in one object, so that all agree. */
extern const char bramble_version[];

#endif
