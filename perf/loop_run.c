/* SPDX-License-Identifier: BSD-3-Clause */
#include "loop_run.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <rte_cycles.h>

#include "loop_direct.h"
#include "loop_laws.h"
#include "loop_load.h"
#include "loop_windows.h"

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
	rte_delay_us_sleep(LOOP_WARM_UP_US);
	loop_windows_measure(rig, load, result);
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
static int
rig_measure(const struct loop_options *options, struct loop_result *result)
{
	static struct loop_rig rig;
	static struct loop_load load;
	char error[256];
	int ret = loop_rig_create(&rig, options);

	if (ret == 0)
		ret = loop_load_init(&load, &rig);
	if (ret == 0 && dp_start(rig.dp, error, sizeof(error)) < 0) {
		fprintf(stderr, "closed-loop: %s\n", error);
		ret = -1;
	}
	if (ret == 0 && (options->workers > 1 || options->against == LOOP_ONE_WORKER))
		ret = loop_direct(&rig);
	if (ret == 0)
		load_and_measure(&rig, &load, result);
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
