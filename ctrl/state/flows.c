/* SPDX-License-Identifier: BSD-3-Clause */
/* Bringing the room of flows up and down; install.c, replace.c, legs.c and remove.c do the work. */
#include "state/flows.h"

#include <string.h>

#include "net/netlink.h"
#include "state/flow_steering.h"

/* The kernel's neighbours speak to the next hops directly: no flow is touched. */
static void
neighbour_changed(
	void *arg, unsigned ifindex, uint8_t family, const uint8_t address[16], const uint8_t *mac)
{
	struct flows *flows = arg;

	next_hops_changed(flows->hops, ifindex, family, address, mac);
}

int
flows_init(struct flows *flows, struct dp *dp, const struct ports *ports, struct steering *steering,
	struct event_base *base, struct fault *fault)
{
	memset(flows, 0, sizeof(*flows));
	flows->dp = dp;
	flows->ports = ports;
	flows->steering = steering;
	desired_init(&flows->desired);
	flows->net = net_create(base, neighbour_changed, flows, fault);
	if (!flows->net)
		return -1;
	flows->hops = next_hops_create(dp, ports, flows->net);
	if (!flows->hops) {
		net_destroy(flows->net);
		return fault_set(fault, FAULT_NO_ROOM, "", "no memory for next hops");
	}
	return 0;
}

void
flows_observe(struct flows *flows, flows_changed_fn changed, void *arg)
{
	flows->changed = changed;
	flows->changed_arg = arg;
}

void
flows_changed(struct flows *flows, struct flow *now, struct flow *before)
{
	if (flows->changed)
		flows->changed(flows->changed_arg, now, before);
}

void
flows_fini(struct flows *flows)
{
	const struct flow *flow;

	for (flow = flows->desired.ids; flow; flow = desired_next(flow))
		flow_unsteer(flows, flow->spec);
	next_hops_destroy(flows->hops);
	net_destroy(flows->net);
	desired_fini(&flows->desired);
}
