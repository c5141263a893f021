/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * closed-loop: cycles of the data plane alone, in windows that standard input asks for. The method
 * is in perf/README.md; perf/closed-loop asks, and lets testpmd run in between.
 *
 * On standard output a JSON object a line: the setting when the workers run, one for each window,
 * and at the end of the input what all windows came to and whether each packet is accounted for.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>

#include "flow.h"
#include "laws.h"
#include "rig.h"
#include "steps.h"

#define HUGEPAGE_MB 2

#define BATCHES_A_SECOND 200 /* transactions, unless their flows would be too many for one */
#define KEYS (1u << 20) /* different ones that come and go */
#define READS_A_SLICE 256 /* between two reads of the clock */
#define IDLE_US 50

/*
 * What control does while the workers are measured: install and remove flows at a rate, read the
 * counters of all flows. The flows that come and go are never met by a packet.
 */
struct load {
	const struct loop_rig *rig; /* borrowed */
	uint32_t handles[LOOP_BATCH_FLOWS]; /* installed now */
	unsigned n_handles;
	struct dp_leg_stats *legs; /* room for those of one flow */
	uint64_t installed; /* in all */
	uint64_t removed; /* in all, as the data plane reports */
	uint64_t met; /* packets that these flows counted: 0, or something is wrong */
	uint64_t reads; /* flows whose counters were read */
	uint64_t failures; /* transactions and reads that were refused */
	double seconds; /* that it took in all */
};

/* 0, or -1 after a message. */
static int
load_init(struct load *load, const struct loop_rig *rig)
{
	memset(load, 0, sizeof(*load));
	load->rig = rig;
	load->legs = calloc(rig->options->legs, sizeof(*load->legs));
	if (load->legs == NULL)
		fprintf(stderr, "closed-loop: no memory for counters\n");
	return load->legs == NULL ? -1 : 0;
}

static void
removed(void *arg, uint32_t handle, const struct dp_flow_stats *flow,
	const struct dp_leg_stats *legs, unsigned n_legs)
{
	struct load *load = arg;

	(void)handle;
	(void)legs;
	(void)n_legs;
	load->removed++;
	load->met += flow->packets;
}

/* One transaction: what the one before installed goes, `n` others come. */
static void
flows_exchange(struct load *load, unsigned n)
{
	const struct loop_options *o = load->rig->options;
	struct dp_txn *txn = dp_txn_begin(load->rig->dp);

	if (txn == NULL) {
		load->failures++;
		return;
	}
	dp_txn_on_removed(txn, removed, load);
	for (unsigned i = 0; i < load->n_handles; i++)
		load->failures += dp_txn_remove(txn, load->handles[i]) < 0;
	load->n_handles = 0;
	for (unsigned i = 0; i < n; i++) {
		const unsigned key = (unsigned)(load->installed % KEYS);
		uint32_t *handle = &load->handles[load->n_handles];

		if (loop_flow_add_idle(o, txn, o->flows + key, handle) < 0) {
			load->failures++;
			continue;
		}
		load->n_handles++;
		load->installed++;
	}
	load->failures += dp_txn_commit(txn) < 0;
}

/* Counters of the next so many flows, round and round. */
static void
counters_read(struct load *load)
{
	const struct loop_rig *rig = load->rig;
	const struct loop_options *o = rig->options;
	const unsigned n_legs = o->streams > 0 ? 0 : o->legs;

	for (unsigned i = 0; i < READS_A_SLICE; i++) {
		struct dp_flow_stats stats;
		const uint32_t handle = rig->handles[load->reads++ % o->flows];

		load->failures +=
			dp_flow_stats_get(rig->dp, handle, &stats, load->legs, n_legs) < 0;
	}
}

