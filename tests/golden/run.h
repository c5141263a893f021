/* SPDX-License-Identifier: BSD-3-Clause */
/* One case through the real data plane, once. */
#ifndef GOLDEN_RUN_H
#define GOLDEN_RUN_H

#include <stdio.h>

#include "rig.h"
#include "traced.h"

/*
 * Run a case one way and at one level, as in dp_config, and say whether all came as it states; what
 * did not is printed as TAP comments. Frames that left are written to `frames`, unless it is NULL.
 * With `traced`, which is empty, frames go in one by one, and each is held against its trace.
 */
bool run_case(const struct golden_case *c, enum way way, const char *level, FILE *frames,
	struct traced *traced);

#endif
