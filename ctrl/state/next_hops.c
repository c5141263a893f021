/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Slots and targets. A slot is free, in use, or idle: without references, but perhaps still in a
 * worker's hands. Free indexes are a stack.
 */
#include "state/next_hops.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "state/hop_table.h"

struct next_hops *
next_hops_create(struct dp *dp, const struct ports *ports, struct net *net, struct event_base *base)
{
	struct next_hops *hops = calloc(1, sizeof(*hops));
	unsigned i;

	if (!hops)
		return NULL;
	hops->dp = dp;
	hops->ports = ports;
	hops->net = net;
	for (i = 0; i < DP_NEXT_HOPS_MAX; i++)
		hops->free[hops->n_free++] = (uint16_t)(DP_NEXT_HOPS_MAX - 1 - i);
	if (hop_moves_init(hops, base) == 0)
		return hops;
	free(hops);
	return NULL;
}

void
next_hops_destroy(struct next_hops *hops)
{
	struct hop_target *target, *next_target;
	struct hop_asker *asker, *next_asker;

	if (!hops)
		return;
	hop_moves_fini(hops);
	HASH_ITER(hh, hops->askers, asker, next_asker)
	{
		HASH_DELETE(hh, hops->askers, asker);
		free(asker);
	}
	HASH_ITER(hh, hops->targets, target, next_target)
	{
		HASH_DELETE(hh, hops->targets, target);
		free(target);
	}
	free(hops);
}

void
next_hops_observe(struct next_hops *hops, next_hops_changed_fn changed, void *arg)
{
	hops->changed = changed;
	hops->changed_arg = arg;
}

static struct hop_target *
target_create(struct next_hops *hops, const struct hop_key *key)
{
	struct hop_target *target = calloc(1, sizeof(*target));

	if (!target)
		return NULL;
	target->key = *key;
	memcpy(target->mac, key->mac, sizeof(target->mac));
	if (!key->has_way)
		target->error = -ENETUNREACH;
	else if (key->family)
		target->error = -EINPROGRESS;
	HASH_ADD(hh, hops->targets, key, sizeof(target->key), target);
	if (target->hh.tbl)
		return target;
	free(target);
	return NULL;
}

static struct hop_target *
target_find(const struct next_hops *hops, const struct hop_key *key)
{
	struct hop_target *target;

	HASH_FIND(hh, hops->targets, key, sizeof(*key), target);
	return target;
}

/* It is kept as long as a slot points to it. */
static void
target_release(struct next_hops *hops, struct hop_target *target)
{
	const struct hop_key *key = &target->key;

	if (!LIST_EMPTY(&target->slots))
		return;
	if (target->kept)
		neighbour_unref(hops->net, key->ifindex, key->family, key->address);
	HASH_DELETE(hh, hops->targets, target);
	free(target);
}

/* The target of a key, there or made; unless this is a rehearsal the kernel is asked to know it. */
static struct hop_target *
target_get(struct next_hops *hops, const struct hop_key *key)
{
	struct hop_target *target = target_find(hops, key);

	if (!target)
		target = target_create(hops, key);
	if (!target || target->kept || hops->rehearses || !key->has_way || !key->family)
		return target;
	target->error =
		neighbour_ref(hops->net, key->ifindex, key->family, key->address, target->mac);
	target->kept = target->error != -ENOMEM;
	if (target->kept)
		return target;
	target_release(hops, target);
	return NULL;
}

/* Tell the data plane where the slot points; without a MAC its MTU is 0, and copies are dropped. */
static int
slot_publish(struct next_hops *hops, struct hop_slot *slot)
{
	const struct dp_port_info *port = &hops->ports->info[slot->port];
	const struct hop_target *target = slot->target;
	struct dp_next_hop next_hop = {
		.port = slot->port,
		.mtu = target->error == 0 ? port->mtu : 0,
	};

	memcpy(next_hop.dst_mac, target->mac, sizeof(next_hop.dst_mac));
	memcpy(next_hop.src_mac, port->mac, sizeof(next_hop.src_mac));
	slot->resolved = target->error == 0;
	return dp_next_hop_set(hops->dp, slot_index(hops, slot), &next_hop);
}

static void
slot_tell(struct next_hops *hops, const struct hop_slot *slot, bool resolved)
{
	if (hops->changed)
		hops->changed(hops->changed_arg, slot_index(hops, slot), resolved);
}

/* Cannot fail for a slot in use: index and port were accepted before. */
static void
slot_update(struct next_hops *hops, struct hop_slot *slot)
{
	const bool was_resolved = slot->resolved;

	slot_publish(hops, slot);
	if (was_resolved != slot->resolved)
		slot_tell(hops, slot, slot->resolved);
}

