/* SPDX-License-Identifier: BSD-3-Clause */
/* How much memory sluiced takes at its start. Any thread. */
#ifndef CTRL_DOCTOR_MEMORY_H
#define CTRL_DOCTOR_MEMORY_H

#include <sched.h>

#include <jansson.h>

#include "doctor/setup.h"

/*
 * An estimate of the MiB that sluiced allocates on a NUMA node: packet buffers on the nodes of
 * ports, tables on that of the first port. On a node without ports, which has workers or the
 * control thread: rings of workers, and what the EAL shares. Ports that are not known take nothing.
 */
unsigned memory_estimate_mib(const char *root, const struct setup *setup, unsigned node);

/* NUMA nodes that sluiced takes memory of: those of its CPUs and ports; all, if it is not known. */
void memory_nodes_read(const char *root, const struct setup *setup, cpu_set_t *nodes);

/*
 * The nodes that sluice-setup reserves hugepages on: an array of {"node", "mib", "ports"}, those
 * with ports first, in the order of ports. With memory_mb, the node of the first port has that at
 * least. A new reference; NULL: out of memory.
 */
json_t *memory_report(const char *root, const struct setup *setup);

#endif
