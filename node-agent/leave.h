/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_LEAVE_H
#define BRAMBLE_LEAVE_H

/*
 * To be called first in a child that the agent has forked for what may take long: all that was open
 * is closed, but for standard input and outputs and `keep` (-1: nothing else), and no signal is
 * blocked any more. Whatever the child hangs at keeps the next agent off no port.
 */
void leave_agent(int keep);

#endif