/* Do what the options ask for, for so many microseconds. */
static void
load_run(struct load *load, unsigned us)
{
	const struct loop_options *o = load->rig->options;
	const uint64_t hz = rte_get_tsc_hz(), start = rte_rdtsc();
	const uint64_t duration = hz / 1000000 * us;
	const unsigned share = o->updates / BATCHES_A_SECOND + 1;
	const unsigned batch = share < LOOP_BATCH_FLOWS ? share : LOOP_BATCH_FLOWS;
	uint64_t elapsed;

	while ((elapsed = rte_rdtsc() - start) < duration) {
		/* Since the first call: what a window leaves over, the next makes up for. */
		const double seconds = load->seconds + (double)elapsed / (double)hz;

		if (seconds * o->updates >= (double)(load->installed + batch))
			flows_exchange(load, batch);
		else if (seconds * o->reads * o->flows >= (double)(load->reads + READS_A_SLICE))
			counters_read(load);
		else
			rte_delay_us_sleep(IDLE_US);
	}
	load->seconds += (double)elapsed / (double)hz;
}

/* Remove what is installed, and free. Counters of the load stay readable. */
static void
load_fini(struct load *load)
{
	if (load->n_handles > 0)
		flows_exchange(load, 0);
	free(load->legs);
	load->legs = NULL;
}

/* Everything was done as asked, and no flow was left or met. False after a message. */
static bool
load_is_sound(const struct load *load)
{
	const struct dp *dp = load->rig->dp;
	const unsigned flows = dp_flow_count(dp, DP_IPV4) + dp_flow_count(dp, DP_IPV6);
	bool ok = law("control", "updates and reads that were refused", load->failures, 0);

	ok &= law("control", "flows removed", load->removed, load->installed);
	ok &= law("control", "flows left", flows,
		load->rig->options->flows + loop_peers(load->rig->options));
	return law("control", "packets of flows that none belongs to", load->met, 0) && ok;
}

/* One JSON object on a line of standard output. Takes the reference. */
static void
line_print(json_t *object)
{
	json_dumpf(object, stdout, JSON_COMPACT | JSON_REAL_PRECISION(6));
	putchar('\n');
	fflush(stdout);
	json_decref(object);
}

/* All cycles are those of the TSC, of all workers; packets are those put on tx. */
static void
window_measure(const struct loop_rig *rig, struct load *load, unsigned us)
{
	const unsigned workers = rig->options->workers;
	const uint64_t sent_before = loop_rig_sent(rig);
	const uint64_t freeing_before = loop_rig_freeing_cycles(rig);
	const uint64_t start = rte_rdtsc();
	uint64_t cycles, freeing, sent;

	if (load != NULL)
		load_run(load, us);
	else
		rte_delay_us_sleep(us);
	sent = loop_rig_sent(rig) - sent_before;
	freeing = loop_rig_freeing_cycles(rig) - freeing_before;
	cycles = (rte_rdtsc() - start) * workers;
	line_print(json_pack("{s:I, s:I, s:I}", "packets", (json_int_t)sent, "cycles",
		(json_int_t)cycles, "freeing", (json_int_t)freeing));
}

static void
window_count(const struct loop_rig *rig, unsigned instructions)
{
	const struct loop_steps steps = loop_steps_count(rig, instructions);

	line_print(json_pack("{s:I, s:I}", "packets", (json_int_t)steps.packets, "instructions",
		(json_int_t)steps.instructions));
}

/*
 * "calm US" or "load US" a line, until the input ends: a window while control rests, or works;
 * "steps N": one in which so many instructions are counted.
 */
static void
windows_measure(const struct loop_rig *rig, struct load *load)
{
	char word[8];
	unsigned n;

	while (scanf("%7s %u", word, &n) == 2) {
		if (strcmp(word, "steps") == 0)
			window_count(rig, n);
		else
			window_measure(rig, strcmp(word, "load") == 0 ? load : NULL, n);
	}
}

