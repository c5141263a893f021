/* SPDX-License-Identifier: BSD-3-Clause */
#include "persistence.h"

#include <sched.h>

#include "base/escape.h"
#include "base/log.h"

/*
 * The store has threads of its own: they may run on any CPU that this process may use, but for
 * those of the workers. Our own CPUs are what they were afterwards.
 */
static struct store *
open_beside_workers(const struct config *config, struct event_base *base,
	struct store_report *report, struct fault *fault)
{
	cpu_set_t ours, others;
	struct store *store;
	unsigned i;

	CPU_ZERO(&ours);
	sched_getaffinity(0, sizeof(ours), &ours);
	others = ours;
	for (i = 0; i < config->n_workers; i++)
		CPU_CLR(config->worker_cores[i], &others);
	if (CPU_COUNT(&others) > 0)
		sched_setaffinity(0, sizeof(others), &others);
	store = store_open(config->state_path, base, report, fault);
	sched_setaffinity(0, sizeof(ours), &ours);
	return store;
}

/* What was damaged, and what is used instead. */
static void
report_log(const struct store_report *report)
{
	if (report->moved_to[0] != '\0')
		log_line("warning: the stored state was damaged (%s) and is kept as %s",
			report->reason, report->moved_to);
	if (report->condition == STORE_LOST)
		log_line("warning: nothing of it could be read: starting without flows");
	else if (report->condition > STORE_OK)
		log_line(
			"warning: continuing from generation %llu, the last good one that could be "
			"read; 'sluicectl history' shows what it holds",
			(unsigned long long)report->generation);
	if (report->migrated_from != 0)
		log_line("the stored state was of layout version %u and has been migrated",
			report->migrated_from);
}

int
persistence_open(struct persistence *persistence, const struct config *config,
	struct event_base *base, struct fault *fault)
{
	struct store_report report;

	persistence->store = open_beside_workers(config, base, &report, fault);
	if (!persistence->store)
		return -1;
	report_log(&report);
	store_warn(persistence->store, log_warned, NULL);
	store_keep(persistence->store, config->keep_declared, config->keep_calls);
	persistence->is_fresh = report.condition == STORE_FRESH;
	return 0;
}

void
persistence_close(struct persistence *persistence)
{
	store_close(persistence->store);
	persistence->store = NULL;
}

int
persistence_attach(struct persistence *persistence, struct flows *flows, struct events *events,
	struct event_base *base, struct fault *fault)
{
	struct store_state state;

	store_state(persistence->store, &state);
	flows->commits = commits_create(flows, persistence->store, base, state.generation);
	if (!flows->commits)
		return fault_set(fault, FAULT_NO_ROOM, "", "no memory for commits");
	commits_warn(flows->commits, log_warned, NULL);
	if (confirm_init(&persistence->confirm, flows, persistence->store, events, base, log_warned,
		    NULL, fault) == 0)
		return 0;
	commits_destroy(flows->commits);
	return -1;
}

void
persistence_detach(struct persistence *persistence)
{
	struct commits *commits = persistence->confirm.flows->commits;

	confirm_fini(&persistence->confirm);
	persistence_close(persistence);
	commits_destroy(commits);
}

int
persistence_restore(struct persistence *persistence, struct flows *flows,
	const struct config *config, struct fault *fault)
{
	const char *files = config->state_flows;

	if (restore_flows(flows, persistence->store, &persistence->restored, fault) < 0)
		return -1;
	if (persistence->restored.flows != 0 || persistence->restored.left_out != 0)
		log_line("%llu flow%s restored, %llu left out",
			(unsigned long long)persistence->restored.flows,
			plural_s(persistence->restored.flows),
			(unsigned long long)persistence->restored.left_out);
	if (persistence->is_fresh && files[0] != '\0' && restore_files(flows, files, fault) < 0)
		return -1;
	confirm_catch_up(&persistence->confirm);
	commits_finish(flows->commits);
	return 0;
}
