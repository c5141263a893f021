/* SPDX-License-Identifier: BSD-3-Clause */
/* Who waits, who is committed together, and how phase follows on phase. */
#include "flow/commit.h"

#include <assert.h>
#include <stdlib.h>

#include <event2/event.h>

#include "base/clock.h"
#include "flow/commit_apply.h"
#include "flow/commit_stage.h"

#define SLICE_NS (2 * NS_PER_S / 1000)
#define GROUP_OPS_MAX 4096 /* more are committed on their own */

/* A plan goes as far as commit_plan(), and is aborted. */
static const struct commit_phase plan_phases[] = {
	{NULL, commit_stage},
	{change_index, NULL},
	{change_check, NULL},
	{change_legs_count, commit_begin},
	{change_hops, NULL},
	{change_remove, NULL},
	{change_replace, commit_replace},
	{change_add, commit_add},
	{change_want, commit_wants_check},
	{NULL, commit_prepare},
	{NULL, commit_plan},
	{NULL, NULL},
};

static const struct commit_phase commit_phases[] = {
	{NULL, commit_stage},
	{change_index, NULL},
	{change_check, commit_begin},
	{change_hops, NULL},
	{change_remove, NULL},
	{change_replace, commit_replace},
	{change_add, commit_add},
	{change_want, commit_wants_check},
	{NULL, commit_prepare},
	{NULL, commit_plan},
	{change_steer, NULL},
	{NULL, commit_write},
	{NULL, commit_run},
	{NULL, commit_activate},
	{change_retire, commit_retire},
	{NULL, commit_answer},
	{NULL, commit_clear},
	{NULL, NULL},
};

static const struct commit_phase abort_phases[] = {
	{change_release, NULL, .reverse = true},
	{NULL, commit_abort},
	{NULL, commit_draft_undo},
	{NULL, commit_unstage},
	{NULL, commit_refuse},
	{NULL, commit_clear},
	{NULL, NULL},
};

static const struct commit_phase discard_phases[] = {
	{NULL, commit_clear},
	{NULL, NULL},
};

static void pump(struct commits *commits);

static void
slice_due(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	pump(arg);
}

struct commits *
commits_create(
	struct flows *flows, struct store *store, struct event_base *base, uint64_t generation)
{
	struct commits *commits = calloc(1, sizeof(*commits));

	if (!commits)
		return NULL;
	commits->flows = flows;
	commits->store = store;
	commits->base = base;
	commits->generation = generation;
	commits->resume = pump;
	commits->slice_ns = SLICE_NS;
	commits->check_every = SLICE_CHECK_EVERY;
	STAILQ_INIT(&commits->waiting);
	STAILQ_INIT(&commits->group);
	draft_init(&commits->draft, &flows->db, flows->ports);
	compiled_init(&commits->compiled);
	if (!base)
		return commits;
	commits->timer = evtimer_new(base, slice_due, commits);
	if (commits->timer)
		return commits;
	free(commits);
	return NULL;
}

static void
phases_begin(struct commits *commits, const struct commit_phase *phases)
{
	commits->phases = phases;
	commits->phase = 0;
	commits->at = 0;
	commits->op = 0;
	commits->pass = PASS_BEGIN;
	commits->proposal = STAILQ_FIRST(&commits->group);
}

static void
phase_end(struct commits *commits)
{
	commits->at = 0;
	commits->phase++;
	commits->running =
		commits->phases[commits->phase].change || commits->phases[commits->phase].end;
}

static enum phase_end
phase_run(struct commits *commits)
{
	const struct commit_phase *phase = &commits->phases[commits->phase];

	const size_t n = phase->change ? commits->draft.n : 0;

	for (; commits->at < n; commits->at++) {
		struct change *change =
			commits->draft.list[phase->reverse ? n - 1 - commits->at : commits->at];

		if (commit_slice_over(commits))
			return PHASE_MORE;
		if (phase->change(commits, change) < 0)
			return commit_fail_at(commits, change);
	}
	return phase->end ? phase->end(commits) : PHASE_DONE;
}

/* Abort in one go, without notifications. */
static void
group_break_off(struct commits *commits)
{
	commits->base = NULL;
	if (commits->phases == commit_phases || commits->phases == plan_phases)
		phases_begin(commits, abort_phases);
	while (commits->running && commits->phases[commits->phase].end != commit_refuse) {
		phase_run(commits);
		phase_end(commits);
	}
}

