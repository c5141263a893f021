/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Slots (an index each) point to targets (a neighbour, a fixed address, or no way to any), and are
 * pointed to by askers (what legs ask for). A slot is free, in use, or idle: without references,
 * but perhaps still in a worker's hands. Free indexes are a stack.
 */
#include "flow/next_hop.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include <event2/event.h>
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "base/addr.h"
#include "base/clock.h"

struct hop_asker;

struct hop_changes {
	bool all;
	unsigned n;
	struct net_prefix prefixes[HOP_PREFIXES_MAX];
};

struct hop_moves {
	struct event *timer; /* NULL: nothing happens by itself */
	struct hop_changes noted; /* for the next round */
	struct hop_changes asked; /* what this round is for */
	bool running;
	unsigned slot; /* where the round is */
	struct hop_asker *asker; /* of that slot, NULL = its first */
};

/* Hashed as bytes. */
struct hop_key {
	uint32_t ifindex; /* of the neighbour's interface; 0 = static, or no such interface */
	uint16_t vlan; /* with has_way 0: what was asked for */
	uint16_t outer_vlan;
	uint8_t family; /* 0 = static */
	uint8_t has_way; /* 0: no neighbour is known to be asked */
	uint8_t mac[6]; /* static */
	uint8_t address[16];
};

static_assert(sizeof(struct hop_key) == 32, "no padding in what is hashed");

LIST_HEAD(hop_slots, hop_slot);
LIST_HEAD(hop_askers, hop_asker);

struct hop_target {
	UT_hash_handle hh;
	struct hop_key key;
	struct hop_slots slots;
	int error; /* 0: mac is good */
	uint8_t mac[6]; /* the last one known */
	bool kept; /* the kernel is asked to know it */
};

struct hop_slot {
	LIST_ENTRY(hop_slot) link; /* of the target's */
	struct hop_target *target; /* NULL: free, or idle */
	struct hop_askers askers;
	unsigned legs; /* that hold the index */
	unsigned away; /* of them, those whose asker has another slot by now */
	uint16_t port;
	bool resolved; /* as the data plane has it */
	bool seen; /* by workers, perhaps */
};

struct hop_asker {
	UT_hash_handle hh;
	struct hop_request request;
	LIST_ENTRY(hop_asker) link; /* of the slot's */
	struct hop_slot *slot; /* none of the legs that are away holds it */
	unsigned legs;
	unsigned away;
	int error; /* of the last answer: 0, or why there is no way */
	/* While routes are asked again. */
	bool moves;
	int next_error;
	struct hop_key next;
};

struct next_hops {
	struct dp *dp;
	const struct ports *ports;
	struct net *net;
	next_hops_changed_fn changed; /* NULL = nobody wants to know */
	void *changed_arg;
	void (*on_away)(void *arg); /* NULL = nobody wants to know */
	void *on_away_arg;
	struct hop_target *targets;
	struct hop_asker *askers;
	struct hop_moves moves;
	uint64_t away;
	bool rehearses; /* neighbours are not asked for */
	unsigned n_ever; /* slots from here on were never used */
	unsigned n_free;
	unsigned n_idle;
	uint16_t free[DP_NEXT_HOPS_MAX];
	uint16_t idle[DP_NEXT_HOPS_MAX];
	struct hop_slot slots[DP_NEXT_HOPS_MAX];
};

static inline unsigned
slot_index(const struct next_hops *hops, const struct hop_slot *slot)
{
	return (unsigned)(slot - hops->slots);
}

static int hop_moves_init(struct next_hops *hops, struct event_base *base);
static void hop_moves_fini(struct next_hops *hops);
static void hop_moves_forget(struct next_hops *hops, const struct hop_asker *asker);

bool
hop_request_make(const struct flow_leg *leg, const struct ports *ports, struct hop_request *request)
{
	const bool has_gateway = leg->hop == FLOW_HOP_GATEWAY;

	if (leg->hop == FLOW_HOP_MAC)
		return false;
	if (!has_gateway && address_kind(leg->family, leg->dst) == ADDRESS_MULTICAST)
		return false;
	memset(request, 0, sizeof(*request));
	request->port = (uint16_t)ports_find(ports, leg->port);
	request->ifindex = ports->info[request->port].ifindex;
	request->vlan = leg->vlan;
	request->outer_vlan = leg->outer_vlan;
	request->family = leg->family;
	request->has_gateway = has_gateway;
	memcpy(request->to, has_gateway ? leg->next_hop : leg->dst, sizeof(request->to));
	return true;
}

