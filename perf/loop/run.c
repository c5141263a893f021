/* SPDX-License-Identifier: BSD-3-Clause */
#include "run.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <rte_cycles.h>

#include "laws.h"
#include "load.h"
#include "rig.h"

#define WARM_UP_US 300000
#define WINDOWS 20 /* of a measurement, on both sides */
#define ARGS_MAX 32
#define ARG_BYTES 32

/* Figures of windows of one kind, yet to be sorted. */
struct series {
	double cycles[WINDOWS];
	double cycles_all[WINDOWS];
	unsigned n;
};

/* CPU time of all threads but this one. */
static double
workers_cpu_seconds(void)
{
	return seconds_of(CLOCK_PROCESS_CPUTIME_ID) - seconds_of(CLOCK_THREAD_CPUTIME_ID);
}

static void
window_measure(
	const struct loop_rig *rig, struct loop_load *load, unsigned us, struct series *series)
{
	const unsigned workers = rig->options->workers;
	const uint64_t sent_before = loop_rig_sent(rig);
	const uint64_t freeing_before = loop_rig_freeing_cycles(rig);
	const uint64_t start = rte_rdtsc();
	uint64_t cycles, freeing, sent;

	if (load != NULL)
		loop_load_run(load, us);
	else
		rte_delay_us_sleep(us);
	sent = loop_rig_sent(rig) - sent_before;
	freeing = loop_rig_freeing_cycles(rig) - freeing_before;
	cycles = (rte_rdtsc() - start) * workers;
	sent = sent > 0 ? sent : 1;
	series->cycles_all[series->n] = (double)cycles / (double)sent;
	series->cycles[series->n++] = ((double)cycles - (double)freeing) / (double)sent;
}

/*
 * Measure a rig that runs: the cycles and cpu_share of *result. Many short windows, so that a
 * worker that the host takes off its CPU spoils some of them, not the median.
 */
