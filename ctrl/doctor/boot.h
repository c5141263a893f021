/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the next boot changes: settings that sluice-setup(8) has written to files, and that the
 * running kernel does not have yet. Any thread.
 */
#ifndef CTRL_DOCTOR_BOOT_H
#define CTRL_DOCTOR_BOOT_H

#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Copy the value of a kernel parameter that is in sluice-setup's file for GRUB, and not on the
 * command line of the running kernel. false, and "": there is none.
 */
bool boot_parameter(const char *root, const char *name, char *value, size_t size);

/* The CPUs in the value of such a parameter, isolcpus= or nohz_full=. Empty without it. */
void boot_cpus(const char *root, const char *name, cpu_set_t *cpus);

/*
 * MiB of hugepages that a NUMA node has after the next boot, if these are not reserved yet; else 0.
 * `directory` is the system's one of the node's hugepages.
 */
uint64_t boot_hugepages_mib(const char *root, unsigned node, const char *directory);

#endif
