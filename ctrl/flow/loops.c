/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Breadth first from the legs of one flow, so that the way that is named is the shortest. A loop
 * that a change closes goes through a flow of the change, so it is enough to look from these.
 */
#include "flow/loops.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/addr.h"
#include "flow/flow_spec.h"

#define LOOP_LEGS_MAX 16384 /* legs and endpoints visited for one flow, beside its own legs */
#define WAY_MAX 384 /* characters of the way round in a message */
#define STEP_NONE UINT32_MAX

/* What is asked about one leg. */
struct loop_leg {
	const struct flow_leg *leg;
	struct endpoint_pair pair;
	bool is_group;
};

/* Sources that a flow does not allow are dropped there. */
static bool
source_allowed(const struct flow_spec *spec, const uint8_t src[16])
{
	unsigned i;

	for (i = 0; i < spec->n_allow; i++) {
		if (address_in_prefix(spec->allow[i].address, spec->allow[i].bits, src))
			return true;
	}
	return spec->n_allow == 0;
}

static bool
rule_takes(const struct dp_rule *rule, const struct endpoint_pair *pair)
{
	const uint16_t src_port = ntohs(pair->src_port), dst_port = ntohs(pair->dst_port);

	return address_in_prefix(rule->src, rule->src_bits, pair->src) &&
	       rule->src_port_first <= src_port && src_port <= rule->src_port_last &&
	       rule->dst_port_first <= dst_port && dst_port <= rule->dst_port_last;
}

static bool
vlan_is(uint16_t found, uint16_t vlan)
{
	return found == DP_RULE_ANY || found == vlan;
}

/* Whether a flow takes packets with the VLANs that the leg leaves with; `port`: by its port too. */
static bool
same_network(const struct flow_spec *spec, const struct flow_leg *leg, bool port)
{
	const char *name = spec->rule ? spec->rule->port : spec->match.port;
	const uint16_t vlan = spec->rule ? spec->rule->rule.vlan : spec->match.vlan;
	const uint16_t outer = spec->rule ? spec->rule->rule.outer_vlan : spec->match.outer_vlan;

	if (!vlan_is(vlan, leg->dp.vlan) || !vlan_is(outer, leg->dp.outer_vlan))
		return false;
	return !port || name[0] == '\0' || strcmp(name, leg->port) == 0;
}

static bool
leg_meets(const struct loop_leg *asked, const struct endpoint *at, bool near)
{
	const struct flow_spec *spec = at->spec;

	if (near && !same_network(spec, asked->leg, asked->is_group))
		return false;
	return source_allowed(spec, asked->pair.src) &&
	       (!spec->rule || rule_takes(&spec->rule->rule, &asked->pair));
}

/* Add a flow that the leg's copies meet, unless it was visited before. */
static void
step_add(struct loop_search *search, struct endpoint *at, unsigned from)
{
	if (at->seen == search->round || search->n == LOOP_STEPS_MAX)
		return;
	at->seen = search->round;
	search->steps[search->n++] = (struct loop_step){.at = at, .from = from};
}

static unsigned
leg_follow_kind(struct loop_search *search, const struct loop_leg *asked, enum endpoint_kind kind,
	bool near, unsigned from)
{
	struct endpoint *at = endpoints_first(search->endpoints, kind, &asked->pair);
	unsigned n = 0;

	for (; at && search->legs_left > 0; at = endpoints_next(at, kind, &asked->pair)) {
		search->legs_left--;
		if (!leg_meets(asked, at, near))
			continue;
		step_add(search, at, from);
		n++;
	}
	return n;
}

static unsigned
leg_follow_all(struct loop_search *search, const struct loop_leg *asked, bool near, unsigned from)
{
	unsigned n = leg_follow_kind(search, asked, ENDPOINT_EXACT, near, from);

	/* What an exact flow takes never comes to a listener on that network. */
	if (n == 0 || !near)
		n += leg_follow_kind(search, asked, ENDPOINT_LISTENER, near, from);
	if (n == 0 || !near)
		n += leg_follow_kind(search, asked, ENDPOINT_RULE, near, from);
	return n;
}

