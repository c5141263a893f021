/* SPDX-License-Identifier: BSD-3-Clause */
/* Room for the descriptors that connections take. */
#ifndef CTRL_RPC_DESCRIPTORS_H
#define CTRL_RPC_DESCRIPTORS_H

#include "base/fault.h"

#define DESCRIPTORS_OWN 1024 /* that the rest of the process may have open */

/*
 * Raise the process's RLIMIT_NOFILE, if it is lower than so many connections need. -1 with *fault
 * set when that is not allowed. Any thread.
 */
int descriptors_raise(unsigned n_connections, struct fault *fault);

#endif
