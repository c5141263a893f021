/* SPDX-License-Identifier: BSD-3-Clause */
/* See cpu_checks.h. */
#include "doctor/cpu_checks.h"

#include <ctype.h>
#include <dirent.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "doctor/boot.h"

#define CPU_DIR "/sys/devices/system/cpu"

/* Index of the worker on that CPU, -1: none. */
static int
worker_of(const struct setup *setup, unsigned long cpu)
{
	for (unsigned i = 0; i < setup->n_workers; i++) {
		if (setup->workers[i] == cpu)
			return (int)i;
	}
	return -1;
}

/* The next of the sample's interrupts; NULL: no memory. */
static struct interrupt *
interrupt_add(struct sample *sample)
{
	const unsigned n = sample->n_interrupts;

	/* There is room up to the next power of two. */
	if ((n & (n - 1)) == 0) {
		struct interrupt *grown =
			realloc(sample->interrupts, (n ? 2 * (size_t)n : 1) * sizeof(*grown));

		if (!grown)
			return NULL;
		sample->interrupts = grown;
	}
	sample->interrupts[n] = (struct interrupt){0};
	return &sample->interrupts[sample->n_interrupts++];
}

/*
 * The head names the CPUs that are online; lines have a column for each, then words. A machine with
 * many queues has thousands of lines, of which those of the timer and of rescheduling come last.
 */
static void
interrupts_read(const char *root, const struct setup *setup, struct sample *sample)
{
	FILE *file = tree_open(root, "/proc/interrupts");
	int workers[CPU_SETSIZE];
	unsigned n_columns = 0;
	char *line = NULL;
	size_t size = 0;

	if (file && getline(&line, &size, file) > 0) {
		for (const char *at = line; n_columns < CPU_SETSIZE && (at = strstr(at, "CPU"));)
			workers[n_columns++] = worker_of(setup, strtoul(at += 3, NULL, 10));
	}
	while (file && getline(&line, &size, file) > 0) {
		char *at = strchr(line, ':'), *end;
		const size_t blanks = strspn(line, " ");
		struct interrupt *interrupt;

		/* Errors are counted for the machine. */
		if (!at || strncmp(line + blanks, "ERR", 3) == 0 ||
			strncmp(line + blanks, "MIS", 3) == 0)
			continue;
		interrupt = interrupt_add(sample);
		if (!interrupt)
			break;
		snprintf(interrupt->name, sizeof(interrupt->name), "%.*s",
			(int)(at - line - (ptrdiff_t)blanks), line + blanks);
		at++;
		for (unsigned i = 0; i < n_columns; i++, at = end) {
			const uint64_t count = strtoull(at, &end, 10);

			if (end == at)
				break;
			if (workers[i] >= 0)
				interrupt->counts[workers[i]] = count;
		}
	}
	free(line);
	if (file)
		fclose(file);
}

/* A thread that may run on the CPU of one worker only is that worker. */
static void
thread_read(const char *root, const struct setup *setup, const char *thread, struct sample *sample)
{
	FILE *file = tree_open(root, "/proc/%d/task/%s/status", (int)setup->pid, thread);
	uint64_t switches = 0;
	int worker = -1;
	char line[256];

	while (file && fgets(line, sizeof(line), file)) {
		unsigned long cpu;
		char end;

		if (sscanf(line, "Cpus_allowed_list: %lu%c", &cpu, &end) == 2 && end == '\n')
			worker = worker_of(setup, cpu);
		sscanf(line, "nonvoluntary_ctxt_switches: %" SCNu64, &switches);
	}
	if (file)
		fclose(file);
	if (worker < 0)
		return;
	sample->switches[worker] += switches;
	sample->has_threads = true;
}

static void
threads_read(const char *root, const struct setup *setup, struct sample *sample)
{
	char path[TREE_PATH_MAX];
	struct dirent *entry;
	DIR *directory;

	snprintf(path, sizeof(path), "%s/proc/%d/task", root, (int)setup->pid);
	directory = setup->pid ? opendir(path) : NULL;
	while (directory && (entry = readdir(directory))) {
		if (isdigit((unsigned char)entry->d_name[0]))
			thread_read(root, setup, entry->d_name, sample);
	}
	if (directory)
		closedir(directory);
}

