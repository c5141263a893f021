/* SPDX-License-Identifier: BSD-3-Clause */
#include "flow/confirm.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "flow/restore.h"

#define RETRY_S 5 /* when it could not be reverted */
#define LEFT_OUT_REPORTED_MAX 256 /* flows that are reported one by one */

/* The one that was announced, unless the clock was set since. */
static uint64_t
deadline_now(const struct confirm *confirm, uint64_t announced_ns)
{
	const uint64_t now_ns =
		clock_read_ns(CLOCK_REALTIME) + confirm->due_ns - clock_read_ns(CLOCK_MONOTONIC);
	const uint64_t off_ns =
		now_ns > announced_ns ? now_ns - announced_ns : announced_ns - now_ns;

	return off_ns < NS_PER_S ? announced_ns : now_ns;
}

bool
confirm_open(const struct confirm *confirm, struct store_confirm *open)
{
	struct store_state state;

	store_state(confirm->store, &state);
	*open = state.confirm;
	if (state.has_confirm)
		open->deadline_ns = deadline_now(confirm, open->deadline_ns);
	return state.has_confirm;
}

/* Again when time is up: the loop's clock may be coarser. */
static void
due_set(struct confirm *confirm)
{
	const uint64_t now_ns = clock_read_ns(CLOCK_MONOTONIC);
	struct store_confirm open;

	if (confirm_open(confirm, &open))
		timer_arm(&confirm->timer, confirm->due_ns > now_ns ? confirm->due_ns - now_ns : 0);
	else
		timer_disarm(&confirm->timer);
}

/* The same reason is reported once, however often it is tried again. */
static void
failed(struct confirm *confirm, uint64_t generation, const struct fault *fault)
{

	timer_arm(&confirm->timer, RETRY_S * NS_PER_S);
	if (strcmp(confirm->fault, fault->message) == 0)
		return;
	snprintf(confirm->fault, sizeof(confirm->fault), "%s", fault->message);
	events_rollback_failed(confirm->events, generation, NULL, confirm->fault);
	log_line(
		"warning: generation %llu was not confirmed in time and cannot be rolled back: %s; "
		"the rollback is retried every %d s; 'sluicectl confirm %llu' keeps the flows",
		(unsigned long long)generation, confirm->fault, RETRY_S,
		(unsigned long long)generation);
}

static void
taken_back(void *arg, struct change *change, const struct fault *fault)
{
	struct confirm *confirm = arg;

	confirm->returning = false;
	if (fault) {
		failed(confirm, change->generation.returned, fault);
		return;
	}
	log_line("warning: generation %llu was not confirmed in time and was rolled back%s",
		(unsigned long long)change->generation.returned,
		change->left_out > 0 ? ", except for flows that cannot be rolled back" : "");
}

static void
confirm_restore(struct confirm *confirm, uint64_t generation)
{
	struct change *change =
		change_create(NULL, "revert", "not confirmed in time", taken_back, confirm);
	struct fault fault;

	if (!change)
		fault_set(&fault, FAULT_NO_ROOM, "", "no memory for the rollback");
	if (!change ||
		rollback_of(change, confirm->flows, confirm->store, generation, &fault) < 0) {
		change_destroy(change);
		failed(confirm, generation, &fault);
		return;
	}
	confirm->returning = true;
	commits_submit(confirm->flows->commits, change);
}

static void
time_is_up(void *arg)
{
	struct confirm *confirm = arg;
	struct store_confirm open;

	if (!confirm_open(confirm, &open) || confirm->returning || confirm->accepted)
		return;
	if (confirm->due_ns > clock_read_ns(CLOCK_MONOTONIC))
		due_set(confirm);
	else
		confirm_restore(confirm, open.generation);
}

