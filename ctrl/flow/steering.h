/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which packets the kernel hands to us on ports that it shares with us: on an AF_XDP port the
 * steering program passes only what some flow's local address and port, or some rule, matches;
 * "unmatched" is there only what was steered and then met no flow. Ports of other kinds hand over
 * everything, and need no steering.
 */
#ifndef CTRL_FLOW_STEERING_H
#define CTRL_FLOW_STEERING_H

#include "base/fault.h"
#include "config/config.h"
#include "config/ports.h"
#include "flow/flow_spec.h"

#define STEERING_RULES_MAX 64 /* different rules of one steered port */

struct steer;
struct steer_end;
struct steering_want;

/* Different keys and ranges that are not in use yet, and are wanted. Zeroes: none. */
struct steering_wants {
	struct steering_want *all;
	unsigned n_keys[DP_PORTS_MAX];
	unsigned n_ranges[DP_PORTS_MAX];
};

struct steering {
	const struct ports *ports; /* borrowed */
	unsigned n;
	struct steer *steers[DP_PORTS_MAX]; /* NULL: the port is not steered */
	bool punts[DP_PORTS_MAX]; /* what no flow matches goes to control: every source is wanted */
	bool lost[DP_PORTS_MAX]; /* another program is on the interface */
};

/*
 * Before DPDK probes: take off the interfaces what a crashed run left there, and have their NICs
 * leave VLAN tags in the frames. -1 with *fault set when an interface does not exist, carries a
 * foreign program, or keeps tags beside the frames.
 */
int steering_prepare(const struct config *config, struct fault *fault);

/* Find the maps of each steered port. -1 with *fault set, and nothing left open. */
int steering_init(struct steering *steering, const struct config *config, const struct ports *ports,
	struct fault *fault);
void steering_fini(struct steering *steering);

/*
 * An interface changed, 0 = any may have: steer frames to the MAC address that it has now, and
 * attach the program again if it was detached.
 */
void steering_link_changed(struct steering *steering, unsigned ifindex);

/* What keeps the packets of a port from us, and what to do; NULL: nothing. Static storage. */
const char *steering_hint(const struct steering *steering, unsigned port);

/* VLAN interfaces changed: steer frames in a VLAN to the MAC address that its interface has now. */
struct link_vlans;
void steering_vlans_changed(const struct steering *steering, const struct link_vlans *vlans);

/*
 * Steer, or no longer steer, a flow's packets on its port, or on all ports for a rule without one:
 * those of the source that the match names, else of the one that it was narrowed to, `only`; NULL =
 * of any. Counted. 0 or negative errno; then nothing was added. -ENOSPC: a port has no room.
 */
int steering_add(struct steering *steering, const struct flow_spec *spec);
int steering_del(
	struct steering *steering, const struct flow_spec *spec, const struct steer_end *only);

/*
 * A listener that was added takes packets of one source only; *only becomes what steering_del() is
 * to be given. 0 or negative errno, and nothing has changed; -EPERM: others' are wanted all the
 * same.
 */
int steering_narrow(struct steering *steering, const struct flow_spec *spec,
	const struct dp_latched *source, struct steer_end *only);

/*
 * Count what a flow, one of n_changes that are made together, would need beyond what is in use or
 * counted before. 0, or -1 with *fault set.
 */
int steering_want(const struct steering *steering, struct steering_wants *wants,
	const struct flow_spec *spec, size_t n_changes, struct fault *fault);

/* -1 with *fault set when more is wanted of some port than it has. */
int steering_wants_check(
	const struct steering *steering, const struct steering_wants *wants, struct fault *fault);
void steering_wants_fini(struct steering_wants *wants);

/* Packets that the steering program made the same of, since it was attached. */
struct steering_count {
	const char *verdict; /* "steered", "passed" to the kernel, or "dropped" */
	const char *cause; /* of the last two: a name of docs/counters.md */
	uint64_t packets;
};

#define STEERING_COUNTS_MAX 16

/* Fill in all counts of a port. Returns how many; 0: it is not steered; or a negative errno. */
int steering_counts(const struct steering *steering, unsigned port,
	struct steering_count counts[STEERING_COUNTS_MAX]);

#endif
