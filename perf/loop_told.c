/* SPDX-License-Identifier: BSD-3-Clause */
#include "loop_told.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "loop_flow.h"
#include "loop_frame.h"
#include "loop_law.h"

/* Bytes that a datagram has more when it leaves flow `index` than when it came. */
static int64_t
growth_bytes(const struct loop_options *o, unsigned index)
{
	if (!o->translate)
		return 0;
	return loop_flow_family(o, index) == DP_IPV4 ? LOOP_TRANSLATE_BYTES : -LOOP_TRANSLATE_BYTES;
}

/* Each leg has a copy of each of the packets, and drops none. */
static bool
legs_tell(const struct loop_options *o, unsigned index, const struct dp_stream_stats *given,
	const struct dp_leg_stats *legs, struct loop_told *told)
{
	const int64_t growth = growth_bytes(o, index) * (int64_t)given->packets;
	bool ok = true;

	for (unsigned l = 0; l < o->legs && ok; l++) {
		ok &= law("flow", "copies of a leg", legs[l].copies, given->packets);
		ok &= law("flow", "bytes of a leg", legs[l].bytes, given->bytes + (uint64_t)growth);
		ok &= law_no_drops("leg", legs[l].drops, DP_COPY_DROP_FIRST, DP_COPY_DROP_COUNT);
		told->ports[loop_leg_port(l, o->legs)].copies += legs[l].copies;
	}
	return ok;
}

/* Streams share out what their flow forwarded. */
static bool
streams_tell(const struct loop_rig *rig, unsigned index, const struct dp_flow_stats *flow,
	struct dp_leg_stats *legs, struct loop_told *told)
{
	const struct loop_options *o = rig->options;
	struct dp_stream_stats sum = {0};
	bool ok = true;

	for (unsigned s = 0; s < o->streams && ok; s++) {
		struct dp_stream_stats stream;

		ok &= law("stream", "error when read",
			(uint64_t)-dp_stream_stats_get(
				rig->dp, rig->handles[index], s, &stream, legs, o->legs),
			0);
		ok = ok && legs_tell(o, index, &stream, legs, told);
		sum.packets += stream.packets;
		sum.bytes += stream.bytes;
	}
	ok = ok && law("flow", "packets of its streams", sum.packets, flow->forwarded);
	return ok && law("flow", "bytes of its streams", sum.bytes, flow->bytes);
}

/* A flow that met a packet has learned its source, once and for all; another has learned none. */
static bool
latch_tells(const struct loop_rig *rig, unsigned index, const struct dp_flow_stats *flow)
{
	const uint32_t seen = flow->packets > 0;
	struct dp_latched latched;
	struct dp_flow_key source;
	bool ok;

	if (rig->options->latch == DP_LATCH_OPEN)
		return true;
	loop_flow_key(rig->options, index, &source);
	ok = law("flow", "error when its source is read",
		(uint64_t)-dp_flow_latched_get(rig->dp, rig->handles[index], &latched), 0);
	ok = ok && law("flow", "has learned a source", latched.valid, seen);
	ok = ok && law("flow", "sources learned", latched.moves, seen);
	if (!ok || !seen)
		return ok;
	return law("flow", "learned another source",
		memcmp(latched.src, source.src, sizeof(source.src)) != 0 ||
			latched.src_port != source.src_port,
		0);
}

static bool
flow_tells(const struct loop_rig *rig, unsigned index, struct dp_leg_stats *legs,
	struct loop_told *told)
{
	const struct loop_options *o = rig->options;
	struct dp_flow_stats flow;
	bool ok = law("flow", "error when read",
		(uint64_t)-dp_flow_stats_get(
			rig->dp, rig->handles[index], &flow, legs, o->streams > 0 ? 0 : o->legs),
		0);

	ok = ok && law("flow", "packets = forwarded + punted + drops", flow.packets,
			   flow.forwarded + flow.punted + law_sum(flow.drops, DP_FLOW_DROP_COUNT));
	ok = ok && law_no_drops("flow", flow.drops, DP_FLOW_DROP_FIRST, DP_FLOW_DROP_COUNT);
	ok = ok && law("flow", "packets forwarded", flow.forwarded, flow.packets);
	if (!ok)
		return false;
	told->forwarded += flow.forwarded;
	if (!latch_tells(rig, index, &flow))
		return false;
	if (o->streams > 0)
		return streams_tell(rig, index, &flow, legs, told);
	return legs_tell(o, index,
		&(struct dp_stream_stats){.packets = flow.forwarded, .bytes = flow.bytes}, legs,
		told);
}

bool
loop_told_gather(const struct loop_rig *rig, struct loop_told *told)
{
	struct dp_leg_stats *legs = calloc(rig->options->legs, sizeof(*legs));
	bool ok = law("flows", "error of memory", legs == NULL ? ENOMEM : 0, 0);

	memset(told, 0, sizeof(*told));
	for (unsigned i = 0; i < rig->options->flows && ok; i++)
		ok = flow_tells(rig, i, legs, told);
	free(legs);
	return ok;
}
