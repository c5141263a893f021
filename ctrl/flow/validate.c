/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Four parts. The index of endpoints says which flows a datagram meets that is sent to an address
 * and UDP port; it has as many buckets as it is made for and never grows, so that no single flow
 * waits for a million to move. Overlaps are rules that no packet reaches, since one flow or rule of
 * higher precedence (docs/dataplane.md) takes every packet of theirs; several that do so together
 * are not found. Loops are searched breadth first from the legs of one flow, so that the loop that
 * is named is the shortest; one that a change closes goes through a flow of the change, so it is
 * enough to search from these. References, of legs to flows whose source they send to, are looked
 * up in both directions.
 */
#include "flow/validate.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/array.h"

#define BUCKETS_MIN 64
#define LOOP_STEPS_MAX 1024 /* flows of one way; a longer way back is not seen */
#define LOOP_LEGS_MAX 16384 /* legs and endpoints visited for one flow, beside its own legs */
#define LOOP_TEXT_MAX 384 /* characters of the loop in a message */
#define STEP_NONE UINT32_MAX
#define IPV6_MTU_LEAST 1280 /* RFC 8200, 5 */
#define TRANSLATION_BYTES 20 /* between an IPv6 and an IPv4 header */

struct overlap_rule {
	struct dp_rule rule; /* a copy: all are walked over */
	const struct flow_spec *spec;
	uint64_t sequence;
};

struct loop_step {
	struct endpoint *at;
	unsigned from; /* index of the step before */
	bool returned; /* on the way there, a leg sent to what a flow has learned */
};

struct validate {
	struct endpoint **buckets;
	size_t n_buckets; /* a power of two */
	size_t n_kind[ENDPOINT_KINDS];

	struct overlap_rule *rules; /* in no order */
	size_t n_rules;
	size_t rules_room;

	struct flow_refs refs;
	flow_spec_find_fn find;
	const void *find_arg;

	uint32_t round; /* of a search for loops, even; never given twice, but once in 2^31 */
	unsigned legs_left; /* to visit in this round */
	unsigned n_steps; /* from the leg that is being checked */
	struct loop_step steps[LOOP_STEPS_MAX];
};

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
ends_hash(enum endpoint_kind kind, const struct dp_flow_key *ends)
{
	uint64_t hash = mix_address(kind * 16u + ends->family, ends->dst);

	if (kind != ENDPOINT_RULE)
		hash = mix(hash, ends->dst_port);
	if (kind == ENDPOINT_EXACT)
		hash = mix(mix_address(hash, ends->src), ends->src_port);
	return (uint32_t)(hash >> 32);
}

/* What a flow is found by, for a rule in *room; NULL: it has no one local address. */
static const struct dp_flow_key *
spec_ends(const struct flow_spec *spec, enum endpoint_kind *kind, struct dp_flow_key *room)
{
	*kind = spec->match.key.any_source ? ENDPOINT_LISTENER : ENDPOINT_EXACT;
	if (!spec->rule)
		return &spec->match.key;
	*kind = ENDPOINT_RULE;
	*room = spec->match.key;
	memcpy(room->dst, spec->rule->rule.dst, sizeof(room->dst));
	return spec->rule->rule.dst_bits == (room->family == 4 ? 32 : 128) ? room : NULL;
}

static bool
spec_has(const struct flow_spec *spec, enum endpoint_kind kind, const struct dp_flow_key *ends)
{
	enum endpoint_kind other_kind;
	struct dp_flow_key room;
	const struct dp_flow_key *other = spec_ends(spec, &other_kind, &room);

	if (!other || other_kind != kind || other->family != ends->family ||
		memcmp(other->dst, ends->dst, 16) != 0)
		return false;
	if (kind != ENDPOINT_RULE && other->dst_port != ends->dst_port)
		return false;
	return kind != ENDPOINT_EXACT ||
	       (other->src_port == ends->src_port && memcmp(other->src, ends->src, 16) == 0);
}

static struct endpoint **
bucket_of(const struct validate *validate, uint32_t hash)
{
	return &validate->buckets[hash & (validate->n_buckets - 1)];
}

