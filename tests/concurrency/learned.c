/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two workers move latches by packets from ever other sources, and send to what is learned, while
 * control installs, replaces and removes the flows that do, with what it knows filled in or not,
 * aborts transactions, replaces, removes and installs the flows that latch, and makes them forget.
 *
 * A source's address, UDP port, MAC and VLAN all follow from one number, and so does the next hop
 * that control knows for it: a frame that is sent to a mixture of two sources shows. After a rest
 * all packets go to the last source that was learned.
 *
 * Made to run under ThreadSanitizer and AddressSanitizer too. Usage: learned [SECONDS]
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_udp.h>

#include "fixture.h"
#include "loop.h"
#include "rig.h"

#define N_WORKERS 2
#define N_LATCHES 4 /* flows that latch are numbered from 0 */
#define N_SOURCES 64 /* of each latch */
#define SIGNALLED (N_SOURCES - 1) /* no packet comes from this one */
#define N_SENDERS 24 /* flows that send to what is learned */
#define SENDER_FIRST 1000 /* their numbers */
#define N_LEGS 3 /* of a flow that replicates */
#define IN_FLIGHT 64 /* packets a worker */
#define ADDRESS_FIRST 0x0a000000u
#define PORT_FIRST 10000
#define LEG_PORT_FIRST 20000 /* source port of a leg: by the latch that it refers to */
#define N_VLANS 5 /* 0: untagged */
#define HOP_FIRST 1
#define MTU_BYTES 1500
#define TTL 64
#define ROUNDS 20 /* between two rests */

/* What a sender does beside, so that each way of the fast path is met. */
enum kind { KIND_PLAIN, KIND_POLICED, KIND_ALLOWS, KIND_REPLICATES, KIND_COUNT };

struct frame {
	struct rte_ether_hdr eth;
	struct rte_vlan_hdr tag; /* left out for VLAN 0 */
	struct rte_ipv4_hdr ip;
	struct rte_udp_hdr udp;
} __attribute__((packed, aligned(2)));

static struct loop loop;
static uint32_t latches[N_LATCHES], senders[N_SENDERS]; /* handles; DP_HANDLE_NONE: not installed */
static bool was_sent[N_LATCHES][N_SOURCES];
static unsigned long n_put, n_taken, n_changes, n_aborted, n_forgotten, n_known, n_looks;
static unsigned long n_to[N_LATCHES][N_SOURCES]; /* frames that left since the last look */

/* --- Sources ---------------------------------------------------------------------------------- */

static uint32_t
source_address(unsigned latch, unsigned source)
{
	return ADDRESS_FIRST + (latch << 16 | source << 2);
}

static uint16_t
source_port(unsigned latch, unsigned source)
{
	return (uint16_t)(PORT_FIRST + latch * N_SOURCES + source);
}

static uint16_t
source_vlan(unsigned source)
{
	return source % N_VLANS == 0 ? 0 : (uint16_t)(100 + source);
}

static struct rte_ether_addr
source_mac(unsigned latch, unsigned source)
{
	return (struct rte_ether_addr){{2, 0, 0, 1, (uint8_t)latch, (uint8_t)source}};
}

static struct rte_ether_addr
own_mac(unsigned latch, unsigned source)
{
	return (struct rte_ether_addr){{2, 0, 0, 2, (uint8_t)latch, (uint8_t)source}};
}

static uint16_t
source_hop(unsigned latch, unsigned source)
{
	return (uint16_t)(HOP_FIRST + latch * N_SOURCES + source);
}

static void
hops_set(void)
{
	for (unsigned latch = 0; latch < N_LATCHES; latch++) {
		for (unsigned source = 0; source < N_SOURCES; source++) {
			const struct rte_ether_addr dst = source_mac(latch, source);
			const struct rte_ether_addr src = own_mac(latch, source);
			struct dp_next_hop hop = {.mtu = MTU_BYTES};

			memcpy(hop.dst_mac, &dst, sizeof(hop.dst_mac));
			memcpy(hop.src_mac, &src, sizeof(hop.src_mac));
			if (dp_next_hop_set(loop.dp, source_hop(latch, source), &hop) != 0)
				rig_fail(&loop, "no next hop");
		}
	}
}

