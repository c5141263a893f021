/* SPDX-License-Identifier: BSD-3-Clause */
/* A timer of an event loop that is due once each time it is armed. The thread of the loop. */
#ifndef CTRL_BASE_TIMER_H
#define CTRL_BASE_TIMER_H

#include <stdint.h>

#include <event2/event.h>
#include <event2/event_struct.h>

struct timer {
	struct event event;
	void (*due)(void *arg);
	void *arg;
};

static inline void
timer_run(evutil_socket_t fd, short what, void *arg)
{
	struct timer *timer = arg;

	(void)fd;
	(void)what;
	timer->due(timer->arg);
}

/* The timer must not move while it is armed. base NULL: it is never due. */
static inline void
timer_init(struct timer *timer, struct event_base *base, void (*due)(void *arg), void *arg)
{
	*timer = (struct timer){.due = due, .arg = arg};
	if (base)
		evtimer_assign(&timer->event, base, timer_run, timer);
}

/* It is due in that time, whatever it was armed for before. */
static inline void
timer_arm(struct timer *timer, uint64_t ns)
{
	const uint64_t us = (ns + 999) / 1000;
	const struct timeval wait = {
		.tv_sec = (time_t)(us / 1000000), .tv_usec = (suseconds_t)(us % 1000000)};

	if (event_initialized(&timer->event))
		evtimer_add(&timer->event, &wait);
}

/* Unless it is armed already. */
static inline void
timer_arm_if_idle(struct timer *timer, uint64_t ns)
{
	if (event_initialized(&timer->event) && !evtimer_pending(&timer->event, NULL))
		timer_arm(timer, ns);
}

/* It is not due any more, as before it is freed. */
static inline void
timer_disarm(struct timer *timer)
{
	if (event_initialized(&timer->event))
		evtimer_del(&timer->event);
}

#endif
