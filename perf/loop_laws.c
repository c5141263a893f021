/* SPDX-License-Identifier: BSD-3-Clause */
#include "loop_laws.h"

#include <stdio.h>
#include <string.h>

#include <rte_mbuf.h>
#include <rte_ring.h>

#include "loop_frame.h"

/* What the flows and their legs say of the ports. */
struct told {
	uint64_t packets; /* of all flows; they all came by port 0 */
	struct {
		uint64_t copies;
		uint64_t drops[DP_COPY_DROP_COUNT];
	} ports[LOOP_PORTS_MAX];
	bool ok; /* no flow disagrees with its own legs */
};

static bool
law(const char *of, const char *law_text, uint64_t found, uint64_t expected)
{
	if (found != expected)
		fprintf(stderr, "closed-loop: %s: %s: found %llu, expected %llu\n", of, law_text,
			(unsigned long long)found, (unsigned long long)expected);
	return found == expected;
}

static uint64_t
sum(const uint64_t *values, unsigned n)
{
	uint64_t total = 0;

	for (unsigned i = 0; i < n; i++)
		total += values[i];
	return total;
}

/* Every leg has a copy of every packet of its flow. */
static void
flow_tell(const struct loop_rig *rig, unsigned index, struct told *told)
{
	const unsigned n_legs = rig->options->legs;
	struct dp_leg_stats legs[DP_FLOW_LEGS_MAX];
	struct dp_flow_stats flow;

	if (dp_flow_stats_get(rig->dp, rig->handles[index], &flow, legs, n_legs) < 0) {
		told->ok = law("flows", "one cannot be read, number", index, UINT64_MAX);
		return;
	}
	told->packets += flow.packets;
	for (unsigned l = 0; l < n_legs; l++) {
		const unsigned port = loop_leg_port(rig->options, l);

		/* The first flow that is wrong is enough. */
		told->ok = told->ok && law("flow", "copies of a leg", legs[l].copies, flow.packets);
		told->ok = told->ok && law("flow", "bytes of a leg", legs[l].bytes, flow.bytes);
		told->ports[port].copies += legs[l].copies;
		for (unsigned r = 0; r < DP_COPY_DROP_COUNT; r++)
			told->ports[port].drops[r] += legs[l].drops[r];
	}
}

static bool
port_agrees(const struct loop_rig *rig, unsigned port, const struct told *told)
{
	static const char *const names[LOOP_PORTS_MAX] = {"port loop", "port free"};
	struct dp_port_stats s;
	bool ok = dp_port_stats_get(rig->dp, port, &s) == 0;

	ok &= law(names[port], "received = forwarded + drops", s.rx_packets,
		s.forwarded + sum(s.drops, DP_PACKET_DROP_COUNT));
	ok &= law(names[port], "copies = sent + drops", s.copies,
		s.tx_packets + sum(s.drops + DP_PACKET_DROP_COUNT, DP_COPY_DROP_COUNT));
	ok &= law(names[port], "copies = those of its legs", s.copies, told->ports[port].copies);
	ok &= law(names[port], "forwarded = packets of its flows", s.forwarded,
		port == 0 ? told->packets : 0);
	for (unsigned r = 0; r < DP_COPY_DROP_COUNT; r++)
		ok &= law(names[port], dp_drop_name(DP_PACKET_DROP_COUNT + r),
			s.drops[DP_PACKET_DROP_COUNT + r], told->ports[port].drops[r]);
	return ok;
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

/* Each packet is either in a ring or in a drop counter of the port that loops. */
static bool
rings_hold_the_rest(const struct loop_rig *rig)
{
	const struct loop_options *o = rig->options;
	uint64_t left = 0, spoilt = 0;
	struct dp_port_stats s;
	bool ok = dp_port_stats_get(rig->dp, 0, &s) == 0;

	for (unsigned w = 0; w < o->workers; w++) {
		const unsigned n = rte_ring_count(rig->rings[w]);
		void *m;

		for (unsigned i = 0; i < n && rte_ring_dequeue(rig->rings[w], &m) == 0; i++) {
			spoilt += !loop_frame_whole(o, m);
			left += rte_ring_enqueue(rig->rings[w], m) == 0;
		}
	}
	ok &= law("rings", "frames that are not whole", spoilt, 0);
	return law("rings", "packets left + dropped", left + sum(s.drops, DP_DROP_COUNT),
		       (uint64_t)o->inflight * o->workers) &&
	       ok;
}

bool
loop_laws_hold(const struct loop_rig *rig)
{
	struct told told;
	bool ok = true;

	memset(&told, 0, sizeof(told));
	told.ok = true;
	for (unsigned i = 0; i < rig->options->flows && told.ok; i++)
		flow_tell(rig, i, &told);
	if (!told.ok)
		return false;
	for (unsigned p = 0; p < dp_port_count(rig->dp); p++)
		ok &= port_agrees(rig, p, &told);
	ok &= workers_agree(rig);
	return rings_hold_the_rest(rig) && ok;
}