/* The source that was learned, by its port; all else must be that one's. */
static unsigned
source_of(unsigned latch, const struct dp_latched *latched)
{
	const unsigned source = ntohs(latched->src_port) - PORT_FIRST - latch * N_SOURCES;
	const struct rte_ether_addr mac = source_mac(latch, source);
	uint32_t address;

	memcpy(&address, latched->src, sizeof(address));
	if (source >= N_SOURCES || !was_sent[latch][source] ||
		ntohl(address) != source_address(latch, source) ||
		memcmp(latched->mac, &mac, sizeof(mac)) != 0 || latched->port != 0 ||
		latched->vlan != source_vlan(source) || latched->outer_vlan != 0 ||
		latched->state == 0)
		rig_fail(&loop, "latch %u has learned %08x port %u of VLAN %u, a mixture", latch,
			ntohl(address), ntohs(latched->src_port), latched->vlan);
	return source;
}

/* --- Flows ------------------------------------------------------------------------------------ */

/* Any source, and any VLAN. */
static struct dp_flow
latch_flow(unsigned latch, struct dp_rule *rule, struct dp_leg *leg)
{
	struct dp_flow flow = fixture_flow(DP_IPV4, latch, leg, 1);

	*rule = (struct dp_rule){
		.priority = 1,
		.src_port_last = UINT16_MAX,
		.dst_port_first = ntohs(flow.key.dst_port),
		.dst_port_last = ntohs(flow.key.dst_port),
		.port = DP_RULE_ANY,
		.vlan = DP_RULE_ANY,
		.dst_bits = 32,
		.family = DP_IPV4,
	};
	memcpy(rule->dst, flow.key.dst, sizeof(rule->dst));
	flow.key = (struct dp_flow_key){.family = DP_IPV4};
	flow.rule = rule;
	flow.latch = DP_LATCH_FOLLOW;
	flow.latch_cookie = latch + 1;
	return flow;
}

/* With what control knows by now, or thinks it knows, or without. */
static void
leg_learn(struct dp_leg *leg, unsigned latch, bool is_signalled)
{
	const uint32_t address = htonl(source_address(latch, SIGNALLED));
	struct dp_latched latched;
	uint32_t learned;
	unsigned source;

	memset(leg->dst, 0, sizeof(leg->dst));
	leg->dst_port = 0;
	leg->src_port = htons((uint16_t)(LEG_PORT_FIRST + latch));
	leg->ttl = TTL;
	leg->learned = latch + 1;
	if (is_signalled) {
		memcpy(leg->dst, &address, sizeof(address));
		leg->dst_port = htons(source_port(latch, SIGNALLED));
		leg->next_hop = source_hop(latch, SIGNALLED);
		leg->vlan = source_vlan(SIGNALLED);
	}
	if (random() % 4 == 0 || dp_latch_get(loop.dp, latch + 1, &latched) != 0 ||
		latched.valid == 0)
		return;
	source = source_of(latch, &latched);
	learned = htonl(source_address(latch, source));
	leg->known = (struct dp_learned){
		.state = latched.state,
		.dst_port = htons(source_port(latch, source)),
		.next_hop = source_hop(latch, source),
		.vlan = source_vlan(source),
	};
	memcpy(leg->known.dst, &learned, sizeof(learned));
	n_known++;
}

static unsigned
sender_latch(unsigned n)
{
	return n % N_LATCHES;
}

/* Whether a sender has a destination while nothing is learned. */
static bool
sender_is_signalled(unsigned n)
{
	return n % 3 == 0;
}

static enum kind
sender_kind(unsigned n)
{
	return n / N_LATCHES % KIND_COUNT;
}

static unsigned
sender_legs(unsigned n)
{
	return sender_kind(n) == KIND_REPLICATES ? N_LEGS : 1;
}

static struct dp_flow
sender_flow(unsigned n, struct dp_leg legs[N_LEGS])
{
	static const struct dp_prefix all;
	struct dp_flow flow = fixture_flow(DP_IPV4, SENDER_FIRST + n, legs, sender_legs(n));

	for (unsigned l = 0; l < flow.n_legs; l++)
		leg_learn(&legs[l], (sender_latch(n) + l) % N_LATCHES, sender_is_signalled(n));
	if (sender_kind(n) == KIND_POLICED)
		flow.police = RIG_POLICE;
	if (sender_kind(n) == KIND_ALLOWS) {
		flow.n_allow = 1;
		flow.allow = &all;
	}
	flow.latch_cookie = N_LATCHES + 1 + n;
	return flow;
}

