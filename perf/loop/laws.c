/* SPDX-License-Identifier: BSD-3-Clause */
#include "laws.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_mbuf.h>
#include <rte_ring.h>

#include <dp/dp.h>

#include "flow.h"

bool
law(const char *of, const char *text, uint64_t found, uint64_t expected)
{
	if (found != expected)
		fprintf(stderr, "closed-loop: %s: %s: found %llu, expected %llu\n", of, text,
			(unsigned long long)found, (unsigned long long)expected);
	return found == expected;
}

/* drops[i], n of them, counts reason first + i: none is to have been met. */
static bool
law_no_drops(const char *of, const uint64_t *drops, unsigned first, unsigned n)
{
	bool ok = true;

	for (unsigned i = 0; i < n; i++)
		ok &= law(of, dp_drop_name(first + i), drops[i], 0);
	return ok;
}

static uint64_t
law_sum(const uint64_t *values, unsigned n)
{
	uint64_t total = 0;

	for (unsigned i = 0; i < n; i++)
		total += values[i];
	return total;
}

/* What the flows, their streams and their legs say happened. */
struct sums {
	uint64_t forwarded; /* by all flows */
	struct {
		uint64_t copies; /* of all legs that leave by it */
	} ports[LOOP_PORTS_MAX];
};

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
legs_agree(const struct loop_options *o, unsigned index, const struct dp_stream_stats *given,
	const struct dp_leg_stats *legs, struct sums *sums)
{
	const int64_t growth = growth_bytes(o, index) * (int64_t)given->packets;
	bool ok = true;

	for (unsigned l = 0; l < o->legs && ok; l++) {
		ok &= law("flow", "copies of a leg", legs[l].copies, given->packets);
		ok &= law("flow", "bytes of a leg", legs[l].bytes, given->bytes + (uint64_t)growth);
		ok &= law_no_drops("leg", legs[l].drops, DP_COPY_DROP_FIRST, DP_COPY_DROP_COUNT);
		sums->ports[loop_leg_port(l, o->legs)].copies += legs[l].copies;
	}
	return ok;
}

/* Streams share out what their flow forwarded. */
static bool
streams_agree(const struct loop_rig *rig, unsigned index, const struct dp_flow_stats *flow,
	struct dp_leg_stats *legs, struct sums *sums)
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
		ok = ok && legs_agree(o, index, &stream, legs, sums);
		sum.packets += stream.packets;
		sum.bytes += stream.bytes;
	}
	ok = ok && law("flow", "packets of its streams", sum.packets, flow->forwarded);
	return ok && law("flow", "bytes of its streams", sum.bytes, flow->bytes);
}

/* A flow that met a packet has learned its source, once and for all; another has learned none. */
static bool
latch_agrees(const struct loop_rig *rig, unsigned index, const struct dp_flow_stats *flow)
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
flow_agrees(
	const struct loop_rig *rig, unsigned index, struct dp_leg_stats *legs, struct sums *sums)
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
	sums->forwarded += flow.forwarded;
	if (!latch_agrees(rig, index, &flow))
		return false;
	if (o->streams > 0)
		return streams_agree(rig, index, &flow, legs, sums);
	return legs_agree(o, index,
		&(struct dp_stream_stats){.packets = flow.forwarded, .bytes = flow.bytes}, legs,
		sums);
}

/* Ask all flows, their streams and legs. False after a message on the first that is at odds. */
static bool
sums_gather(const struct loop_rig *rig, struct sums *sums)
{
	struct dp_leg_stats *legs = calloc(rig->options->legs, sizeof(*legs));
	bool ok = law("flows", "error of memory", legs == NULL ? ENOMEM : 0, 0);

	memset(sums, 0, sizeof(*sums));
	for (unsigned i = 0; i < rig->options->flows && ok; i++)
		ok = flow_agrees(rig, i, legs, sums);
	free(legs);
	return ok;
}

static const char *const port_names[LOOP_PORTS_MAX] = {"port loop", "port free"};

