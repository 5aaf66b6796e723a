/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "version.h"

const char bramble_version[] = BRAMBLE_VERSION;