static void
leg_follow(struct loop_search *search, const struct flow_leg *leg, unsigned from)
{
	const struct loop_leg asked = {
		.leg = leg,
		.pair = {.src = leg->dp.src,
			.dst = leg->dp.dst,
			.src_port = leg->dp.src_port,
			.dst_port = leg->dp.dst_port,
			.family = leg->dp.family},
		.is_group = address_kind(leg->dp.family, leg->dp.dst) == ADDRESS_MULTICAST,
	};

	if (leg_follow_all(search, &asked, true, from) == 0 && !asked.is_group)
		leg_follow_all(search, &asked, false, from);
}

/* All legs of a spec, from number `first` on, `n` of them. */
static void
legs_follow(struct loop_search *search, const struct flow_spec *spec, unsigned first, unsigned n,
	unsigned from)
{
	unsigned i;

	for (i = first; i < first + n && search->legs_left > 0; i++) {
		search->legs_left--;
		leg_follow(search, &spec->legs[i], from);
	}
}

/* "a -> b -> c", backwards from the last step; cut in the middle when it is too long. */
static void
loop_print(const struct loop_search *search, unsigned last, const char *own, char way[WAY_MAX])
{
	const char *ids[LOOP_STEPS_MAX];
	unsigned n = 0, step;
	size_t used;

	for (step = last; step != STEP_NONE; step = search->steps[step].from)
		ids[n++] = search->steps[step].at->spec->id;
	used = (size_t)snprintf(way, WAY_MAX, "%s", own);
	while (n-- > 0) {
		if (n > 0 && used + strlen(ids[n]) + 2 * FLOW_ID_MAX + 16 > WAY_MAX) {
			used += (size_t)snprintf(way + used, WAY_MAX - used, " -> (%u more)", n);
			n = 0;
		}
		used += (size_t)snprintf(way + used, WAY_MAX - used, " -> %s", ids[n]);
	}
}

/* The step at which the search came back to where it began, or STEP_NONE. */
static unsigned
loop_find(struct loop_search *search, const struct flow_spec *spec)
{
	unsigned step;

	for (step = 0; step < search->n; step++) {
		const struct flow_spec *next = search->steps[step].at->spec;

		if (next == spec)
			return step;
		legs_follow(search, next, 0, next->n_all_legs, step);
	}
	return STEP_NONE;
}

static int
loop_fault(const struct loop_search *search, unsigned last, const struct flow_spec *spec,
	const struct flow_leg *leg, struct fault *fault)
{
	char address[ADDRESS_TEXT_MAX], way[WAY_MAX];

	address_format(leg->dp.family, leg->dp.dst, address);
	loop_print(search, last, spec->id[0] ? spec->id : "this flow", way);
	return fault_set(fault, FAULT_CONFLICT, "/dst",
		"found %s port %u, which leads back: %s; expected legs that end outside", address,
		ntohs(leg->dp.dst_port), way);
}

/*
 * The usual answer is that nothing local is there. What another leg's search visited does not lead
 * back and is not searched again.
 */
static int
leg_check(struct loop_search *search, const struct flow_spec *spec, const struct flow_leg *leg,
	struct fault *fault)
{
	unsigned last;

	search->n = 0;
	leg_follow(search, leg, STEP_NONE);
	if (search->n == 0)
		return 0;
	last = loop_find(search, spec);
	return last == STEP_NONE ? 0 : loop_fault(search, last, spec, leg, fault);
}

int
loop_check(struct loop_search *search, const struct flow_spec *spec, struct fault *fault)
{
	unsigned i;

	search->round++;
	search->legs_left = LOOP_LEGS_MAX;
	for (i = 0; i < spec->n_all_legs; i++) {
		if (leg_check(search, spec, &spec->legs[i], fault) < 0) {
			leg_path_prefix(spec, i, fault);
			return -1;
		}
	}
	return 0;
}