/* A rule for more than one local address is left out. 0 or -ENOMEM. */
static int
endpoint_insert(struct validate *validate, const struct flow_spec *spec)
{
	struct dp_flow_key room;
	enum endpoint_kind kind;
	const struct dp_flow_key *ends = spec_ends(spec, &kind, &room);
	struct endpoint *endpoint, **bucket;
	unsigned leg;

	if (!ends)
		return 0;
	endpoint = calloc(1, sizeof(*endpoint));
	if (!endpoint)
		return -ENOMEM;
	endpoint->spec = spec;
	endpoint->hash = ends_hash(kind, ends);
	for (leg = 0; leg < spec->n_all_legs; leg++)
		endpoint->n_signalled += leg_is_signalled(&spec->legs[leg]);
	bucket = bucket_of(validate, endpoint->hash);
	endpoint->next = *bucket;
	*bucket = endpoint;
	validate->n_kind[kind]++;
	return 0;
}

/* Where the endpoint of an inserted spec hangs; NULL: it has none. */
static struct endpoint **
endpoint_link(
	const struct validate *validate, const struct flow_spec *spec, enum endpoint_kind *kind)
{
	struct dp_flow_key room;
	const struct dp_flow_key *ends = spec_ends(spec, kind, &room);
	struct endpoint **link = ends ? bucket_of(validate, ends_hash(*kind, ends)) : NULL;

	while (link && *link && (*link)->spec != spec)
		link = &(*link)->next;
	return link && *link ? link : NULL;
}

static void
endpoint_remove(struct validate *validate, const struct flow_spec *spec)
{
	enum endpoint_kind kind;
	struct endpoint **link = endpoint_link(validate, spec, &kind), *endpoint;

	if (!link)
		return;
	endpoint = *link;
	*link = endpoint->next;
	free(endpoint);
	validate->n_kind[kind]--;
}

static struct endpoint *
chain_find(struct endpoint *endpoint, uint32_t hash, enum endpoint_kind kind,
	const struct dp_flow_key *ends)
{
	while (endpoint && (endpoint->hash != hash || !spec_has(endpoint->spec, kind, ends)))
		endpoint = endpoint->next;
	return endpoint;
}

struct endpoint *
endpoints_first(
	const struct validate *validate, enum endpoint_kind kind, const struct dp_flow_key *ends)
{
	uint32_t hash;

	if (validate->n_kind[kind] == 0)
		return NULL;
	hash = ends_hash(kind, ends);
	return chain_find(*bucket_of(validate, hash), hash, kind, ends);
}

struct endpoint *
endpoints_next(struct endpoint *endpoint, enum endpoint_kind kind, const struct dp_flow_key *ends)
{
	return chain_find(endpoint->next, endpoint->hash, kind, ends);
}

/* 0 or -ENOMEM. */
static int
overlap_rule_insert(struct validate *validate, const struct flow_spec *spec, uint64_t sequence)
{
	struct overlap_rule *rules = array_grow(
		validate->rules, validate->n_rules, &validate->rules_room, sizeof(*rules));

	if (!rules)
		return -ENOMEM;
	validate->rules = rules;
	rules[validate->n_rules++] = (struct overlap_rule){
		.rule = spec->rule->rule,
		.spec = spec,
		.sequence = sequence,
	};
	return 0;
}

static struct overlap_rule *
overlap_rule_find(const struct validate *validate, const struct flow_spec *spec)
{
	size_t i;

	for (i = 0; i < validate->n_rules; i++) {
		if (validate->rules[i].spec == spec)
			return &validate->rules[i];
	}
	return NULL;
}

static bool
goes_first(const struct overlap_rule *a, const struct overlap_rule *b)
{
	if (a->rule.priority != b->rule.priority)
		return a->rule.priority > b->rule.priority;
	return a->sequence < b->sequence;
}

/* The bits of an address behind its prefix are zero. */
static bool
prefix_covers(const uint8_t a[16], unsigned a_bits, const uint8_t b[16], unsigned b_bits)
{
	return a_bits <= b_bits && address_in_prefix(a, a_bits, b);
}

