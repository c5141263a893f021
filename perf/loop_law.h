/* SPDX-License-Identifier: BSD-3-Clause */
/* Laws: two figures that are to be the same, counters that are to be 0. */
#ifndef PERF_LOOP_LAW_H
#define PERF_LOOP_LAW_H

#include <stdbool.h>
#include <stdint.h>

/* False after a message on standard error that names whom and what it is about. */
bool law(const char *of, const char *text, uint64_t found, uint64_t expected);

/* drops[i], n of them, counts reason first + i: none is to have been met. */
bool law_no_drops(const char *of, const uint64_t *drops, unsigned first, unsigned n);

/* Sum of n counters. */
uint64_t law_sum(const uint64_t *values, unsigned n);

#endif
