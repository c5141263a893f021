/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What one closed-loop measurement is asked to do.
 */
#ifndef PERF_LOOP_OPTIONS_H
#define PERF_LOOP_OPTIONS_H

#include <stdbool.h>

struct loop_options {
	unsigned flows;
	unsigned inflight; /* packets a worker, a multiple of LOOP_BURST */
	unsigned family; /* 4 or 6 */
	bool vlan;
	unsigned legs;
	unsigned size; /* bytes of a frame, without FCS */
	unsigned workers;
	unsigned control_core;
	unsigned worker_cores[8];
	double seconds;
	unsigned rounds; /* of --against */
	bool against; /* testpmd */
	bool no_huge;
	bool json;
};

#define LOOP_BURST 32
#define LOOP_WORKERS_MAX 8

/*
 * Fill *options from the command line. 0, or the exit code with which the program should end:
 * 2 after a message on standard error, -1 after --help.
 */
int loop_options_parse(struct loop_options *options, int argc, char **argv);

#endif
