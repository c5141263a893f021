/* SPDX-License-Identifier: BSD-3-Clause */
/* Two walks over the legs: one gathers what to ask the kernel, one takes what it answered. */
#include "state/leg_hops.h"

#include <errno.h>
#include <string.h>

#include "net/address.h"
#include "state/resolve.h"

#define RESOLVE_TIMEOUT_MS 1000

bool
leg_hops_same(const struct flow_leg *a, const struct flow_leg *b)
{
	return a->hop == b->hop && a->family == b->family && a->vlan == b->vlan &&
	       a->outer_vlan == b->outer_vlan && strcmp(a->port, b->port) == 0 &&
	       memcmp(a->dst, b->dst, sizeof(a->dst)) == 0 &&
	       memcmp(a->next_hop, b->next_hop, sizeof(a->next_hop)) == 0 &&
	       memcmp(a->mac, b->mac, sizeof(a->mac)) == 0;
}

static int
hops_ask(struct flows *flows, const struct leg_hops *list, size_t n, struct resolve *resolve)
{
	struct hop_request request;
	size_t i;
	unsigned leg;

	for (i = 0; i < n; i++) {
		const struct flow_spec *spec = list[i].spec;

		for (leg = 0; leg < spec->n_all_legs; leg++) {
			if (list[i].hops[leg] == HOP_WANTED &&
				hop_request_make(&spec->legs[leg], flows->ports, &request) &&
				resolve_add(resolve, &request) < 0)
				return -ENOMEM;
		}
	}
	resolve_run(resolve, flows->net, RESOLVE_TIMEOUT_MS);
	return 0;
}

/* A link-layer address that needs no kernel: the operator's, or that of a multicast group. */
static int
static_get(struct flows *flows, unsigned port, const struct flow_leg *leg)
{
	uint8_t group_mac[6];

	if (leg->hop == FLOW_HOP_MAC)
		return next_hops_get_static(flows->hops, port, leg->mac);
	address_multicast_mac(leg->family, leg->dst, group_mac);
	return next_hops_get_static(flows->hops, port, group_mac);
}

/* Take a reference on what a leg sends to; returns its index, or -1 with the fault set. */
static int
leg_hop_find(struct flows *flows, const struct flow_leg *leg, const struct resolve *resolve,
	struct fault *fault)
{
	const unsigned port = (unsigned)ports_find(flows->ports, leg->port);
	struct hop_request request;
	const struct net_hop *hop;
	int rc;

	if (hop_request_make(leg, flows->ports, &request)) {
		hop = resolve_find(resolve, &request);
		if (hop->error)
			return resolve_fault(hop, leg, fault);
		rc = next_hops_get_neighbour(
			flows->hops, port, hop->out_ifindex, hop->family, hop->address, hop->mac);
	} else {
		rc = static_get(flows, port, leg);
	}
	if (rc == -ENOSPC)
		return fault_set(fault, FAULT_NO_ROOM, "",
			"found one next hop more, expected at most %u in use", DP_NEXT_HOPS_MAX);
	if (rc < 0)
		return fault_set(
			fault, FAULT_INTERNAL, "", "the next hop was refused: %s", strerror(-rc));
	return rc;
}

/* Put the place of a leg before the pointer of a fault. */
static void
leg_prefix(struct fault *fault, const struct leg_hops *entry, unsigned leg)
{
	const struct flow_spec *spec = entry->spec;
	unsigned i = 0;

	if (leg < spec->n_legs) {
		fault_prefix(fault, "/legs/%u", leg - entry->first_leg);
		return;
	}
	while (leg >= spec->streams[i].first_leg + spec->streams[i].n_legs)
		i++;
	fault_prefix(fault, "/streams/%u/legs/%u", i, leg - spec->streams[i].first_leg);
}

/* Give back the first n_legs references of a flow. */
static void
hops_put(struct flows *flows, const uint16_t *hops, unsigned n_legs, bool seen)
{
	while (n_legs-- > 0)
		next_hops_put(flows->hops, hops[n_legs], seen);
}

static int
flow_hops_get(struct flows *flows, const struct leg_hops *entry, const struct resolve *resolve,
	struct fault *fault)
{
	unsigned leg;

	for (leg = 0; leg < entry->spec->n_all_legs; leg++) {
		int hop;

		if (entry->hops[leg] != HOP_WANTED) {
			next_hops_hold(flows->hops, entry->hops[leg]);
			continue;
		}
		hop = leg_hop_find(flows, &entry->spec->legs[leg], resolve, fault);
		if (hop < 0) {
			leg_prefix(fault, entry, leg);
			hops_put(flows, entry->hops, leg, false);
			return -1;
		}
		entry->hops[leg] = (uint16_t)hop;
	}
	return 0;
}

int
leg_hops_get(
	struct flows *flows, const struct leg_hops *list, size_t n, size_t *at, struct fault *fault)
{
	struct resolve resolve;
	size_t i;
	int rc;

	*at = 0;
	resolve_init(&resolve);
	rc = hops_ask(flows, list, n, &resolve);
	if (rc < 0)
		fault_set(fault, FAULT_NO_ROOM, "", "no memory for next hops");
	for (i = 0; rc == 0 && i < n; i++) {
		rc = flow_hops_get(flows, &list[i], &resolve, fault);
		*at = i;
	}
	if (rc < 0) {
		for (i = *at; i-- > 0;)
			leg_hops_put(flows, list[i].spec, list[i].hops, false);
	}
	resolve_fini(&resolve);
	return rc < 0 ? -1 : 0;
}

void
leg_hops_put(struct flows *flows, const struct flow_spec *spec, const uint16_t *hops, bool seen)
{
	hops_put(flows, hops, spec->n_all_legs, seen);
}
