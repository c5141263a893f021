/* SPDX-License-Identifier: BSD-3-Clause */
/* No field is computed here that a worker could need twice: names become indexes, and that is it.
 */
#include "state/compile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void
compiled_init(struct compiled *compiled)
{
	memset(compiled, 0, sizeof(*compiled));
}

void
compiled_fini(struct compiled *compiled)
{
	free(compiled->legs);
	free(compiled->streams);
}

/* Room for n entries in an array that may move; what stood in it is not needed any more. */
static int
room_make(void *array, size_t *room, size_t n, size_t entry_bytes)
{
	void *made;

	if (n <= *room)
		return 0;
	made = reallocarray(NULL, n, entry_bytes);
	if (!made)
		return -ENOMEM;
	free(*(void **)array);
	*(void **)array = made;
	*room = n;
	return 0;
}

static void
leg_compile(const struct flow_leg *leg, uint16_t hop, struct dp_leg *out)
{
	memset(out, 0, sizeof(*out));
	memcpy(out->src, leg->src, sizeof(out->src));
	memcpy(out->dst, leg->dst, sizeof(out->dst));
	out->src_port = leg->src_port;
	out->dst_port = leg->dst_port;
	out->next_hop = hop;
	out->vlan = leg->vlan;
	out->outer_vlan = leg->outer_vlan;
	out->family = leg->family;
	out->dscp = leg->dscp;
	out->ttl = leg->ttl;
	out->down = leg->down;
	out->one_in = leg->one_in;
	out->police = leg->police;
}

static void
stream_compile(const struct flow_stream *stream, const struct dp_leg *legs, struct dp_stream *out)
{
	memset(out, 0, sizeof(*out));
	out->ssrc = stream->ssrc;
	out->has_ssrc = stream->has_ssrc;
	out->has_payload_type = stream->has_payload_type;
	out->payload_type = stream->payload_type;
	out->verdict = stream->verdict;
	out->n_legs = stream->n_legs;
	out->legs = &legs[stream->first_leg];
}

static void
key_compile(const struct flow_match *match, const struct ports *ports, struct dp_flow_key *key)
{
	memcpy(key->src, match->src, sizeof(key->src));
	memcpy(key->dst, match->dst, sizeof(key->dst));
	key->src_port = match->src_port;
	key->dst_port = match->dst_port;
	key->port = (uint16_t)ports_find(ports, match->port);
	key->vlan = match->vlan;
	key->outer_vlan = match->outer_vlan;
	key->any_source = match->any_source;
}

void
flow_rule_compile(const struct flow_rule *rule, const struct ports *ports, struct dp_rule *out)
{
	*out = rule->rule;
	if (rule->port[0] != '\0')
		out->port = (uint16_t)ports_find(ports, rule->port);
}

static void
policy_compile(const struct flow_spec *spec, struct dp_flow *flow)
{
	flow->verdict = spec->verdict;
	flow->down = spec->down;
	flow->latch = spec->latch;
	flow->latch_interval_ms = spec->latch_interval_ms;
	flow->n_allow = spec->n_allow;
	flow->allow = spec->allow;
	flow->police = spec->police;
	memcpy(flow->class_verdict, spec->class_verdict, sizeof(flow->class_verdict));
}

int
flow_compile(const struct flow_spec *spec, const struct ports *ports, const uint16_t *hops,
	struct compiled *compiled)
{
	struct dp_flow *flow = &compiled->flow;
	unsigned i;

	if (room_make(&compiled->legs, &compiled->legs_room, spec->n_all_legs,
		    sizeof(compiled->legs[0])) < 0 ||
		room_make(&compiled->streams, &compiled->streams_room, spec->n_streams,
			sizeof(compiled->streams[0])) < 0)
		return -ENOMEM;
	memset(flow, 0, sizeof(*flow));
	flow->key.family = spec->match.family;
	if (spec->rule) {
		flow_rule_compile(spec->rule, ports, &compiled->rule);
		flow->rule = &compiled->rule;
	} else {
		key_compile(&spec->match, ports, &flow->key);
	}
	policy_compile(spec, flow);
	for (i = 0; i < spec->n_all_legs; i++)
		leg_compile(&spec->legs[i], hops[i], &compiled->legs[i]);
	for (i = 0; i < spec->n_streams; i++)
		stream_compile(&spec->streams[i], compiled->legs, &compiled->streams[i]);
	flow->n_legs = spec->n_legs;
	flow->legs = compiled->legs;
	flow->n_streams = spec->n_streams;
	flow->streams = compiled->streams;
	return 0;
}
