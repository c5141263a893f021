/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From two replies of counters.get to rates. Arithmetic on plain numbers, no I/O; the clock is
 * the daemon's own monotonic_ns, so that neither a reply that comes late nor a clock that is set
 * bends the figures.
 */
#ifndef CTRL_CLI_TRAFFIC_H
#define CTRL_CLI_TRAFFIC_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

/* Sum over all ports at one moment. */
struct traffic {
	uint64_t time_ns; /* CLOCK_REALTIME of the daemon */
	uint64_t monotonic_ns; /* its CLOCK_MONOTONIC, of which rates are made */
	uint64_t rx_packets;
	uint64_t rx_bytes;
	uint64_t tx_packets;
	uint64_t tx_bytes;
	json_t *drops; /* reason -> packets; owned */
};

struct rate {
	uint64_t rx_pps;
	uint64_t rx_bps; /* bits a second of Ethernet frames without FCS */
	uint64_t tx_pps;
	uint64_t tx_bps;
};

/* Fill from the reply. Release with traffic_fini(). Out of memory ends the program. */
void traffic_init(struct traffic *traffic, const json_t *counters);
void traffic_fini(struct traffic *traffic);

/*
 * Rates from `before` to `after`, rounded to the nearest. False when there is none: a counter or
 * the clock went back, so daemon or machine were started anew.
 */
bool traffic_rate(const struct traffic *before, const struct traffic *after, struct rate *rate);

/* Drops from `before` to `after`, zeros left out, as a new reference. */
json_t *traffic_drops(const struct traffic *before, const struct traffic *after);

#endif
