/* SPDX-License-Identifier: BSD-3-Clause */
/* Counters that a case expects of a flow, its streams and their legs. */
#include "case.h"

#include <stdlib.h>

/* {"no_flow": 1}: of reasons from `first` on, into counts[reason - first] */
static int
reasons_decode(json_t *drops, unsigned first, unsigned n, uint64_t *counts)
{
	const char *name;
	json_t *count;

	json_object_foreach (drops, name, count) {
		int reason = case_drop_index(name);

		if (reason < (int)first || (unsigned)reason >= first + n)
			return -1;
		counts[(unsigned)reason - first] = (uint64_t)json_integer_value(count);
	}
	return 0;
}

/* One item stands for "times" legs that counted the same. */
static int
leg_counts_append(json_t *item, struct case_leg_counts *legs, json_error_t *at)
{
	struct dp_leg_stats stats = {0}, *grown;
	json_int_t copies, bytes;
	json_t *drops = NULL;
	int times = 1;

	if (json_unpack_ex(item, at, JSON_STRICT, "{s:I, s:I, s?:o, s?:i}", "copies", &copies,
		    "bytes", &bytes, "drops", &drops, "times", &times) < 0)
		return -1;
	stats.copies = (uint64_t)copies;
	stats.bytes = (uint64_t)bytes;
	if (reasons_decode(drops, DP_COPY_DROP_FIRST, DP_COPY_DROP_COUNT, stats.drops) < 0)
		return -1;
	grown = reallocarray(legs->of, legs->n + (size_t)times, sizeof(stats));
	if (grown == NULL)
		return -1;
	legs->of = grown;
	for (int i = 0; i < times; i++)
		legs->of[legs->n++] = stats;
	return 0;
}

static int
leg_counts_decode(const json_t *list, struct case_leg_counts *legs, json_error_t *at)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		if (leg_counts_append(json_array_get(list, i), legs, at) < 0)
			return -1;
	}
	return 0;
}

static int
stream_counts_decode(json_t *item, struct case_stream_counts *counts, json_error_t *at)
{
	json_int_t packets, bytes;
	json_t *legs;

	if (json_unpack_ex(item, at, JSON_STRICT, "{s:I, s:I, s:o}", "packets", &packets, "bytes",
		    &bytes, "legs", &legs) < 0)
		return -1;
	counts->stats.packets = (uint64_t)packets;
	counts->stats.bytes = (uint64_t)bytes;
	return leg_counts_decode(legs, &counts->legs, at);
}

int
case_counts_decode(const char *id, json_t *item, struct case_counts *counts, json_error_t *at)
{
	json_int_t packets, bytes, forwarded, punted = 0;
	json_t *drops = NULL, *legs, *streams = NULL;
	struct dp_flow_stats *stats = &counts->stats;

	counts->id = id;
	if (json_unpack_ex(item, at, JSON_STRICT, "{s:I, s:I, s:I, s?:I, s?:o, s:o, s?:o}",
		    "packets", &packets, "bytes", &bytes, "forwarded", &forwarded, "punted",
		    &punted, "drops", &drops, "legs", &legs, "streams", &streams) < 0)
		return -1;
	stats->packets = (uint64_t)packets;
	stats->bytes = (uint64_t)bytes;
	stats->forwarded = (uint64_t)forwarded;
	stats->punted = (uint64_t)punted;
	if (reasons_decode(drops, DP_FLOW_DROP_FIRST, DP_FLOW_DROP_COUNT, stats->drops) < 0 ||
		leg_counts_decode(legs, &counts->legs, at) < 0)
		return -1;
	counts->streams = calloc(json_array_size(streams) + 1, sizeof(*counts->streams));
	if (counts->streams == NULL)
		return -1;
	while (counts->n_streams < json_array_size(streams)) {
		size_t i = counts->n_streams++;

		if (stream_counts_decode(json_array_get(streams, i), &counts->streams[i], at) < 0)
			return -1;
	}
	return 0;
}

void
case_counts_fini(struct case_counts *counts)
{
	for (size_t i = 0; i < counts->n_streams; i++)
		free(counts->streams[i].legs.of);
	free(counts->streams);
	free(counts->legs.of);
}
