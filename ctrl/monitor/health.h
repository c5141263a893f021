/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Polls ports and workers once a second and raises events for what no request caused: links that
 * go up and down, workers that are always busy, packets that were lost before a worker received
 * them or on the way to control. Reading counters costs the workers nothing. Links are polled more
 * often, and the data plane gets the ports without one, as drivers do not report it.
 *
 * Overload is reported when it begins, at a limited rate: a worker counts as overloaded from
 * HEALTH_BUSY_POLLS polls in a row above HEALTH_BUSY_MILLI on until one below HEALTH_EASY_MILLI; a
 * loss that goes on is reported every HEALTH_REPEAT_NS with all that was lost meanwhile.
 *
 * Everything here is called by the control thread.
 */
#ifndef CTRL_MONITOR_HEALTH_H
#define CTRL_MONITOR_HEALTH_H

#include <stdbool.h>
#include <stdint.h>

#include <dp/dp.h>

#include "base/clock.h"
#include "base/timer.h"
#include "monitor/events.h"

struct taps;

#define HEALTH_PERIOD_NS NS_PER_S
#define HEALTH_LINKS_PERIOD_MS 50
#define HEALTH_BUSY_POLLS 2
#define HEALTH_BUSY_MILLI 950 /* busy share in 1/1000 */
#define HEALTH_EASY_MILLI 850
#define HEALTH_REPEAT_NS (10 * NS_PER_S)

/* A count that should not grow. */
struct health_loss {
	uint64_t reported; /* as far as events were raised for it */
	uint64_t since_ns; /* when all of it was reported last, CLOCK_MONOTONIC as all times here */
	uint64_t reported_ns; /* when an event was raised; 0 = none was */
};

/*
 * A device was plugged in where that of a port was unplugged, which may have another MAC address;
 * or its TAP was made again, which has another index.
 */
typedef void (*health_replugged_fn)(void *arg, unsigned port);

struct health_port {
	bool unplugged;
	bool down; /* its link, as reported */
	bool gone; /* its interface does not exist any more */
	uint32_t members_active; /* set of those of a bond, as logged */
	struct health_loss missed;
	struct health_loss no_buffer;
	struct health_loss punts;
};

struct health_worker {
	uint64_t busy_ns;
	uint64_t total_ns;
	uint64_t busy_since_ns; /* the poll before the first one of the row */
	unsigned n_busy; /* polls in a row that found it busy */
	bool over;
};

struct health {
	struct dp *dp;
	struct events *events;
	health_replugged_fn replugged; /* NULL: disabled */
	void *replugged_arg;
	struct taps *taps; /* NULL: no port has one */
	struct timer timer;
	uint64_t polled_ns;
	uint64_t n_late; /* commits that found a worker late */
	struct health_loss late;
	struct health_port ports[DP_PORTS_MAX];
	struct health_worker workers[DP_WORKERS_MAX];
};

/* Begin on `base`; dp and events are borrowed. */
void health_init(
	struct health *health, struct dp *dp, struct events *events, struct event_base *base);
void health_fini(struct health *health);

/* Call `replugged` before copies are sent to the device; NULL: disabled. */
void health_observe(struct health *health, health_replugged_fn replugged, void *arg);

/* A commit went on without a worker; it is reported by the next poll. */
void health_worker_late(struct health *health);

/* Poll the links now. */
void health_links_poll(struct health *health);

/* Poll everything now, at CLOCK_MONOTONIC. */
void health_poll(struct health *health, uint64_t now_ns);

#endif
