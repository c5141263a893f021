/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The generation that holds only if it is confirmed in time. The store knows of it, so that
 * neither the end of the operator's session nor that of sluiced makes it last: when the time has
 * come, what it changed is reverted automatically. If that fails it is tried again every few
 * seconds, until it succeeds or the generation is confirmed.
 *
 * The time runs on CLOCK_MONOTONIC, so setting the clock neither ends nor extends it. Over a
 * restart only CLOCK_REALTIME goes on: what is left is what that says, but no more than the whole
 * time.
 *
 * Everything here is called by the control thread.
 */
#ifndef CTRL_FLOW_CONFIRM_H
#define CTRL_FLOW_CONFIRM_H

#include "base/timer.h"
#include "flow/commit.h"
#include "monitor/events.h"

struct confirm {
	struct flows *flows;
	struct store *store;
	struct events *events;
	struct timer timer;
	uint64_t due_ns; /* of the open one; CLOCK_MONOTONIC */
	char fault[FAULT_MESSAGE_MAX]; /* why it could not be reverted; "" = it was not tried */
	bool returning; /* it is being reverted: too late to confirm */
	store_done_fn accepted; /* it is being confirmed: not to be reverted */
	void *accepted_arg;
};

/*
 * Watch the flows' commits, from `base`, and what the store knows already: a time that is over is
 * handled when the loop runs, or in commits_finish(). Events are raised from then on only.
 */
void confirm_init(struct confirm *confirm, struct flows *flows, struct store *store,
	struct events *events, struct event_base *base);
void confirm_fini(struct confirm *confirm);

/* If its time is over already, take it back now rather than when the loop runs. */
void confirm_catch_up(struct confirm *confirm);

/* The open one, its deadline by the clock as it is set now; false when there is none. */
bool confirm_open(const struct confirm *confirm, struct store_confirm *open);

/*
 * It is good (generation 0: whichever is open). done(arg, error) when that is durable; -1 with
 * *fault set ("/generation"), and no call, when it is not open.
 */
int confirm_accept(struct confirm *confirm, uint64_t generation, store_done_fn done, void *arg,
	struct fault *fault);

#endif
