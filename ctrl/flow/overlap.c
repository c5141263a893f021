/* SPDX-License-Identifier: BSD-3-Clause */
/* The order of precedence is that of the data plane: docs/dataplane.md, rules. */
#include "flow/overlap.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"

#include "base/array.h"

#define BUCKETS_MIN 64

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

int
endpoints_init(struct endpoints *endpoints, size_t n_expected)
{
	memset(endpoints, 0, sizeof(*endpoints));
	endpoints->n_buckets = BUCKETS_MIN;
	while (endpoints->n_buckets < n_expected)
		endpoints->n_buckets *= 2;
	endpoints->buckets = calloc(endpoints->n_buckets, sizeof(struct endpoint *));
	return endpoints->buckets ? 0 : -ENOMEM;
}

static struct endpoint **
bucket_of(const struct endpoints *endpoints, uint32_t hash)
{
	return &endpoints->buckets[hash & (endpoints->n_buckets - 1)];
}

int
endpoints_insert(struct endpoints *endpoints, const struct flow_spec *spec)
{
	struct endpoint_pair pair;
	enum endpoint_kind kind;
	struct endpoint *endpoint, **bucket;

	if (!spec_pair(spec, &kind, &pair))
		return 0;
	endpoint = calloc(1, sizeof(*endpoint));
	if (!endpoint)
		return -ENOMEM;
	endpoint->spec = spec;
	endpoint->hash = pair_hash(kind, &pair);
	bucket = bucket_of(endpoints, endpoint->hash);
	endpoint->next = *bucket;
	*bucket = endpoint;
	endpoints->n_kind[kind]++;
	return 0;
}

void
endpoints_remove(struct endpoints *endpoints, const struct flow_spec *spec)
{
	struct endpoint **link, *endpoint;
	struct endpoint_pair pair;
	enum endpoint_kind kind;

	if (!spec_pair(spec, &kind, &pair))
		return;
	link = bucket_of(endpoints, pair_hash(kind, &pair));
	while (*link && (*link)->spec != spec)
		link = &(*link)->next;
	endpoint = *link;
	if (!endpoint)
		return;
	*link = endpoint->next;
	free(endpoint);
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
	return chain_find(*bucket_of(endpoints, hash), hash, kind, pair);
}

struct endpoint *
endpoints_next(struct endpoint *endpoint, enum endpoint_kind kind, const struct endpoint_pair *pair)
{
	return chain_find(endpoint->next, endpoint->hash, kind, pair);
}

void
endpoints_fini(struct endpoints *endpoints)
{
	struct endpoint *endpoint;
	size_t i;

	for (i = 0; i < endpoints->n_buckets; i++) {
		while ((endpoint = endpoints->buckets[i])) {
			endpoints->buckets[i] = endpoint->next;
			free(endpoint);
		}
	}
	free(endpoints->buckets);
	memset(endpoints, 0, sizeof(*endpoints));
}

struct overlap_rule {
	struct dp_rule rule; /* a copy: rules are walked over */
	const struct flow_spec *spec;
	uint64_t sequence;
	uint64_t put;
};

void
overlaps_fini(struct overlaps *overlaps)
{
	free(overlaps->rules);
	memset(overlaps, 0, sizeof(*overlaps));
}

int
overlaps_insert(struct overlaps *overlaps, const struct flow_spec *spec, uint64_t sequence)
{
	struct overlap_rule *rules;

	if (!spec->rule)
		return 0;
	rules = array_grow(overlaps->rules, overlaps->n, &overlaps->room, sizeof(*rules));
	if (!rules)
		return -ENOMEM;
	overlaps->rules = rules;
	overlaps->rules[overlaps->n++] = (struct overlap_rule){
		.rule = spec->rule->rule,
		.spec = spec,
		.sequence = sequence,
		.put = ++overlaps->last_put,
	};
	return 0;
}

static const struct overlap_rule *
overlap_rule_find(const struct overlaps *overlaps, const struct flow_spec *spec)
{
	size_t i;

	for (i = 0; i < overlaps->n; i++) {
		if (overlaps->rules[i].spec == spec)
			return &overlaps->rules[i];
	}
	return NULL;
}

void
overlaps_remove(struct overlaps *overlaps, const struct flow_spec *spec)
{
	const struct overlap_rule *rule = spec->rule ? overlap_rule_find(overlaps, spec) : NULL;

	if (rule)
		overlaps->rules[rule - overlaps->rules] = overlaps->rules[--overlaps->n];
}

static bool
goes_first(const struct overlap_rule *a, const struct overlap_rule *b)
{
	if (a->rule.priority != b->rule.priority)
		return a->rule.priority > b->rule.priority;
	if (a->sequence != b->sequence)
		return a->sequence < b->sequence;
	return a->put < b->put;
}

/* The bits of an address behind its prefix are zero. */
static bool
prefix_covers(const uint8_t a[16], unsigned a_bits, const uint8_t b[16], unsigned b_bits)
{
	return a_bits <= b_bits && address_in_prefix(a, a_bits, b);
}

static bool
field_covers(uint16_t a, uint16_t b)
{
	return a == DP_RULE_ANY || a == b;
}

static bool
port_covers(const struct overlap_rule *a, const struct overlap_rule *b)
{
	const char *name = a->spec->rule->port;

	return name[0] == '\0' || strcmp(name, b->spec->rule->port) == 0;
}

