/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two workers learn sources of flows that control replaces, removes and installs, makes forget, and
 * reads when it is told of them. Whatever moved, and however often, control has read the last of it
 * once it has taken all notices; and what it reads is a source that was sent from. A quarter of the
 * flows is moved by the SSRC of RTP at times, of which sources send one after the other: control
 * reads one that was sent, of such a flow alone.
 *
 * Made to run under ThreadSanitizer too. Usage: latches [SECONDS]
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_mbuf.h>

#include "fixture.h"
#include "loop.h"
#include "rig.h"

#define N_WORKERS 2
#define N_FLOWS 32
#define IN_FLIGHT 64 /* packets a worker */
#define PORT_FIRST 10000
#define N_PORTS 7 /* a flow's packets come from so many */
#define SSRC_FIRST 0x01020304
#define N_SSRCS 3
#define SSRC_S 1.5 /* all sources send one for so long, so that the former is given up */
#define ROUNDS 20 /* between two looks at all flows */

static struct loop loop;
static uint32_t handles[N_FLOWS];
static uint32_t moves[N_FLOWS]; /* that control has read */
static bool by_ssrc[N_FLOWS]; /* as control has set it last */
static int64_t
	ssrcs[N_FLOWS]; /* that control has read since it opened or changed the latch; -1: none */
static unsigned long n_sent, n_told, n_moves, n_adopted, n_forgotten, n_changes, n_looks;

static bool
is_rtp(uint32_t n)
{
	return n % 4 == 2;
}

/* For as long as SSRCs change twice, control lets latches that go by them adopt the new ones. */
static bool
is_left_alone(uint32_t n)
{
	return is_rtp(n) && (unsigned)(rig_now_s() / SSRC_S) % 3 != 0;
}

static struct dp_flow
flow_of(uint32_t n, struct dp_leg *leg)
{
	struct dp_flow flow = fixture_flow(DP_IPV4, n, leg, 1);

	memset(flow.key.src, 0, sizeof(flow.key.src));
	flow.key.src_port = 0;
	flow.key.any_source = true;
	flow.latch = n % 4 == 0 ? DP_LATCH_FIRST : DP_LATCH_FOLLOW;
	flow.latch_interval_ms = n % 4 == 1 ? 1 : 0;
	flow.latch_cookie = n;
	by_ssrc[n] = is_rtp(n) && random() % 4 != 0;
	ssrcs[n] = -1;
	flow.latch_by = by_ssrc[n] ? DP_LATCH_BY_SSRC : DP_LATCH_BY_ANY;
	return flow;
}

static void
flow_add(struct dp_txn *txn, uint32_t n)
{
	struct dp_leg leg;
	const struct dp_flow flow = flow_of(n, &leg);

	if (dp_txn_add(txn, &flow, &handles[n]) != 0)
		rig_fail(&loop, "no room for flow %u", n);
}

static void
flow_replace(struct dp_txn *txn, uint32_t n)
{
	const uint16_t from = 0;
	struct dp_leg leg;
	const struct dp_flow flow = flow_of(n, &leg);

	if (dp_txn_replace(txn, handles[n], &flow, &from, &handles[n]) != 0)
		rig_fail(&loop, "flow %u cannot be replaced", n);
}

static void
source_check(uint32_t n, const struct dp_latched *latched)
{
	const unsigned port = ntohs(latched->src_port);

	if (latched->valid && (port < PORT_FIRST || port >= PORT_FIRST + N_PORTS))
		rig_fail(&loop, "flow %u learned port %u", n, port);
	if (latched->has_ssrc && (!by_ssrc[n] || latched->ssrc - SSRC_FIRST >= N_SSRCS))
		rig_fail(&loop, "flow %u learned SSRC %x", n, latched->ssrc);
}

static void
latch_look(uint32_t n)
{
	struct dp_latched latched;

	if (dp_flow_latched_get(loop.dp, handles[n], &latched) != 0)
		rig_fail(&loop, "flow %u has no latch", n);
	source_check(n, &latched);
	if (latched.moves < moves[n])
		rig_fail(&loop, "flow %u: %u moves after %u", n, latched.moves, moves[n]);
	n_moves += latched.moves - moves[n];
	/* A move keeps it. */
	n_adopted += latched.has_ssrc && ssrcs[n] >= 0 && ssrcs[n] != latched.ssrc;
	ssrcs[n] = latched.has_ssrc ? (int64_t)latched.ssrc : -1;
	moves[n] = latched.moves;
}

static void
told(void *arg, uint64_t cookie)
{
	(void)arg;
	if (cookie >= N_FLOWS)
		rig_fail(&loop, "told of %lu", (unsigned long)cookie);
	latch_look((uint32_t)cookie);
	n_told++;
}

