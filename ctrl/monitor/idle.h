/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Polls the flows with a time-out: those without packets for their idle time-out are removed; at
 * the media time-out an event is raised, and the latch opened if the flow says so. Each is polled
 * when it is due, at most IDLE_POLLS_MAX of them at a time; without such flows there is no timer. A
 * media time-out is not watched for while the flow is down.
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
#include "monitor/latches.h"

#define IDLE_POLLS_MAX 1000
#define IDLE_REOPEN_POLLS 16 /* that opening a latch counts for: it asks the kernel */
#define IDLE_SLOTS 512 /* power of two */
#define IDLE_SLOT_NS UINT64_C(125000000)

struct idle_monitor {
	struct flows *flows;
	struct latches *latches;
	struct events *events;
	struct timer timer;
	uint64_t tick_ns; /* of the last tick */
	int polls_left; /* in it */
	uint64_t at; /* number of the first slot that may hold flows, counted from time 0 */
	size_t n_due; /* flows in slots; the timer runs while there are any */
	LIST_HEAD(, flow) slots[IDLE_SLOTS]; /* all flows lie within IDLE_SLOTS from `at` */
	const char *over[IDLE_POLLS_MAX]; /* ids of the flows that a tick found idle */
};

/* Begin on `base`; flows, latches and events are borrowed. */
void idle_monitor_init(struct idle_monitor *monitor, struct flows *flows, struct latches *latches,
	struct events *events, struct event_base *base);
void idle_monitor_fini(struct idle_monitor *monitor);

/* A flow was installed, replaced or removed, as flows_changed_fn says, at CLOCK_MONOTONIC. */
void idle_monitor_flow_changed(
	struct idle_monitor *monitor, struct flow *now, struct flow *before, uint64_t time_ns);

/*
 * See whether a flow has taken packets since it was looked at last, so that flow->watch.idle is of
 * now. false: it has no time-out.
 */
bool idle_monitor_look(struct idle_monitor *monitor, struct flow *flow, uint64_t now_ns);

/*
 * The same of a flow that does not run any more, by what it counted in the end: *idle is its state
 * as of before. false: it had no time-out.
 */
bool idle_end(struct idle *idle, const struct flow_spec *spec, const struct dp_flow_stats *last,
	uint64_t now_ns);

/* Of a flow with a media time-out. */
enum media {
	MEDIA_UNWATCHED, /* it has none, or is down */
	MEDIA_WAITING, /* no packet since it is watched */
	MEDIA_FLOWING,
	MEDIA_TIMED_OUT,
};

/* As the last look at the flow has found. */
enum media idle_media(const struct flow *flow);

/* Poll what is due, and set the timer for what is due next. */
void idle_monitor_tick(struct idle_monitor *monitor, uint64_t now_ns);

#endif
