/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Levels of the CPU's instructions: the fast path is compiled once for each, and the best one that
 * its CPU runs is taken as a worker starts, or the one that the configuration names. On x86-64
 * these are the levels of its psABI from v2 on, which all else is built for.
 */
#ifndef DATAPLANE_LEVEL_H
#define DATAPLANE_LEVEL_H

#include <stdbool.h>
#include <stddef.h>

#include <rte_cpuflags.h>

#include "fastpath.h"

/* What decides which levels run. */
struct level_host {
	int (*has_flag)(enum rte_cpu_flag_t flag); /* > 0: the CPU has it */
	bool saves_avx512; /* the operating system lets programs use its registers */
	unsigned simd_bits; /* vectors may be as wide */
};

/*
 * The CPU of the caller, and the width that the EAL allows now (rte_vect_get_max_simd_bitwidth()).
 * After dp_eal_init(). Any thread.
 */
struct level_host level_host_get(void);

/* The levels of this build from the lowest on; NULL past the last. */
const struct fastpath *level_get(unsigned i);

/*
 * The level called `name`; the best one of those that `host` runs, where that is NULL or "auto".
 * The lowest one runs anywhere. NULL: there is no such level, or the host does not run it; *error
 * says what is missing, and begins with the field's name.
 */
const struct fastpath *level_choose(
	const struct level_host *host, const char *name, char *error, size_t error_size);

#endif
