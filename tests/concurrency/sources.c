/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two workers meet the sources of flows that choose from them, while control replaces the flows and
 * reads which source is active. Sources fall silent by turns, so that they take over and come back.
 * Each packet of a listed source is forwarded or standby_source, each of another one
 * source_refused, and control counts them all. What control reads is one source, and switches that
 * do not go back.
 *
 * Made to run under ThreadSanitizer too. Usage: sources [SECONDS]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_byteorder.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_mbuf.h>

#include "fixture.h"
#include "loop.h"
#include "rig.h"

#define N_WORKERS 2
#define N_FLOWS 8
#define N_SOURCES 3
#define IN_FLIGHT 64 /* packets a worker */
#define PORT_FIRST 10000 /* of the first source; the port behind the last is not listed */
#define TIMEOUT_MS 20
#define RETURN_MS 10
#define PHASE_S 0.1 /* for so long the same sources send */
#define ROUNDS 20 /* between two looks at all flows */
#define WAIT_S 30 /* for what workers have in hand */

static struct loop loop;
static struct dp_source listed[N_SOURCES];
static uint32_t handles[N_FLOWS];
static uint64_t switches[N_FLOWS]; /* that control has read */
static uint64_t n_sent_of[N_FLOWS][N_SOURCES + 1];
static uint64_t n_taken_of[N_FLOWS];
/* A worker's packets leave in order: how often one is of another source than the one before. */
static uint64_t n_turns[N_WORKERS][N_FLOWS];
static unsigned last_taken[N_WORKERS][N_FLOWS]; /* index; the first is active at first */
static unsigned long n_sent, n_taken, n_switches, n_returns, n_changes, n_looks;

static struct dp_flow
flow_of(uint32_t n, struct dp_leg *leg)
{
	struct dp_flow flow = fixture_flow(DP_IPV4, n, leg, 1);

	for (unsigned i = 0; i < N_SOURCES; i++) {
		memcpy(listed[i].address, flow.key.src, sizeof(flow.key.src));
		listed[i].port = rte_cpu_to_be_16((uint16_t)(PORT_FIRST + i));
	}
	memset(flow.key.src, 0, sizeof(flow.key.src));
	flow.key.src_port = 0;
	flow.key.any_source = true;
	flow.sources = listed;
	flow.n_sources = N_SOURCES;
	flow.source_timeout_ms = TIMEOUT_MS;
	flow.source_return_ms = n % 2 == 0 ? RETURN_MS : 0;
	flow.latch_cookie = n + 1;
	return flow;
}

static void
flows_add(void)
{
	struct dp_txn *txn = dp_txn_begin(loop.dp);

	for (uint32_t n = 0; n < N_FLOWS; n++) {
		struct dp_leg leg;
		const struct dp_flow flow = flow_of(n, &leg);

		if (dp_txn_add(txn, &flow, &handles[n]) != 0)
			rig_fail(&loop, "no room for flow %u", n);
	}
	if (dp_txn_commit(txn) != 0)
		rig_fail(&loop, "no flows");
}

/* Another version with the same sources goes on with what is active. */
static void
flow_replace(void)
{
	const uint32_t n = (uint32_t)random() % N_FLOWS;
	const uint16_t from = 0;
	struct dp_leg leg;
	const struct dp_flow flow = flow_of(n, &leg);
	struct dp_txn *txn = dp_txn_begin(loop.dp);

	if (dp_txn_replace(txn, handles[n], &flow, &from, &handles[n]) != 0 ||
		dp_txn_commit(txn) != 0)
		rig_fail(&loop, "flow %u cannot be replaced", n);
	n_changes++;
}

/* All sources send in one phase of four; in the others one of them is silent. */
static unsigned
source_random(void)
{
	const unsigned phase = (unsigned)(rig_now_s() / PHASE_S) % (N_SOURCES + 1);
	const unsigned i = (unsigned)random() % N_SOURCES;

	if (random() % 64 == 0)
		return N_SOURCES;
	return i == phase ? (i + 1) % N_SOURCES : i;
}

static void
packets_put(void)
{
	for (unsigned w = 0; w < N_WORKERS; w++) {
		for (unsigned k = rte_ring_count(loop.rx[w]); k < IN_FLIGHT; k++) {
			const uint32_t n = (uint32_t)random() % N_FLOWS;
			const unsigned i = source_random();

			loop_put_from(&loop, w, n, (uint16_t)(n * (N_SOURCES + 1) + i),
				(uint16_t)(PORT_FIRST + i));
			n_sent_of[n][i]++;
			n_sent++;
		}
	}
}

/* The IPv4 identification tells its flow and source. */
static void
packet_count(unsigned w, const struct rte_mbuf *m)
{
	const struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod_offset(
		m, const struct rte_ipv4_hdr *, sizeof(struct rte_ether_hdr));
	const unsigned id = rte_be_to_cpu_16(ip->packet_id);
	const unsigned n = id / (N_SOURCES + 1), i = id % (N_SOURCES + 1);

	if (n >= N_FLOWS || i == N_SOURCES)
		rig_fail(&loop, "a packet of no source came out: %u", id);
	n_turns[w][n] += last_taken[w][n] != i;
	last_taken[w][n] = i;
	n_taken_of[n]++;
	n_taken++;
}

static void
packets_take(void)
{
	void *m;

	for (unsigned w = 0; w < N_WORKERS; w++) {
		while (rte_ring_dequeue(loop.tx[w], &m) == 0) {
			packet_count(w, m);
			rte_pktmbuf_free(m);
		}
	}
}

