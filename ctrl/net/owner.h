/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Whose steering program it is: a mark that is bound to the program in the kernel and dies with
 * it. Process ids are those of the reader's PID namespace; two appliances that share a network
 * namespace must share that too. Control thread.
 */
#ifndef CTRL_NET_OWNER_H
#define CTRL_NET_OWNER_H

#include <sys/types.h>

#include "net/program.h"

/* The process, other than the caller, that is alive and holds the program; 0 = there is none. */
pid_t owner_read(const struct program *program);

/* Mark the program as the caller's, in place of what mark it has. 0 or a negative errno. */
int owner_write(const struct program *program);

#endif