static void
slot_free(struct next_hops *hops, struct hop_slot *slot)
{
	const uint16_t index = (uint16_t)slot_index(hops, slot);
	struct hop_target *target = slot->target;

	LIST_REMOVE(slot, link);
	slot->target = NULL;
	target_release(hops, target);
	if (slot->seen)
		hops->idle[hops->n_idle++] = index;
	else
		hops->free[hops->n_free++] = index;
}

static struct hop_slot *
slot_create(struct next_hops *hops, unsigned port, struct hop_target *target, int *error)
{
	struct hop_slot *slot;
	unsigned index;

	if (hops->n_free == 0) {
		*error = -ENOSPC;
		return NULL;
	}
	index = hops->free[--hops->n_free];
	if (index >= hops->n_ever)
		hops->n_ever = index + 1;
	slot = &hops->slots[index];
	memset(slot, 0, sizeof(*slot));
	slot->target = target;
	slot->port = (uint16_t)port;
	LIST_INSERT_HEAD(&target->slots, slot, link);
	*error = slot_publish(hops, slot);
	if (*error == 0)
		return slot;
	slot_free(hops, slot);
	return NULL;
}

struct hop_slot *
hop_slot_take(
	struct next_hops *hops, unsigned port, const struct hop_key *key, bool fresh, int *error)
{
	struct hop_target *target = target_get(hops, key);
	struct hop_slot *slot;

	if (!target) {
		*error = -ENOMEM;
		return NULL;
	}
	LIST_FOREACH (slot, &target->slots, link) {
		if (!fresh && slot->port == port)
			return slot;
	}
	slot = slot_create(hops, port, target, error);
	if (!slot && *error == -ENOSPC)
		target_release(hops, target);
	return slot;
}

void
hop_slot_release(struct next_hops *hops, struct hop_slot *slot)
{
	if (slot->legs == 0 && LIST_EMPTY(&slot->askers))
		slot_free(hops, slot);
}

int
hop_slot_retarget(struct next_hops *hops, struct hop_slot *slot, const struct hop_key *key)
{
	struct hop_target *before = slot->target, *target = target_get(hops, key);

	if (!target)
		return -ENOMEM;
	/* Whoever is told may ask for the neighbour that was lost, while it is still there. */
	if (slot->resolved && target->error != 0) {
		slot_tell(hops, slot, false);
		slot->resolved = false;
	}
	LIST_REMOVE(slot, link);
	LIST_INSERT_HEAD(&target->slots, slot, link);
	slot->target = target;
	slot_update(hops, slot);
	target_release(hops, before);
	return 0;
}

int
next_hops_get_static(struct next_hops *hops, unsigned port, const uint8_t mac[6])
{
	struct hop_key key = {.has_way = 1};
	struct hop_slot *slot;
	int error;

	memcpy(key.mac, mac, sizeof(key.mac));
	slot = hop_slot_take(hops, port, &key, false, &error);
	if (!slot)
		return error;
	slot->legs++;
	return (int)slot_index(hops, slot);
}

unsigned
next_hops_left(const struct next_hops *hops)
{
	return hops->n_free;
}

void
next_hops_rehearse(struct next_hops *hops, bool rehearses)
{
	hops->rehearses = rehearses;
}

void
next_hops_reclaim(struct next_hops *hops)
{
	while (hops->n_idle > 0)
		hops->free[hops->n_free++] = hops->idle[--hops->n_idle];
}

void
next_hops_neighbour_changed(struct next_hops *hops, unsigned ifindex, uint8_t family,
	const uint8_t address[16], const uint8_t *mac, int error)
{
	struct hop_key key = {.ifindex = ifindex, .family = family, .has_way = 1};
	struct hop_target *target;
	struct hop_slot *slot;

	memcpy(key.address, address, sizeof(key.address));
	target = target_find(hops, &key);
	if (!target)
		return;
	target->error = mac ? 0 : error;
	if (mac)
		memcpy(target->mac, mac, sizeof(target->mac));
	LIST_FOREACH (slot, &target->slots, link)
		slot_update(hops, slot);
}

void
next_hops_info_get(const struct next_hops *hops, unsigned index, struct next_hop_info *info)
{
	const struct hop_slot *slot = &hops->slots[index];
	const struct hop_target *target = slot->target;

	memset(info, 0, sizeof(*info));
	info->state = target->error == 0 ? NEXT_HOP_RESOLVED : NEXT_HOP_PENDING;
	if (target->key.has_way && target->key.family == 0)
		info->state = NEXT_HOP_STATIC;
	info->port = slot->port;
	info->ifindex = target->key.ifindex;
	info->family = target->key.has_way ? target->key.family : 0;
	info->error = target->error;
	memcpy(info->address, target->key.address, sizeof(info->address));
	memcpy(info->mac, target->mac, sizeof(info->mac));
}