static void
queue_drop(struct proposal_queue *queue)
{
	struct proposal *proposal;

	while ((proposal = STAILQ_FIRST(queue))) {
		STAILQ_REMOVE_HEAD(queue, link);
		if (!proposal->keep)
			proposal_destroy(proposal);
	}
}

void
commits_destroy(struct commits *commits)
{
	if (!commits)
		return;
	if (commits->running)
		group_break_off(commits);
	queue_drop(&commits->group);
	queue_drop(&commits->waiting);
	draft_fini(&commits->draft);
	steering_wants_fini(&commits->wants);
	compiled_fini(&commits->compiled);
	if (commits->timer)
		event_free(commits->timer);
	free(commits);
}

uint64_t
commits_generation(const struct commits *commits)
{
	return commits->generation;
}

void
commits_observe(struct commits *commits, proposal_observer_fn observe, void *arg)
{
	assert(commits->n_observers < COMMIT_OBSERVERS_MAX);
	commits->observers[commits->n_observers].observe = observe;
	commits->observers[commits->n_observers++].arg = arg;
}

void
commits_warn(struct commits *commits, void (*warn)(void *arg, const char *message), void *arg)
{
	commits->warn = warn;
	commits->warn_arg = arg;
}

/* Plans, what is not all there yet, and what says how all is to be see the state as it is. */
static bool
proposal_is_alone(const struct proposal *proposal)
{
	return proposal->plans || proposal->if_plan || proposal->discarded || proposal->alone ||
	       proposal->load || proposal_is_whole(proposal) || proposal->n_ops > GROUP_OPS_MAX;
}

static void
group_begin(struct commits *commits)
{
	struct proposal *proposal;
	size_t n_ops = 0;

	while ((proposal = STAILQ_FIRST(&commits->waiting))) {
		const bool alone = proposal_is_alone(proposal);

		n_ops += proposal->n_ops;
		if (!STAILQ_EMPTY(&commits->group) && (alone || n_ops > GROUP_OPS_MAX))
			break;
		STAILQ_REMOVE_HEAD(&commits->waiting, link);
		STAILQ_INSERT_TAIL(&commits->group, proposal, link);
		if (alone)
			break;
	}
	proposal = STAILQ_FIRST(&commits->group);
	phases_begin(commits, proposal->discarded ? discard_phases
			      : proposal->plans	  ? plan_phases
						  : commit_phases);
	commits->running = true;
	commits->failed = false;
	commits->late = false;
	commits->next_generation = commits->generation + 1;
	commits->pruned = NULL;
	commits->plan_legs = 0;
	commits->grown = NULL;
	commits->adding = false;
	commits->wanting = NULL;
}

static void
slice_again(struct commits *commits)
{
	static const struct timeval at_once = {0};

	evtimer_add(commits->timer, &at_once);
}

static void
pump(struct commits *commits)
{
	commits->slice_end_ns = clock_read_ns(CLOCK_MONOTONIC) + commits->slice_ns;
	while (commits->running || !STAILQ_EMPTY(&commits->waiting)) {
		if (!commits->running)
			group_begin(commits);
		switch (phase_run(commits)) {
		case PHASE_WAITS:
			return;
		case PHASE_MORE:
			slice_again(commits);
			return;
		case PHASE_FAILED:
			commits->failed = true;
			phases_begin(commits, abort_phases);
			break;
		case PHASE_PLANNED:
			phases_begin(commits, abort_phases);
			break;
		case PHASE_DONE:
			phase_end(commits);
		}
	}
}

/* Not at once: those who ask within the same round of the loop go together. */
void
commits_submit(struct commits *commits, struct proposal *proposal)
{
	STAILQ_INSERT_TAIL(&commits->waiting, proposal, link);
	if (commits->running)
		return;
	if (commits->base)
		slice_again(commits);
	else
		pump(commits);
}

void
commits_discard(struct commits *commits, struct proposal *proposal)
{
	if (!proposal)
		return;
	proposal->discarded = true;
	proposal->keep = false;
	commits_submit(commits, proposal);
}

void
commits_finish(struct commits *commits)
{
	while (commits->running || !STAILQ_EMPTY(&commits->waiting))
		event_base_loop(commits->base, EVLOOP_ONCE);
}