static int
latch_put(struct dp_txn *txn, unsigned n, uint32_t *handle)
{
	const uint16_t from = 0;
	struct dp_rule rule;
	struct dp_leg leg;
	struct dp_flow flow = latch_flow(n, &rule, &leg);

	/* Each also sends to what the next one learns, as sides of a relay do. */
	leg_learn(&leg, (n + 1) % N_LATCHES, false);
	if (latches[n] == DP_HANDLE_NONE)
		return dp_txn_add(txn, &flow, handle);
	if (random() % 2 == 0)
		return dp_txn_replace(txn, latches[n], &flow, &from, handle);
	*handle = DP_HANDLE_NONE;
	return dp_txn_remove(txn, latches[n]);
}

static int
sender_put(struct dp_txn *txn, unsigned n, uint32_t *handle)
{
	static const uint16_t from[N_LEGS] = {0, 1, 2};
	struct dp_leg legs[N_LEGS];
	const struct dp_flow flow = sender_flow(n, legs);

	if (senders[n] == DP_HANDLE_NONE)
		return dp_txn_add(txn, &flow, handle);
	if (random() % 4 != 0)
		return dp_txn_replace(txn, senders[n], &flow, from, handle);
	*handle = DP_HANDLE_NONE;
	return dp_txn_remove(txn, senders[n]);
}

/* Some flows change in one transaction, which may be aborted. */
static void
change(void)
{
	uint32_t new_latches[N_LATCHES], new_senders[N_SENDERS];
	struct dp_txn *txn = dp_txn_begin(loop.dp);
	int ret = 0;

	if (txn == NULL)
		rig_fail(&loop, "no transaction");
	memcpy(new_latches, latches, sizeof(latches));
	memcpy(new_senders, senders, sizeof(senders));
	for (unsigned n = (unsigned)random() % N_SENDERS; n < N_SENDERS && ret == 0;
		n += 1 + (unsigned)random() % 8)
		ret = sender_put(txn, n, &new_senders[n]);
	if (random() % 4 == 0 && ret == 0) {
		const unsigned n = (unsigned)random() % N_LATCHES;

		ret = latch_put(txn, n, &new_latches[n]);
	}
	if (ret != 0)
		rig_fail(&loop, "a change: %s", strerror(-ret));
	if (random() % 4 == 0) {
		dp_txn_abort(txn);
		n_aborted++;
		return;
	}
	ret = dp_txn_commit(txn);
	if (ret != 0)
		rig_fail(&loop, "commit: %s", strerror(-ret));
	memcpy(latches, new_latches, sizeof(latches));
	memcpy(senders, new_senders, sizeof(senders));
	n_changes++;
}

static void
forget(void)
{
	const unsigned n = (unsigned)random() % N_LATCHES;
	struct dp_latched forgotten;

	if (latches[n] == DP_HANDLE_NONE)
		return;
	if (dp_flow_forget(loop.dp, latches[n], &forgotten) != 0)
		rig_fail(&loop, "latch %u cannot forget", n);
	n_forgotten += forgotten.valid;
}

/* --- Packets ---------------------------------------------------------------------------------- */

/* A packet from a source of a latch to the flow that learns it. */
static void
source_put(unsigned worker, unsigned latch, unsigned source)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(loop.pool);
	struct dp_leg leg;
	const struct dp_flow flow = fixture_flow(DP_IPV4, latch, &leg, 1);
	const uint16_t vlan = source_vlan(source);
	struct frame frame = {
		.eth = {.dst_addr = own_mac(latch, source),
			.src_addr = source_mac(latch, source),
			.ether_type = RTE_BE16(RTE_ETHER_TYPE_VLAN)},
		.tag = {.vlan_tci = htons(vlan), .eth_proto = RTE_BE16(RTE_ETHER_TYPE_IPV4)},
		.ip = {.version_ihl = RTE_IPV4_VHL_DEF,
			.total_length = RTE_BE16(sizeof(frame.ip) + sizeof(frame.udp)),
			.time_to_live = TTL,
			.next_proto_id = IPPROTO_UDP,
			.src_addr = htonl(source_address(latch, source))},
		.udp = {.src_port = htons(source_port(latch, source)),
			.dst_port = flow.key.dst_port,
			.dgram_len = RTE_BE16(sizeof(frame.udp))},
	};
	uint8_t *bytes;

	memcpy(&frame.ip.dst_addr, flow.key.dst, sizeof(frame.ip.dst_addr));
	frame.ip.hdr_checksum = rte_ipv4_cksum(&frame.ip);
	if (m == NULL)
		rig_fail(&loop, "no buffer");
	bytes = (uint8_t *)rte_pktmbuf_append(m, sizeof(frame));
	memcpy(bytes, &frame, sizeof(frame));
	if (vlan == 0) { /* the EtherType of the tag becomes the frame's */
		memmove(bytes + sizeof(frame.tag), bytes, 2 * RTE_ETHER_ADDR_LEN);
		rte_pktmbuf_adj(m, sizeof(frame.tag));
	}
	if (rte_ring_enqueue(loop.rx[worker], m) != 0)
		rig_fail(&loop, "ring full");
	was_sent[latch][source] = true;
	n_put++;
}