static void
notices_take(void)
{
	bool lost;

	while (dp_latch_poll(loop.dp, 8, told, NULL, &lost) > 0)
		;
	if (lost)
		rig_fail(&loop, "%u flows are more than there is room for", N_FLOWS);
}

static void
change(void)
{
	const uint32_t n = (uint32_t)random() % N_FLOWS;
	struct dp_txn *txn;
	int ret;

	if (is_left_alone(n))
		return;
	txn = dp_txn_begin(loop.dp);
	if (txn == NULL)
		rig_fail(&loop, "no transaction");
	if (random() % 2 == 0) {
		flow_replace(txn, n);
	} else {
		if (dp_txn_remove(txn, handles[n]) != 0)
			rig_fail(&loop, "flow %u is lost", n);
		flow_add(txn, n);
		moves[n] = 0;
	}
	ret = dp_txn_commit(txn);
	if (ret != 0)
		rig_fail(&loop, "commit: %s", strerror(-ret));
	n_changes++;
}

static void
forget(void)
{
	const uint32_t n = (uint32_t)random() % N_FLOWS;
	struct dp_latched forgotten;

	if (is_left_alone(n))
		return;
	ssrcs[n] = -1;
	if (dp_flow_forget(loop.dp, handles[n], &forgotten) != 0)
		rig_fail(&loop, "flow %u has no latch", n);
	if (forgotten.moves < moves[n])
		rig_fail(&loop, "flow %u: %u moves after %u", n, forgotten.moves, moves[n]);
	source_check(n, &forgotten);
	n_forgotten += forgotten.valid;
}

static void
packets_put(void)
{
	const uint32_t ssrc = SSRC_FIRST + (uint32_t)(rig_now_s() / SSRC_S) % N_SSRCS;

	for (unsigned w = 0; w < N_WORKERS; w++) {
		for (unsigned i = rte_ring_count(loop.rx[w]); i < IN_FLIGHT; i++) {
			const uint16_t port = (uint16_t)(PORT_FIRST + random() % N_PORTS);
			const uint32_t n = (uint32_t)random() % N_FLOWS;

			if (random() % 4 == 0)
				loop_put_from(&loop, w, n, 0, port);
			else
				loop_put_rtp(&loop, w, n, port, ssrc);
			n_sent++;
		}
	}
}

static void
packets_take(void)
{
	void *m;

	for (unsigned w = 0; w < N_WORKERS; w++) {
		while (rte_ring_dequeue(loop.tx[w], &m) == 0)
			rte_pktmbuf_free(m);
	}
}

/* Packets that workers have counted: they have told of what these moved. */
static unsigned long
packets_done(void)
{
	struct dp_port_stats stats;
	unsigned long n;

	dp_port_stats_get(loop.dp, 0, &stats);
	n = stats.forwarded;
	for (unsigned r = 0; r < DP_DROP_COUNT; r++)
		n += stats.drops[r];
	return n;
}

/* All that workers have learned is known. */
static void
moves_check(void)
{
	while (packets_done() != n_sent)
		packets_take();
	notices_take();
	for (uint32_t n = 0; n < N_FLOWS; n++) {
		const uint32_t known = moves[n];

		latch_look(n);
		if (moves[n] != known)
			rig_fail(&loop, "flow %u: told of %u moves of %u", n, known, moves[n]);
	}
	n_looks++;
}

int
main(int argc, char **argv)
{
	const double until = rig_now_s() + (argc > 1 ? atof(argv[1]) : 6);
	struct dp_txn *txn;

	srandom(1);
	rig_init(&loop, N_WORKERS, 2 * N_FLOWS);
	txn = dp_txn_begin(loop.dp);
	for (uint32_t n = 0; n < N_FLOWS; n++)
		flow_add(txn, n);
	if (dp_txn_commit(txn) != 0)
		rig_fail(&loop, "no flows");
	rig_start(&loop);
	do {
		for (unsigned i = 0; i < ROUNDS; i++) {
			packets_put();
			packets_take();
			if (random() % 4 == 0)
				notices_take();
			if (random() % 16 == 0)
				change();
			if (random() % 2 == 0)
				forget();
		}
		moves_check();
	} while (rig_now_s() < until);
	dp_stop(loop.dp);
	packets_take();
	printf("%lu packets, %lu moves, told of %lu times, %lu SSRCs adopted, %lu forgotten, %lu"
	       " changes: nothing missed in %lu looks\n",
		n_sent, n_moves, n_told, n_adopted, n_forgotten, n_changes, n_looks);
	fflush(stdout);
	_exit(n_moves == 0 || n_adopted == 0 ||
		n_looks == 0); /* taking all down again is for the unit tests */
}
