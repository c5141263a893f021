/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One commit changes some 300 flows at once, in small steps, while two workers forward: each worker
 * sees all of it or none. Every leg says in its destination port which version of the set it is of.
 * A worker's packets leave in the order in which they came; each that leaves tells the version that
 * the worker saw, each that does not leave tells whether that was odd or even, and along that order
 * versions may never go back. A mixture within a burst would be a step back, sooner or later.
 *
 * Made to run under ThreadSanitizer too. Usage: sets [SECONDS]
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

#include "fixture.h"
#include "loop.h"
#include "rig.h"

#define N_WORKERS 2
#define IN_FLIGHT 128 /* packets a worker */
#define N_IDS 65536
#define STEP_FLOWS_MAX 64
#define STEP_REST_US 10 /* a worker may have to share the CPU */
#define VERSIONS_MAX 60000
#define VERSION_ABORTED 65535 /* never to be seen */

/* Who finds the packets of a flow number; all but the two kinds that take turns are always found.
 */
enum kind {
	REPLACED, /* in each version */
	ADDED_AGAIN, /* removed and added in each version */
	EVEN, /* is there in even versions */
	ODD, /* in odd ones, and the other is not */
	BY_RULE,
	EXACT_OR_RULE, /* an exact flow in even versions hides the rule */
	EXACT_OR_LISTENER, /* an exact flow in even versions, a listener in odd ones */
	N_KINDS
};

static const unsigned kind_flows[N_KINDS] = {100, 80, 32, 32, 8, 8, 8};
#define N_FLOWS 268
#define RULE_FIRST 244 /* numbers of BY_RULE and EXACT_OR_RULE */
#define RULE_LAST 259

struct sent {
	uint16_t number;
	uint16_t oldest; /* version that was complete when the packet was sent */
};

/* What is known of a worker; its packets are numbered from 0. */
struct seen {
	struct sent sent[N_IDS];
	uint16_t n_sent, n_passed;
	uint16_t version; /* the worker saw this one, at least */
};

static struct loop loop;
static struct seen seen[N_WORKERS];
static uint32_t handles[N_FLOWS]; /* DP_HANDLE_NONE: not there */
static uint32_t rule_handle = DP_HANDLE_NONE;
static unsigned version, complete; /* being committed, and seen by every worker */
static unsigned long n_sent, n_taken, n_commits, n_aborts, n_steps;

static enum kind
kind_of(unsigned number)
{
	unsigned kind = 0;

	for (; number >= kind_flows[kind]; kind++)
		number -= kind_flows[kind];
	return (enum kind)kind;
}

/* Every fifth version of a flow is policed, so that it is not plain. */
static struct dp_flow
flow_of(unsigned number, unsigned stamp, struct dp_leg *leg)
{
	struct dp_flow flow = fixture_flow(DP_IPV4, number, leg, 1);

	leg->dst_port = htons((uint16_t)stamp);
	if ((number + stamp) % 5 == 0)
		flow.police = RIG_POLICE;
	return flow;
}

static void
flow_remove(struct dp_txn *txn, unsigned number)
{
	if (dp_txn_remove(txn, handles[number]) != 0)
		rig_fail(&loop, "flow %u is lost", number);
}

static void
flow_add(struct dp_txn *txn, unsigned number, unsigned stamp, bool listens, uint32_t *handle)
{
	struct dp_leg leg;
	struct dp_flow flow = flow_of(number, stamp, &leg);
	int ret;

	flow.key.any_source = listens;
	ret = dp_txn_add(txn, &flow, handle);
	if (ret != 0)
		rig_fail(&loop, "flow %u of version %u: %s", number, stamp, strerror(-ret));
}

static void
flow_replace(struct dp_txn *txn, unsigned number, unsigned stamp, uint32_t *handle)
{
	const uint16_t from = 0;
	struct dp_leg leg;
	struct dp_flow flow = flow_of(number, stamp, &leg);

	if (dp_txn_replace(txn, handles[number], &flow, &from, handle) != 0)
		rig_fail(&loop, "flow %u cannot be replaced", number);
}