void
hop_static_mac(const struct flow_leg *leg, uint8_t mac[6])
{
	if (leg->hop == FLOW_HOP_MAC)
		memcpy(mac, leg->mac, sizeof(leg->mac));
	else
		address_multicast_mac(leg->family, leg->dst, mac);
}

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

/*
 * A slot on that port for a target, one in use or, when `fresh`, one that nobody has. To be
 * released when it stays without legs and askers. NULL with *error set.
 */
static struct hop_slot *
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

/* Free a slot that has neither legs nor askers; others stay. */
static void
hop_slot_release(struct next_hops *hops, struct hop_slot *slot)
{
	if (slot->legs == 0 && LIST_EMPTY(&slot->askers))
		slot_free(hops, slot);
}

/* Point a slot elsewhere, with all legs and askers. 0 or -ENOMEM, and nothing has changed. */
static int
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

/* What legs ask for, each once however many legs ask it, and which legs have yet to follow it. */

/* NULL when no leg asks for it. */
static struct hop_asker *
hop_asker_find(const struct next_hops *hops, const struct hop_request *request)
{
	struct hop_asker *asker;

	HASH_FIND(hh, hops->askers, request, sizeof(*request), asker);
	return asker;
}

/* Ask the kernel. Returns what route_resolve() answers with, and *key for it. */
static int
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

/* Give an asker another slot; the legs that it has are away from now on. */
static void
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

/*
 * A round goes over slots, and for each over those who ask for it. When all of these have been
 * asked again, either the slot goes where all of them go, which is one write for any number of
 * legs, or those that leave get slots of their own.
 */

#define SOON_US 20000 /* a burst of changes is over by then, mostly */
#define SLICE_NS 2000000
#define PAUSE_US 4000 /* between slices */
#define RETRY_US 1000000 /* when there was no room for what moves */

static void
timer_set(struct next_hops *hops, suseconds_t us)
{
	const struct timeval delay = {.tv_sec = us / 1000000, .tv_usec = us % 1000000};

	if (hops->moves.timer && !event_pending(hops->moves.timer, EV_TIMEOUT, NULL))
		event_add(hops->moves.timer, &delay);
}

static void
timer_passed(evutil_socket_t fd, short what, void *arg)
{
	struct next_hops *hops = arg;

	(void)fd;
	(void)what;
	if (hop_moves_run(hops))
		timer_set(hops, PAUSE_US);
}

/* `base` NULL: no timer. 0 or -ENOMEM. */
static int
hop_moves_init(struct next_hops *hops, struct event_base *base)
{
	if (!base)
		return 0;
	hops->moves.timer = event_new(base, -1, 0, timer_passed, hops);
	return hops->moves.timer ? 0 : -ENOMEM;
}

/* `base` NULL: no timer. 0 or -ENOMEM. */
static void
hop_moves_fini(struct next_hops *hops)
{
	if (hops->moves.timer)
		event_free(hops->moves.timer);
}

/* Destinations whose routes changed, NULL = any; a round is to begin. */
static void
hop_moves_note(struct next_hops *hops, const struct net_prefix *prefix)
{
	struct hop_changes *noted = &hops->moves.noted;

	timer_set(hops, SOON_US);
	if (!prefix || noted->n == HOP_PREFIXES_MAX)
		noted->all = true;
	else if (!noted->all)
		noted->prefixes[noted->n++] = *prefix;
}

void
next_hops_routes_changed(struct next_hops *hops, const struct net_prefix *prefix)
{
	hop_moves_note(hops, prefix);
}

/* An asker is about to go, or to get another slot. */
static void
hop_moves_forget(struct next_hops *hops, const struct hop_asker *asker)
{
	if (hops->moves.asker == asker)
		hops->moves.asker = LIST_NEXT(asker, link);
}

static bool
prefix_concerns(const struct net_prefix *prefix, const struct hop_request *request)
{
	const unsigned bytes = prefix->bits / 8, rest = prefix->bits % 8;

	if (prefix->family != request->family || memcmp(prefix->address, request->to, bytes) != 0)
		return false;
	return rest == 0 ||
	       ((prefix->address[bytes] ^ request->to[bytes]) & (0xff00u >> rest & 0xff)) == 0;
}

