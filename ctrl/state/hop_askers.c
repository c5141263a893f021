/* SPDX-License-Identifier: BSD-3-Clause */
/* What legs ask for, each once however many legs ask it, and which legs have yet to follow it. */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "state/hop_table.h"

struct hop_asker *
hop_asker_find(const struct next_hops *hops, const struct hop_request *request)
{
	struct hop_asker *asker;

	HASH_FIND(hh, hops->askers, request, sizeof(*request), asker);
	return asker;
}

int
hop_asker_aim(const struct next_hops *hops, const struct hop_request *request, struct hop_key *key)
{
	struct net_hop hop = {
		.ifindex = request->ifindex,
		.vlan = request->vlan,
		.outer_vlan = request->outer_vlan,
		.family = request->family,
		.has_gateway = request->has_gateway,
	};

	memcpy(request->has_gateway ? hop.gateway : hop.dst, request->to, sizeof(request->to));
	route_resolve(hops->net, &hop);
	memset(key, 0, sizeof(*key));
	key->ifindex = hop.out_ifindex;
	key->family = request->family;
	if (hop.error == 0) {
		key->has_way = 1;
		memcpy(key->address, hop.address, sizeof(key->address));
	} else {
		key->vlan = request->vlan;
		key->outer_vlan = request->outer_vlan;
	}
	return hop.error;
}

static void
asker_slot_set(struct hop_asker *asker, struct hop_slot *slot)
{
	asker->slot = slot;
	LIST_INSERT_HEAD(&slot->askers, asker, link);
}

static int
asker_create(struct next_hops *hops, const struct hop_request *request, struct hop_asker **created)
{
	struct hop_asker *asker = calloc(1, sizeof(*asker));
	struct hop_slot *slot;
	struct hop_key key;
	int error = -ENOMEM;

	if (!asker)
		return -ENOMEM;
	asker->request = *request;
	asker->error = hop_asker_aim(hops, request, &key);
	slot = hop_slot_take(hops, request->port, &key, false, &error);
	if (slot)
		HASH_ADD(hh, hops->askers, request, sizeof(asker->request), asker);
	if (!asker->hh.tbl) {
		if (slot)
			hop_slot_release(hops, slot);
		free(asker);
		return error;
	}
	asker_slot_set(asker, slot);
	*created = asker;
	return 0;
}

int
next_hops_get(struct next_hops *hops, const struct hop_request *request)
{
	struct hop_asker *asker = hop_asker_find(hops, request);
	int rc = asker ? 0 : asker_create(hops, request, &asker);

	if (rc < 0)
		return rc;
	asker->legs++;
	asker->slot->legs++;
	return (int)slot_index(hops, asker->slot);
}

static void
asker_put(struct next_hops *hops, struct hop_asker *asker, struct hop_slot *held)
{
	struct hop_slot *slot = asker->slot;

	if (held != slot) {
		asker->away--;
		held->away--;
		hops->away--;
	}
	if (--asker->legs > 0)
		return;
	hop_moves_forget(hops, asker);
	LIST_REMOVE(asker, link);
	HASH_DELETE(hh, hops->askers, asker);
	free(asker);
	if (held != slot)
		hop_slot_release(hops, slot);
}

void
next_hops_put(struct next_hops *hops, const struct hop_request *request, unsigned index, bool seen)
{
	struct hop_slot *held = &hops->slots[index];

	held->legs--;
	held->seen |= seen;
	if (request)
		asker_put(hops, hop_asker_find(hops, request), held);
	hop_slot_release(hops, held);
}

void
hop_asker_move(struct next_hops *hops, struct hop_asker *asker, struct hop_slot *slot)
{
	const unsigned home = asker->legs - asker->away;
	struct hop_slot *before = asker->slot;

	before->away += home;
	asker->away += home;
	hops->away += home;
	LIST_REMOVE(asker, link);
	asker_slot_set(asker, slot);
	hop_slot_release(hops, before);
}

