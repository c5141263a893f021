/* SPDX-License-Identifier: BSD-3-Clause */
#include "state/leg_hops.h"

#include <errno.h>
#include <string.h>

#include "state/leg_place.h"

bool
leg_hops_same(const struct flow_leg *a, const struct flow_leg *b)
{
	return a->hop == b->hop && a->family == b->family && a->vlan == b->vlan &&
	       a->outer_vlan == b->outer_vlan && strcmp(a->port, b->port) == 0 &&
	       memcmp(a->dst, b->dst, sizeof(a->dst)) == 0 &&
	       memcmp(a->next_hop, b->next_hop, sizeof(a->next_hop)) == 0 &&
	       memcmp(a->mac, b->mac, sizeof(a->mac)) == 0;
}

/* Take a reference on what a leg sends to; returns its index, or -1 with the fault set. */
static int
leg_hop_get(struct flows *flows, const struct flow_leg *leg, struct fault *fault)
{
	struct hop_request request;
	uint8_t mac[6];
	int rc;

	if (hop_request_make(leg, flows->ports, &request)) {
		rc = next_hops_get(flows->hops, &request);
	} else {
		hop_static_mac(leg, mac);
		rc = next_hops_get_static(
			flows->hops, (unsigned)ports_find(flows->ports, leg->port), mac);
	}
	if (rc == -ENOSPC)
		return fault_set(fault, FAULT_NO_ROOM, "",
			"found one next hop more than the %u that fit, those of legs that go with "
			"this change counted",
			DP_NEXT_HOPS_MAX);
	if (rc == -ENOMEM)
		return fault_set(fault, FAULT_NO_ROOM, "", "no memory for a next hop");
	if (rc < 0)
		return fault_set(
			fault, FAULT_INTERNAL, "", "the next hop was refused: %s", strerror(-rc));
	return rc;
}

static void
leg_hop_put(struct flows *flows, const struct flow_leg *leg, unsigned index, bool seen)
{
	struct hop_request request;
	const bool asks = hop_request_make(leg, flows->ports, &request);

	next_hops_put(flows->hops, asks ? &request : NULL, index, seen);
}

/* Put the place of a leg before the pointer of a fault. */
static void
leg_prefix(struct fault *fault, const struct leg_hops *entry, unsigned leg)
{
	if (leg < entry->spec->n_legs)
		fault_prefix(fault, "/legs/%u", leg - entry->first_leg);
	else
		leg_place_prefix(entry->spec, leg, fault);
}

/* Give back the first n_legs references of a flow. */
static void
hops_put(struct flows *flows, const struct flow_spec *spec, const uint16_t *hops, unsigned n_legs,
	bool seen)
{
	while (n_legs-- > 0)
		leg_hop_put(flows, &spec->legs[n_legs], hops[n_legs], seen);
}

static int
flow_hops_get(struct flows *flows, const struct leg_hops *entry, struct fault *fault)
{
	unsigned leg;

	for (leg = 0; leg < entry->spec->n_all_legs; leg++) {
		int hop = leg_hop_get(flows, &entry->spec->legs[leg], fault);

		if (hop < 0) {
			leg_prefix(fault, entry, leg);
			hops_put(flows, entry->spec, entry->hops, leg, false);
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
	size_t i;

	for (*at = 0; *at < n; ++*at) {
		if (flow_hops_get(flows, &list[*at], fault) < 0) {
			for (i = *at; i-- > 0;)
				leg_hops_put(flows, list[i].spec, list[i].hops, false);
			return -1;
		}
	}
	return 0;
}

void
leg_hops_put(struct flows *flows, const struct flow_spec *spec, const uint16_t *hops, bool seen)
{
	hops_put(flows, spec, hops, spec->n_all_legs, seen);
}

void
leg_hop_info_get(const struct flows *flows, const struct flow_leg *leg, unsigned index,
	struct next_hop_info *info, char reason[HOP_REASON_MAX])
{
	struct hop_request request;

	next_hops_info_get(flows->hops, index, info);
	reason[0] = '\0';
	if (info->state == NEXT_HOP_PENDING && hop_request_make(leg, flows->ports, &request))
		next_hops_reason(flows->hops, &request, reason);
}