static bool
changes_concern(const struct hop_changes *changes, const struct hop_request *request)
{
	unsigned i;

	for (i = 0; i < changes->n && !changes->all; i++) {
		if (!request->has_gateway && prefix_concerns(&changes->prefixes[i], request))
			return true;
	}
	return changes->all;
}

static void
asker_ask(struct next_hops *hops, struct hop_asker *asker)
{
	asker->moves = false;
	if (!changes_concern(&hops->moves.asked, &asker->request))
		return;
	asker->next_error = hop_asker_aim(hops, &asker->request, &asker->next);
	asker->moves = memcmp(&asker->next, &asker->slot->target->key, sizeof(asker->next)) != 0;
	if (!asker->moves)
		asker->error = asker->next_error;
}

/* Whether all who ask for the slot go to one place, which is not where it points. */
static bool
slot_goes_whole(const struct hop_slot *slot)
{
	const struct hop_asker *first = LIST_FIRST(&slot->askers), *asker;

	LIST_FOREACH (asker, &slot->askers, link) {
		if (!asker->moves || memcmp(&asker->next, &first->next, sizeof(first->next)) != 0)
			return false;
	}
	return true;
}

static int
slot_go(struct next_hops *hops, struct hop_slot *slot)
{
	struct hop_asker *asker;

	if (hop_slot_retarget(hops, slot, &LIST_FIRST(&slot->askers)->next) < 0)
		return -ENOMEM;
	LIST_FOREACH (asker, &slot->askers, link) {
		asker->moves = false;
		asker->error = asker->next_error;
	}
	return 0;
}

/* A leg that is away must not come home by chance: an asker that has some gets a slot of its own.
 */
static int
asker_go(struct next_hops *hops, struct hop_asker *asker)
{
	struct hop_slot *slot;
	int error;

	slot = hop_slot_take(hops, asker->request.port, &asker->next, asker->away > 0, &error);
	if (!slot)
		return error;
	asker->moves = false;
	asker->error = asker->next_error;
	hop_asker_move(hops, asker, slot);
	return 0;
}

static void
slot_settle(struct next_hops *hops, struct hop_slot *slot)
{
	struct hop_asker *asker, *next;
	int rc = 0;

	if (slot_goes_whole(slot)) {
		rc = slot_go(hops, slot);
	} else {
		for (asker = LIST_FIRST(&slot->askers); asker; asker = next) {
			next = LIST_NEXT(asker, link);
			if (asker->moves && asker_go(hops, asker) < 0)
				rc = -ENOMEM;
		}
	}
	if (rc < 0) {
		timer_set(hops, RETRY_US);
		hops->moves.noted.all = true;
	}
}

/* Ask for those of one slot until the slice is over. True: all have been asked. */
static bool
slot_ask(struct next_hops *hops, struct hop_slot *slot, uint64_t end_ns)
{
	struct hop_moves *moves = &hops->moves;

	if (!moves->asker)
		moves->asker = LIST_FIRST(&slot->askers);
	while (moves->asker) {
		asker_ask(hops, moves->asker);
		moves->asker = LIST_NEXT(moves->asker, link);
		if (clock_read_ns(CLOCK_MONOTONIC) >= end_ns)
			break;
	}
	return !moves->asker;
}

static bool
round_begin(struct hop_moves *moves)
{
	if (moves->running)
		return true;
	if (!moves->noted.all && moves->noted.n == 0)
		return false;
	moves->asked = moves->noted;
	memset(&moves->noted, 0, sizeof(moves->noted));
	moves->running = true;
	moves->slot = 0;
	moves->asker = NULL;
	return true;
}

bool
hop_moves_run(struct next_hops *hops)
{
	const uint64_t end_ns = clock_read_ns(CLOCK_MONOTONIC) + SLICE_NS;
	struct hop_moves *moves = &hops->moves;

	if (!round_begin(moves))
		return false;
	for (; moves->slot < hops->n_ever; moves->slot++) {
		struct hop_slot *slot = &hops->slots[moves->slot];

		if (!slot->target || LIST_EMPTY(&slot->askers))
			continue;
		if (!slot_ask(hops, slot, end_ns))
			return true;
		slot_settle(hops, slot);
		if (clock_read_ns(CLOCK_MONOTONIC) >= end_ns) {
			moves->slot++;
			return true;
		}
	}
	moves->running = false;
	if (hops->away > 0 && hops->on_away)
		hops->on_away(hops->on_away_arg);
	return moves->noted.all || moves->noted.n > 0;
}
