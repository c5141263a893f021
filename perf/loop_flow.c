/* SPDX-License-Identifier: BSD-3-Clause */
#include "loop_flow.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "loop_cycle.h"
#include "loop_frame.h"

#define SOURCE4_BITS 17 /* 198.18.0.0/15; the rest of the index goes into the port */
#define LOCAL4_BITS 8 /* 203.0.113.0/24; the same */
#define SOURCE_PORT 1024
#define LOCAL_PORT 5004
#define POLICE_BURST_BYTES (1u << 20)
#define LATCH_INTERVAL_MS 1000

/* Memory that one flow after the other is described in. */
struct draft {
	struct dp_flow flow;
	struct dp_rule rule;
	struct dp_leg *legs;
	struct dp_stream *streams;
};

unsigned
loop_flows_spare(const struct loop_options *o)
{
	/* What leaves and what takes its place, in one transaction. */
	return o->updates > 0 ? 2 * LOOP_BATCH_FLOWS : 0;
}

uint64_t
loop_legs_needed(const struct loop_options *o)
{
	const bool plain = o->legs == 1 && o->streams == 0 && !o->police && !o->translate &&
			   o->latch == DP_LATCH_OPEN;

	return plain ? 0 : (uint64_t)o->flows * o->legs * (o->streams > 0 ? o->streams : 1);
}

/* IPv4 sources are of the benchmark range (RFC 2544, 198.18.0.0/15). */
static void
key4_fill(unsigned index, bool local_varies, struct dp_flow_key *key)
{
	static const uint8_t local[4] = {198, 51, 100, 1};
	const uint32_t source = htonl(0xc6120000 | (index & ((1u << SOURCE4_BITS) - 1)));
	const uint32_t own = htonl(0xcb007100 | (index & ((1u << LOCAL4_BITS) - 1)));

	memcpy(key->src, &source, sizeof(source));
	memcpy(key->dst, local, sizeof(local));
	key->src_port = htons((uint16_t)(SOURCE_PORT + (index >> SOURCE4_BITS)));
	key->dst_port = htons(LOCAL_PORT);
	if (!local_varies)
		return;
	memcpy(key->dst, &own, sizeof(own));
	key->dst_port = htons((uint16_t)(LOCAL_PORT + (index >> LOCAL4_BITS)));
}

static void
key6_fill(unsigned index, bool local_varies, struct dp_flow_key *key)
{
	static const uint8_t prefix[4] = {0x20, 0x01, 0x0d, 0xb8};
	const uint32_t low = htonl(index);

	memcpy(key->src, prefix, sizeof(prefix));
	memcpy(key->src + 12, &low, sizeof(low));
	memcpy(key->dst, prefix, sizeof(prefix));
	key->dst[5] = 1; /* another subnet than the sources' */
	if (local_varies)
		memcpy(key->dst + 12, &low, sizeof(low));
	else
		key->dst[15] = 1;
	key->src_port = htons(SOURCE_PORT);
	key->dst_port = htons(LOCAL_PORT);
}

void
loop_flow_key(const struct loop_options *o, unsigned index, struct dp_flow_key *key)
{
	/* Listeners and rules are told apart by their own address, exact flows by the sender's. */
	const bool local_varies = o->match != LOOP_EXACT && index < o->flows;

	memset(key, 0, sizeof(*key));
	key->family = (uint8_t)loop_flow_family(o, index);
	key->vlan = o->vlan ? LOOP_VLAN : 0;
	if (key->family == DP_IPV4)
		key4_fill(index, local_varies, key);
	else
		key6_fill(index, local_varies, key);
}

/* Which packets are the flow's. */
static void
match_fill(const struct loop_options *o, unsigned index, struct draft *draft)
{
	struct dp_flow_key *key = &draft->flow.key;

	loop_flow_key(o, index, key);
	if (index >= o->flows || o->match == LOOP_EXACT)
		return;
	if (o->match == LOOP_RULE) {
		draft->rule = (struct dp_rule){
			.priority = 1,
			.src_port_last = UINT16_MAX,
			.dst_port_first = ntohs(key->dst_port),
			.dst_port_last = ntohs(key->dst_port),
			.port = key->port,
			.vlan = key->vlan,
			.dst_bits = key->family == DP_IPV4 ? 32 : 128,
			.family = key->family,
		};
		memcpy(draft->rule.dst, key->dst, sizeof(key->dst));
		draft->flow.rule = &draft->rule;
		*key = (struct dp_flow_key){.family = draft->rule.family};
		return;
	}
	memset(key->src, 0, sizeof(key->src));
	key->src_port = 0;
	key->any_source = 1;
}

