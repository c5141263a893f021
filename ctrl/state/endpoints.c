/* SPDX-License-Identifier: BSD-3-Clause */
/* Linear hashing: of the buckets, those below `split` have been halved in this round already. */
#include "state/endpoints.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define LEVEL_FIRST 6 /* 64 buckets at first */

static uint64_t
mix(uint64_t hash, uint64_t word)
{
	hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
	return hash ^ hash >> 29;
}

static uint64_t
mix_address(uint64_t hash, const uint8_t address[16])
{
	uint64_t words[2];

	memcpy(words, address, sizeof(words));
	return mix(mix(hash, words[0]), words[1]);
}

static uint32_t
pair_hash(enum endpoint_kind kind, const struct endpoint_pair *pair)
{
	uint64_t hash = mix_address(kind * 16u + pair->family, pair->dst);

	if (kind != ENDPOINT_RULE)
		hash = mix(hash, pair->dst_port);
	if (kind == ENDPOINT_EXACT)
		hash = mix(mix_address(hash, pair->src), pair->src_port);
	return (uint32_t)(hash >> 32);
}

/* What a flow is found by; false: it has no one local address. */
static bool
spec_pair(const struct flow_spec *spec, enum endpoint_kind *kind, struct endpoint_pair *pair)
{
	memset(pair, 0, sizeof(*pair));
	pair->family = spec->match.family;
	if (spec->rule) {
		*kind = ENDPOINT_RULE;
		pair->dst = spec->rule->rule.dst;
		return spec->rule->rule.dst_bits == (pair->family == 4 ? 32 : 128);
	}
	*kind = spec->match.any_source ? ENDPOINT_LISTENER : ENDPOINT_EXACT;
	pair->src = spec->match.src;
	pair->dst = spec->match.dst;
	pair->src_port = spec->match.src_port;
	pair->dst_port = spec->match.dst_port;
	return true;
}

static bool
spec_has(const struct flow_spec *spec, enum endpoint_kind kind, const struct endpoint_pair *pair)
{
	enum endpoint_kind other_kind;
	struct endpoint_pair other;

	if (!spec_pair(spec, &other_kind, &other) || other_kind != kind ||
		other.family != pair->family || memcmp(other.dst, pair->dst, 16) != 0)
		return false;
	if (kind != ENDPOINT_RULE && other.dst_port != pair->dst_port)
		return false;
	return kind != ENDPOINT_EXACT ||
	       (other.src_port == pair->src_port && memcmp(other.src, pair->src, 16) == 0);
}

static size_t
bucket_of(const struct endpoints *endpoints, uint32_t hash)
{
	const size_t size = (size_t)1 << endpoints->level;
	const size_t bucket = hash & (2 * size - 1);

	return bucket < size + endpoints->split ? bucket : hash & (size - 1);
}

/* Room for as many buckets as this level ends with. Kept memory is moved by the C library. */
static int
buckets_reserve(struct endpoints *endpoints)
{
	struct endpoint **grown;
	size_t room;

	if (endpoints->level == 0)
		endpoints->level = LEVEL_FIRST;
	room = (size_t)2 << endpoints->level;
	if (endpoints->room >= room)
		return 0;
	grown = reallocarray(endpoints->buckets, room, sizeof(struct endpoint *));
	if (!grown)
		return -ENOMEM;
	if (!endpoints->buckets)
		memset(grown, 0, (room / 2) * sizeof(struct endpoint *));
	endpoints->buckets = grown;
	endpoints->room = room;
	return 0;
}

/* Halve the next bucket; its upper half is the new last one. */
static void
bucket_split(struct endpoints *endpoints)
{
	const size_t size = (size_t)1 << endpoints->level;
	struct endpoint **from = &endpoints->buckets[endpoints->split];
	struct endpoint **to = &endpoints->buckets[size + endpoints->split];

	*to = NULL;
	while (*from) {
		struct endpoint *endpoint = *from;

		if (endpoint->hash & size) {
			*from = endpoint->next;
			endpoint->next = *to;
			*to = endpoint;
		} else {
			from = &endpoint->next;
		}
	}
	if (++endpoints->split == size) {
		endpoints->level++;
		endpoints->split = 0;
	}
}

int
endpoints_put(struct endpoints *endpoints, const struct flow_spec *spec)
{
	struct endpoint_pair pair;
	enum endpoint_kind kind;
	struct endpoint *endpoint;
	size_t bucket;

	if (!spec_pair(spec, &kind, &pair))
		return 0;
	/* Without memory for more buckets their chains grow instead. */
	if (buckets_reserve(endpoints) < 0 && !endpoints->buckets)
		return -ENOMEM;
	endpoint = calloc(1, sizeof(*endpoint));
	if (!endpoint)
		return -ENOMEM;
	endpoint->spec = spec;
	endpoint->hash = pair_hash(kind, &pair);
	if (endpoints->n > ((size_t)1 << endpoints->level) + endpoints->split &&
		buckets_reserve(endpoints) == 0)
		bucket_split(endpoints);
	bucket = bucket_of(endpoints, endpoint->hash);
	endpoint->next = endpoints->buckets[bucket];
	endpoints->buckets[bucket] = endpoint;
	endpoints->n++;
	endpoints->n_kind[kind]++;
	return 0;
}

void
endpoints_take(struct endpoints *endpoints, const struct flow_spec *spec)
{
	struct endpoint **link, *endpoint;
	struct endpoint_pair pair;
	enum endpoint_kind kind;

	if (!endpoints->buckets || !spec_pair(spec, &kind, &pair))
		return;
	link = &endpoints->buckets[bucket_of(endpoints, pair_hash(kind, &pair))];
	while (*link && (*link)->spec != spec)
		link = &(*link)->next;
	endpoint = *link;
	if (!endpoint)
		return;
	*link = endpoint->next;
	free(endpoint);
	endpoints->n--;
	endpoints->n_kind[kind]--;
}

static struct endpoint *
chain_find(struct endpoint *endpoint, uint32_t hash, enum endpoint_kind kind,
	const struct endpoint_pair *pair)
{
	while (endpoint && (endpoint->hash != hash || !spec_has(endpoint->spec, kind, pair)))
		endpoint = endpoint->next;
	return endpoint;
}

struct endpoint *
endpoints_first(const struct endpoints *endpoints, enum endpoint_kind kind,
	const struct endpoint_pair *pair)
{
	uint32_t hash;

	if (endpoints->n_kind[kind] == 0)
		return NULL;
	hash = pair_hash(kind, pair);
	return chain_find(endpoints->buckets[bucket_of(endpoints, hash)], hash, kind, pair);
}

struct endpoint *
endpoints_next(struct endpoint *endpoint, enum endpoint_kind kind, const struct endpoint_pair *pair)
{
	return chain_find(endpoint->next, endpoint->hash, kind, pair);
}

void
endpoints_fini(struct endpoints *endpoints)
{
	const size_t n =
		endpoints->buckets ? ((size_t)1 << endpoints->level) + endpoints->split : 0;
	struct endpoint *endpoint;
	size_t i;

	for (i = 0; i < n; i++) {
		while ((endpoint = endpoints->buckets[i])) {
			endpoints->buckets[i] = endpoint->next;
			free(endpoint);
		}
	}
	free(endpoints->buckets);
	memset(endpoints, 0, sizeof(*endpoints));
}
