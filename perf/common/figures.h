/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Clocks, and what repeated measurements come to: median, least and most of some, percentiles of
 * many.
 */
#ifndef PERF_COMMON_FIGURES_H
#define PERF_COMMON_FIGURES_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <jansson.h>

struct spread {
	double median, min, max;
};

/* Of n values, at least one; they end up sorted. */
struct spread spread_of(double *values, unsigned n);

double seconds_of(clockid_t clock);

/* Monotonic time. */
uint64_t now_ns(void);

/* How long things took, each kept, so that a percentile is what it says. */
struct latency {
	uint64_t *ns;
	size_t n;
	size_t room;
};

/* A latency more; without memory the program ends. */
void latency_add(struct latency *latency, uint64_t ns);

/* {"count", "p50_us", "p99_us", "max_us"}; sorts what is kept. New reference. */
json_t *latency_json(struct latency *latency);

void latency_fini(struct latency *latency);

#endif
