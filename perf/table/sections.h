/* SPDX-License-Identifier: BSD-3-Clause */
/* What is measured. */
#ifndef PERF_TABLE_SECTIONS_H
#define PERF_TABLE_SECTIONS_H

#include <jansson.h>
#include <stdbool.h>

struct bench_options {
	unsigned rounds;
	bool small; /* check that it runs: few flows, few lookups */
	bool no_huge;
	unsigned cores[2]; /* CPUs of the main thread and of the second one */
	const char *section; /* "" = all */
};

/* Each adds rows (JSON objects) to `rows`, and ends the program where something fails. */
void bench_lookup(const struct bench_options *options, json_t *rows);
void bench_insert(const struct bench_options *options, json_t *rows);
void bench_fill(const struct bench_options *options, json_t *rows);
void bench_collide(const struct bench_options *options, json_t *rows);

#endif
