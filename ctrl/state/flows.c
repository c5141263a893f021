/* SPDX-License-Identifier: BSD-3-Clause */
/* Bringing the room of flows up and down. */
#include "state/flows.h"

#include <string.h>

#include "net/net.h"
#include "state/flow_steering.h"
#include "state/flow_text.h"

/* The kernel's neighbours and routes speak to the next hops directly: no flow is touched. */
static void
neighbour_changed(void *arg, unsigned ifindex, uint8_t family, const uint8_t address[16],
	const uint8_t *mac, int error)
{
	struct flows *flows = arg;

	next_hops_neighbour_changed(flows->hops, ifindex, family, address, mac, error);
}

static void
routes_changed(void *arg, const struct net_prefix *prefix)
{
	struct flows *flows = arg;

	next_hops_routes_changed(flows->hops, prefix);
}

static void
link_changed(void *arg, unsigned ifindex)
{
	struct flows *flows = arg;

	steering_link_changed(flows->steering, flows->ports, ifindex);
}

/* Next hops, what tells them, and what follows them. */
static int
hops_init(struct flows *flows, struct event_base *base, struct fault *fault)
{
	const struct net_observer observer = {
		.neighbour = neighbour_changed,
		.routes = routes_changed,
		.link = link_changed,
		.arg = flows,
	};

	flows->net = net_create(base, &observer, fault);
	if (!flows->net)
		return -1;
	flows->hops = next_hops_create(flows->dp, flows->ports, flows->net, base);
	if (flows->hops && hop_repoint_init(&flows->repoint, flows, base) == 0)
		return 0;
	next_hops_destroy(flows->hops);
	net_destroy(flows->net);
	return fault_set(fault, FAULT_NO_ROOM, "", "no memory for next hops");
}

static void
hops_fini(struct flows *flows)
{
	hop_repoint_fini(&flows->repoint);
	next_hops_destroy(flows->hops);
	net_destroy(flows->net);
}

int
flows_init(struct flows *flows, struct dp *dp, const struct ports *ports, struct steering *steering,
	struct event_base *base, struct fault *fault)
{
	memset(flows, 0, sizeof(*flows));
	flows->dp = dp;
	flows->ports = ports;
	flows->steering = steering;
	desired_init(
		&flows->desired, dp_flow_capacity(dp, DP_IPV4) + dp_flow_capacity(dp, DP_IPV6));
	flows->schema = flow_text_schema(fault);
	if (!flows->schema)
		return -1;
	flows->validate = validate_create();
	if (!flows->validate) {
		fault_set(fault, FAULT_NO_ROOM, "", "no memory for flows");
		goto err_schema;
	}
	if (hops_init(flows, base, fault) == 0)
		return 0;
	validate_destroy(flows->validate);
err_schema:
	schema_destroy(flows->schema);
	return -1;
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
	const struct flow *flow = desired_after(&flows->desired, 0);

	for (; flow; flow = desired_next(flow))
		flow_unsteer(flows, flow->spec, flow->only);
	hops_fini(flows);
	validate_destroy(flows->validate);
	schema_destroy(flows->schema);
	desired_fini(&flows->desired);
}
