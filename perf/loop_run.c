/* SPDX-License-Identifier: BSD-3-Clause */
#include "loop_run.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <rte_cycles.h>

#include "loop_laws.h"

static double
seconds_of(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Many short windows: a worker that the host takes off its CPU spoils some, not the median. */
static void
windows_measure(const struct loop_rig *rig, struct loop_result *result)
{
	const struct loop_options *o = rig->options;
	const unsigned window_us = (unsigned)(o->seconds * 1e6 / LOOP_WINDOWS);
	const double cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
	const double wall = seconds_of(CLOCK_MONOTONIC);
	double cycles[LOOP_WINDOWS];

	for (unsigned i = 0; i < LOOP_WINDOWS; i++) {
		uint64_t sent = loop_rig_sent(rig), start = rte_rdtsc();

		rte_delay_us_sleep(window_us);
		uint64_t more = loop_rig_sent(rig) - sent;

		cycles[i] = (double)(rte_rdtsc() - start) * o->workers / (double)(more ? more : 1);
	}
	result->cycles = spread_of(cycles, LOOP_WINDOWS);
	/* Control sleeps: what the process burns, its workers burn. */
	result->cpu_share = (seconds_of(CLOCK_PROCESS_CPUTIME_ID) - cpu) /
			    (seconds_of(CLOCK_MONOTONIC) - wall) / o->workers;
}

/* In the child: the whole life of a rig. */
static int
rig_measure(const struct loop_options *options, struct loop_result *result)
{
	struct loop_rig rig;
	char error[256];
	int ret = loop_rig_create(&rig, options);

	if (ret == 0 && dp_start(rig.dp, error, sizeof(error)) < 0) {
		fprintf(stderr, "closed-loop: %s\n", error);
		ret = -1;
	}
	if (ret == 0) {
		rte_delay_us_sleep(LOOP_WARM_UP_US);
		windows_measure(&rig, result);
		dp_stop(rig.dp);
		result->packets = loop_rig_sent(&rig);
		result->conserved = loop_laws_hold(&rig);
	}
	loop_rig_destroy(&rig);
	return ret;
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
		if (rig_measure(options, &measured) < 0 ||
			write(fds[1], &measured, sizeof(measured)) != sizeof(measured))
			_exit(1);
		_exit(0);
	}
	close(fds[1]);
	got = read(fds[0], result, sizeof(*result));
	close(fds[0]);
	waitpid(pid, &status, 0);
	return got == sizeof(*result) && status == 0 ? 0 : -1;
}
