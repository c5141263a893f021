/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Polls the flows whose state changes by itself: those with an idle timeout, which it removes
 * when they are due, and those that latch, whose new sources it raises events for. Each is polled
 * when it is due, at most IDLE_POLLS_MAX of them at a time; without such flows there is no timer.
 *
 * Everything here is called by the control thread.
 */
#ifndef CTRL_MONITOR_IDLE_H
#define CTRL_MONITOR_IDLE_H

#include <stdint.h>
#include <sys/queue.h>

#include "base/timer.h"
#include "flow/flows.h"
#include "monitor/events.h"

#define IDLE_POLLS_MAX 1000
#define IDLE_LATCH_PERIOD_NS NS_PER_S /* between two reads of a source */
#define IDLE_SLOTS 512 /* power of two */
#define IDLE_SLOT_NS UINT64_C(125000000)

struct idle_monitor {
	struct flows *flows;
	struct events *events;
	struct timer timer;
	uint64_t tick_ns; /* of the last tick */
	uint64_t at; /* number of the first slot that may hold flows, counted from time 0 */
	size_t n_due; /* flows in slots; the timer runs while there are any */
	LIST_HEAD(, flow) slots[IDLE_SLOTS]; /* all flows lie within IDLE_SLOTS from `at` */
	const char *over[IDLE_POLLS_MAX]; /* ids of the flows that a tick found idle */
};

/* Begin on `base`; flows and events are borrowed. */
void idle_monitor_init(struct idle_monitor *monitor, struct flows *flows, struct events *events,
	struct event_base *base);
void idle_monitor_fini(struct idle_monitor *monitor);

/* A flow was installed, replaced or removed, as flows_changed_fn says, at CLOCK_MONOTONIC. */
void idle_monitor_flow_changed(
	struct idle_monitor *monitor, struct flow *now, struct flow *before, uint64_t time_ns);

/* Poll what is due, and set the timer for what is due next. */
void idle_monitor_tick(struct idle_monitor *monitor, uint64_t now_ns);

#endif