/* Time that a hypervisor gave to others, of sluiced's CPUs or, if these are not known, of all. */
static void
ticks_read(const char *root, const struct setup *setup, struct sample *sample)
{
	FILE *file = tree_open(root, "/proc/stat");
	char line[512];
	cpu_set_t cpus;

	setup_cpus(setup, &cpus);
	while (file && fgets(line, sizeof(line), file)) {
		/* user nice system idle iowait irq softirq steal */
		uint64_t ticks[8];
		unsigned cpu;

		if (!isdigit((unsigned char)line[3]))
			continue; /* the sum of all */
		if (sscanf(line,
			    "cpu%u %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64
			    " %" SCNu64 " %" SCNu64 " %" SCNu64,
			    &cpu, &ticks[0], &ticks[1], &ticks[2], &ticks[3], &ticks[4], &ticks[5],
			    &ticks[6], &ticks[7]) != 9 ||
			(setup->known && !CPU_ISSET(cpu, &cpus)))
			continue;
		for (unsigned i = 0; i < 8; i++)
			sample->ticks += ticks[i];
		sample->stolen_ticks += ticks[7];
	}
	if (file)
		fclose(file);
}

void
sample_read(const char *root, const struct setup *setup, struct sample *sample)
{
	memset(sample, 0, sizeof(*sample));
	sample->time_ns = clock_read_ns(CLOCK_MONOTONIC);
	interrupts_read(root, setup, sample);
	threads_read(root, setup, sample);
	ticks_read(root, setup, sample);
}

void
sample_fini(struct sample *sample)
{
	free(sample->interrupts);
}

void
cores_read(const char *root, const struct setup *setup, struct cores *facts)
{
	facts->setup = setup;
	tree_cpus(root, &facts->present, CPU_DIR "/present");
	tree_cpus(root, &facts->online, CPU_DIR "/online");
}

struct verdict
cores_judge(const struct cores *facts)
{
	static const char why[] = "sluiced does not start: 0 packets are forwarded.";
	const struct setup *setup = facts->setup;
	struct verdict verdict = verdict_begin("cores");
	char text[CPUS_TEXT_MAX];
	cpu_set_t workers, seen;
	unsigned cpu;

	setup_workers(setup, &workers);
	CPU_ZERO(&seen);
	verdict_found(&verdict, "workers on %s, control on CPU %d",
		cpus_format(&workers, false, text), setup->control_core);
	for (unsigned i = 0; i <= setup->n_workers; i++) {
		cpu = i < setup->n_workers ? setup->workers[i] : (unsigned)setup->control_core;
		if (!CPU_ISSET(cpu, &facts->present)) {
			verdict_found(&verdict, "; there is no CPU %u, expected one of %s", cpu,
				cpus_format(&facts->present, true, text));
			verdict_fault(&verdict, SEVERITY_ERROR, why, "sudoedit %s", setup->path);
		} else if (!CPU_ISSET(cpu, &facts->online)) {
			verdict_found(&verdict, "; CPU %u is offline", cpu);
			verdict_fault(&verdict, SEVERITY_ERROR, why,
				"echo 1 | sudo tee " CPU_DIR "/cpu%u/online", cpu);
		}
		if (CPU_ISSET(cpu, &seen)) {
			verdict_found(&verdict, "; CPU %u is used twice", cpu);
			verdict_fault(&verdict, SEVERITY_ERROR, why, "sudoedit %s", setup->path);
		}
		CPU_SET(cpu, &seen);
	}
	return verdict;
}

/* It is where it was, unless others came or went. */
static const struct interrupt *
interrupt_find(const struct sample *sample, const char *name, unsigned likely)
{
	for (unsigned i = 0; i < sample->n_interrupts; i++) {
		const unsigned at = (likely + i) % sample->n_interrupts;

		if (strcmp(sample->interrupts[at].name, name) == 0)
			return &sample->interrupts[at];
	}
	return NULL;
}

