/* SPDX-License-Identifier: BSD-3-Clause */
#include "flow/hop_path.h"

#include <math.h>
#include <string.h>

#include <uthash.h>

/* Hashed as bytes. */
struct bucket_key {
	uint8_t src[16];
	uint8_t dst[16];
	uint16_t src_port;
	uint16_t dst_port;
};

struct pair_key {
	uint8_t from[16];
	uint8_t to[16];
	uint8_t next_hop[16];
	uint16_t bucket;
	uint16_t family; /* of next_hop */
};

static_assert(sizeof(struct bucket_key) == 36, "no padding in what is hashed");
static_assert(sizeof(struct pair_key) == 52, "no padding in what is hashed");

uint16_t
hop_bucket(const struct flow_leg *leg)
{
	struct bucket_key key = {.src_port = leg->dp.src_port, .dst_port = leg->dp.dst_port};
	unsigned hash;

	memcpy(key.src, leg->dp.src, sizeof(key.src));
	memcpy(key.dst, leg->dp.dst, sizeof(key.dst));
	HASH_JEN(&key, sizeof(key), hash);
	return (uint16_t)(hash % HOP_BUCKETS);
}

/*
 * -ln(u) / weight with u even between 0 and 1 is exponential, of rate `weight`. So each path is the
 * least with a chance in proportion to its weight.
 */
static double
pair_cost(const struct hop_request *request, const struct hop_path *path)
{
	struct pair_key key = {.bucket = request->bucket, .family = path->neighbour.family};
	unsigned hash;

	memcpy(key.from, request->from, sizeof(key.from));
	memcpy(key.to, request->to, sizeof(key.to));
	memcpy(key.next_hop, path->neighbour.address, sizeof(key.next_hop));
	HASH_JEN(&key, sizeof(key), hash);
	return -log((hash + 0.5) / (UINT32_MAX + 1.0)) / path->weight;
}

static unsigned
path_best(const struct hop_request *request, const struct hop_paths *paths, const bool *use)
{
	double least = INFINITY;
	unsigned i, best = paths->n;

	for (i = 0; i < paths->n; i++) {
		const double cost = !use || use[i] ? pair_cost(request, &paths->path[i]) : INFINITY;

		if (cost < least) {
			least = cost;
			best = i;
		}
	}
	return best;
}

unsigned
hop_path_choose(const struct hop_request *request, const struct hop_paths *paths, const bool *use)
{
	unsigned best = 0;

	if (paths->n > 1)
		best = path_best(request, paths, use);
	return best < paths->n ? best : path_best(request, paths, NULL);
}