static bool
port_agrees(const struct loop_rig *rig, unsigned port, const struct sums *sums)
{
	const char *name = port_names[port];
	const bool ingress = port == 0; /* all flows' packets come by port 0 */
	const unsigned peers = loop_port_peers(rig->options);
	struct dp_port_stats s;
	bool ok = dp_port_stats_get(rig->dp, port, &s) == 0;

	ok &= law(name, "received = forwarded + punted + drops", s.rx_packets,
		s.forwarded + s.punted + law_sum(s.drops, DP_PACKET_DROP_COUNT));
	ok &= law(name, "copies = sent + drops", s.copies,
		s.tx_packets + law_sum(s.drops + DP_PACKET_DROP_COUNT, DP_COPY_DROP_COUNT));
	ok &= law(name, "copies = those of its legs", s.copies, sums->ports[port].copies);
	ok &= law(
		name, "forwarded = that of its flows", s.forwarded, ingress ? sums->forwarded : 0);
	ok &= law(name, "punted", s.punted, 0);
	/* The packets that flows besides the loop's have learned from. */
	ok &= law(name, "flow_drop", s.drops[DP_DROP_flow_drop], peers);
	s.drops[DP_DROP_flow_drop] = 0;
	return law_no_drops(name, s.drops, 0, DP_DROP_COUNT) && ok;
}

static bool
workers_agree(const struct loop_rig *rig)
{
	uint64_t received = 0, sent = 0;
	bool ok = true;

	for (unsigned p = 0; p < dp_port_count(rig->dp); p++) {
		struct dp_port_stats s;

		ok &= dp_port_stats_get(rig->dp, p, &s) == 0;
		received += s.rx_packets;
		sent += s.tx_packets;
	}
	for (unsigned w = 0; w < dp_worker_count(rig->dp); w++) {
		struct dp_worker_stats s;

		ok &= dp_worker_stats_get(rig->dp, w, &s) == 0;
		received -= s.rx_packets;
		sent -= s.tx_packets;
	}
	ok &= law("ports less workers", "received", received, 0);
	return law("ports less workers", "sent", sent, 0) && ok;
}

/* Each packet that was put in is in a ring, and whole. */
static bool
rings_hold_all(const struct loop_rig *rig)
{
	const struct loop_options *o = rig->options;
	uint64_t left = 0, spoilt = 0;
	bool ok;

	for (unsigned w = 0; w < o->workers; w++) {
		const unsigned n = rte_ring_count(rig->rings[w]);
		void *m;

		for (unsigned i = 0; i < n && rte_ring_dequeue(rig->rings[w], &m) == 0; i++) {
			spoilt += !loop_frame_whole(o, m);
			left += rte_ring_enqueue(rig->rings[w], m) == 0;
		}
	}
	ok = law("rings", "frames that are not whole", spoilt, 0);
	return law("rings", "packets left", left, (uint64_t)o->inflight * o->workers) && ok;
}

/* Each replica that was sent was freed, or waits for it. */
static bool
sinks_got_all(const struct loop_rig *rig)
{
	struct dp_port_stats s;
	uint64_t found = 0;

	if (dp_port_count(rig->dp) < 2)
		return true;
	for (unsigned w = 0; w < rig->options->workers; w++)
		found += rig->sinks[w].frames + rte_ring_count(rig->sinks[w].ring);
	return dp_port_stats_get(rig->dp, 1, &s) == 0 &&
	       law(port_names[1], "replicas freed", found, s.tx_packets);
}

bool
loop_laws_hold(const struct loop_rig *rig)
{
	struct sums sums;
	bool ok = true;

	if (!sums_gather(rig, &sums))
		return false;
	for (unsigned p = 0; p < dp_port_count(rig->dp); p++)
		ok &= port_agrees(rig, p, &sums);
	ok &= workers_agree(rig);
	ok &= sinks_got_all(rig);
	return rings_hold_all(rig) && ok;
}
