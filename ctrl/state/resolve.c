/* SPDX-License-Identifier: BSD-3-Clause */
/* An array for net_resolve() and a hash over it. */
#include "state/resolve.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "state/address.h"

struct hop_wanted {
	UT_hash_handle hh;
	struct hop_request request;
	size_t index; /* in the array */
};

void
resolve_init(struct resolve *resolve)
{
	memset(resolve, 0, sizeof(*resolve));
}

void
resolve_fini(struct resolve *resolve)
{
	struct hop_wanted *wanted, *next;

	HASH_ITER(hh, resolve->wanted, wanted, next)
	{
		HASH_DELETE(hh, resolve->wanted, wanted);
		free(wanted);
	}
	free(resolve->hops);
}

bool
hop_request_make(const struct flow_leg *leg, const struct ports *ports, struct hop_request *request)
{
	if (leg->hop == FLOW_HOP_MAC)
		return false;
	if (leg->hop == FLOW_HOP_ROUTE && address_kind(leg->family, leg->dst) == ADDRESS_MULTICAST)
		return false;
	memset(request, 0, sizeof(*request));
	request->ifindex = ports->info[ports_find(ports, leg->port)].ifindex;
	request->vlan = leg->vlan;
	request->outer_vlan = leg->outer_vlan;
	request->family = leg->family;
	request->has_gateway = leg->hop == FLOW_HOP_GATEWAY;
	memcpy(request->dst, leg->dst, sizeof(request->dst));
	memcpy(request->gateway, leg->next_hop, sizeof(request->gateway));
	return true;
}

static struct hop_wanted *
wanted_find(const struct resolve *resolve, const struct hop_request *request)
{
	struct hop_wanted *wanted;

	HASH_FIND(hh, resolve->wanted, request, sizeof(*request), wanted);
	return wanted;
}

static void
net_hop_fill(const struct hop_request *request, struct net_hop *hop)
{
	memset(hop, 0, sizeof(*hop));
	hop->ifindex = request->ifindex;
	hop->vlan = request->vlan;
	hop->outer_vlan = request->outer_vlan;
	hop->family = request->family;
	hop->has_gateway = request->has_gateway;
	memcpy(hop->dst, request->dst, sizeof(hop->dst));
	memcpy(hop->gateway, request->gateway, sizeof(hop->gateway));
}

int
resolve_add(struct resolve *resolve, const struct hop_request *request)
{
	struct hop_wanted *wanted;

	if (wanted_find(resolve, request))
		return 0;
	if (resolve->n == resolve->room) {
		size_t room = resolve->room ? 2 * resolve->room : 16;
		struct net_hop *hops = reallocarray(resolve->hops, room, sizeof(*hops));

		if (!hops)
			return -ENOMEM;
		resolve->hops = hops;
		resolve->room = room;
	}
	wanted = calloc(1, sizeof(*wanted));
	if (!wanted)
		return -ENOMEM;
	wanted->request = *request;
	wanted->index = resolve->n;
	HASH_ADD(hh, resolve->wanted, request, sizeof(wanted->request), wanted);
	if (!wanted->hh.tbl) {
		free(wanted);
		return -ENOMEM;
	}
	net_hop_fill(request, &resolve->hops[resolve->n++]);
	return 0;
}

void
resolve_run(struct resolve *resolve, struct net *net, unsigned timeout_ms)
{
	if (resolve->n > 0)
		net_resolve(net, resolve->hops, resolve->n, timeout_ms);
}

const struct net_hop *
resolve_find(const struct resolve *resolve, const struct hop_request *request)
{
	return &resolve->hops[wanted_find(resolve, request)->index];
}

int
resolve_fault(const struct net_hop *hop, const struct flow_leg *leg, struct fault *fault)
{
	const bool gateway = leg->hop == FLOW_HOP_GATEWAY;
	const char *pointer = gateway ? "/next_hop" : "/dst";
	char wanted[ADDRESS_TEXT_MAX], neighbour[ADDRESS_TEXT_MAX], iface[IF_NAMESIZE];
	char outer[32] = "";

	if (leg->outer_vlan)
		snprintf(outer, sizeof(outer), " inside outer VLAN %u", leg->outer_vlan);
	address_format(hop->family, gateway ? leg->next_hop : leg->dst, wanted);
	address_format(hop->family, hop->address, neighbour);
	if (!if_indextoname(hop->out_ifindex ? hop->out_ifindex : hop->ifindex, iface))
		snprintf(iface, sizeof(iface), "#%u", hop->ifindex);
	if (hop->error == -ENETUNREACH && hop->out_ifindex == 0)
		return fault_set(fault, FAULT_UNRESOLVED, "/vlan",
			"found VLAN %u%s, expected one for which there is an interface upon %s",
			leg->vlan, outer, iface);
	if (hop->error == -ENETUNREACH)
		return fault_set(fault, FAULT_UNRESOLVED, pointer,
			"found %s, expected an address to which the kernel has a route out of %s",
			wanted, iface);
	if (hop->error == -EHOSTUNREACH)
		return fault_set(fault, FAULT_UNRESOLVED, pointer,
			"found %s, expected its neighbour %s on %s to answer", wanted, neighbour,
			iface);
	return fault_set(fault, FAULT_UNRESOLVED, pointer,
		"found %s, which cannot be resolved on %s: %s", wanted, iface,
		hop->error == -EADDRNOTAVAIL ? "no neighbour is meant by it"
					     : strerror(-hop->error));
}