void
isolation_read(const char *root, const struct setup *setup, const struct sample *before,
	const struct sample *after, struct isolation *facts)
{
	memset(facts, 0, sizeof(*facts));
	facts->setup = setup;
	facts->seconds = (double)(after->time_ns - before->time_ns) / (double)NS_PER_S;
	facts->has_threads = before->has_threads && after->has_threads;
	tree_cpus(root, &facts->isolated, CPU_DIR "/isolated");
	tree_cpus(root, &facts->tickless, CPU_DIR "/nohz_full");
	boot_cpus(root, "isolcpus", &facts->isolated_at_boot);
	boot_cpus(root, "nohz_full", &facts->tickless_at_boot);
	for (unsigned w = 0; w < setup->n_workers; w++)
		facts->workers[w].switches = after->switches[w] - before->switches[w];
	for (unsigned i = 0; i < after->n_interrupts; i++) {
		const struct interrupt *now = &after->interrupts[i];
		const struct interrupt *then = interrupt_find(before, now->name, i);

		for (unsigned w = 0; w < setup->n_workers; w++) {
			const uint64_t n = now->counts[w] - (then ? then->counts[w] : 0);

			facts->workers[w].interrupts += n;
			if (n <= facts->workers[w].n_most)
				continue;
			facts->workers[w].n_most = n;
			snprintf(facts->workers[w].most, sizeof(facts->workers[w].most), "%s",
				now->name);
		}
	}
}

/* A second of a tick that cannot be stopped altogether, and what the samples themselves cause. */
#define INTERRUPTS_FEW 20
#define SWITCHES_FEW 2

#define QUEUE_FULL \
	"at 14.9 million packets a second, 10 Gbit/s of the smallest frames, a queue of 1024 " \
	"descriptors is full after 69 us."

/* sluice-setup isolates CPUs; once it has written all workers to its file, a boot is missing. */
static void
isolate_mend(const struct isolation *facts, const cpu_set_t *at_boot, const char *why,
	struct verdict *verdict)
{
	cpu_set_t workers, there;

	setup_workers(facts->setup, &workers);
	CPU_AND(&there, &workers, at_boot);
	verdict_fault(verdict, SEVERITY_WARNING, why,
		CPU_EQUAL(&there, &workers) ? "sudo reboot" : "sudo sluice-setup");
}

/* What keeps the interrupt away that the worker has most of. */
static void
isolation_mend(const struct isolation *facts, unsigned worker, struct verdict *verdict)
{
	static const char why[] =
		"Meanwhile the worker takes no packets from its queues: " QUEUE_FULL;
	const struct setup *setup = facts->setup;
	const unsigned cpu = setup->workers[worker];
	const char *most = facts->workers[worker].most;

	if (!CPU_ISSET(cpu, &facts->isolated))
		isolate_mend(facts, &facts->isolated_at_boot, why, verdict);
	else if (strcmp(most, "LOC") == 0 && !CPU_ISSET(cpu, &facts->tickless))
		isolate_mend(facts, &facts->tickless_at_boot, why, verdict);
	else if (isdigit((unsigned char)most[0]))
		verdict_fault(verdict, SEVERITY_WARNING, why,
			"echo %d | sudo tee /proc/irq/%s/smp_affinity_list", setup->control_core,
			most);
	else
		verdict_fault(verdict, SEVERITY_WARNING, why,
			"ps -eLo psr,pid,tid,comm | awk \"\\$1 == %u\" # then: sudo taskset -cp %d "
			"TID",
			cpu, setup->control_core);
}