static bool
vlan_covers(uint16_t a, uint16_t b)
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
	       vlan_covers(wide->vlan, narrow->vlan) &&
	       vlan_covers(wide->outer_vlan, narrow->outer_vlan) &&
	       prefix_covers(wide->dst, wide->dst_bits, narrow->dst, narrow->dst_bits) &&
	       prefix_covers(wide->src, wide->src_bits, narrow->src, narrow->src_bits) &&
	       port_covers(a, b);
}

static int
rules_check(const struct validate *validate, const struct overlap_rule *own, struct fault *fault)
{
	size_t i;

	for (i = 0; i < validate->n_rules; i++) {
		const struct overlap_rule *other = &validate->rules[i];

		if (other == own)
			continue;
		if (goes_first(other, own) && rule_covers(other, own))
			return fault_set(fault, FAULT_CONFLICT, "/rule",
				"found a rule of priority %u, which the rule of flow %s of "
				"priority %u shadows, expected one that packets reach: "
				"increase its priority, or narrow the other rule",
				own->rule.priority, other->spec->id, other->rule.priority);
		if (goes_first(own, other) && rule_covers(own, other))
			return fault_set(fault, FAULT_CONFLICT, "/rule",
				"found a rule of priority %u, which shadows the rule of flow "
				"%s of priority %u, expected one that does not: decrease its "
				"priority, or narrow it",
				own->rule.priority, other->spec->id, other->rule.priority);
	}
	return 0;
}

/* Whether a rule takes the packets of one exact flow or listener only, or fewer. */
static bool
match_covers(const struct flow_match *match, const struct flow_rule *rule)
{
	const struct dp_rule *narrow = &rule->rule;
	const unsigned bits = match->key.family == 4 ? 32 : 128;
	const uint16_t dst_port = ntohs(match->key.dst_port), src_port = ntohs(match->key.src_port);

	if (narrow->family != match->key.family || narrow->vlan != match->key.vlan ||
		narrow->outer_vlan != match->key.outer_vlan || narrow->dst_bits != bits ||
		narrow->dst_port_first != dst_port || narrow->dst_port_last != dst_port ||
		memcmp(narrow->dst, match->key.dst, sizeof(match->key.dst)) != 0 ||
		strcmp(rule->port, match->port) != 0)
		return false;
	return match->key.any_source ||
	       (narrow->src_bits == bits && narrow->src_port_first == src_port &&
		       narrow->src_port_last == src_port &&
		       memcmp(narrow->src, match->key.src, sizeof(match->key.src)) == 0);
}

/* Exact flows and listeners have precedence over any rule. */
static int
rule_reached_check(
	const struct validate *validate, const struct flow_spec *spec, struct fault *fault)
{
	const struct dp_rule *rule = &spec->rule->rule;
	struct dp_flow_key ends = {
		.src_port = htons(rule->src_port_first),
		.dst_port = htons(rule->dst_port_first),
		.family = rule->family,
	};
	struct endpoint *at;
	int kind;

	memcpy(ends.src, rule->src, sizeof(ends.src));
	memcpy(ends.dst, rule->dst, sizeof(ends.dst));
	for (kind = ENDPOINT_EXACT; kind <= ENDPOINT_LISTENER; kind++) {
		at = endpoints_first(validate, (enum endpoint_kind)kind, &ends);
		for (; at; at = endpoints_next(at, (enum endpoint_kind)kind, &ends)) {
			if (match_covers(&at->spec->match, spec->rule))
				return fault_set(fault, FAULT_CONFLICT, "/rule",
					"found a rule that the match of flow %s shadows, "
					"expected one that packets reach: widen the rule, or "
					"remove that flow",
					at->spec->id);
		}
	}
	return 0;
}

