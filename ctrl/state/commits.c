/* SPDX-License-Identifier: BSD-3-Clause */
/* Who waits, who is committed together, and how phase follows on phase. */
#include "state/commits.h"

#include <assert.h>
#include <event2/event.h>
#include <stdlib.h>

#include "state/clock.h"
#include "state/commit_group.h"

#define SLICE_NS (2 * NS_PER_S / 1000)
#define GROUP_OPS_MAX 4096 /* more are committed on their own */

static enum phase_end (*const phases[])(struct commits *) = {
	commit_stage,
	commit_index,
	commit_check,
	commit_hops,
	commit_take_out,
	commit_put_in,
	commit_steer,
	commit_prepare,
	commit_write,
	commit_run,
	commit_flip,
	commit_settle,
	commit_answer,
	commit_clear,
};

#define N_PHASES (sizeof(phases) / sizeof(phases[0]))

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
	commits->slice_ns = SLICE_NS;
	commits->looks_saved = LOOKS_SAVED_MAX;
	STAILQ_INIT(&commits->waiting);
	STAILQ_INIT(&commits->group);
	draft_init(&commits->draft, &flows->desired, flows->ports);
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
queue_drop(struct proposal_queue *queue)
{
	struct proposal *proposal;

	while ((proposal = STAILQ_FIRST(queue))) {
		STAILQ_REMOVE_HEAD(queue, link);
		proposal_let_go(proposal);
	}
}

void
commits_destroy(struct commits *commits)
{
	if (!commits)
		return;
	if (commits->running)
		commit_undo(commits);
	queue_drop(&commits->group);
	queue_drop(&commits->waiting);
	draft_fini(&commits->draft);
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
commits_observe(struct commits *commits, commits_observer_fn observe, void *arg)
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

bool
commit_slice_over(struct commits *commits)
{
	if (++commits->looks < commits->looks_saved || !commits->base)
		return false;
	commits->looks = 0;
	return clock_read_ns(CLOCK_MONOTONIC) >= commits->slice_end_ns;
}

/* Plans, and what is not all there yet, see the state as it is. */
static bool
proposal_is_alone(const struct proposal *proposal)
{
	return proposal->plan || proposal->load || proposal->declares ||
	       proposal->n_ops > GROUP_OPS_MAX;
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
	commits->running = true;
	commits->phase = 0;
	commits->at = 0;
	commits->op = 0;
	commits->late = false;
	commits->proposal = STAILQ_FIRST(&commits->group);
	commits->next_generation = commits->generation + 1;
	commits->swept = NULL;
}

static void
proposal_tell(struct proposal *proposal, const struct fault *fault)
{
	proposal->done(proposal->arg, proposal, fault);
	proposal_let_go(proposal);
}

/* The others begin anew, without the one whose fault it was. */
static void
group_fail(struct commits *commits)
{
	struct proposal *offender = commits->offender, *proposal;
	struct proposal_queue failed = STAILQ_HEAD_INITIALIZER(failed);
	struct proposal_queue later = STAILQ_HEAD_INITIALIZER(later);

	commit_undo(commits);
	if (offender) {
		STAILQ_REMOVE(&commits->group, offender, proposal, link);
		STAILQ_INSERT_TAIL(&failed, offender, link);
		STAILQ_CONCAT(&later, &commits->waiting);
		STAILQ_CONCAT(&commits->waiting, &commits->group);
		STAILQ_CONCAT(&commits->waiting, &later);
	} else {
		STAILQ_CONCAT(&failed, &commits->group);
	}
	commits->running = false;
	commits->offender = NULL;
	while ((proposal = STAILQ_FIRST(&failed))) {
		STAILQ_REMOVE_HEAD(&failed, link);
		proposal_tell(proposal, &commits->fault);
	}
}

/* It is told while it stands; then all of it is taken back. */
static void
plan_end(struct commits *commits)
{
	struct proposal *proposal = STAILQ_FIRST(&commits->group);

	proposal->draft = &commits->draft;
	proposal->generation = commits->generation;
	proposal->done(proposal->arg, proposal, NULL);
	proposal->draft = NULL;
	commit_undo(commits);
	queue_drop(&commits->group);
	commits->running = false;
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
		switch (phases[commits->phase](commits)) {
		case PHASE_WAITS:
			return;
		case PHASE_MORE:
			slice_again(commits);
			return;
		case PHASE_FAILED:
			group_fail(commits);
			break;
		case PHASE_PLANNED:
			plan_end(commits);
			break;
		case PHASE_DONE:
			commits->at = 0;
			commits->running = ++commits->phase < N_PHASES;
		}
	}
}

void
commits_go_on(struct commits *commits)
{
	pump(commits);
}

/* Not at once: those who ask within the same round of the loop go together. */
void
commits_submit(struct commits *commits, struct proposal *proposal)
{
	STAILQ_INSERT_TAIL(&commits->waiting, proposal, link);
	if (!commits->base)
		pump(commits);
	else if (!commits->running)
		slice_again(commits);
}

void
commits_finish(struct commits *commits)
{
	while (commits->running || !STAILQ_EMPTY(&commits->waiting))
		event_base_loop(commits->base, EVLOOP_ONCE);
}