struct verdict
isolation_judge(const struct isolation *facts)
{
	const struct setup *setup = facts->setup;
	struct verdict verdict = verdict_begin("isolation");
	const double seconds = facts->seconds > 0 ? facts->seconds : 1;
	unsigned n_disturbed = 0, n_open = 0;
	char text[CPUS_TEXT_MAX];
	cpu_set_t open;

	CPU_ZERO(&open);
	for (unsigned i = 0; i < setup->n_workers; i++) {
		const double interrupts = (double)facts->workers[i].interrupts / seconds;
		const double switches = (double)facts->workers[i].switches / seconds;

		if (!CPU_ISSET(setup->workers[i], &facts->isolated)) {
			CPU_SET(setup->workers[i], &open);
			n_open++;
		}
		if (interrupts <= INTERRUPTS_FEW && switches <= SWITCHES_FEW)
			continue;
		verdict_found(&verdict, "%sCPU %u: %.0f interrupts/s", n_disturbed++ ? "; " : "",
			setup->workers[i], interrupts);
		if (facts->workers[i].n_most > 0)
			verdict_found(&verdict, " (%s: %.0f)", facts->workers[i].most,
				(double)facts->workers[i].n_most / seconds);
		if (facts->has_threads)
			verdict_found(&verdict, ", %.0f involuntary switches/s", switches);
		isolation_mend(facts, i, &verdict);
	}
	if (n_disturbed == 0)
		verdict_found(
			&verdict, "at most %u interrupts/s on each worker's CPU", INTERRUPTS_FEW);
	if (n_disturbed == 0 && facts->has_threads)
		verdict_found(&verdict, ", and %u involuntary switches/s", SWITCHES_FEW);
	if (n_open == 0) {
		verdict_found(&verdict, "; isolated");
		return verdict;
	}
	verdict_found(&verdict, "; %s not isolated", cpus_format(&open, false, text));
	isolate_mend(facts, &facts->isolated_at_boot,
		"The scheduler may put any thread on a worker's CPU, which then takes no "
		"packets: " QUEUE_FULL,
		&verdict);
	return verdict;
}

void
siblings_read(const char *root, const struct setup *setup, struct siblings *facts)
{
	cpu_set_t online;

	memset(facts, 0, sizeof(*facts));
	facts->setup = setup;
	tree_cpus(root, &facts->isolated, CPU_DIR "/isolated");
	tree_cpus(root, &online, CPU_DIR "/online");
	for (unsigned i = 0; i < setup->n_workers; i++) {
		cpu_set_t *siblings = &facts->workers[i];

		tree_cpus(root, siblings, CPU_DIR "/cpu%u/topology/thread_siblings_list",
			setup->workers[i]);
		CPU_CLR(setup->workers[i], siblings);
		CPU_AND(siblings, siblings, &online);
	}
}

struct verdict
siblings_judge(const struct siblings *facts)
{
	const struct setup *setup = facts->setup;
	struct verdict verdict = verdict_begin("smt");
	char text[CPUS_TEXT_MAX];
	cpu_set_t ours, shared;
	unsigned n = 0;

	setup_cpus(setup, &ours);
	for (unsigned i = 0; i < setup->n_workers; i++) {
		const unsigned cpu = setup->workers[i];

		CPU_AND(&shared, &facts->workers[i], &ours);
		if (CPU_COUNT(&shared) > 0) {
			verdict_found(&verdict, "%sCPU %u shares its core with %s of sluiced",
				n++ > 0 ? "; " : "", cpu, cpus_format(&shared, false, text));
			verdict_fault(&verdict, SEVERITY_WARNING,
				"Two threads of a core share its execution units and caches: each "
				"forwards fewer packets than with a core of its own.",
				"sudoedit %s # workers: one CPU of a core", setup->path);
			continue;
		}
		CPU_AND(&shared, &facts->workers[i], &facts->isolated);
		CPU_XOR(&shared, &shared, &facts->workers[i]);
		if (CPU_COUNT(&shared) == 0)
			continue;
		verdict_found(&verdict, "%sCPU %u shares its core with %s", n++ > 0 ? "; " : "",
			cpu, cpus_format(&shared, false, text));
		for (unsigned other = 0; other < CPU_SETSIZE; other++) {
			if (CPU_ISSET(other, &shared))
				verdict_fault(&verdict, SEVERITY_WARNING,
					"While anything runs on the other thread of the core, the "
					"worker shares execution units and caches with it, and "
					"forwards fewer packets.",
					"echo 0 | sudo tee " CPU_DIR "/cpu%u/online", other);
		}
	}
	if (n == 0)
		verdict_found(&verdict, "no worker shares its core");
	return verdict;
}

#define LATENCY_LONG_US 50