static int
match_check(const struct validate *validate, const struct flow_spec *spec, struct fault *fault)
{
	const struct dp_flow_key *ends = &spec->match.key;
	struct endpoint *at = endpoints_first(validate, ENDPOINT_RULE, ends);

	for (; at; at = endpoints_next(at, ENDPOINT_RULE, ends)) {
		if (match_covers(&spec->match, at->spec->rule))
			return fault_set(fault, FAULT_CONFLICT, "/match",
				"found a match that shadows the rule of flow %s, expected one "
				"that does not: remove that flow, or widen its rule",
				at->spec->id);
	}
	return 0;
}

static int
overlap_check(const struct validate *validate, const struct flow_spec *spec, struct fault *fault)
{
	const struct overlap_rule *own;

	if (validate->n_rules == 0)
		return 0;
	if (!spec->rule)
		return match_check(validate, spec, fault);
	own = overlap_rule_find(validate, spec);
	if (own && rules_check(validate, own, fault) < 0)
		return -1;
	return rule_reached_check(validate, spec, fault);
}

/*
 * Loops. A datagram that comes back may do so by any port and VLAN, as an address may be reached by
 * any. Where several flows take the same ends, those on the VLANs that it left with are followed if
 * there are any: they are of one network. A multicast group is received by all that listen to it,
 * so a copy to a group comes back only on the port and VLANs that it left by.
 */

/* Whether a flow takes packets with the VLANs that the leg leaves with; `port`: by its port too. */
static bool
same_network(const struct flow_spec *spec, const struct flow_leg *leg, bool port)
{
	const char *name = spec->rule ? spec->rule->port : spec->match.port;
	const uint16_t vlan = spec->rule ? spec->rule->rule.vlan : spec->match.key.vlan;
	const uint16_t outer =
		spec->rule ? spec->rule->rule.outer_vlan : spec->match.key.outer_vlan;

	if (!vlan_covers(vlan, leg->dp.vlan) || !vlan_covers(outer, leg->dp.outer_vlan))
		return false;
	return !port || name[0] == '\0' || strcmp(name, leg->port) == 0;
}

/* Whether the flow may have packets of that source in time. */
static bool
source_listed(const struct flow_spec *spec, const struct dp_flow_key *ends)
{
	unsigned i;

	for (i = 0; i < spec->dp.n_sources; i++) {
		const struct dp_source *source = &spec->sources[i];

		if (memcmp(source->address, ends->src, sizeof(source->address)) == 0 &&
			(source->port == 0 || source->port == ends->src_port))
			return true;
	}
	return spec->dp.n_sources == 0;
}

/* Whether a flow whose endpoint it is lets the packet in, by its rule, its sources and allow-list.
 */
static bool
source_allowed(const struct flow_spec *spec, const struct dp_flow_key *ends)
{
	const uint16_t src_port = ntohs(ends->src_port), dst_port = ntohs(ends->dst_port);
	const struct dp_rule *rule = spec->rule ? &spec->rule->rule : NULL;
	unsigned i;

	if (rule && (!address_in_prefix(rule->src, rule->src_bits, ends->src) ||
			    src_port < rule->src_port_first || src_port > rule->src_port_last ||
			    dst_port < rule->dst_port_first || dst_port > rule->dst_port_last))
		return false;
	if (!source_listed(spec, ends))
		return false;
	for (i = 0; i < spec->n_allow; i++) {
		if (address_in_prefix(spec->allow[i].address, spec->allow[i].bits, ends->src))
			return true;
	}
	return spec->n_allow == 0;
}

/*
 * Add an endpoint as a step, unless it was visited before. What was visited on a way that returned
 * is visited again on one that did not, as that one may go further.
 */
static void
step_add(struct validate *validate, struct endpoint *at, unsigned from, bool returned)
{
	const uint32_t mark = validate->round + !returned;

	if (at->seen == validate->round + 1 || at->seen == mark ||
		validate->n_steps == LOOP_STEPS_MAX)
		return;
	at->seen = mark;
	validate->steps[validate->n_steps++] =
		(struct loop_step){.at = at, .from = from, .returned = returned};
}

/*
 * A leg to the source of a flow goes on as if its copies came from that source: when they lead back
 * here, whoever sends to that flow gets its own packets. Only once on a way, as in a relay in two
 * directions each flow sends to the source of the other.
 */