static void
packets_put(void)
{
	for (unsigned w = 0; w < N_WORKERS; w++) {
		for (unsigned i = rte_ring_count(loop.rx[w]); i < IN_FLIGHT; i++) {
			if (random() % 4 == 0) {
				source_put(w, (unsigned)random() % N_LATCHES,
					(unsigned)random() % SIGNALLED);
				continue;
			}
			loop_put(&loop, w, SENDER_FIRST + (uint32_t)random() % N_SENDERS, 0);
			n_put++;
		}
	}
}

/* To which source a frame goes: all of its fields are to say the same one. */
static void
frame_check(const struct rte_mbuf *m)
{
	const struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, const struct rte_ether_hdr *);
	const struct rte_vlan_hdr *tag = (const struct rte_vlan_hdr *)(eth + 1);
	const bool is_tagged = eth->ether_type == RTE_BE16(RTE_ETHER_TYPE_VLAN);
	const struct rte_ipv4_hdr *ip = (const void *)(is_tagged ? tag + 1 : tag);
	const struct rte_udp_hdr *udp = (const struct rte_udp_hdr *)(ip + 1);
	const unsigned latch = ntohs(udp->src_port) - LEG_PORT_FIRST;
	const unsigned source = ntohs(udp->dst_port) - PORT_FIRST - latch * N_SOURCES;
	const unsigned vlan = is_tagged ? ntohs(tag->vlan_tci) : 0;
	const struct rte_ether_addr dst = source_mac(latch, source), src = own_mac(latch, source);

	if (latch >= N_LATCHES || source >= N_SOURCES ||
		ntohl(ip->dst_addr) != source_address(latch, source) ||
		vlan != source_vlan(source) || !rte_is_same_ether_addr(&eth->dst_addr, &dst) ||
		!rte_is_same_ether_addr(&eth->src_addr, &src))
		rig_fail(&loop,
			"a mixture: " RTE_ETHER_ADDR_PRT_FMT " to " RTE_ETHER_ADDR_PRT_FMT
			" VLAN %u, %08x port %u, by latch %u",
			RTE_ETHER_ADDR_BYTES(&eth->src_addr), RTE_ETHER_ADDR_BYTES(&eth->dst_addr),
			vlan, ntohl(ip->dst_addr), ntohs(udp->dst_port), latch);
	if (source != SIGNALLED && !was_sent[latch][source])
		rig_fail(&loop, "latch %u: source %u was never learned", latch, source);
	if (rte_raw_cksum(ip, sizeof(*ip)) != UINT16_MAX)
		rig_fail(&loop, "a wrong IPv4 checksum");
	n_to[latch][source]++;
}

static void
packets_take(void)
{
	void *m;

	for (unsigned w = 0; w < N_WORKERS; w++) {
		while (rte_ring_dequeue(loop.tx[w], &m) == 0) {
			frame_check(m);
			rte_pktmbuf_free(m);
			n_taken++;
		}
	}
}

static struct dp_port_stats
port_stats(void)
{
	struct dp_port_stats stats;

	if (dp_port_stats_get(loop.dp, 0, &stats) != 0)
		rig_fail(&loop, "no counters");
	return stats;
}

