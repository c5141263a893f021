/* SPDX-License-Identifier: BSD-3-Clause */
/* One case through the real data plane, once. */
#ifndef GOLDEN_RUN_H
#define GOLDEN_RUN_H

#include <stdio.h>

#include "rig.h"

/*
 * Run a case one way, and say whether all came as it states; what did not is printed as TAP
 * comments. Frames that left are written to `frames`, unless it is NULL.
 */
bool run_case(const struct golden_case *c, enum way way, FILE *frames);

#endif