static void
leg_return(struct validate *validate, const struct flow_leg *leg, unsigned from)
{
	const struct flow_spec *spec = validate->find(validate->find_arg, leg->learned);
	enum endpoint_kind kind;
	struct endpoint **at = spec ? endpoint_link(validate, spec, &kind) : NULL;

	if (at)
		step_add(validate, *at, from, true);
}

/* Add the flows that the leg's copies meet as steps, unless they were visited before. */
static void
leg_follow(struct validate *validate, const struct flow_leg *leg, unsigned from)
{
	const bool returned = from != STEP_NONE && validate->steps[from].returned;
	struct dp_flow_key ends = {
		.src_port = leg->dp.src_port,
		.dst_port = leg->dp.dst_port,
		.family = leg->dp.family,
	};
	const int is_group = address_kind(leg->dp.family, leg->dp.dst) == ADDRESS_MULTICAST;
	struct endpoint *at;
	unsigned n = 0;
	int near, kind;

	if (leg->learned[0] != '\0' && !returned)
		leg_return(validate, leg, from);
	if (!leg_is_signalled(leg))
		return;
	memcpy(ends.src, leg->dp.src, sizeof(ends.src));
	memcpy(ends.dst, leg->dp.dst, sizeof(ends.dst));
	for (near = 1; near >= is_group && n == 0; near--) {
		/* What an exact flow takes never comes to a listener on that network. */
		for (kind = ENDPOINT_EXACT; kind <= ENDPOINT_RULE && (n == 0 || !near); kind++) {
			at = endpoints_first(validate, (enum endpoint_kind)kind, &ends);
			for (; at && validate->legs_left > 0;
				at = endpoints_next(at, (enum endpoint_kind)kind, &ends)) {
				validate->legs_left--;
				if ((near && !same_network(at->spec, leg, is_group)) ||
					!source_allowed(at->spec, &ends))
					continue;
				n++;
				step_add(validate, at, from, returned);
			}
		}
	}
}

/* "a -> b -> c", backwards from the last step; cut in the middle when it is too long. */
static void
loop_print(
	const struct validate *validate, unsigned last, const char *own, char text[LOOP_TEXT_MAX])
{
	const char *ids[LOOP_STEPS_MAX];
	unsigned n = 0, step;
	size_t used;

	for (step = last; step != STEP_NONE; step = validate->steps[step].from)
		ids[n++] = validate->steps[step].at->spec->id;
	used = (size_t)snprintf(text, LOOP_TEXT_MAX, "%s", own);
	while (n-- > 0) {
		if (n > 0 && used + strlen(ids[n]) + 2 * FLOW_ID_MAX + 16 > LOOP_TEXT_MAX) {
			used += (size_t)snprintf(
				text + used, LOOP_TEXT_MAX - used, " -> (%u more)", n);
			n = 0;
		}
		used += (size_t)snprintf(text + used, LOOP_TEXT_MAX - used, " -> %s", ids[n]);
	}
}

/*
 * The step at which the search came back to where it began, or STEP_NONE. On a way that returned,
 * legs without a destination lead nowhere: thousands of receivers are not gone through for each
 * that joins them.
 */
static unsigned
loop_find(struct validate *validate, const struct flow_spec *spec)
{
	unsigned step, leg;

	for (step = 0; step < validate->n_steps; step++) {
		const struct loop_step *from = &validate->steps[step];
		const struct flow_spec *next = from->at->spec;
		unsigned left = from->returned ? from->at->n_signalled : next->n_all_legs;

		if (next == spec)
			return step;
		for (leg = 0; left > 0 && validate->legs_left > 0; leg++) {
			left -= !from->returned || leg_is_signalled(&next->legs[leg]);
			validate->legs_left--;
			leg_follow(validate, &next->legs[leg], step);
		}
	}
	return STEP_NONE;
}

