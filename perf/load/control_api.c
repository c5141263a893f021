/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Flows a second through the data plane's own transactions, without a control side: what is left
 * when nothing is parsed, checked or stored. A worker runs meanwhile, on a port without packets.
 * Figures as JSON. perf/control runs it.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <dp/dp.h>

#include "common/figures.h"

#define FLOWS_MAX 4000000u
#define ERROR_MAX 256
#define MEMORY_BASE_MB 256
#define FLOW_BYTES 512 /* in the table, at most */
#define STEP_FLOWS 4096 /* as sluiced commits */
#define STEP_REST_US 20
#define PORTS 60000u /* different UDP ports of one address */

struct api_bench {
	unsigned flows;
	unsigned batch;
	struct dp *dp;
	uint32_t *handles;
	struct latency latency; /* of a transaction */
	struct latency steps; /* of its parts, between which others are served */
};

static void __attribute__((noreturn)) die(const char *what, const char *why)
{
	fprintf(stderr, "control-api: %s: %s\n", what, why);
	exit(1);
}

/* Exact flow number n, of one leg, added or in place of what it is now. */
static int
flow_rewrite(struct api_bench *bench, struct dp_txn *txn, unsigned n, bool replaces)
{
	const uint16_t from = 0;
	const uint16_t port = htons((uint16_t)(1024 + n % PORTS));
	const struct dp_leg leg = {.src = {192, 0, 2, 2},
		.dst = {203, 0, 113, 1},
		.src_port = port,
		.dst_port = port,
		.family = DP_IPV4,
		.dscp = DP_DSCP_KEEP};
	const struct dp_flow flow = {
		.key = {.src = {198, 51, 100, (uint8_t)(n / PORTS)},
			.dst = {192, 0, 2, 1},
			.src_port = port,
			.dst_port = htons(5004),
			.family = DP_IPV4},
		.n_legs = 1,
		.legs = &leg,
	};

	if (replaces)
		return dp_txn_replace(txn, bench->handles[n], &flow, &from, &bench->handles[n]);
	return dp_txn_add(txn, &flow, &bench->handles[n]);
}

static int
flow_add(struct api_bench *bench, struct dp_txn *txn, unsigned n)
{
	return flow_rewrite(bench, txn, n, false);
}

static int
flow_replace(struct api_bench *bench, struct dp_txn *txn, unsigned n)
{
	return flow_rewrite(bench, txn, n, true);
}

static int
flow_remove(struct api_bench *bench, struct dp_txn *txn, unsigned n)
{
	return dp_txn_remove(txn, bench->handles[n]);
}

typedef int (*step_fn)(struct api_bench *bench, struct dp_txn *txn, unsigned n);

/* One transaction, committed as sluiced does: step by step, with a look at others between them. */
static void
batch_commit(struct api_bench *bench, step_fn step, unsigned first, unsigned n)
{
	struct dp_txn *txn = dp_txn_begin(bench->dp);
	uint64_t begun_ns;
	int rc = txn ? 0 : -ENOMEM;

	for (unsigned i = 0; rc == 0 && i < n; i++)
		rc = step(bench, txn, first + i);
	begun_ns = now_ns();
	if (rc == 0)
		rc = dp_txn_prepare(txn);
	latency_add(&bench->steps, now_ns() - begun_ns);
	while (rc == 0) {
		begun_ns = now_ns();
		rc = dp_txn_commit_step(txn, STEP_FLOWS);
		latency_add(&bench->steps, now_ns() - begun_ns);
		if (rc != -EAGAIN)
			break;
		usleep(STEP_REST_US);
		rc = 0;
	}
	if (rc < 0)
		die("transaction", strerror(-rc));
}

