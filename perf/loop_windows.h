/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The clock: many short windows, so that a worker that the host takes off its CPU spoils some of
 * them, not the median.
 */
#ifndef PERF_LOOP_WINDOWS_H
#define PERF_LOOP_WINDOWS_H

#include "loop_load.h"
#include "loop_rig.h"
#include "loop_run.h"

/* Measure a rig that runs: the cycles and cpu_share of *result. Control's load is on as asked. */
void loop_windows_measure(
	const struct loop_rig *rig, struct loop_load *load, struct loop_result *result);

#endif