/* Each worker ends the round that it is in: it counts packets before it sends their copies. */
static void
rounds_wait(void)
{
	for (unsigned w = 0; w < N_WORKERS; w++) {
		struct dp_worker_stats before, now;

		dp_worker_stats_get(loop.dp, w, &before);
		do
			dp_worker_stats_get(loop.dp, w, &now);
		while (now.loops < before.loops + 2);
	}
}

/* All packets are dealt with, and all that was sent is taken. */
static void
rest(void)
{
	struct dp_port_stats stats;
	uint64_t packets, copies;

	do {
		stats = port_stats();
		packets = stats.forwarded;
		rounds_wait();
		packets_take();
		copies = port_stats().copies;
		for (unsigned r = 0; r < DP_PACKET_DROP_COUNT; r++)
			packets += stats.drops[r];
		for (unsigned r = DP_PACKET_DROP_COUNT; r < DP_DROP_COUNT; r++)
			copies -= stats.drops[r];
	} while (packets != n_put || copies != n_taken);
	for (unsigned r = 0; r < DP_DROP_COUNT; r++) {
		/* A worker refuses whose clock is behind that of the one that moved the latch. */
		if (r != DP_DROP_no_flow && r != DP_DROP_peer_unknown &&
			r != DP_DROP_source_refused && stats.drops[r] != 0)
			rig_fail(&loop, "%s is not to happen", dp_drop_name((enum dp_drop)r));
	}
}

/* A packet to each sender by each worker goes to what is learned now. */
static void
look(void)
{
	unsigned long expected[N_LATCHES][N_SOURCES] = {0}, n_unknown = 0;
	uint64_t unknown_before;

	rest();
	unknown_before = port_stats().drops[DP_DROP_peer_unknown];
	memset(n_to, 0, sizeof(n_to));
	for (unsigned n = 0; n < N_SENDERS; n++) {
		for (unsigned w = 0; w < N_WORKERS; w++) {
			loop_put(&loop, w, SENDER_FIRST + n, 0);
			n_put++;
		}
		for (unsigned l = 0; senders[n] != DP_HANDLE_NONE && l < sender_legs(n); l++) {
			const unsigned latch = (sender_latch(n) + l) % N_LATCHES;
			struct dp_latched latched;

			if (dp_latch_get(loop.dp, latch + 1, &latched) != 0)
				rig_fail(&loop, "latch %u has gone", latch);
			if (latched.valid != 0)
				expected[latch][source_of(latch, &latched)] += N_WORKERS;
			else if (sender_is_signalled(n))
				expected[latch][SIGNALLED] += N_WORKERS;
			else
				n_unknown += N_WORKERS;
		}
	}
	rest();
	for (unsigned latch = 0; latch < N_LATCHES; latch++) {
		for (unsigned source = 0; source < N_SOURCES; source++) {
			if (n_to[latch][source] != expected[latch][source])
				rig_fail(&loop, "latch %u, source %u: %lu frames, expected %lu",
					latch, source, n_to[latch][source],
					expected[latch][source]);
		}
	}
	if (port_stats().drops[DP_DROP_peer_unknown] - unknown_before != n_unknown)
		rig_fail(&loop, "%lu copies without destination, expected %lu",
			(unsigned long)(port_stats().drops[DP_DROP_peer_unknown] - unknown_before),
			n_unknown);
	n_looks++;
}

int
main(int argc, char **argv)
{
	const double until = rig_now_s() + (argc > 1 ? atof(argv[1]) : 2);

	srandom(1);
	rig_init(&loop, N_WORKERS, 2 * (N_LATCHES + N_SENDERS));
	hops_set();
	memset(latches, 0xff, sizeof(latches));
	memset(senders, 0xff, sizeof(senders));
	rig_start(&loop);
	do {
		for (unsigned i = 0; i < ROUNDS; i++) {
			packets_put();
			packets_take();
			change();
			if (random() % 4 == 0)
				forget();
		}
		look();
	} while (rig_now_s() < until);
	dp_stop(loop.dp);
	printf("%lu packets, %lu frames, %lu changes and %lu aborted, %lu forgotten, %lu times a"
	       " destination was known: no mixture, and all to the last one in %lu looks\n",
		n_put, n_taken, n_changes, n_aborted, n_forgotten, n_known, n_looks);
	fflush(stdout);
	/* Taking all down again is for the unit tests. */
	_exit(n_known == 0 || n_forgotten == 0 || n_looks == 0);
}
