/* SPDX-License-Identifier: BSD-3-Clause */
/* The order of precedence is that of the data plane: docs/dataplane.md, rules. */
#include "state/shadow.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct shadow_rule {
	struct dp_rule rule; /* a copy: rules are walked over */
	const struct flow_spec *spec;
	uint64_t sequence;
	uint64_t put;
};

void
shadows_fini(struct shadows *shadows)
{
	free(shadows->rules);
	memset(shadows, 0, sizeof(*shadows));
}

int
shadows_put(struct shadows *shadows, const struct flow_spec *spec, uint64_t sequence)
{
	if (!spec->rule)
		return 0;
	if (shadows->n == shadows->room) {
		size_t room = shadows->room ? 2 * shadows->room : 16;
		struct shadow_rule *rules =
			reallocarray(shadows->rules, room, sizeof(struct shadow_rule));

		if (!rules)
			return -ENOMEM;
		shadows->rules = rules;
		shadows->room = room;
	}
	shadows->rules[shadows->n++] = (struct shadow_rule){
		.rule = spec->rule->rule,
		.spec = spec,
		.sequence = sequence,
		.put = ++shadows->last_put,
	};
	return 0;
}

static const struct shadow_rule *
shadow_rule_find(const struct shadows *shadows, const struct flow_spec *spec)
{
	size_t i;

	for (i = 0; i < shadows->n; i++) {
		if (shadows->rules[i].spec == spec)
			return &shadows->rules[i];
	}
	return NULL;
}

void
shadows_take(struct shadows *shadows, const struct flow_spec *spec)
{
	const struct shadow_rule *rule = spec->rule ? shadow_rule_find(shadows, spec) : NULL;

	if (rule)
		shadows->rules[rule - shadows->rules] = shadows->rules[--shadows->n];
}

static bool
goes_first(const struct shadow_rule *a, const struct shadow_rule *b)
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
	const unsigned bytes = a_bits / 8, rest = a_bits % 8;

	if (a_bits > b_bits || memcmp(a, b, bytes) != 0)
		return false;
	return rest == 0 || ((a[bytes] ^ b[bytes]) & (0xff00u >> rest & 0xff)) == 0;
}

static bool
field_covers(uint16_t a, uint16_t b)
{
	return a == DP_RULE_ANY || a == b;
}

static bool
port_covers(const struct shadow_rule *a, const struct shadow_rule *b)
{
	const char *name = a->spec->rule->port;

	return name[0] == '\0' || strcmp(name, b->spec->rule->port) == 0;
}

static bool
rule_covers(const struct shadow_rule *a, const struct shadow_rule *b)
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
rules_check(const struct shadows *shadows, const struct shadow_rule *own, struct fault *fault)
{
	size_t i;

	for (i = 0; i < shadows->n; i++) {
		const struct shadow_rule *other = &shadows->rules[i];

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
shadow_check(const struct shadows *shadows, const struct endpoints *endpoints,
	const struct flow_spec *spec, struct fault *fault)
{
	const struct shadow_rule *own;

	if (shadows->n == 0)
		return 0;
	if (!spec->rule)
		return match_check(endpoints, spec, fault);
	own = shadow_rule_find(shadows, spec);
	if (own && rules_check(shadows, own, fault) < 0)
		return -1;
	return rule_reached_check(endpoints, spec, fault);
}