/* What another leg's search visited does not lead back and is not searched again. */
static int
leg_loop_check(struct validate *validate, const struct flow_spec *spec, const struct flow_leg *leg,
	struct fault *fault)
{
	char address[ADDRESS_TEXT_MAX], text[LOOP_TEXT_MAX];
	unsigned last, first;

	validate->n_steps = 0;
	leg_follow(validate, leg, STEP_NONE);
	last = loop_find(validate, spec);
	if (last == STEP_NONE)
		return 0;
	loop_print(validate, last, spec->id[0] ? spec->id : "this flow", text);
	for (first = last; validate->steps[first].from != STEP_NONE;)
		first = validate->steps[first].from;
	if (validate->steps[first].returned)
		return fault_set(fault, FAULT_CONFLICT, "/learned",
			"found the source of flow %s, which its own packets would come back to: "
			"%s; expected that of another flow",
			leg->learned, text);
	address_format(leg->dp.family, leg->dp.dst, address);
	return fault_set(fault, FAULT_CONFLICT, "/dst",
		"found %s port %u, which leads back: %s; expected legs that end outside", address,
		ntohs(leg->dp.dst_port), text);
}

/* References: legs that send to the source that a flow has learned. */

static int
learned_check(const struct validate *validate, const struct flow_spec *spec,
	const struct flow_leg *leg, struct fault *fault)
{
	const struct flow_spec *of;

	if (leg->learned[0] == '\0')
		return 0;
	if (strcmp(leg->learned, spec->id) == 0)
		return fault_set(fault, FAULT_INVALID_VALUE, "/learned",
			"found %s, the flow of the leg, whose source would get its own packets; "
			"expected the id of another flow",
			leg->learned);
	of = validate->find(validate->find_arg, leg->learned);
	if (!of)
		return fault_set(fault, FAULT_NOT_FOUND, "/learned",
			"found %s, expected the id of a flow with latch first or follow that is "
			"installed before or in the same request",
			leg->learned);
	if (of->dp.latch == DP_LATCH_OPEN)
		return fault_set(fault, FAULT_INVALID_VALUE, "/learned",
			"found flow %s, which takes any source, expected one with latch first or "
			"follow",
			leg->learned);
	if (of->match.key.family != leg->dp.family)
		return fault_set(fault, FAULT_INVALID_VALUE, "/learned",
			"family mismatch: found flow %s of IPv%u, expected one of IPv%u as in src",
			leg->learned, of->match.key.family, leg->dp.family);
	return 0;
}

int
validate_referred_check(const struct validate *validate, const char *id,
	const struct flow_spec *spec, struct fault *fault)
{
	const struct flow_ref *ref = flow_refs_first(&validate->refs, id);

	for (; ref; ref = flow_refs_next(ref, id)) {
		const struct flow_leg *leg = &ref->spec->legs[ref->leg];

		if (!spec)
			return fault_set(fault, FAULT_CONFLICT, "",
				"found flow %s, to whose source a leg of flow %s sends, expected "
				"one that no leg refers to: remove or change that flow before, or "
				"in the same transaction",
				id, ref->spec->id);
		if (spec->dp.latch == DP_LATCH_OPEN)
			return fault_set(fault, FAULT_INVALID_VALUE, "/latch",
				"found open, expected first or follow, as a leg of flow %s sends "
				"to the source that this flow learns",
				ref->spec->id);
		if (leg->dp.family != spec->match.key.family)
			return fault_set(fault, FAULT_CONFLICT, spec->rule ? "/rule" : "/match",
				"found IPv%u, expected IPv%u as the leg of flow %s that sends to "
				"the source of this flow",
				spec->match.key.family, leg->dp.family, ref->spec->id);
	}
	return 0;
}

const struct flow_refs *
validate_refs(const struct validate *validate)
{
	return &validate->refs;
}

/* The port by which the longest datagrams come in. An MTU is of IP datagrams, without VLAN tags. */
static const struct dp_port_info *
ingress_find(const struct flow_spec *spec, const struct ports *ports)
{
	const char *name = spec->rule ? spec->rule->port : spec->match.port;
	const struct dp_port_info *widest = &ports->info[0];
	unsigned i;

	if (name[0] != '\0')
		return &ports->info[ports_find(ports, name)];
	for (i = 1; i < ports->n; i++) {
		if (ports->info[i].mtu > widest->mtu)
			widest = &ports->info[i];
	}
	return widest;
}

