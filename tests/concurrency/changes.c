/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Flows are replaced, removed and installed as fast as control can while two workers forward. Each
 * version of a flow is an edition: TTL, ports and VLAN of its legs, and how many legs it has, all
 * say which one. Every packet that comes out must be of one edition in all of that, its copies must
 * be as many as that edition has legs, and no packet of a flow that stays may be missing.
 *
 * Made to run under ThreadSanitizer too. Usage: changes [SECONDS]
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_udp.h>

#include "dp_private.h"
#include "fixture.h"
#include "loop.h"
#include "rig.h"

#define N_WORKERS 2
#define N_STAYING 6 /* flows 1 to 6 are replaced */
#define N_FLOWS 9 /* 7 to 9 come and go */
#define EDITIONS 200 /* 1 to 200: a TTL */
#define LEGS_MAX 7
#define IN_FLIGHT 64 /* packets a worker */
#define N_IDS 65536

/* What is known of a packet that was sent. */
struct sent {
	uint8_t flow; /* 0 = id not in use */
	uint8_t edition; /* 0 = no copy seen yet */
	uint8_t copies;
};

static struct loop loop;
static uint32_t handles[N_FLOWS + 1]; /* DP_HANDLE_NONE = not installed */
static unsigned editions[N_FLOWS + 1];
static struct sent sent[N_IDS];
static unsigned long n_sent, n_complete, n_changes;
static uint16_t next_id;

static unsigned
edition_legs(unsigned edition)
{
	return 1 + edition % LEGS_MAX;
}

static uint16_t
edition_vlan(unsigned edition)
{
	return edition % 2 != 0 ? (uint16_t)(edition + 1000) : 0;
}

/* Editions differ in kind, too: plain, with legs only, policed, by streams, by class. */
static struct dp_flow
edition_flow(unsigned number, unsigned edition, struct dp_leg legs[LEGS_MAX])
{
	struct dp_flow flow = fixture_flow(DP_IPV4, number, legs, edition_legs(edition));

	for (unsigned i = 0; i < edition_legs(edition) && i < LEGS_MAX; i++) {
		legs[i].ttl = (uint8_t)edition;
		legs[i].src_port = htons((uint16_t)(10000 + edition));
		legs[i].dst_port = htons((uint16_t)(20000 + edition));
		legs[i].vlan = edition_vlan(edition);
	}
	if (edition % 5 == 1)
		flow.police = RIG_POLICE;
	if (edition % 5 == 2)
		flow.class_verdict[DP_CLASS_STUN] = DP_DROP;
	return flow;
}

static struct dp_txn *
begin(void)
{
	struct dp_txn *txn = dp_txn_begin(loop.dp);

	if (txn == NULL)
		rig_fail(&loop, "no transaction");
	return txn;
}

static void
commit(struct dp_txn *txn)
{
	int ret = dp_txn_commit(txn);

	if (ret != 0)
		rig_fail(&loop, "commit: %s", strerror(-ret));
	n_changes++;
}

static void
flow_add(unsigned number)
{
	const unsigned edition = 1 + (unsigned)random() % EDITIONS;
	struct dp_leg legs[LEGS_MAX];
	struct dp_flow flow = edition_flow(number, edition, legs);
	struct dp_txn *txn = begin();

	if (dp_txn_add(txn, &flow, &handles[number]) != 0)
		rig_fail(&loop, "no room for flow %u", number);
	commit(txn);
	editions[number] = edition;
}

static void
flow_replace(unsigned number)
{
	const unsigned edition = 1 + (unsigned)random() % EDITIONS;
	struct dp_leg legs[LEGS_MAX];
	struct dp_flow flow = edition_flow(number, edition, legs);
	struct dp_txn *txn = begin();
	uint16_t from[LEGS_MAX];

	for (unsigned i = 0; i < flow.n_legs; i++)
		from[i] = i < edition_legs(editions[number]) ? (uint16_t)i : DP_LEG_NEW;
	if (dp_txn_replace(txn, handles[number], &flow, from, &handles[number]) != 0)
		rig_fail(&loop, "flow %u cannot be replaced", number);
	commit(txn);
	editions[number] = edition;
}

/* The law of a flow, when no worker counts on it any more. */
static void
removed_check(void *arg, uint32_t handle, const struct dp_flow_stats *flow,
	const struct dp_leg_stats *legs, unsigned n_legs)
{
	uint64_t accounted = flow->forwarded + flow->punted;

	(void)arg;
	(void)handle;
	(void)legs;
	(void)n_legs;
	for (unsigned r = 0; r < DP_FLOW_DROP_COUNT; r++)
		accounted += flow->drops[r];
	if (flow->packets != accounted)
		rig_fail(&loop, "a flow of %lu packets accounts for %lu",
			(unsigned long)flow->packets, (unsigned long)accounted);
}