static bool
rule_covers(const struct overlap_rule *a, const struct overlap_rule *b)
{
	const struct dp_rule *wide = &a->rule, *narrow = &b->rule;

	return wide->family == narrow->family && wide->dst_port_first <= narrow->dst_port_first &&
	       wide->dst_port_last >= narrow->dst_port_last &&
	       wide->src_port_first <= narrow->src_port_first &&
	       wide->src_port_last >= narrow->src_port_last &&
	       field_covers(wide->vlan, narrow->vlan) &&
	       field_covers(wide->outer_vlan, narrow->outer_vlan) &&
	       prefix_covers(wide->dst, wide->dst_bits, narrow->dst, narrow->dst_bits) &&
	       prefix_covers(wide->src, wide->src_bits, narrow->src, narrow->src_bits) &&
	       port_covers(a, b);
}

static int
rules_check(const struct overlaps *overlaps, const struct overlap_rule *own, struct fault *fault)
{
	size_t i;

	for (i = 0; i < overlaps->n; i++) {
		const struct overlap_rule *other = &overlaps->rules[i];

		if (other == own)
			continue;
		if (goes_first(other, own) && rule_covers(other, own))
			return fault_set(fault, FAULT_CONFLICT, "/rule",
				"found a rule of priority %u, which the rule of flow %s of "
				"priority %u covers entirely and goes before, expected one that "
				"packets reach: give it a greater priority, or narrow the other",
				own->rule.priority, other->spec->id, other->rule.priority);
		if (goes_first(own, other) && rule_covers(own, other))
			return fault_set(fault, FAULT_CONFLICT, "/rule",
				"found a rule of priority %u, which covers the rule of flow %s of "
				"priority %u entirely and goes before it, expected one that leaves "
				"it packets: give this one a lower priority, or narrow it",
				own->rule.priority, other->spec->id, other->rule.priority);
	}
	return 0;
}

/* Whether a rule takes the packets of one exact flow or listener only, or fewer. */
static bool
match_covers(const struct flow_match *match, const struct flow_rule *rule)
{
	const struct dp_rule *narrow = &rule->rule;
	const unsigned bits = match->family == 4 ? 32 : 128;
	const uint16_t dst_port = ntohs(match->dst_port), src_port = ntohs(match->src_port);

	if (narrow->family != match->family || narrow->vlan != match->vlan ||
		narrow->outer_vlan != match->outer_vlan || narrow->dst_bits != bits ||
		narrow->dst_port_first != dst_port || narrow->dst_port_last != dst_port ||
		memcmp(narrow->dst, match->dst, sizeof(match->dst)) != 0 ||
		strcmp(rule->port, match->port) != 0)
		return false;
	return match->any_source ||
	       (narrow->src_bits == bits && narrow->src_port_first == src_port &&
		       narrow->src_port_last == src_port &&
		       memcmp(narrow->src, match->src, sizeof(match->src)) == 0);
}

/* Flows that are asked before any rule. */
static int
rule_reached_check(
	const struct endpoints *endpoints, const struct flow_spec *spec, struct fault *fault)
{
	const struct dp_rule *rule = &spec->rule->rule;
	const struct endpoint_pair pair = {
		.src = rule->src,
		.dst = rule->dst,
		.src_port = htons(rule->src_port_first),
		.dst_port = htons(rule->dst_port_first),
		.family = rule->family,
	};
	struct endpoint *at;
	int kind;

	for (kind = ENDPOINT_EXACT; kind <= ENDPOINT_LISTENER; kind++) {
		at = endpoints_first(endpoints, (enum endpoint_kind)kind, &pair);
		for (; at; at = endpoints_next(at, (enum endpoint_kind)kind, &pair)) {
			if (match_covers(&at->spec->match, spec->rule))
				return fault_set(fault, FAULT_CONFLICT, "/rule",
					"found a rule all of whose packets the match of flow %s "
					"takes before, expected one that packets reach: widen the "
					"rule, or remove that flow",
					at->spec->id);
		}
	}
	return 0;
}

static int
match_check(const struct endpoints *endpoints, const struct flow_spec *spec, struct fault *fault)
{
	const struct endpoint_pair pair = {.dst = spec->match.dst, .family = spec->match.family};
	struct endpoint *at = endpoints_first(endpoints, ENDPOINT_RULE, &pair);

	for (; at; at = endpoints_next(at, ENDPOINT_RULE, &pair)) {
		if (match_covers(&spec->match, at->spec->rule))
			return fault_set(fault, FAULT_CONFLICT, "/match",
				"found a match that takes all packets of the rule of flow %s, "
				"expected one that leaves it some: remove that flow, or widen its "
				"rule",
				at->spec->id);
	}
	return 0;
}

int
overlap_check(const struct overlaps *overlaps, const struct endpoints *endpoints,
	const struct flow_spec *spec, struct fault *fault)
{
	const struct overlap_rule *own;

	if (overlaps->n == 0)
		return 0;
	if (!spec->rule)
		return match_check(endpoints, spec, fault);
	own = overlap_rule_find(overlaps, spec);
	if (own && rules_check(overlaps, own, fault) < 0)
		return -1;
	return rule_reached_check(endpoints, spec, fault);
}
