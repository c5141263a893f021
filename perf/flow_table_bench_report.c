/* SPDX-License-Identifier: BSD-3-Clause */
/* Rows as Markdown tables. The keys of a section's first row are its headings. */
#include <stdio.h>
#include <string.h>

#include "flow_table_bench.h"

static void
cell_print(const json_t *value)
{
	if (json_is_string(value))
		printf(" %s |", json_string_value(value));
	else if (json_is_integer(value))
		printf(" %lld |", (long long)json_integer_value(value));
	else if (json_is_real(value))
		printf(" %.*f |", json_real_value(value) < 10 ? 2 : 1, json_real_value(value));
	else
		printf(" |");
}

static void
headings_print(json_t *row)
{
	const char *key;
	json_t *value;

	printf("|");
	json_object_foreach (row, key, value)
		printf(" %s |", key);
	printf("\n|");
	json_object_foreach (row, key, value)
		printf("%s|", json_is_string(value) ? "---" : "--:");
	printf("\n");
}

static void
row_print(json_t *row)
{
	const char *key;
	json_t *value;

	printf("|");
	json_object_foreach (row, key, value)
		cell_print(value);
	printf("\n");
}

void
bench_report_print(const json_t *report)
{
	const char *section;
	json_t *rows, *row;
	size_t i;

	/* jansson iterates over what it could change. */
	json_object_foreach ((json_t *)(uintptr_t)report, section, rows) {
		if (json_array_size(rows) == 0) /* what is no array, too */
			continue;
		printf("%s\n\n", section);
		headings_print(json_array_get(rows, 0));
		json_array_foreach (rows, i, row)
			row_print(row);
		printf("\n");
	}
}
