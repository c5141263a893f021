/* SPDX-License-Identifier: BSD-3-Clause */
/* How long things took, each kept, so that a percentile is what it says. */
#ifndef PERF_LOAD_LATENCY_H
#define PERF_LOAD_LATENCY_H

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

struct load_latency {
	uint64_t *ns;
	size_t n;
	size_t room;
};

/* Monotonic time. */
uint64_t load_now_ns(void);

/* A latency more; without memory the program ends. */
void load_latency_add(struct load_latency *latency, uint64_t ns);

/* {"count", "p50_us", "p99_us", "max_us"}; sorts what is kept. New reference. */
json_t *load_latency_json(struct load_latency *latency);

void load_latency_fini(struct load_latency *latency);

#endif
