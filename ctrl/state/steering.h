/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which packets the kernel hands to us on ports that it shares with us: on an AF_XDP port the
 * steering program passes only what some flow's local address and port asks for. Ports of other
 * kinds hand over everything, and need no steering.
 */
#ifndef CTRL_STATE_STEERING_H
#define CTRL_STATE_STEERING_H

#include "schema/fault.h"
#include "state/config.h"
#include "state/flow_spec.h"
#include "state/ports.h"

struct steer;

struct steering {
	unsigned n;
	struct steer *steers[DP_PORTS_MAX]; /* NULL: the port is not steered */
};

/*
 * Before DPDK probes: take off the interfaces what a crashed run left there. -1 with *fault set
 * when an interface does not exist or carries somebody else's program.
 */
int steering_clean(const struct config *config, struct fault *fault);

/* Find the maps of each steered port. -1 with *fault set, and nothing left open. */
int steering_init(struct steering *steering, const struct config *config, const struct ports *ports,
	struct fault *fault);
void steering_fini(struct steering *steering);

/* Ask for, or no longer ask for, a flow's packets on a port. Counted. 0 or negative errno. */
int steering_add(struct steering *steering, unsigned port, const struct flow_match *match);
int steering_del(struct steering *steering, unsigned port, const struct flow_match *match);

#endif
