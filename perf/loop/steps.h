/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Count the instructions that a worker executes, one after the other: on any level of instructions
 * that the CPU has, where valgrind knows only some. x86-64 only.
 */
#ifndef PERF_LOOP_STEPS_H
#define PERF_LOOP_STEPS_H

#include <stdint.h>

#include "rig.h"

struct loop_steps {
	uint64_t instructions;
	uint64_t packets; /* put on tx by them, as of loop_rig_sent() */
};

/* Before the workers start. 0 or a negative errno. */
int loop_steps_init(void);

/*
 * Count at least so many instructions of the only worker, which runs, and then up to the end of the
 * pass: whole passes are counted, without the freeing of replicas. Returns when it is done: an
 * instruction takes some microseconds, in a virtual machine up to 20. Zeros on other CPUs.
 */
struct loop_steps loop_steps_count(const struct loop_rig *rig, uint64_t instructions);

#endif
