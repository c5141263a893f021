/* SPDX-License-Identifier: BSD-3-Clause */
#include "loop_laws.h"

#include <stdio.h>
#include <string.h>

#include <rte_mbuf.h>
#include <rte_ring.h>

#include "loop_frame.h"
#include "loop_law.h"
#include "loop_told.h"

static const char *const port_names[LOOP_PORTS_MAX] = {"port loop", "port free"};

static bool
port_agrees(const struct loop_rig *rig, unsigned port, const struct loop_told *told)
{
	const char *name = port_names[port];
	const bool ingress = port == 0; /* all flows' packets come by port 0 */
	struct dp_port_stats s;
	bool ok = dp_port_stats_get(rig->dp, port, &s) == 0;

	ok &= law(name, "received = forwarded + punted + drops", s.rx_packets,
		s.forwarded + s.punted + law_sum(s.drops, DP_PACKET_DROP_COUNT));
	ok &= law(name, "copies = sent + drops", s.copies,
		s.tx_packets + law_sum(s.drops + DP_PACKET_DROP_COUNT, DP_COPY_DROP_COUNT));
	ok &= law(name, "copies = those of its legs", s.copies, told->ports[port].copies);
	ok &= law(
		name, "forwarded = that of its flows", s.forwarded, ingress ? told->forwarded : 0);
	ok &= law(name, "punted", s.punted, 0);
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
	struct loop_told told;
	bool ok = true;

	if (!loop_told_gather(rig, &told))
		return false;
	for (unsigned p = 0; p < dp_port_count(rig->dp); p++)
		ok &= port_agrees(rig, p, &told);
	ok &= workers_agree(rig);
	ok &= sinks_got_all(rig);
	return rings_hold_all(rig) && ok;
}
