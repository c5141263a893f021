/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Checks of the CPUs: are the workers' there, left alone, awake and fast, and is their clock a
 * clock. Each has facts, what reads them below a root, and a pure function that judges them. Any
 * thread.
 */
#ifndef CTRL_DOCTOR_CPU_CHECKS_H
#define CTRL_DOCTOR_CPU_CHECKS_H

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>

#include "doctor/setup.h"
#include "doctor/tree.h"
#include "doctor/verdict.h"

#define INTERRUPT_NAME_MAX 24

/* A line of /proc/interrupts. */
struct interrupt {
	char name[INTERRUPT_NAME_MAX]; /* "24", "LOC" */
	uint64_t counts[DP_WORKERS_MAX]; /* by worker */
};

/* What the kernel has counted up to now. */
struct sample {
	uint64_t time_ns; /* CLOCK_MONOTONIC */
	unsigned n_interrupts;
	struct interrupt *interrupts; /* owned */
	uint64_t switches[DP_WORKERS_MAX]; /* involuntary ones, of sluiced's thread on that CPU */
	bool has_threads; /* sluiced's threads could be read */
	uint64_t ticks, stolen_ticks; /* of all CPUs that are looked at */
};

void sample_read(const char *root, const struct setup *setup, struct sample *sample);
void sample_fini(struct sample *sample);

struct cores {
	const struct setup *setup; /* borrowed */
	cpu_set_t present, online;
};

void cores_read(const char *root, const struct setup *setup, struct cores *facts);
struct verdict cores_judge(const struct cores *facts);

struct isolation {
	const struct setup *setup; /* borrowed */
	double seconds; /* between the samples */
	cpu_set_t isolated; /* isolcpus= */
	cpu_set_t tickless; /* nohz_full= */
	/* What sluice-setup has written for the next boot; empty if the kernel has it already. */
	cpu_set_t isolated_at_boot, tickless_at_boot;
	bool has_threads;
	struct {
		uint64_t interrupts; /* in that time */
		uint64_t switches;
		char most[INTERRUPT_NAME_MAX]; /* the name of the most frequent one */
		uint64_t n_most;
	} workers[DP_WORKERS_MAX];
};

void isolation_read(const char *root, const struct setup *setup, const struct sample *before,
	const struct sample *after, struct isolation *facts);
struct verdict isolation_judge(const struct isolation *facts);

struct siblings {
	const struct setup *setup; /* borrowed */
	cpu_set_t isolated;
	cpu_set_t workers[DP_WORKERS_MAX]; /* online CPUs on the worker's core but itself */
};

void siblings_read(const char *root, const struct setup *setup, struct siblings *facts);
struct verdict siblings_judge(const struct siblings *facts);

/* Of the CPUs of sluiced, or all of them if these are not known. */
struct sleep_states {
	cpu_set_t cpus;
	bool has_driver; /* the kernel selects states; else it halts, or the hypervisor decides */
	cpu_set_t deep; /* have a state enabled that takes long to leave */
	char name[32]; /* of the deepest one that is enabled */
	uint64_t latency_us; /* to leave that one */
};

void sleep_states_read(const char *root, const cpu_set_t *cpus, struct sleep_states *facts);
struct verdict sleep_states_judge(const struct sleep_states *facts);

struct governor {
	cpu_set_t cpus;
	bool has_driver; /* the kernel selects the frequency */
	cpu_set_t slow; /* have a governor other than performance */
	char name[32]; /* of the first of these */
};

void governor_read(const char *root, const cpu_set_t *cpus, struct governor *facts);
struct verdict governor_judge(const struct governor *facts);

/* From /proc/cpuinfo. */
struct processor {
	bool is_x86;
	bool is_constant, is_nonstop; /* the TSC */
	bool is_intel;
	bool is_virtual; /* there is a hypervisor */
};

void processor_read(const char *root, struct processor *facts);
struct verdict tsc_judge(const struct processor *facts);

struct steal {
	bool is_virtual;
	uint64_t ticks, stolen_ticks; /* in the time between the samples */
};

struct verdict steal_judge(const struct steal *facts);

/* All of these. */
void cpu_checks(const char *root, const struct setup *setup, const struct sample *before,
	const struct sample *after, json_t *report);

#endif