/* Of a few each; all of them are counted in the generation's comment. */
static void
left_out_report(const struct confirm *confirm, const struct change *change)
{
	unsigned reported = 0;
	size_t i;

	for (i = 0; i < change->n_items && reported < LEFT_OUT_REPORTED_MAX; i++) {
		const struct change_item *item = change->items[i];

		if (!item->left_out)
			continue;
		reported++;
		events_rollback_failed(confirm->events, change->generation.returned,
			item_flow(item), item->left_out);
		log_line("warning: flow %s is not rolled back to its state before generation %llu: "
			 "%s",
			item_flow(item), (unsigned long long)change->generation.returned,
			item->left_out);
	}
}

static void
committed(void *arg, const struct change *change)
{
	struct confirm *confirm = arg;

	if (change->confirm_within_s == 0 && !change->ends_confirm)
		return;
	if (change->partial)
		left_out_report(confirm, change);
	confirm->fault[0] = '\0';
	confirm->due_ns = change->confirm_due_ns;
	due_set(confirm);
}

/* A clock that was set back meanwhile, or is not set yet, extends no trial. */
static void
due_resume(struct confirm *confirm)
{
	const uint64_t now_ns = clock_read_ns(CLOCK_REALTIME);
	struct store_state state;
	uint64_t left_ns = 0;

	store_state(confirm->store, &state);
	if (state.confirm.deadline_ns > now_ns)
		left_ns = state.confirm.deadline_ns - now_ns;
	if (left_ns > state.confirm.within_ns)
		left_ns = state.confirm.within_ns;
	confirm->due_ns = clock_read_ns(CLOCK_MONOTONIC) + left_ns;
}

void
confirm_init(struct confirm *confirm, struct flows *flows, struct store *store,
	struct events *events, struct event_base *base)
{
	confirm->flows = flows;
	confirm->store = store;
	confirm->events = events;
	confirm->fault[0] = '\0';
	due_resume(confirm);
	timer_init(&confirm->timer, base, time_is_up, confirm);
	due_set(confirm);
	commits_observe(flows->commits, committed, confirm);
}

void
confirm_fini(struct confirm *confirm)
{
	timer_disarm(&confirm->timer);
}

void
confirm_catch_up(struct confirm *confirm)
{
	struct store_confirm open;

	if (confirm_open(confirm, &open) && confirm->due_ns <= clock_read_ns(CLOCK_MONOTONIC))
		confirm_restore(confirm, open.generation);
}

/* The store has it, or could not be written and the wait goes on. */
static void
accept_done(void *arg, const struct fault *error)
{
	struct confirm *confirm = arg;
	const store_done_fn accepted = confirm->accepted;

	confirm->accepted = NULL;
	if (!error)
		confirm->fault[0] = '\0';
	due_set(confirm);
	accepted(confirm->accepted_arg, error);
}

int
confirm_accept(struct confirm *confirm, uint64_t generation, store_done_fn done, void *arg,
	struct fault *fault)
{
	struct store_batch *batch;
	struct store_confirm open;

	if (!confirm_open(confirm, &open))
		return fault_set(fault, FAULT_NOT_FOUND, "/generation",
			"no generation is unconfirmed; see history.list");
	if (generation != 0 && generation != open.generation)
		return fault_set(fault, FAULT_NOT_FOUND, "/generation",
			"found %llu, expected %llu, the unconfirmed generation",
			(unsigned long long)generation, (unsigned long long)open.generation);
	if (confirm->returning || confirm->accepted)
		return fault_set(fault, FAULT_CONFLICT, "/generation",
			"generation %llu is being %s at this moment",
			(unsigned long long)open.generation,
			confirm->returning ? "rolled back" : "confirmed");
	batch = store_batch_create();
	if (!batch)
		return fault_set(fault, FAULT_NO_ROOM, "", "no memory to confirm");
	store_batch_confirm(batch, NULL);
	confirm->accepted = done;
	confirm->accepted_arg = arg;
	store_submit(confirm->store, batch, accept_done, confirm);
	return 0;
}