void
next_hops_on_away(struct next_hops *hops, void (*fn)(void *arg), void *arg)
{
	hops->on_away = fn;
	hops->on_away_arg = arg;
}

unsigned
next_hops_away(const struct next_hops *hops, unsigned index)
{
	return hops->slots[index].away;
}

uint64_t
next_hops_away_all(const struct next_hops *hops)
{
	return hops->away;
}

unsigned
next_hops_index(const struct next_hops *hops, const struct hop_request *request)
{
	return slot_index(hops, hop_asker_find(hops, request)->slot);
}

void
next_hops_came_home(struct next_hops *hops, const struct hop_request *request, unsigned from)
{
	struct hop_asker *asker = hop_asker_find(hops, request);
	struct hop_slot *left = &hops->slots[from];

	asker->away--;
	asker->slot->legs++;
	hops->away--;
	left->away--;
	left->legs--;
	left->seen = true;
	hop_slot_release(hops, left);
}

static void
way_reason(const struct hop_asker *asker, const char *to, char reason[HOP_REASON_MAX])
{
	const struct hop_request *request = &asker->request;
	const unsigned out = asker->slot->target->key.ifindex;
	char iface[IF_NAMESIZE], outer[24] = "";

	if (!if_indextoname(out ? out : request->ifindex, iface))
		snprintf(iface, sizeof(iface), "#%u", out ? out : request->ifindex);
	if (request->outer_vlan)
		snprintf(outer, sizeof(outer), " inside VLAN %u", request->outer_vlan);
	if (asker->error == -ENODEV)
		snprintf(reason, HOP_REASON_MAX,
			"the port's interface is gone; restart sluiced when it is there again");
	else if (asker->error == -ENETUNREACH && out == 0)
		snprintf(reason, HOP_REASON_MAX, "no interface for VLAN %u%s upon %s",
			request->vlan ? request->vlan : request->outer_vlan,
			request->vlan ? outer : "", iface);
	else if (asker->error == -ENETUNREACH)
		snprintf(reason, HOP_REASON_MAX, "no route to %s out of %s", to, iface);
	else if (asker->error == -EADDRNOTAVAIL)
		snprintf(reason, HOP_REASON_MAX,
			"%s is this host's own, a broadcast address, or blocked by a route", to);
	else
		snprintf(reason, HOP_REASON_MAX, "no answer to the question for a route to %s: %s",
			to, strerror(-asker->error));
}

static void
neighbour_reason(const struct hop_target *target, char reason[HOP_REASON_MAX])
{
	char iface[IF_NAMESIZE], address[ADDRESS_TEXT_MAX];

	if (!if_indextoname(target->key.ifindex, iface))
		snprintf(iface, sizeof(iface), "#%u", target->key.ifindex);
	address_format(target->key.family, target->key.address, address);
	if (target->error == -EINPROGRESS)
		snprintf(reason, HOP_REASON_MAX, "neighbour %s on %s has not answered yet", address,
			iface);
	else if (target->error == -EHOSTUNREACH)
		snprintf(reason, HOP_REASON_MAX, "neighbour %s on %s does not answer", address,
			iface);
	else if (target->error == -ENOBUFS)
		snprintf(reason, HOP_REASON_MAX,
			"neighbour %s on %s cannot be asked for, as the kernel's table is full "
			"(net.ipv%u.neigh.default.gc_thresh3)",
			address, iface, target->key.family);
	else
		snprintf(reason, HOP_REASON_MAX, "neighbour %s on %s cannot be asked for: %s",
			address, iface, strerror(-target->error));
}

void
next_hops_reason(const struct next_hops *hops, const struct hop_request *request,
	char reason[HOP_REASON_MAX])
{
	const struct hop_asker *asker = hop_asker_find(hops, request);
	char to[ADDRESS_TEXT_MAX];

	reason[0] = '\0';
	address_format(request->family, request->to, to);
	if (asker && asker->slot->target->key.has_way)
		neighbour_reason(asker->slot->target, reason);
	else if (asker)
		way_reason(asker, to, reason);
}