static void
rule_change(struct dp_txn *txn, unsigned stamp, uint32_t *handle)
{
	const struct dp_rule rule = {
		.family = DP_IPV4,
		.priority = 1,
		.port = DP_RULE_ANY,
		.vlan = DP_RULE_ANY,
		.outer_vlan = DP_RULE_ANY,
		.src_port_last = UINT16_MAX,
		.dst_port_first = RULE_FIRST,
		.dst_port_last = RULE_LAST,
	};
	const uint16_t from = 0;
	struct dp_leg leg;
	struct dp_flow flow = flow_of(RULE_FIRST, stamp, &leg);
	int ret;

	flow.rule = &rule;
	if (rule_handle == DP_HANDLE_NONE)
		ret = dp_txn_add(txn, &flow, handle);
	else
		ret = dp_txn_replace(txn, rule_handle, &flow, &from, handle);
	if (ret != 0)
		rig_fail(&loop, "rule of version %u: %s", stamp, strerror(-ret));
}

/* What flow `number` is in the new version of the set. */
static void
flow_change(struct dp_txn *txn, unsigned number, unsigned stamp, bool odd, uint32_t *handle)
{
	const enum kind kind = kind_of(number);
	const bool is_there = handles[number] != DP_HANDLE_NONE;

	*handle = DP_HANDLE_NONE;
	if (kind == BY_RULE)
		return;
	if (kind == REPLACED && is_there) {
		flow_replace(txn, number, stamp, handle);
		return;
	}
	if (is_there)
		flow_remove(txn, number);
	if (kind == (odd ? EVEN : ODD) || (kind == EXACT_OR_RULE && odd))
		return;
	flow_add(txn, number, stamp, kind == EXACT_OR_LISTENER && odd, handle);
}

/*
 * Put packets of flows in random order where workers receive, no more than there is room for; none
 * before there are flows.
 */
static void
packets_put(void)
{
	for (unsigned w = 0; w < N_WORKERS && complete > 0; w++) {
		struct seen *s = &seen[w];

		for (unsigned i = rte_ring_count(loop.rx[w]); i < IN_FLIGHT; i++) {
			const unsigned number = (unsigned)random() % N_FLOWS;

			s->sent[s->n_sent] = (struct sent){(uint16_t)number, (uint16_t)complete};
			loop_put(&loop, w, number, s->n_sent++);
			n_sent++;
		}
	}
}

/* The worker saw `at_least` when it met the next packet in its row. */
static void
version_see(struct seen *s, unsigned at_least)
{
	const struct sent *sent = &s->sent[s->n_passed];

	if (at_least < s->version)
		rig_fail(&loop, "flow %u (kind %u) of version %u after one of version %u",
			sent->number, kind_of(sent->number), at_least, s->version);
	if (at_least < sent->oldest || at_least > version)
		rig_fail(&loop, "flow %u of version %u, sent in %u, last commit is %u",
			sent->number, at_least, sent->oldest, version);
	s->version = (uint16_t)at_least;
	s->n_passed++;
}

/* A packet did not come out: that tells whether the worker saw an odd or an even version. */
static void
packet_missed(struct seen *s)
{
	const struct sent *sent = &s->sent[s->n_passed];
	const enum kind kind = kind_of(sent->number);
	unsigned at_least = s->version > sent->oldest ? s->version : sent->oldest;

	if (kind != EVEN && kind != ODD)
		rig_fail(&loop, "a packet of flow %u (kind %u) is missing", sent->number, kind);
	if ((at_least % 2 == 0) == (kind == EVEN))
		at_least++;
	version_see(s, at_least);
}

static void
frame_check(struct seen *s, const struct rte_mbuf *m)
{
	const struct rte_ipv4_hdr *ip =
		rte_pktmbuf_mtod_offset(m, const struct rte_ipv4_hdr *, RTE_ETHER_HDR_LEN);
	const struct rte_udp_hdr *udp = (const struct rte_udp_hdr *)(ip + 1);

	while (s->n_passed != ntohs(ip->packet_id))
		packet_missed(s);
	version_see(s, ntohs(udp->dst_port));
}

static void
packets_take(void)
{
	void *m;

	for (unsigned w = 0; w < N_WORKERS; w++) {
		while (rte_ring_dequeue(loop.tx[w], &m) == 0) {
			frame_check(&seen[w], m);
			rte_pktmbuf_free(m);
			n_taken++;
		}
	}
}