/*
 * The longest datagram of a flow is its max_datagram_bytes, and 20 more in a leg that translates to
 * IPv6, 20 less in one that translates to IPv4 (RFC 7915, 4 and 5); else it is the MTU of the
 * port it comes in by (of a rule for any port, the greatest of all). An IPv6 link carries at least
 * 1280 (RFC 8200, 5).
 */
static int
leg_mtu_check(const struct flow_spec *spec, const struct flow_leg *leg, const struct ports *ports,
	const struct dp_port_info *ingress, struct fault *fault)
{
	const unsigned mtu = ports->info[ports_find(ports, leg->port)].mtu;
	const int growth = leg->dp.family == spec->match.key.family ? 0
			   : leg->dp.family == 6		    ? TRANSLATION_BYTES
								    : -TRANSLATION_BYTES;
	const int longest = (int)spec->max_datagram_bytes + growth;

	if (leg->dp.family == 6 && mtu < IPV6_MTU_LEAST)
		return fault_set(fault, FAULT_INVALID_VALUE, "/port",
			"found %s, whose MTU is %u, expected at least %u, as IPv6 requires: "
			"increase the MTU",
			leg->port, mtu, IPV6_MTU_LEAST);
	if (!spec->max_datagram_bytes && (int)mtu < (int)ingress->mtu)
		return fault_set(fault, FAULT_INVALID_VALUE, "/port",
			"found %s, whose MTU is %u, expected at least %u (the MTU of ingress "
			"port %s): set max_datagram_bytes of the flow, or increase the MTU",
			leg->port, mtu, ingress->mtu, ingress->name);
	if (spec->max_datagram_bytes && (int)mtu < longest)
		return fault_set(fault, FAULT_INVALID_VALUE, "/port",
			"found %s, whose MTU is %u, expected at least %d "
			"(max_datagram_bytes%s): decrease that, or increase the MTU",
			leg->port, mtu, longest,
			growth > 0   ? " and 20 for IPv6"
			: growth < 0 ? " less 20 for IPv4"
				     : "");
	return 0;
}

/* Every port by its name: that it is there, and that a leg can find its next hop on it. */

static int
port_check(const struct ports *ports, const char *name, struct fault *fault)
{
	int port = ports_find(ports, name);

	if (port < 0)
		fault_set(fault, FAULT_NOT_FOUND, "/port",
			"found %s, expected the name of a port, see port.list", name);
	return port;
}

static int
leg_port_check(const struct flow_leg *leg, const struct ports *ports, struct fault *fault)
{
	int port = port_check(ports, leg->port, fault), backup = port;

	if (port < 0)
		return -1;
	if (leg->backup_port[0] != '\0')
		backup = ports_find(ports, leg->backup_port);
	if (backup < 0)
		return fault_set(fault, FAULT_NOT_FOUND, "/backup",
			"found %s, expected the name of a port, see port.list", leg->backup_port);
	if (leg_has_backup(leg) && ports->info[backup].ifindex == 0)
		return fault_set(fault, FAULT_INVALID_VALUE, "/backup",
			"found %s, expected a port with a kernel interface, whose neighbours the "
			"kernel resolves",
			ports->info[backup].name);
	if (ports->info[port].ifindex != 0 || leg->hop == FLOW_HOP_MAC || !leg_is_signalled(leg))
		return 0;
	if (leg->hop == FLOW_HOP_ROUTE &&
		address_kind(leg->dp.family, leg->dp.dst) == ADDRESS_MULTICAST)
		return 0;
	return fault_set(fault, FAULT_INVALID_VALUE, "/mac",
		"found none, expected the next hop's address, "
		"as port %s has no kernel interface with neighbours",
		leg->port);
}

