/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A table of slots, found by key through a hash and given out from a stack of free indexes. A slot
 * is free, in use, or idle: without references, but perhaps still in a worker's hands.
 */
#include "state/next_hops.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "net/netlink.h"

struct hop_key {
	uint32_t ifindex;
	uint16_t port;
	uint8_t family; /* 0 = static */
	uint8_t reserved;
	uint8_t address[16];
	uint8_t static_mac[6];
	uint8_t reserved2[2];
};

static_assert(sizeof(struct hop_key) == 32, "no padding in what is hashed");

struct hop {
	UT_hash_handle hh;
	struct hop_key key;
	unsigned references;
	bool resolved;
	uint8_t mac[6];
};

struct next_hops {
	struct dp *dp;
	const struct ports *ports;
	struct net *net;
	next_hops_changed_fn changed; /* NULL = nobody wants to know */
	void *changed_arg;
	struct hop *by_key;
	unsigned n_free;
	unsigned n_idle;
	uint16_t free[DP_NEXT_HOPS_MAX];
	uint16_t idle[DP_NEXT_HOPS_MAX];
	struct hop slots[DP_NEXT_HOPS_MAX];
};

struct next_hops *
next_hops_create(struct dp *dp, const struct ports *ports, struct net *net)
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
	return hops;
}

void
next_hops_destroy(struct next_hops *hops)
{
	if (!hops)
		return;
	HASH_CLEAR(hh, hops->by_key);
	free(hops);
}

void
next_hops_observe(struct next_hops *hops, next_hops_changed_fn changed, void *arg)
{
	hops->changed = changed;
	hops->changed_arg = arg;
}

/* Tell the data plane what the slot holds; without a MAC its MTU is 0, and copies are dropped. */
static int
hop_publish(const struct next_hops *hops, const struct hop *hop)
{
	const struct dp_port_info *port = &hops->ports->info[hop->key.port];
	struct dp_next_hop next_hop = {
		.port = hop->key.port,
		.mtu = hop->resolved ? port->mtu : 0,
	};

	memcpy(next_hop.dst_mac, hop->mac, sizeof(next_hop.dst_mac));
	memcpy(next_hop.src_mac, port->mac, sizeof(next_hop.src_mac));
	return dp_next_hop_set(hops->dp, (unsigned)(hop - hops->slots), &next_hop);
}

static int
hop_create(struct next_hops *hops, const struct hop_key *key, const uint8_t mac[6])
{
	struct hop *hop;
	uint16_t index;
	int rc;

	if (hops->n_free == 0)
		return -ENOSPC;
	index = hops->free[hops->n_free - 1];
	hop = &hops->slots[index];
	memset(hop, 0, sizeof(*hop));
	hop->key = *key;
	hop->resolved = true;
	memcpy(hop->mac, mac, sizeof(hop->mac));
	rc = hop_publish(hops, hop);
	if (rc < 0)
		return rc;
	HASH_ADD(hh, hops->by_key, key, sizeof(hop->key), hop);
	if (!hop->hh.tbl)
		return -ENOMEM;
	if (key->family && net_keep(hops->net, key->ifindex, key->family, key->address) < 0) {
		HASH_DELETE(hh, hops->by_key, hop);
		return -ENOMEM;
	}
	hops->n_free--;
	hop->references = 1;
	return index;
}

static void
hop_update(struct next_hops *hops, struct hop *hop, const uint8_t *mac)
{
	const bool flips = hop->resolved != (mac != NULL);

	if (!flips && (!mac || memcmp(hop->mac, mac, 6) == 0))
		return;
	hop->resolved = mac != NULL;
	if (mac)
		memcpy(hop->mac, mac, sizeof(hop->mac));
	hop_publish(hops, hop); /* cannot fail: index and port were accepted before */
	if (flips && hops->changed)
		hops->changed(hops->changed_arg, (unsigned)(hop - hops->slots), hop->resolved);
}

static int
hop_get(struct next_hops *hops, const struct hop_key *key, const uint8_t mac[6])
{
	struct hop *hop;

	HASH_FIND(hh, hops->by_key, key, sizeof(*key), hop);
	if (!hop)
		return hop_create(hops, key, mac);
	hop_update(hops, hop, mac);
	hop->references++;
	return (int)(hop - hops->slots);
}

int
next_hops_get_neighbour(struct next_hops *hops, unsigned port, unsigned ifindex, uint8_t family,
	const uint8_t address[16], const uint8_t mac[6])
{
	struct hop_key key = {.ifindex = ifindex, .port = (uint16_t)port, .family = family};

	memcpy(key.address, address, sizeof(key.address));
	return hop_get(hops, &key, mac);
}

int
next_hops_get_static(struct next_hops *hops, unsigned port, const uint8_t mac[6])
{
	struct hop_key key = {.port = (uint16_t)port};

	memcpy(key.static_mac, mac, sizeof(key.static_mac));
	return hop_get(hops, &key, mac);
}

void
next_hops_hold(struct next_hops *hops, unsigned index)
{
	hops->slots[index].references++;
}

void
next_hops_put(struct next_hops *hops, unsigned index, bool seen)
{
	struct hop *hop = &hops->slots[index];

	if (--hop->references > 0)
		return;
	if (hop->key.family)
		net_forget(hops->net, hop->key.ifindex, hop->key.family, hop->key.address);
	HASH_DELETE(hh, hops->by_key, hop);
	if (seen)
		hops->idle[hops->n_idle++] = (uint16_t)index;
	else
		hops->free[hops->n_free++] = (uint16_t)index;
}

void
next_hops_reclaim(struct next_hops *hops)
{
	while (hops->n_idle > 0)
		hops->free[hops->n_free++] = hops->idle[--hops->n_idle];
}

void
next_hops_changed(struct next_hops *hops, unsigned ifindex, uint8_t family,
	const uint8_t address[16], const uint8_t *mac)
{
	struct hop_key key = {.ifindex = ifindex, .family = family};
	struct hop *hop;

	memcpy(key.address, address, sizeof(key.address));
	/* Two ports may be queues of one kernel interface, so the port is tried, not computed. */
	for (key.port = 0; key.port < hops->ports->n; key.port++) {
		HASH_FIND(hh, hops->by_key, &key, sizeof(key), hop);
		if (hop)
			hop_update(hops, hop, mac);
	}
}

void
next_hops_info_get(const struct next_hops *hops, unsigned index, struct next_hop_info *info)
{
	const struct hop *hop = &hops->slots[index];

	memset(info, 0, sizeof(*info));
	info->state = hop->resolved ? NEXT_HOP_RESOLVED : NEXT_HOP_UNRESOLVED;
	if (hop->key.family == 0)
		info->state = NEXT_HOP_STATIC;
	info->port = hop->key.port;
	info->ifindex = hop->key.ifindex;
	info->family = hop->key.family;
	memcpy(info->address, hop->key.address, sizeof(info->address));
	memcpy(info->mac, hop->mac, sizeof(info->mac));
}
