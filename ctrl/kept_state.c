/* SPDX-License-Identifier: BSD-3-Clause */
#include "kept_state.h"

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

/* What was there is said in one line, and what became of it if it was damaged. */
static void
report_tell(const struct store_report *report)
{
	if (report->moved_to[0] != '\0')
		log_line("warning: the stored state was damaged (%s) and is kept as %s",
			report->reason, report->moved_to);
	if (report->condition == STORE_LOST)
		log_line("warning: nothing of it could be read: starting without flows");
	else if (report->condition > STORE_OK)
		log_line("warning: going on from generation %llu, the last good one that could be "
			 "read; 'sluicectl history' shows what it holds",
			(unsigned long long)report->generation);
	if (report->migrated_from != 0)
		log_line("the stored state was of version %u and is of ours now",
			report->migrated_from);
}

int
kept_state_open(struct kept_state *kept, const struct config *config, struct event_base *base,
	struct fault *fault)
{
	struct store_report report;

	kept->store = open_beside_workers(config, base, &report, fault);
	if (!kept->store)
		return -1;
	report_tell(&report);
	store_warn(kept->store, log_warned, NULL);
	store_keep(kept->store, config->keep_declared, config->keep_calls);
	kept->is_fresh = report.condition == STORE_FRESH;
	return 0;
}

void
kept_state_close(struct kept_state *kept)
{
	store_close(kept->store);
	kept->store = NULL;
}

int
kept_state_attach(struct kept_state *kept, struct flows *flows, struct events *events,
	struct event_base *base, struct fault *fault)
{
	struct store_state state;

	store_state(kept->store, &state);
	flows->commits = commits_create(flows, kept->store, base, state.generation);
	if (!flows->commits)
		return fault_set(fault, FAULT_NO_ROOM, "", "no memory for commits");
	commits_warn(flows->commits, log_warned, NULL);
	if (confirm_init(
		    &kept->confirm, flows, kept->store, events, base, log_warned, NULL, fault) == 0)
		return 0;
	commits_destroy(flows->commits);
	return -1;
}

void
kept_state_detach(struct kept_state *kept)
{
	struct commits *commits = kept->confirm.flows->commits;

	confirm_fini(&kept->confirm);
	kept_state_close(kept);
	commits_destroy(commits);
}

int
kept_state_restore(struct kept_state *kept, struct flows *flows, const struct config *config,
	struct fault *fault)
{
	const char *files = config->state_flows;

	if (restore_flows(flows, kept->store, &kept->restored, fault) < 0)
		return -1;
	if (kept->restored.flows != 0 || kept->restored.left_out != 0)
		log_line("%llu flow%s restored, %llu left out",
			(unsigned long long)kept->restored.flows, plural_s(kept->restored.flows),
			(unsigned long long)kept->restored.left_out);
	if (kept->is_fresh && files[0] != '\0' && restore_files(flows, files, fault) < 0)
		return -1;
	confirm_catch_up(&kept->confirm);
	commits_finish(flows->commits);
	return 0;
}
