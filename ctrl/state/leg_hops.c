/* SPDX-License-Identifier: BSD-3-Clause */
/* Two walks over the legs: one gathers what to ask the kernel, one takes what it answered. */
#include "state/leg_hops.h"

#include <errno.h>
#include <string.h>

#include "net/address.h"
#include "state/resolve.h"

#define RESOLVE_TIMEOUT_MS 1000

static int
hops_ask(struct flows *flows, struct flow *const *list, size_t n, struct resolve *resolve,
	struct fault *fault)
{
	struct hop_request request;
	size_t i;
	unsigned leg;

	for (i = 0; i < n; i++) {
		const struct flow_spec *spec = list[i]->spec;

		for (leg = 0; leg < spec->n_legs; leg++) {
			if (hop_request_make(spec, &spec->legs[leg], flows->ports, &request) &&
				resolve_add(resolve, &request) < 0)
				return fault_set(
					fault, FAULT_NO_ROOM, "/flows", "no memory for next hops");
		}
	}
	resolve_run(resolve, flows->net, RESOLVE_TIMEOUT_MS);
	return 0;
}

/* A link-layer address that needs no kernel: the operator's, or that of a multicast group. */
static int
static_get(struct flows *flows, unsigned port, uint8_t family, const struct flow_leg *leg)
{
	uint8_t group_mac[6];

	if (leg->hop == FLOW_HOP_MAC)
		return next_hops_get_static(flows->hops, port, leg->mac);
	address_multicast_mac(family, leg->dst, group_mac);
	return next_hops_get_static(flows->hops, port, group_mac);
}

/* Take a reference on what a leg sends to; returns its index, or -1 with the fault set. */
static int
leg_hop_get(struct flows *flows, const struct flow_spec *spec, const struct flow_leg *leg,
	const struct resolve *resolve, struct fault *fault)
{
	const unsigned port = (unsigned)ports_find(flows->ports, leg->port);
	struct hop_request request;
	const struct net_hop *hop;
	int rc;

	if (hop_request_make(spec, leg, flows->ports, &request)) {
		hop = resolve_find(resolve, &request);
		if (hop->error)
			return resolve_fault(hop, leg, fault);
		rc = next_hops_get_neighbour(
			flows->hops, port, hop->out_ifindex, hop->family, hop->address, hop->mac);
	} else {
		rc = static_get(flows, port, spec->match.family, leg);
	}
	if (rc == -ENOSPC)
		return fault_set(fault, FAULT_NO_ROOM, "",
			"found one next hop more, expected at most %u in use", DP_NEXT_HOPS_MAX);
	if (rc < 0)
		return fault_set(
			fault, FAULT_INTERNAL, "", "the next hop was refused: %s", strerror(-rc));
	return rc;
}

/* Give back the first n_legs references of a flow. */
static void
flow_hops_put(struct flows *flows, const struct flow *flow, unsigned n_legs, bool seen)
{
	while (n_legs-- > 0)
		next_hops_put(flows->hops, flow->hops[n_legs], seen);
}

static int
flow_hops_get(
	struct flows *flows, struct flow *flow, const struct resolve *resolve, struct fault *fault)
{
	unsigned leg;

	for (leg = 0; leg < flow->spec->n_legs; leg++) {
		int hop = leg_hop_get(flows, flow->spec, &flow->spec->legs[leg], resolve, fault);

		if (hop < 0) {
			fault_prefix(fault, "/legs/%u", leg);
			flow_hops_put(flows, flow, leg, false);
			return -1;
		}
		flow->hops[leg] = (uint16_t)hop;
	}
	return 0;
}

int
leg_hops_get(struct flows *flows, struct flow *const *list, size_t n, struct fault *fault)
{
	struct resolve resolve;
	size_t i;
	int rc;

	resolve_init(&resolve);
	rc = hops_ask(flows, list, n, &resolve, fault);
	for (i = 0; rc == 0 && i < n; i++) {
		rc = flow_hops_get(flows, list[i], &resolve, fault);
		if (rc < 0) {
			fault_prefix(fault, "/flows/%zu", i);
			leg_hops_put(flows, list, i, false);
		}
	}
	resolve_fini(&resolve);
	return rc;
}

void
leg_hops_put(struct flows *flows, struct flow *const *list, size_t n, bool seen)
{
	while (n-- > 0)
		flow_hops_put(flows, list[n], list[n]->spec->n_legs, seen);
}