int
legs_ports_check(
	const struct flow_leg *legs, size_t n, const struct ports *ports, struct fault *fault)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (leg_port_check(&legs[i], ports, fault) < 0) {
			fault_prefix(fault, "/legs/%zu", i);
			return -1;
		}
	}
	return 0;
}

static int
ingress_check(const struct flow_spec *spec, const struct ports *ports, struct fault *fault)
{
	const char *name = spec->rule ? spec->rule->port : spec->match.port;

	if (spec->rule && name[0] == '\0')
		return 0;
	if (port_check(ports, name, fault) >= 0)
		return 0;
	fault_prefix(fault, spec->rule ? "/rule" : "/match");
	return -1;
}

int
flow_ports_check(const struct flow_spec *spec, const struct ports *ports, struct fault *fault)
{
	unsigned i;

	if (ingress_check(spec, ports, fault) < 0)
		return -1;
	for (i = 0; i < spec->n_all_legs; i++) {
		if (leg_port_check(&spec->legs[i], ports, fault) < 0) {
			leg_path_prefix(spec, i, fault);
			return -1;
		}
	}
	return 0;
}

struct validate *
validate_create(size_t n_expected, flow_spec_find_fn find, const void *arg)
{
	struct validate *validate = calloc(1, sizeof(*validate));

	if (!validate)
		return NULL;
	validate->find = find;
	validate->find_arg = arg;
	validate->n_buckets = BUCKETS_MIN;
	while (validate->n_buckets < n_expected)
		validate->n_buckets *= 2;
	validate->buckets = calloc(validate->n_buckets, sizeof(struct endpoint *));
	if (validate->buckets && flow_refs_init(&validate->refs, validate->n_buckets) == 0)
		return validate;
	free(validate->buckets);
	free(validate);
	return NULL;
}

void
validate_destroy(struct validate *validate)
{
	struct endpoint *endpoint;
	size_t i;

	for (i = 0; validate && i < validate->n_buckets; i++) {
		while ((endpoint = validate->buckets[i])) {
			validate->buckets[i] = endpoint->next;
			free(endpoint);
		}
	}
	if (validate) {
		flow_refs_fini(&validate->refs);
		free(validate->buckets);
		free(validate->rules);
	}
	free(validate);
}

int
validate_insert(struct validate *validate, const struct flow_spec *spec, uint64_t sequence)
{
	int rc = endpoint_insert(validate, spec);

	if (rc < 0)
		return rc;
	rc = flow_refs_insert(&validate->refs, spec);
	if (rc < 0)
		goto err_endpoint;
	rc = spec->rule ? overlap_rule_insert(validate, spec, sequence) : 0;
	if (rc == 0)
		return 0;
	flow_refs_remove(&validate->refs, spec);
err_endpoint:
	endpoint_remove(validate, spec);
	return rc;
}

void
validate_remove(struct validate *validate, const struct flow_spec *spec)
{
	struct overlap_rule *rule = spec->rule ? overlap_rule_find(validate, spec) : NULL;

	endpoint_remove(validate, spec);
	flow_refs_remove(&validate->refs, spec);
	if (rule)
		*rule = validate->rules[--validate->n_rules];
}

int
validate_check(struct validate *validate, const struct flow_spec *spec, const struct ports *ports,
	struct fault *fault)
{
	const struct dp_port_info *ingress = ingress_find(spec, ports);
	unsigned i;

	for (i = 0; i < spec->n_all_legs; i++) {
		if (spec->legs[i].carried)
			continue;
		if (learned_check(validate, spec, &spec->legs[i], fault) < 0 ||
			leg_mtu_check(spec, &spec->legs[i], ports, ingress, fault) < 0)
			goto err_leg;
	}
	if (overlap_check(validate, spec, fault) < 0)
		return -1;
	validate->round += 2;
	validate->legs_left = LOOP_LEGS_MAX;
	for (i = 0; i < spec->n_all_legs; i++) {
		if (!spec->legs[i].carried &&
			leg_loop_check(validate, spec, &spec->legs[i], fault) < 0)
			goto err_leg;
	}
	return 0;
err_leg:
	leg_path_prefix(spec, i, fault);
	return -1;
}
