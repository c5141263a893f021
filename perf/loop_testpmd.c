/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The other side: dpdk-testpmd with 5tswap, the cheapest forwarding of DPDK that rewrites what we
 * rewrite, on a net_ring device that loops to itself just as ours. Its own count of cycles is read,
 * which leaves out the polls that found nothing.
 */
#include "loop_run.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define WARM_UP_US 300000
#define START_UP_US 1000000
#define ARGS_MAX 32
#define ARG_BYTES 32

struct testpmd {
	pid_t pid;
	FILE *in;
	FILE *out;
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
		dup2(in[0], STDIN_FILENO);
		dup2(out[1], STDOUT_FILENO);
		dup2(out[1], STDERR_FILENO); /* it talks; testpmd_read() listens for one line */
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

/* The dialogue: load the loop, warm up, count afresh, wait, ask. */
static void
testpmd_drive(struct testpmd *t, const struct loop_options *o)
{
	usleep(START_UP_US);
	fprintf(t->in, "set txpkts %u\nstart tx_first %u\n", o->size, o->inflight / LOOP_BURST);
	fflush(t->in);
	usleep(WARM_UP_US);
	fprintf(t->in, "clear fwd stats all\n");
	fflush(t->in);
	usleep((useconds_t)(o->seconds * 1e6));
	fprintf(t->in, "show fwd stats all\nstop\nquit\n");
	fflush(t->in);
}

/* The first figure after the clear is the one that was asked for. */
static double
testpmd_read(struct testpmd *t)
{
	static const char label[] = "CPU cycles/packet=";
	char line[512];
	double cycles = 0;

	while (fgets(line, sizeof(line), t->out) != NULL) {
		const char *at = strstr(line, label);

		if (at != NULL && cycles <= 0)
			cycles = strtod(at + strlen(label), NULL);
	}
	return cycles;
}

int
loop_run_testpmd(const struct loop_options *options, double *cycles_a_packet)
{
	struct testpmd t;
	int status;

	signal(SIGPIPE, SIG_IGN);
	if (testpmd_start(&t, options) < 0)
		return -1;
	testpmd_drive(&t, options);
	*cycles_a_packet = testpmd_read(&t);
	fclose(t.in);
	fclose(t.out);
	waitpid(t.pid, &status, 0);
	if (status == 0 && *cycles_a_packet > 0)
		return 0;
	fprintf(stderr, "closed-loop: testpmd gave no figure (exit status %d)\n", status);
	return -1;
}
