/* SPDX-License-Identifier: BSD-3-Clause */
#include "figures.h"

#include <stdio.h>
#include <stdlib.h>

static int
double_compare(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

struct spread
spread_of(double *values, unsigned n)
{
	qsort(values, n, sizeof(*values), double_compare);
	return (struct spread){
		.median = (values[(n - 1) / 2] + values[n / 2]) / 2,
		.min = values[0],
		.max = values[n - 1],
	};
}

double
seconds_of(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

uint64_t
now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

void
latency_add(struct latency *latency, uint64_t ns)
{
	if (latency->n == latency->room) {
		latency->room = latency->room ? 2 * latency->room : 1024;
		latency->ns = reallocarray(latency->ns, latency->room, sizeof(latency->ns[0]));
		if (!latency->ns) {
			fprintf(stderr, "no memory for latencies\n");
			exit(1);
		}
	}
	latency->ns[latency->n++] = ns;
}

static int
ns_compare(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* The least latency that at least that share of all does not exceed. */
static double
percentile_us(const struct latency *latency, unsigned percent)
{
	const size_t rank = (latency->n * percent + 99) / 100;

	return latency->n ? (double)latency->ns[rank ? rank - 1 : 0] / 1000 : 0;
}

json_t *
latency_json(struct latency *latency)
{
	if (latency->n)
		qsort(latency->ns, latency->n, sizeof(latency->ns[0]), ns_compare);
	return json_pack("{s:I, s:f, s:f, s:f}", "count", (json_int_t)latency->n, "p50_us",
		percentile_us(latency, 50), "p99_us", percentile_us(latency, 99), "max_us",
		percentile_us(latency, 100));
}

void
latency_fini(struct latency *latency)
{
	free(latency->ns);
}