static void
sources_look(uint32_t n, struct dp_sources *sources)
{
	if (dp_flow_sources_get(loop.dp, handles[n], sources) != 0)
		rig_fail(&loop, "flow %u has no sources", n);
	if (sources->active >= N_SOURCES || sources->previous >= N_SOURCES ||
		(sources->switches > 0 && sources->active == sources->previous))
		rig_fail(&loop, "flow %u: source %u is active after %u", n, sources->active,
			sources->previous);
	if (sources->returned && (n % 2 != 0 || sources->active > sources->previous))
		rig_fail(&loop, "flow %u: source %u has returned", n, sources->active);
	if (sources->switches < switches[n])
		rig_fail(&loop, "flow %u: %lu switches after %lu", n,
			(unsigned long)sources->switches, (unsigned long)switches[n]);
	n_switches += sources->switches - switches[n];
	n_returns += sources->switches != switches[n] && sources->returned;
	switches[n] = sources->switches;
}

static void
told(void *arg, uint64_t cookie)
{
	struct dp_sources sources;

	(void)arg;
	if (cookie == 0 || cookie > N_FLOWS)
		rig_fail(&loop, "told of %lu", (unsigned long)cookie);
	sources_look((uint32_t)cookie - 1, &sources);
}

static void
notices_take(void)
{
	bool lost;

	while (dp_latch_poll(loop.dp, N_FLOWS, told, NULL, &lost) > 0)
		;
	if (lost)
		rig_fail(&loop, "%u flows are more than there is room for", N_FLOWS);
}

static unsigned long
packets_forwarded(void)
{
	struct dp_port_stats stats;

	dp_port_stats_get(loop.dp, 0, &stats);
	return stats.forwarded;
}

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

static uint64_t
drops_of(const struct dp_flow_stats *stats, enum dp_drop reason)
{
	return stats->drops[reason - DP_FLOW_DROP_FIRST];
}

/* The workers are done with all that was sent: it is all accounted for. */
static void
flow_check(uint32_t n)
{
	const uint64_t known = switches[n];
	uint64_t n_listed = 0;
	struct dp_flow_stats stats;
	struct dp_leg_stats leg;
	struct dp_sources sources;

	sources_look(n, &sources);
	if (sources.switches != known)
		rig_fail(&loop, "flow %u: told of %lu switches of %lu", n, (unsigned long)known,
			(unsigned long)sources.switches);
	for (unsigned i = 0; i < N_SOURCES; i++) {
		n_listed += n_sent_of[n][i];
		if (sources.of[i].packets != n_sent_of[n][i])
			rig_fail(&loop, "flow %u: %lu packets of source %u, %lu sent", n,
				(unsigned long)sources.of[i].packets, i,
				(unsigned long)n_sent_of[n][i]);
	}
	if (dp_flow_stats_get(loop.dp, handles[n], &stats, &leg, 1) != 0)
		rig_fail(&loop, "flow %u has no counters", n);
	if (stats.forwarded + drops_of(&stats, DP_DROP_standby_source) != n_listed ||
		drops_of(&stats, DP_DROP_source_refused) != n_sent_of[n][N_SOURCES] ||
		stats.packets != n_listed + n_sent_of[n][N_SOURCES])
		rig_fail(&loop, "flow %u: %lu packets, %lu forwarded, %lu of its sources", n,
			(unsigned long)stats.packets, (unsigned long)stats.forwarded,
			(unsigned long)n_listed);
	if (stats.forwarded != n_taken_of[n] || leg.copies != n_taken_of[n])
		rig_fail(&loop, "flow %u: %lu forwarded, %lu copies, %lu taken", n,
			(unsigned long)stats.forwarded, (unsigned long)leg.copies,
			(unsigned long)n_taken_of[n]);
	for (unsigned w = 0; w < N_WORKERS; w++) {
		if (n_turns[w][n] > switches[n])
			rig_fail(&loop,
				"flow %u: worker %u forwarded another source %lu times,"
				" in %lu switches",
				n, w, (unsigned long)n_turns[w][n], (unsigned long)switches[n]);
	}
}

static void
all_check(void)
{
	const double until = rig_now_s() + WAIT_S;

	while (packets_done() != n_sent) {
		packets_take();
		if (rig_now_s() > until)
			rig_fail(&loop, "%lu packets of %lu are done", packets_done(), n_sent);
	}
	while (n_taken != packets_forwarded()) {
		packets_take();
		if (rig_now_s() > until)
			rig_fail(&loop, "%lu packets were taken", n_taken);
	}
	notices_take();
	for (uint32_t n = 0; n < N_FLOWS; n++)
		flow_check(n);
	n_looks++;
}

int
main(int argc, char **argv)
{
	const double until = rig_now_s() + (argc > 1 ? atof(argv[1]) : 6);

	srandom(1);
	rig_init(&loop, N_WORKERS, 2 * N_FLOWS);
	flows_add();
	rig_start(&loop);
	do {
		for (unsigned i = 0; i < ROUNDS; i++) {
			packets_put();
			packets_take();
			if (random() % 4 == 0)
				notices_take();
			if (random() % 16 == 0)
				flow_replace();
		}
		all_check();
	} while (rig_now_s() < until);
	dp_stop(loop.dp);
	printf("%lu packets, %lu forwarded, %lu switches, %lu seen to return, %lu changes: one"
	       " source at a time in %lu looks\n",
		n_sent, n_taken, n_switches, n_returns, n_changes, n_looks);
	fflush(stdout);
	_exit(n_switches == 0 || n_returns == 0 || n_looks == 0); /* as latches.c */
}
