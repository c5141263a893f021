/* SPDX-License-Identifier: BSD-3-Clause */
/* Checks of sluiced itself: its versions, and by its replies what it does. Any thread. */
#ifndef CTRL_DOCTOR_DAEMON_CHECKS_H
#define CTRL_DOCTOR_DAEMON_CHECKS_H

#include <stdint.h>

#include "doctor/setup.h"
#include "doctor/verdict.h"

struct versions {
	char sluiced[32]; /* "": it does not start to say it */
	char dpdk[32]; /* "DPDK 22.11.7" */
	const char *sluicectl; /* borrowed */
	char said[128]; /* instead */
};

/* Of the sluiced that has sent this reply to system.info; NULL: of the one that would be started.
 */
void versions_read(const json_t *info, struct versions *facts);
struct verdict versions_judge(const struct versions *facts);

/* How the packets of a port in a while are spread over its queues. */
struct queue_spread {
	const char *port; /* its name; borrowed */
	const char *iface; /* its kernel interface; "": none; borrowed */
	unsigned n_queues;
	unsigned busiest; /* number of that queue */
	uint64_t most; /* packets of that queue */
	uint64_t packets; /* of all queues */
	bool rss; /* the device spreads packets by RSS that sluiced has set */
};

/* How the packets of a while are spread over the workers, and over the queues of each port. */
struct spread {
	unsigned n_workers;
	uint64_t packets[DP_WORKERS_MAX];
	uint64_t missed; /* by queues that were full, in that while */
	const char *iface; /* a port's kernel interface; "": none; borrowed */
	unsigned n_ports;
	struct queue_spread ports[DP_PORTS_MAX];
};

/* Of sluiced to system.info and counters.get, at the begin and the end of a while, and port.list.
 */
struct replies {
	json_t *info[2];
	json_t *counters[2];
	uint64_t counters_ns[2]; /* when they were there */
	json_t *ports;
};

/* The facts borrow from both. */
void spread_read(const struct setup *setup, const struct replies *replies, struct spread *facts);
struct verdict spread_judge(const struct spread *facts);

/* How near a port is to what its link carries, and to the pps_max of its driver's profile. */
struct load {
	const char *port; /* its name; borrowed, as driver */
	const char *driver;
	unsigned link_mbps; /* 0: unknown, or of no real link */
	unsigned pps_max; /* 0: unknown */
	struct load_way {
		double pps; /* on the wire: also those that the NIC lost */
		double bytes; /* of a frame without FCS, in the mean */
	} rx, tx;
};

/*
 * From an entry of the reply to port.list, and those of the same port in replies to counters.get,
 * with the seconds between them. The links of devices that are not in /sys below `root` are made
 * up.
 */
void load_read(const char *root, const json_t *port, const json_t *before, const json_t *after,
	double seconds, struct load *facts);
struct verdict load_judge(const struct load *facts);

#endif
