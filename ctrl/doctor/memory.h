/* SPDX-License-Identifier: BSD-3-Clause */
/* How much memory sluiced takes at its start. Any thread. */
#ifndef CTRL_DOCTOR_MEMORY_H
#define CTRL_DOCTOR_MEMORY_H

#include <stdbool.h>

#include "doctor/setup.h"

/*
 * An estimate of the MiB that sluiced allocates on a NUMA node: packet buffers on the nodes of
 * ports, tables on that of the first port, rings on those of workers. Ports that are not known take
 * nothing.
 */
unsigned memory_estimate_mib(const char *root, const struct setup *setup, unsigned node);

/* Whether sluice-setup reserves hugepages on that node: it has a port, or no port is known. */
bool memory_is_planned(const char *root, const struct setup *setup, unsigned node);

#endif