static void
flow_remove(unsigned number)
{
	struct dp_txn *txn = begin();

	dp_txn_on_removed(txn, removed_check, NULL);
	if (dp_txn_remove(txn, handles[number]) != 0)
		rig_fail(&loop, "flow %u is lost", number);
	commit(txn);
	handles[number] = DP_HANDLE_NONE;
}

static void
change(void)
{
	unsigned number = 1 + (unsigned)random() % N_FLOWS;

	if (handles[number] == DP_HANDLE_NONE)
		flow_add(number);
	else if (number <= N_STAYING || random() % 2 != 0)
		flow_replace(number);
	else
		flow_remove(number);
}

/* An id that is to be used again, or the end: its packet has come out whole. */
static void
sent_check(uint16_t id)
{
	const struct sent *s = &sent[id];

	if (s->flow == 0 || (s->flow > N_STAYING && s->copies == 0))
		return;
	if (s->copies == 0)
		rig_fail(&loop, "packet %u of flow %u is missing", id, s->flow);
	if (s->copies != edition_legs(s->edition))
		rig_fail(&loop, "packet %u of flow %u: %u copies of edition %u, which has %u legs",
			id, s->flow, s->copies, s->edition, edition_legs(s->edition));
	n_complete++;
}

static void
packets_put(void)
{
	for (unsigned w = 0; w < N_WORKERS; w++) {
		/* No more than the transmit ring has room for, however fast the worker is. */
		for (unsigned i = rte_ring_count(loop.rx[w]); i < IN_FLIGHT; i++) {
			const unsigned number = 1 + (unsigned)random() % N_FLOWS;

			sent_check(next_id);
			sent[next_id] = (struct sent){.flow = (uint8_t)number};
			loop_put(&loop, w, number, next_id++);
			n_sent++;
		}
	}
}

/* All that a frame says of its edition, against its TTL. */
static void
frame_check(const struct rte_mbuf *m)
{
	const struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, const struct rte_ether_hdr *);
	const struct rte_vlan_hdr *tag = (const struct rte_vlan_hdr *)(eth + 1);
	const bool tagged = eth->ether_type == RTE_BE16(RTE_ETHER_TYPE_VLAN);
	const struct rte_ipv4_hdr *ip = (const void *)(tagged ? (const void *)(tag + 1) : tag);
	const struct rte_udp_hdr *udp = (const struct rte_udp_hdr *)(ip + 1);
	const unsigned edition = ip->time_to_live;
	struct sent *s = &sent[ntohs(ip->packet_id)];

	if (edition < 1 || edition > EDITIONS ||
		udp->src_port != htons((uint16_t)(10000 + edition)) ||
		udp->dst_port != htons((uint16_t)(20000 + edition)) ||
		(tagged ? ntohs(tag->vlan_tci) : 0) != edition_vlan(edition) ||
		rte_ipv4_cksum(ip) != 0)
		rig_fail(&loop, "torn: TTL %u, ports %u and %u, VLAN %u", edition,
			ntohs(udp->src_port), ntohs(udp->dst_port),
			tagged ? ntohs(tag->vlan_tci) : 0u);
	if (s->flow == 0 || (s->copies > 0 && s->edition != edition))
		rig_fail(&loop, "packet %u of flow %u: copies of editions %u and %u",
			ntohs(ip->packet_id), s->flow, s->edition, edition);
	s->edition = (uint8_t)edition;
	s->copies++;
}

static unsigned
packets_take(void)
{
	unsigned n = 0;
	void *m;

	for (unsigned w = 0; w < N_WORKERS; w++) {
		while (rte_ring_dequeue(loop.tx[w], &m) == 0) {
			frame_check(m);
			rte_pktmbuf_free(m);
			n++;
		}
	}
	return n;
}

int
main(int argc, char **argv)
{
	const double until = rig_now_s() + (argc > 1 ? atof(argv[1]) : 2);
	unsigned long n_taken = 0;

	srandom(1);
	rig_init(&loop, N_WORKERS, 2 * N_FLOWS);
	for (unsigned n = 1; n <= N_FLOWS; n++)
		flow_add(n);
	rig_start(&loop);
	while (rig_now_s() < until) {
		packets_put();
		change();
		n_taken += packets_take();
	}
	while (rte_ring_count(loop.rx[0]) + rte_ring_count(loop.rx[1]) > 0)
		n_taken += packets_take();
	dp_stop(loop.dp);
	n_taken += packets_take();
	for (unsigned id = 0; id < N_IDS; id++)
		sent_check((uint16_t)id);
	rig_conservation_check(&loop, n_sent, n_taken);
	for (unsigned n = 1; n <= N_FLOWS; n++) {
		if (handles[n] != DP_HANDLE_NONE)
			flow_remove(n);
	}
	printf("%lu packets, %lu copies, %lu changes: none torn, and none of a flow that stays is"
	       " missing\n",
		n_sent, n_taken, n_changes);
	fflush(stdout);
	_exit(n_complete == 0); /* taking all down again is for the unit tests */
}