void
sleep_states_read(const char *root, const cpu_set_t *cpus, struct sleep_states *facts)
{
	char driver[32];

	memset(facts, 0, sizeof(*facts));
	facts->cpus = *cpus;
	tree_text(root, driver, sizeof(driver), CPU_DIR "/cpuidle/current_driver");
	facts->has_driver = driver[0] != '\0' && strcmp(driver, "none") != 0;
	for (unsigned cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		for (unsigned state = 0; CPU_ISSET(cpu, cpus); state++) {
			const uint64_t latency_us = (uint64_t)tree_number(
				root, 0, CPU_DIR "/cpu%u/cpuidle/state%u/latency", cpu, state);

			if (!tree_exists(root, CPU_DIR "/cpu%u/cpuidle/state%u", cpu, state))
				break;
			if (tree_number(root, 0, CPU_DIR "/cpu%u/cpuidle/state%u/disable", cpu,
				    state) != 0)
				continue;
			if (latency_us > LATENCY_LONG_US)
				CPU_SET(cpu, &facts->deep);
			if (latency_us < facts->latency_us)
				continue;
			facts->latency_us = latency_us;
			tree_text(root, facts->name, sizeof(facts->name),
				CPU_DIR "/cpu%u/cpuidle/state%u/name", cpu, state);
		}
	}
}

struct verdict
sleep_states_judge(const struct sleep_states *facts)
{
	struct verdict verdict = verdict_begin("c-states");
	char text[CPUS_TEXT_MAX];

	if (!facts->has_driver) {
		verdict_found(&verdict, "the kernel selects none");
		return verdict;
	}
	if (CPU_COUNT(&facts->deep) == 0) {
		verdict_found(&verdict, "%s: at most %s, left in %" PRIu64 " us",
			cpus_format(&facts->cpus, false, text),
			facts->name[0] ? facts->name : "none", facts->latency_us);
		return verdict;
	}
	verdict_found(&verdict, "%s: up to %s, left in %" PRIu64 " us, expected at most %u us",
		cpus_format(&facts->deep, false, text), facts->name, facts->latency_us,
		LATENCY_LONG_US);
	verdict_fault(&verdict, SEVERITY_WARNING,
		"A worker never sleeps, but interrupts of net_af_xdp, the control thread and a "
		"core "
		"beside it do: the first packet after a pause waits that long.",
		"sudo cpupower -c %s idle-set -D %u # of the package linux-cpupower",
		cpus_format(&facts->deep, true, text), LATENCY_LONG_US);
	return verdict;
}

void
governor_read(const char *root, const cpu_set_t *cpus, struct governor *facts)
{
	char name[sizeof(facts->name)];

	memset(facts, 0, sizeof(*facts));
	facts->cpus = *cpus;
	for (unsigned cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, cpus) ||
			!tree_text(root, name, sizeof(name),
				CPU_DIR "/cpu%u/cpufreq/scaling_governor", cpu))
			continue;
		facts->has_driver = true;
		if (strcmp(name, "performance") == 0)
			continue;
		if (CPU_COUNT(&facts->slow) == 0)
			snprintf(facts->name, sizeof(facts->name), "%s", name);
		CPU_SET(cpu, &facts->slow);
	}
}

struct verdict
governor_judge(const struct governor *facts)
{
	struct verdict verdict = verdict_begin("governor");
	char text[CPUS_TEXT_MAX];

	if (!facts->has_driver) {
		verdict_found(&verdict, "none: the kernel does not set the frequency");
		return verdict;
	}
	if (CPU_COUNT(&facts->slow) == 0) {
		verdict_found(&verdict, "%s: performance", cpus_format(&facts->cpus, false, text));
		return verdict;
	}
	verdict_found(&verdict, "%s: %s, expected performance",
		cpus_format(&facts->slow, false, text), facts->name);
	verdict_fault(&verdict, SEVERITY_WARNING,
		"The kernel may run the CPU below its full frequency: a worker then executes fewer "
		"instructions a second, and forwards fewer packets.",
		"sudo cpupower -c %s frequency-set -g performance # of the package linux-cpupower",
		cpus_format(&facts->slow, true, text));
	return verdict;
}