static void
legs_fill(
	const struct loop_options *o, const struct loop_step *step, struct dp_leg *legs, unsigned n)
{
	struct dp_flow_key to;

	loop_flow_key(o, step->next, &to);
	for (unsigned l = 0; l < n; l++) {
		struct dp_leg *leg = &legs[l];

		*leg = (struct dp_leg){
			.src_port = to.src_port,
			.dst_port = to.dst_port,
			/* Next hop p leaves by port p. */
			.next_hop = loop_leg_port(l, n),
			.vlan = to.vlan,
			.family = to.family,
			.dscp = DP_DSCP_KEEP,
			.ttl = o->ttl_set || step->renews ? LOOP_TTL : DP_TTL_DECREMENT,
		};
		memcpy(leg->src, to.src, sizeof(to.src));
		memcpy(leg->dst, to.dst, sizeof(to.dst));
	}
}

static void
streams_fill(const struct loop_options *o, struct draft *draft)
{
	for (unsigned s = 0; s < o->streams; s++)
		draft->streams[s] = (struct dp_stream){
			.ssrc = LOOP_SSRC_FIRST + s,
			.has_ssrc = 1,
			.verdict = DP_FORWARD,
			.n_legs = (uint16_t)o->legs,
			.legs = draft->legs,
		};
	draft->flow.n_streams = (uint16_t)o->streams;
	draft->flow.streams = draft->streams;
}

static int
flow_add(const struct loop_options *o, struct dp_txn *txn, unsigned index,
	const struct loop_step *step, struct draft *draft, uint32_t *handle)
{
	struct dp_flow *flow = &draft->flow;

	*flow = (struct dp_flow){.verdict = DP_FORWARD};
	match_fill(o, index, draft);
	legs_fill(o, step, draft->legs, o->legs);
	if (o->police)
		flow->police = (struct dp_police){DP_RATE_BPS_MAX, POLICE_BURST_BYTES};
	flow->latch = (uint8_t)o->latch;
	if (o->latch == DP_LATCH_FOLLOW)
		flow->latch_interval_ms = LATCH_INTERVAL_MS;
	if (o->streams > 0) {
		streams_fill(o, draft);
	} else {
		flow->n_legs = (uint16_t)o->legs;
		flow->legs = draft->legs;
	}
	return dp_txn_add(txn, flow, handle);
}

int
loop_flows_install(const struct loop_options *o, struct dp *dp, uint32_t *handles)
{
	struct loop_step *steps = loop_steps_make(o);
	struct draft draft = {
		.legs = calloc(o->legs, sizeof(*draft.legs)),
		.streams = calloc(o->streams + 1, sizeof(*draft.streams)),
	};
	struct dp_txn *txn = dp_txn_begin(dp);
	int ret = steps == NULL || draft.legs == NULL || draft.streams == NULL || txn == NULL
			  ? -ENOMEM
			  : 0;

	for (unsigned i = 0; i < o->flows && ret == 0; i++)
		ret = flow_add(o, txn, i, &steps[i], &draft, &handles[i]);
	if (ret == 0)
		ret = dp_txn_commit(txn);
	else if (txn != NULL)
		dp_txn_abort(txn);
	free(draft.streams);
	free(draft.legs);
	free(steps);
	return ret;
}

int
loop_flow_add_idle(
	const struct loop_options *o, struct dp_txn *txn, unsigned index, uint32_t *handle)
{
	const struct loop_step step = {.next = index};
	struct dp_leg leg;
	struct dp_flow flow = {.verdict = DP_FORWARD, .n_legs = 1, .legs = &leg};

	loop_flow_key(o, index, &flow.key);
	legs_fill(o, &step, &leg, 1);
	return dp_txn_add(txn, &flow, handle);
}
