/* SPDX-License-Identifier: BSD-3-Clause */
/* Median, least and most of repeated measurements. */
#ifndef PERF_SPREAD_H
#define PERF_SPREAD_H

struct spread {
	double median, min, max;
};

/* Of n values, at least one; they end up sorted. */
struct spread spread_of(double *values, unsigned n);

#endif
