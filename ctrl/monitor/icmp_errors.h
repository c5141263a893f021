/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ICMP errors about copies that legs have sent. They are counted for each leg; an event is raised
 * when the receiver of a leg becomes unreachable, and when it is reachable again. The kernel
 * receives ICMP on ports that it shares, and raw sockets have a copy of each error.
 *
 * Which leg a quoted datagram is of is found by a walk over all flows, in slices and once a second
 * at most: no index of all legs is kept for the few that have errors. Until then errors wait, and
 * those of a leg that is known are counted at once.
 *
 * An error is believed if it quotes what a leg sends, addresses and ports. Everything here is
 * called by the control thread.
 */
#ifndef CTRL_MONITOR_ICMP_ERRORS_H
#define CTRL_MONITOR_ICMP_ERRORS_H

#include <event2/event_struct.h>

#include "base/clock.h"
#include "base/timer.h"
#include "flow/flows.h"
#include "monitor/events.h"
#include "net/icmp_error.h"

#define ICMP_LEGS_MAX 4096 /* that have errors; of more, none are counted */
#define ICMP_WAITING_MAX 64 /* errors about legs that are to be found */
#define ICMP_UNREACHABLE_NS (10 * NS_PER_S) /* without another error: it is reachable again */

/* Of one leg. */
struct leg_errors {
	struct icmp_quote path; /* that it sends by; the key */
	uint64_t flow; /* sequence number */
	char leg[FLOW_ID_MAX];
	uint64_t counts[ICMP_ERROR_KINDS];
	struct icmp_error last;
	uint8_t from[16]; /* who sent that */
	uint64_t last_ns; /* CLOCK_MONOTONIC */
	bool unreachable;
	UT_hash_handle hh;
};

/* An error, and how many the same there were. */
struct icmp_waiting {
	struct icmp_error error;
	uint8_t from[16];
	uint32_t n;
};

struct icmp_errors {
	struct flows *flows;
	struct events *events;
	int fds[2]; /* raw sockets of IPv4 and IPv6; -1: there is none */
	struct event readable[2];
	struct timer resume; /* reading */
	struct timer walk; /* its next slice, or the next one */
	struct timer sweep;
	struct leg_errors *legs;
	struct icmp_waiting waiting[ICMP_WAITING_MAX], walking[ICMP_WAITING_MAX];
	unsigned n_waiting, n_walking;
	uint64_t sequence; /* of the last flow that the walk has met */
	uint64_t begun_ns; /* the last walk */
	uint64_t received; /* errors about UDP */
	uint64_t unmatched; /* that no leg has caused */
	uint64_t lost; /* not looked up: too many at a time, or too many legs */
};

/*
 * Open the sockets, if a port has a kernel interface, and watch them on `base`; the rest is
 * borrowed. Without the right to open raw
 * sockets there are no errors to count, which is logged.
 */
void icmp_errors_init(struct icmp_errors *errors, struct flows *flows, struct events *events,
	struct event_base *base);
void icmp_errors_fini(struct icmp_errors *errors);

/* Take an error in, which came from that address, as the sockets do. */
void icmp_errors_add(
	struct icmp_errors *errors, const struct icmp_error *error, const uint8_t from[16]);

/* What came back for leg number `leg` of a flow. NULL: nothing. Until the next turn of the loop. */
const struct leg_errors *icmp_errors_of(
	const struct icmp_errors *errors, const struct flow *flow, unsigned leg);

#endif