static void
windows_measure(const struct loop_rig *rig, struct loop_load *load, struct loop_result *result)
{
	const struct loop_options *o = rig->options;
	const unsigned window_us = (unsigned)(o->seconds * 1e6 / WINDOWS);
	const double cpu = workers_cpu_seconds(), wall = seconds_of(CLOCK_MONOTONIC);
	struct series measured = {.n = 0}, calm = {.n = 0};

	for (unsigned i = 0; i < WINDOWS; i++) {
		if (!loop_is_disturbed(o))
			window_measure(rig, NULL, window_us, &measured);
		else if (i % 2 == 0)
			window_measure(rig, NULL, window_us, &calm);
		else
			window_measure(rig, load, window_us, &measured);
	}
	result->cycles = spread_of(measured.cycles, measured.n);
	result->cycles_all = spread_of(measured.cycles_all, measured.n);
	if (calm.n > 0)
		result->calm = spread_of(calm.cycles, calm.n);
	result->cpu_share =
		(workers_cpu_seconds() - cpu) / (seconds_of(CLOCK_MONOTONIC) - wall) / o->workers;
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

/* While the workers run. */
static void
load_and_measure(const struct loop_rig *rig, struct loop_load *load, struct loop_result *result)
{
	rte_delay_us_sleep(WARM_UP_US);
	windows_measure(rig, load, result);
	if (load->seconds > 0) {
		result->updates_per_second = (double)load->installed / load->seconds;
		result->reads_per_second = (double)load->reads / load->seconds;
	}
	loop_load_fini(load);
	dp_stop(rig->dp);
	result->packets = loop_rig_sent(rig);
	result->longest_round_us = longest_round_us(rig->dp);
	result->conserved = loop_laws_hold(rig);
	result->conserved &= loop_load_sound(load);
}

/* In the child: the whole life of a rig. */
static void
rig_measure(const struct loop_options *options, struct loop_result *result)
{
	static struct loop_rig rig;
	static struct loop_load load;
	char error[256];

	loop_rig_create(&rig, options);
	if (loop_load_init(&load, &rig) < 0)
		_exit(1);
	if (dp_start(rig.dp, error, sizeof(error)) < 0) {
		fprintf(stderr, "closed-loop: %s\n", error);
		_exit(1);
	}
	if (options->workers > 1 || options->against == LOOP_ONE_WORKER)
		loop_rig_direct(&rig);
	load_and_measure(&rig, &load, result);
	loop_rig_destroy(&rig);
}

int
loop_run_sluice(const struct loop_options *options, struct loop_result *result)
{
	int fds[2], status = -1;
	ssize_t got;
	pid_t pid;

	if (pipe(fds) < 0 || (pid = fork()) < 0) {
		fprintf(stderr, "closed-loop: %s\n", strerror(errno));
		return -1;
	}
	if (pid == 0) {
		struct loop_result measured = {0};

		prctl(PR_SET_PDEATHSIG, SIGTERM);
		close(fds[0]);
		rig_measure(options, &measured);
		_exit(write(fds[1], &measured, sizeof(measured)) != sizeof(measured));
	}
	close(fds[1]);
	got = read(fds[0], result, sizeof(*result));
	close(fds[0]);
	waitpid(pid, &status, 0);
	return got == sizeof(*result) && status == 0 ? 0 : -1;
}

/*
 * The other side: dpdk-testpmd with 5tswap, the cheapest forwarding of DPDK that rewrites what we
 * rewrite, on a net_ring device that loops to itself just as ours. Its own count of cycles is read,
 * which leaves out the polls that found nothing; in as many short windows as ours, so that both
 * medians shrug off what the host takes away.
 */
struct testpmd {
	pid_t pid;
	FILE *in;
	FILE *out;
	char last_line[256]; /* that it said before its prompt */
};

/* In the child: become testpmd, with the same lcores and kind of memory. */
static void
testpmd_exec(const struct loop_options *o)
{
	char lcores[ARG_BYTES], memory[ARG_BYTES], burst[ARG_BYTES];
	const char *argv[ARGS_MAX];
	unsigned n = 0;

	snprintf(lcores, sizeof(lcores), "--lcores=0@%u,1@%u", o->control_core, o->worker_cores[0]);
	snprintf(memory, sizeof(memory), "-m%u", 512 + o->flows / 2048);
	snprintf(burst, sizeof(burst), "--burst=%u", LOOP_BURST);
	argv[n++] = "dpdk-testpmd";
	argv[n++] = lcores;
	argv[n++] = "--no-pci";
	argv[n++] = "--no-telemetry";
	argv[n++] = "--vdev=net_ring0";
	if (o->no_huge) {
		argv[n++] = "--no-huge";
		argv[n++] = "--no-shconf";
		argv[n++] = memory;
	} else {
		argv[n++] = "--in-memory";
	}
	argv[n++] = "--";
	argv[n++] = "--interactive";
	argv[n++] = "--forward-mode=5tswap";
	argv[n++] = burst;
	argv[n++] = "--nb-cores=1";
	argv[n++] = "--record-core-cycles";
	argv[n++] = "--total-num-mbufs=8192";
	argv[n] = NULL;
	execvp(argv[0], (char *const *)(void *)argv);
	fprintf(stderr, "closed-loop: dpdk-testpmd: %s\n", strerror(errno));
	_exit(127);
}

static int
testpmd_start(struct testpmd *t, const struct loop_options *o)
{
	int in[2], out[2];

	if (pipe(in) < 0 || pipe(out) < 0 || (t->pid = fork()) < 0) {
		fprintf(stderr, "closed-loop: %s\n", strerror(errno));
		return -1;
	}
	if (t->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		dup2(in[0], STDIN_FILENO);
		dup2(out[1], STDOUT_FILENO);
		dup2(out[1], STDERR_FILENO); /* it talks; testpmd_read() listens for its counts */
		close(in[1]);
		close(out[0]);
		testpmd_exec(o);
	}
	close(in[0]);
	close(out[1]);
	t->in = fdopen(in[1], "w");
	t->out = fdopen(out[0], "r");
	return t->in != NULL && t->out != NULL ? 0 : -1;
}

/* Its prompt is the first thing that it writes past its buffers, when it is ready to listen. */
static bool
testpmd_await_prompt(struct testpmd *t)
{
	static const char prompt[] = "testpmd> ";
	bool line_ended = false;
	size_t seen = 0, n = 0;
	int c;

	while (seen < strlen(prompt) && (c = fgetc(t->out)) != EOF) {
		seen = c == prompt[seen] ? seen + 1 : c == prompt[0];
		if (line_ended)
			n = 0;
		line_ended = c == '\n';
		if (!line_ended && n + 1 < sizeof(t->last_line))
			t->last_line[n++] = (char)c;
	}
	t->last_line[n] = '\0';
	return seen == strlen(prompt);
}

/* The dialogue: load the loop, warm up, and ask for the count at the edges of each window. */
static void
testpmd_drive(struct testpmd *t, const struct loop_options *o)
{
	fprintf(t->in, "set txpkts %u\nstart tx_first %u\n", o->size, o->inflight / LOOP_BURST);
	fflush(t->in);
	usleep(WARM_UP_US);
	for (unsigned i = 0; i <= WINDOWS; i++) {
		if (i > 0)
			usleep((useconds_t)(o->seconds * 1e6 / WINDOWS));
		fprintf(t->in, "show fwd stats all\n");
		fflush(t->in);
	}
	fprintf(t->in, "stop\nquit\n");
	fflush(t->in);
}

/* The counts that were asked for, until testpmd ends; cycles[i] of window i. Returns their number.
 */
static unsigned
testpmd_read(struct testpmd *t, double cycles[WINDOWS])
{
	unsigned long long cycles_before = 0, packets_before = 0, cycles_now, packets_now;
	unsigned edges = 0, n = 0;
	char line[512];

	while (fgets(line, sizeof(line), t->out) != NULL) {
		const char *at = strstr(line, "(total cycles=");

		if (at == NULL || edges > WINDOWS ||
			sscanf(at, "(total cycles=%llu / total %*s packets=%llu)", &cycles_now,
				&packets_now) != 2)
			continue;
		if (edges++ > 0 && packets_now > packets_before)
			cycles[n++] = (double)(cycles_now - cycles_before) /
				      (double)(packets_now - packets_before);
		cycles_before = cycles_now;
		packets_before = packets_now;
	}
	return n;
}

int
loop_run_testpmd(const struct loop_options *options, struct spread *cycles)
{
	struct testpmd t = {0};
	double windows[WINDOWS];
	unsigned n = 0;
	bool ready;
	int status;

	signal(SIGPIPE, SIG_IGN);
	if (testpmd_start(&t, options) < 0)
		return -1;
	ready = testpmd_await_prompt(&t);
	if (ready) {
		testpmd_drive(&t, options);
		n = testpmd_read(&t, windows);
	}
	fclose(t.in);
	fclose(t.out);
	waitpid(t.pid, &status, 0);
	if (status == 0 && n > WINDOWS / 2) {
		*cycles = spread_of(windows, n);
		return 0;
	}
	fprintf(stderr, "closed-loop: testpmd measured %u of %u windows (wait status %#x)%s%s\n", n,
		WINDOWS, (unsigned)status,
		ready ? "" : "; last it said: ", ready ? "" : t.last_line);
	return -1;
}