/* All flows, batch by batch: {"seconds", "flows_per_second", "requests", "steps": latencies} */
static json_t *
phase_run(struct api_bench *bench, step_fn step)
{
	const unsigned n = bench->flows;
	const uint64_t start_ns = now_ns();
	json_t *result;
	double seconds;

	bench->latency = (struct latency){0};
	bench->steps = (struct latency){0};
	for (unsigned first = 0; first < n; first += bench->batch) {
		const unsigned left = n - first;
		const uint64_t begun_ns = now_ns();

		batch_commit(bench, step, first, left < bench->batch ? left : bench->batch);
		latency_add(&bench->latency, now_ns() - begun_ns);
	}
	seconds = (double)(now_ns() - start_ns) / 1e9;
	result = json_pack("{s:f, s:f, s:o, s:o}", "seconds", seconds, "flows_per_second",
		n / seconds, "requests", latency_json(&bench->latency), "steps",
		latency_json(&bench->steps));
	latency_fini(&bench->latency);
	latency_fini(&bench->steps);
	return result;
}

/* The time to abort a transaction of a batch of flows. */
static json_t *
abort_run(struct api_bench *bench)
{
	struct dp_txn *txn = dp_txn_begin(bench->dp);
	const unsigned n = bench->batch < bench->flows ? bench->batch : bench->flows;
	uint64_t begun_ns;

	for (unsigned i = 0; i < n; i++) {
		if (!txn || flow_add(bench, txn, i) < 0)
			die("transaction", "a flow is refused");
	}
	begun_ns = now_ns();
	dp_txn_abort(txn);
	return json_pack("{s:f}", "us", (double)(now_ns() - begun_ns) / 1e3);
}

static void
bench_init(struct api_bench *bench, unsigned control_core, unsigned worker_core)
{
	const struct dp_eal_config eal = {
		.program = "control-api",
		.file_prefix = "control-api",
		.control_core = control_core,
		.n_workers = 1,
		.worker_cores = {worker_core},
		.no_huge = true,
		.memory_mb = MEMORY_BASE_MB + (unsigned)((uint64_t)bench->flows * FLOW_BYTES >> 20),
		.log_level = "error",
	};
	const struct dp_port_config port = {.name = "p0", .devargs = "net_ring0"};
	const struct dp_config config = {
		.n_ports = 1, .ports = &port, .max_flows_ipv4 = bench->flows + bench->batch};
	const struct dp_next_hop hop = {.dst_mac = {2, 0, 0, 0, 0, 1}, .mtu = 1500};
	char error[ERROR_MAX];

	bench->handles = calloc(bench->flows, sizeof(bench->handles[0]));
	if (!bench->handles)
		die("handles", "no memory");
	if (dp_eal_init(&eal, error, sizeof(error)) < 0)
		die("EAL", error);
	bench->dp = dp_create(&config, error, sizeof(error));
	if (!bench->dp || dp_start(bench->dp, error, sizeof(error)) < 0)
		die("data plane", error);
	if (dp_next_hop_set(bench->dp, 0, &hop) < 0)
		die("next hop", "refused");
}

int
main(int argc, char **argv)
{
	struct api_bench bench = {.flows = 0};
	json_t *aborted, *installed, *replaced, *removed, *result;

	if (argc != 5 || sscanf(argv[1], "%u", &bench.flows) != 1 ||
		sscanf(argv[2], "%u", &bench.batch) != 1 || bench.flows == 0 ||
		bench.flows > FLOWS_MAX || bench.batch == 0) {
		fputs("usage: control-api FLOWS BATCH CONTROL-CPU WORKER-CPU\n", stderr);
		return 2;
	}
	bench_init(&bench, (unsigned)atoi(argv[3]), (unsigned)atoi(argv[4]));
	aborted = abort_run(&bench);
	installed = phase_run(&bench, flow_add);
	replaced = phase_run(&bench, flow_replace);
	removed = phase_run(&bench, flow_remove);
	dp_stop(bench.dp);
	dp_destroy(bench.dp);
	dp_eal_fini();
	free(bench.handles);
	result = json_pack("{s:o, s:o, s:o, s:o, s:i, s:i, s:s}", "abort", aborted, "install",
		installed, "replace", replaced, "remove", removed, "flows", (int)bench.flows,
		"batch", (int)bench.batch, "dpdk", dp_dpdk_version());
	json_dumpf(result, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
	putchar('\n');
	json_decref(result);
	return 0;
}