/* The law of a flow, when no worker counts on it any more. */
static void
removed_check(void *arg, uint32_t handle, const struct dp_flow_stats *flow,
	const struct dp_leg_stats *legs, unsigned n_legs)
{
	unsigned *n = arg;

	(void)handle;
	if (n_legs != 1 || flow->packets != flow->forwarded || legs[0].copies != flow->packets)
		rig_fail(&loop, "a flow of %lu packets forwarded %lu and sent %lu",
			(unsigned long)flow->packets, (unsigned long)flow->forwarded,
			(unsigned long)legs[0].copies);
	++*n;
}

/* Fill a transaction with the next version of everything. */
static struct dp_txn *
set_change(unsigned stamp, bool odd, uint32_t new_handles[N_FLOWS], uint32_t *new_rule)
{
	struct dp_txn *txn = dp_txn_begin(loop.dp);

	if (txn == NULL)
		rig_fail(&loop, "no transaction");
	for (unsigned n = 0; n < N_FLOWS; n++)
		flow_change(txn, n, stamp, odd, &new_handles[n]);
	rule_change(txn, stamp, new_rule);
	return txn;
}

static void
set_abort(void)
{
	uint32_t new_handles[N_FLOWS], new_rule;
	struct dp_txn *txn =
		set_change(VERSION_ABORTED, (version + 1) % 2 != 0, new_handles, &new_rule);

	if (random() % 2 == 0 && dp_txn_prepare(txn) != 0)
		rig_fail(&loop, "cannot be prepared");
	packets_put();
	packets_take();
	dp_txn_abort(txn);
	n_aborts++;
}

static void
set_commit(void)
{
	uint32_t new_handles[N_FLOWS], new_rule;
	unsigned n_removed = 0;
	struct dp_txn *txn;
	int ret;

	txn = set_change(version + 1, (version + 1) % 2 != 0, new_handles, &new_rule);
	dp_txn_on_removed(txn, removed_check, &n_removed);
	if (dp_txn_prepare(txn) != 0)
		rig_fail(&loop, "cannot be prepared");
	version++;
	do {
		packets_put();
		ret = dp_txn_commit_step(txn, 1 + (unsigned)random() % STEP_FLOWS_MAX);
		packets_take();
		n_steps++;
		usleep(STEP_REST_US);
	} while (ret == -EAGAIN);
	if (ret != 0)
		rig_fail(&loop, "commit: %s", strerror(-ret));
	if (version > 1 && n_removed < kind_flows[REPLACED] + kind_flows[ADDED_AGAIN])
		rig_fail(&loop, "last counters of %u flows only", n_removed);
	memcpy(handles, new_handles, sizeof(handles));
	rule_handle = new_rule;
	complete = version;
	n_commits++;
}

/* All that was sent has passed: what has not come out does not come. */
static void
rest_check(void)
{
	for (unsigned w = 0; w < N_WORKERS; w++) {
		while (seen[w].n_passed != seen[w].n_sent)
			packet_missed(&seen[w]);
	}
}

int
main(int argc, char **argv)
{
	const double until = rig_now_s() + (argc > 1 ? atof(argv[1]) : 2);

	srandom(1);
	for (unsigned n = 0; n < N_FLOWS; n++)
		handles[n] = DP_HANDLE_NONE;
	rig_init(&loop, N_WORKERS, 2 * N_FLOWS);
	rig_start(&loop);
	set_commit();
	while (rig_now_s() < until && version < VERSIONS_MAX) {
		if (random() % 8 == 0)
			set_abort();
		set_commit();
	}
	while (rte_ring_count(loop.rx[0]) + rte_ring_count(loop.rx[1]) > 0)
		packets_take();
	dp_stop(loop.dp);
	packets_take();
	rest_check();
	rig_conservation_check(&loop, n_sent, n_taken);
	printf("%lu packets, %lu commits of %u flows in %lu steps, %lu aborts: each worker saw all"
	       " of a commit or none\n",
		n_sent, n_commits, N_FLOWS, n_steps, n_aborts);
	fflush(stdout);
	_exit(n_commits < 10); /* taking all down again is for the unit tests */
}
