/* SPDX-License-Identifier: BSD-3-Clause */
#include "spread.h"

#include <stdlib.h>

static int
by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

struct spread
spread_of(double *values, unsigned n)
{
	qsort(values, n, sizeof(*values), by_value);
	return (struct spread){
		.median = (values[(n - 1) / 2] + values[n / 2]) / 2,
		.min = values[0],
		.max = values[n - 1],
	};
}
