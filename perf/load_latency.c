/* SPDX-License-Identifier: BSD-3-Clause */
#include "load_latency.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

uint64_t
load_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

void
load_latency_add(struct load_latency *latency, uint64_t ns)
{
	if (latency->n == latency->room) {
		latency->room = latency->room ? 2 * latency->room : 1024;
		latency->ns = reallocarray(latency->ns, latency->room, sizeof(latency->ns[0]));
		if (!latency->ns) {
			fprintf(stderr, "control-load: no memory for latencies\n");
			exit(1);
		}
	}
	latency->ns[latency->n++] = ns;
}

static int
by_length(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* The least latency that at least that share of all does not exceed. */
static double
percentile_us(const struct load_latency *latency, unsigned percent)
{
	const size_t rank = (latency->n * percent + 99) / 100;

	return latency->n ? (double)latency->ns[rank ? rank - 1 : 0] / 1000 : 0;
}

json_t *
load_latency_json(struct load_latency *latency)
{
	if (latency->n)
		qsort(latency->ns, latency->n, sizeof(latency->ns[0]), by_length);
	return json_pack("{s:I, s:f, s:f, s:f}", "count", (json_int_t)latency->n, "p50_us",
		percentile_us(latency, 50), "p99_us", percentile_us(latency, 99), "max_us",
		percentile_us(latency, 100));
}

void
load_latency_fini(struct load_latency *latency)
{
	free(latency->ns);
}