static double
longest_round_us(const struct dp *dp)
{
	uint64_t longest_ns = 0;

	for (unsigned w = 0; w < dp_worker_count(dp); w++) {
		struct dp_worker_stats stats;

		if (dp_worker_stats_get(dp, w, &stats) == 0 && stats.longest_round_ns > longest_ns)
			longest_ns = stats.longest_round_ns;
	}
	return (double)longest_ns / 1e3;
}

/* "model name" of the first CPU. */
static json_t *
cpu_model(void)
{
	FILE *file = fopen("/proc/cpuinfo", "r");
	json_t *model = NULL;
	char line[256];

	while (file != NULL && model == NULL && fgets(line, sizeof(line), file) != NULL) {
		const char *colon = strchr(line, ':');

		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "model name", 10) == 0 && colon != NULL)
			model = json_string(colon + 2);
	}
	if (file != NULL)
		fclose(file);
	return model != NULL ? model : json_string("unknown");
}

/* The last line: once the workers have stopped. False when a packet is not accounted for. */
static bool
report_print(const struct loop_rig *rig, const struct load *load)
{
	bool conserved = loop_laws_hold(rig);

	conserved &= load_is_sound(load);
	line_print(json_pack("{s:I, s:b, s:f, s:f, s:f}", "packets", (json_int_t)loop_rig_sent(rig),
		"conservation_ok", conserved, "longest_round_us", longest_round_us(rig->dp),
		"updates_per_second",
		load->seconds > 0 ? (double)load->installed / load->seconds : 0, "reads_per_second",
		load->seconds > 0 ? (double)load->reads / load->seconds : 0));
	return conserved;
}

/* Whether enough are free for both tables and pools. */
static bool
hugepages_suffice(const struct loop_options *options)
{
	FILE *file = fopen("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "r");
	unsigned long free_pages = 0;

	if (file != NULL) {
		if (fscanf(file, "%lu", &free_pages) != 1)
			free_pages = 0;
		fclose(file);
	}
	return free_pages * HUGEPAGE_MB >= loop_rig_memory_mb(options);
}

int
main(int argc, char **argv)
{
	static struct loop_options options;
	static struct loop_rig rig;
	static struct load load;
	struct dp_worker_info worker;
	char error[256];
	bool conserved;

	if (argc != 2) {
		fprintf(stderr, "usage: closed-loop SETTING; see perf/closed-loop --help\n");
		return 2;
	}
	loop_options_read(&options, argv[1]);
	options.hugepages = options.hugepages && hugepages_suffice(&options);
	loop_rig_create(&rig, &options);
	/* Of "auto", the one that it is. */
	if (dp_worker_info_get(rig.dp, 0, &worker) == 0)
		snprintf(options.level, sizeof(options.level), "%s", worker.cpu_level);
	if (load_init(&load, &rig) < 0)
		return 1;
	if (loop_steps_init() < 0) {
		fprintf(stderr, "closed-loop: the worker's lcore cannot be prepared\n");
		return 1;
	}
	if (dp_start(rig.dp, error, sizeof(error)) < 0) {
		fprintf(stderr, "closed-loop: %s\n", error);
		return 1;
	}
	if (options.workers > 1 || options.direct)
		loop_rig_direct(&rig);
	if (options.learned != LOOP_FIXED || options.latch != DP_LATCH_OPEN) {
		const int ret = loop_flows_resolve(&options, rig.dp, rig.handles);

		if (ret < 0) {
			fprintf(stderr, "closed-loop: learning sources: %s\n", strerror(-ret));
			return 1;
		}
	}
	line_print(json_pack("{s:o, s:s, s:o}", "setting", loop_options_json(&options), "dpdk",
		dp_dpdk_version(), "cpu", cpu_model()));
	windows_measure(&rig, &load);
	load_fini(&load);
	dp_stop(rig.dp);
	conserved = report_print(&rig, &load);
	loop_rig_destroy(&rig);
	return conserved ? 0 : 1;
}