void
processor_read(const char *root, struct processor *facts)
{
	FILE *file = tree_open(root, "/proc/cpuinfo");
	char line[8192];

	*facts = (struct processor){0};
	while (file && !facts->is_x86 && fgets(line, sizeof(line), file)) {
		facts->is_intel |=
			strncmp(line, "vendor_id", 9) == 0 && strstr(line, "GenuineIntel");
		if (strncmp(line, "flags\t", 6) != 0)
			continue;
		facts->is_x86 = true;
		facts->is_constant = has_word(line, "constant_tsc");
		facts->is_nonstop = has_word(line, "nonstop_tsc");
		facts->is_virtual = has_word(line, "hypervisor");
	}
	if (file)
		fclose(file);
}

struct verdict
tsc_judge(const struct processor *facts)
{
	struct verdict verdict = verdict_begin("tsc");

	if (!facts->is_x86) {
		verdict_found(&verdict, "not an x86 CPU: its timer has one rate");
		return verdict;
	}
	if (facts->is_constant && facts->is_nonstop) {
		verdict_found(&verdict, "invariant (constant_tsc, nonstop_tsc)");
		return verdict;
	}
	verdict_found(&verdict, "not invariant: without %s%s%s",
		facts->is_constant ? "" : "constant_tsc",
		facts->is_constant || facts->is_nonstop ? "" : " and ",
		facts->is_nonstop ? "" : "nonstop_tsc");
	verdict_fault(&verdict, SEVERITY_WARNING,
		"Workers measure time by the TSC: policers let the wrong number of packets "
		"pass, and "
		"latencies in us are wrong. In a VM, its host must pass the CPU's flags on.",
		"virsh edit VM # on the host: <cpu mode=\"host-passthrough\"><feature "
		"policy=\"require\" name=\"invtsc\"/></cpu>");
	return verdict;
}

#define STEAL_PERMILLE_MANY 5

struct verdict
steal_judge(const struct steal *facts)
{
	struct verdict verdict = verdict_begin("steal");
	const uint64_t permille = facts->ticks ? facts->stolen_ticks * 1000 / facts->ticks : 0;

	if (!facts->is_virtual && facts->stolen_ticks == 0) {
		verdict_found(&verdict, "none: not a virtual machine");
		return verdict;
	}
	verdict_found(&verdict, "%" PRIu64 ".%" PRIu64 "%% of the CPUs' time in a virtual machine",
		permille / 10, permille % 10);
	if (permille <= STEAL_PERMILLE_MANY)
		return verdict;
	verdict_found(&verdict, ", expected at most 0.%u%%", STEAL_PERMILLE_MANY);
	verdict_fault(&verdict, SEVERITY_WARNING,
		"A worker without its CPU takes no packets from its queues: " QUEUE_FULL,
		"virsh vcpupin VM VCPU CPU # on the host, a CPU for each, shared by no other");
	return verdict;
}

void
cpu_checks(const char *root, const struct setup *setup, const struct sample *before,
	const struct sample *after, json_t *report)
{
	struct sleep_states sleep_states;
	struct processor processor;
	struct isolation isolation;
	struct siblings siblings;
	struct governor governor;
	struct verdict verdict;
	struct cores cores;
	struct steal steal;
	cpu_set_t cpus;

	setup_cpus(setup, &cpus);
	if (!setup->known)
		tree_cpus(root, &cpus, CPU_DIR "/online");
	if (setup->known) {
		cores_read(root, setup, &cores);
		verdict = cores_judge(&cores);
		verdict_report(&verdict, report);
		isolation_read(root, setup, before, after, &isolation);
		verdict = isolation_judge(&isolation);
		verdict_report(&verdict, report);
		siblings_read(root, setup, &siblings);
		verdict = siblings_judge(&siblings);
		verdict_report(&verdict, report);
	}
	sleep_states_read(root, &cpus, &sleep_states);
	verdict = sleep_states_judge(&sleep_states);
	verdict_report(&verdict, report);
	governor_read(root, &cpus, &governor);
	verdict = governor_judge(&governor);
	verdict_report(&verdict, report);
	processor_read(root, &processor);
	verdict = tsc_judge(&processor);
	verdict_report(&verdict, report);
	steal = (struct steal){.is_virtual = processor.is_virtual,
		.ticks = after->ticks - before->ticks,
		.stolen_ticks = after->stolen_ticks - before->stolen_ticks};
	verdict = steal_judge(&steal);
	verdict_report(&verdict, report);
}
