/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The other side: dpdk-testpmd with 5tswap, the cheapest forwarding of DPDK that rewrites what we
 * rewrite, on a net_ring device that loops to itself just as ours. Its own count of cycles is read,
 * which leaves out the polls that found nothing; in as many short windows as ours, so that both
 * medians shrug off what the host takes away.
 */
#include "loop_run.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define ARGS_MAX 32
#define ARG_BYTES 32

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
	usleep(LOOP_WARM_UP_US);
	for (unsigned i = 0; i <= LOOP_WINDOWS; i++) {
		if (i > 0)
			usleep((useconds_t)(o->seconds * 1e6 / LOOP_WINDOWS));
		fprintf(t->in, "show fwd stats all\n");
		fflush(t->in);
	}
	fprintf(t->in, "stop\nquit\n");
	fflush(t->in);
}

/* The counts that were asked for, until testpmd ends; cycles[i] of window i. Returns their number.
 */
static unsigned
testpmd_read(struct testpmd *t, double cycles[LOOP_WINDOWS])
{
	unsigned long long cycles_before = 0, packets_before = 0, cycles_now, packets_now;
	unsigned edges = 0, n = 0;
	char line[512];

	while (fgets(line, sizeof(line), t->out) != NULL) {
		const char *at = strstr(line, "(total cycles=");

		if (at == NULL || edges > LOOP_WINDOWS ||
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
	double windows[LOOP_WINDOWS];
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
	if (status == 0 && n > LOOP_WINDOWS / 2) {
		*cycles = spread_of(windows, n);
		return 0;
	}
	fprintf(stderr, "closed-loop: testpmd measured %u of %u windows (wait status %#x)%s%s\n", n,
		LOOP_WINDOWS, (unsigned)status,
		ready ? "" : "; last it said: ", ready ? "" : t.last_line);
	return -1;
}
