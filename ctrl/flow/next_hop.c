/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Slots (an index each) point to targets (a neighbour, a fixed address, or no way to any), and are
 * used by tracked requests. Routes by one neighbour may have MTUs of their own: a slot has one, a
 * target has slots of several. A slot is free, in use, or idle: without references, but perhaps
 * still in a worker's hands. Free indexes are a stack.
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
#include "base/timer.h"
#include "flow/hop_path.h"
#include "net/netlink.h"

#define SOON_NS (20 * NS_PER_MS) /* a burst of changes is over by then, mostly */
#define SLICE_NS (2 * NS_PER_MS)
#define PAUSE_NS (4 * NS_PER_MS) /* between slices */
#define HOLD_NS (NEXT_HOP_HOLD_MS * NS_PER_MS)
#define RETRY_NS NS_PER_S /* when there was no room for what moves */

struct hop_tracked;

struct hop_changes {
	bool all;
	bool paths; /* a neighbour on one of several paths was lost, or is back */
	unsigned n;
	struct net_prefix prefixes[HOP_PREFIXES_MAX];
};

struct hop_moves {
	struct timer timer;
	struct hop_changes noted; /* for the next round */
	struct hop_changes changes; /* what this round is for */
	bool running;
	unsigned slot; /* where the round is */
	struct hop_tracked *tracked; /* of that slot, NULL = its first */
};

/* Hashed as bytes. */
struct hop_key {
	struct neigh_key neighbour; /* family 0 = static; ifindex 0 = that, or no interface */
	uint16_t vlan; /* of the request, with has_neighbour 0 */
	uint16_t outer_vlan;
	uint8_t mac[6]; /* static */
	uint8_t has_neighbour; /* 0: there is none, and its address is zero */
	uint8_t reserved; /* zero */
};

static_assert(sizeof(struct hop_key) == 36, "no padding in what is hashed");

/* The answer to a request: what a slot points to, and how long a packet may be. Compared as bytes.
 */
struct hop_way {
	struct hop_key key;
	uint16_t mtu; /* of the route, 0 = it has none */
	uint16_t reserved; /* zero */
};

LIST_HEAD(hop_slots, hop_slot);
LIST_HEAD(hop_tracked_list, hop_tracked);

struct hop_target {
	UT_hash_handle hh;
	struct hop_key key;
	struct hop_slots slots;
	int error; /* 0: mac is good */
	uint8_t mac[6]; /* the last one known */
	bool kept; /* there is a reference on the neighbour */
	unsigned holds; /* requests that have it as one of several paths */
};

struct hop_slot {
	LIST_ENTRY(hop_slot) link; /* of the target's */
	struct hop_target *target; /* NULL: free, or idle */
	struct hop_tracked_list tracked;
	unsigned legs; /* that hold the index */
	unsigned stale; /* of them, those whose request has another slot by now */
	uint16_t port;
	uint16_t route_mtu; /* of the route, 0 = it has none */
	bool resolved; /* as the data plane has it */
	bool seen; /* by workers, perhaps */
	/* The way to use while its own is lost; NULL = none. */
	struct hop_tracked *backup;
	LIST_ENTRY(hop_slot) backup_link; /* of the backup's `backed` */
	bool on_backup;
	uint64_t well_ns; /* on the backup: since then its own way is well again; 0 = it is not */
};

/* Hashed as bytes. */
struct hop_asked {
	struct hop_request request;
	uint32_t reserved; /* zero */
	struct hop_tracked *backup; /* another request's; NULL = none */
};

static_assert(sizeof(struct hop_asked) == 64, "no padding in what is hashed");

struct hop_tracked {
	UT_hash_handle hh;
	struct hop_asked asked; /* without the port's interface, which may become another one */
	LIST_ENTRY(hop_tracked) link; /* of the slot's */
	struct hop_slot *slot; /* no stale leg holds it */
	struct hop_slots backed; /* slots whose backup this is */
	unsigned backs; /* those, and requests that have it as backup */
	unsigned legs;
	unsigned stale;
	int error; /* of the last answer: 0, or why there is no way */
	unsigned n_paths; /* of the last answer; 0 also when there was one only */
	struct hop_target **paths;
	/* While requests are resolved again. */
	bool moves;
	int next_error;
	struct hop_way next;
};

#define HOP_ANSWERS 64

/* Of the kernel, for legs between the same addresses, which are often resolved soon after another.
 */
struct hop_answer {
	uint64_t changes; /* that were known then: it holds until there is another one */
	struct hop_request request; /* without a bucket */
	int error;
	struct hop_paths paths;
};

struct next_hops {
	struct dp *dp;
	const struct ports *ports;
	struct net *net;
	next_hops_changed_fn changed; /* NULL: disabled */
	void *changed_arg;
	void (*on_stale)(void *arg); /* NULL: disabled */
	void *on_stale_arg;
	struct hop_target *targets;
	struct hop_tracked *tracked;
	struct hop_moves moves;
	struct timer hold_timer; /* slots on their backup, whose own way is well again */
	uint64_t n_changes; /* of routes, links and the like, so far; from 1 on */
	struct hop_answer answers[HOP_ANSWERS]; /* by the hash of the request */
	uint64_t stale;
	bool rehearses; /* neighbours are not resolved */
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

static void moves_due(void *arg);
static void hold_due(void *arg);
static void tracked_release(struct next_hops *hops, struct hop_tracked *tracked);

/*
 * All but the port's interface. False when the leg does not need the kernel: its hop is static, a
 * multicast group, or none.
 */
static bool
request_make(const struct next_hops *hops, const struct flow_leg *leg, struct hop_request *request)
{
	const bool has_gateway = leg->hop == FLOW_HOP_GATEWAY;

	if (leg->hop == FLOW_HOP_MAC || !leg_is_signalled(leg))
		return false;
	if (!has_gateway && address_kind(leg->dp.family, leg->dp.dst) == ADDRESS_MULTICAST)
		return false;
	memset(request, 0, sizeof(*request));
	request->port = (uint16_t)ports_find(hops->ports, leg->port);
	request->vlan = leg->dp.vlan;
	request->outer_vlan = leg->dp.outer_vlan;
	request->family = leg->dp.family;
	request->has_gateway = has_gateway;
	/* Without a route to look for, legs of any source have the same answer. */
	if (!has_gateway) {
		request->bucket = hop_bucket(leg);
		request->mark = leg->mark;
		request->dscp = leg->dp.dscp == DP_DSCP_KEEP ? 0 : leg->dp.dscp;
		memcpy(request->from, leg->dp.src, sizeof(request->from));
	}
	memcpy(request->to, has_gateway ? leg->next_hop : leg->dp.dst, sizeof(request->to));
	return true;
}

struct next_hops *
next_hops_create(struct dp *dp, const struct ports *ports, struct net *net, struct event_base *base,
	void (*on_stale)(void *arg), void *arg)
{
	struct next_hops *hops = calloc(1, sizeof(*hops));
	unsigned i;

	if (!hops)
		return NULL;
	hops->dp = dp;
	hops->ports = ports;
	hops->net = net;
	hops->on_stale = on_stale;
	hops->on_stale_arg = arg;
	hops->n_changes = 1;
	for (i = 0; i < DP_NEXT_HOPS_MAX; i++)
		hops->free[hops->n_free++] = (uint16_t)(DP_NEXT_HOPS_MAX - 1 - i);
	timer_init(&hops->moves.timer, base, moves_due, hops);
	timer_init(&hops->hold_timer, base, hold_due, hops);
	return hops;
}

void
next_hops_destroy(struct next_hops *hops)
{
	struct hop_target *target, *next_target;
	struct hop_tracked *tracked, *next_tracked;

	if (!hops)
		return;
	timer_disarm(&hops->moves.timer);
	timer_disarm(&hops->hold_timer);
	HASH_ITER(hh, hops->tracked, tracked, next_tracked)
	{
		HASH_DELETE(hh, hops->tracked, tracked);
		free(tracked->paths);
		free(tracked);
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
target_find(const struct next_hops *hops, const struct hop_key *key)
{
	struct hop_target *target;

	HASH_FIND(hh, hops->targets, key, sizeof(*key), target);
	return target;
}

/* It is kept as long as a slot points to it, or a request may. */
static void
target_release(struct next_hops *hops, struct hop_target *target)
{
	if (!LIST_EMPTY(&target->slots) || target->holds > 0)
		return;
	if (target->kept)
		neighbour_unref(hops->net, &target->key.neighbour);
	HASH_DELETE(hh, hops->targets, target);
	free(target);
}

/* The target of a key, there or made; with a reference on its neighbour, but in a rehearsal. */
static struct hop_target *
target_get(struct next_hops *hops, const struct hop_key *key)
{
	const bool is_neighbour = key->has_neighbour && key->neighbour.family != 0;
	struct hop_target *target = target_find(hops, key);

	if (!target) {
		target = calloc(1, sizeof(*target));
		if (!target)
			return NULL;
		target->key = *key;
		memcpy(target->mac, key->mac, sizeof(target->mac));
		target->error = is_neighbour ? -EINPROGRESS : key->has_neighbour ? 0 : -ENETUNREACH;
		HASH_ADD(hh, hops->targets, key, sizeof(target->key), target);
		if (!target->hh.tbl) {
			free(target);
			return NULL;
		}
	}
	if (!is_neighbour || target->kept || hops->rehearses)
		return target;
	target->error = neighbour_ref(hops->net, &key->neighbour, target->mac);
	target->kept = target->error != -ENOMEM;
	if (target->kept)
		return target;
	target_release(hops, target);
	return NULL;
}

/* Other paths are better than this one. One that has not answered yet is given the time to. */
static bool
target_is_lost(const struct hop_target *target)
{
	return target->error != 0 && target->error != -EINPROGRESS;
}

/* The kernel's VLAN interface that the slot's copies leave by; NULL: they leave by the port's. */
static const struct link_vlan *
slot_vlan(const struct next_hops *hops, const struct hop_slot *slot)
{
	const unsigned ifindex = slot->target->key.neighbour.ifindex;

	if (ifindex == 0 || ifindex == hops->ports->info[slot->port].ifindex)
		return NULL;
	return link_vlan_find(net_vlans(hops->net), ifindex);
}

static uint16_t
mtu_least(uint16_t mtu, uint32_t other)
{
	return other != 0 && other < mtu ? (uint16_t)other : mtu;
}

/* Of what leaves by the slot, were it resolved; without the route's. */
static uint16_t
slot_interface_mtu(const struct next_hops *hops, const struct hop_slot *slot)
{
	const struct link_vlan *vlan = slot_vlan(hops, slot);

	return mtu_least(hops->ports->info[slot->port].mtu, vlan ? vlan->mtu : 0);
}

static bool
slot_is_well(const struct next_hops *hops, const struct hop_slot *slot)
{
	return slot->target->error == 0 && !dp_port_is_down(hops->dp, slot->port);
}

/* The slot itself, or that of its backup while this is used. */
static const struct hop_slot *
slot_used(const struct hop_slot *slot)
{
	return slot->on_backup ? slot->backup->slot : slot;
}

/*
 * Take the backup when the slot's own way is lost and the backup is well. Go back when the own way
 * has been well for a while, so that a link that flaps does not take the media along, or at once
 * when the backup is lost. A neighbour that has not answered yet is given the time to.
 */
static void
slot_choose(struct next_hops *hops, struct hop_slot *slot)
{
	const bool is_well = slot_is_well(hops, slot);
	const bool backup_is_well = slot->backup && slot_is_well(hops, slot->backup->slot);

	if (!slot->on_backup) {
		slot->on_backup =
			!is_well && backup_is_well &&
			(target_is_lost(slot->target) || dp_port_is_down(hops->dp, slot->port));
		slot->well_ns = 0;
		return;
	}
	if (!is_well) {
		slot->well_ns = 0;
		return;
	}
	if (slot->well_ns == 0) {
		slot->well_ns = clock_read_ns(CLOCK_MONOTONIC);
		timer_arm_if_idle(&hops->hold_timer, HOLD_NS);
	}
	slot->on_backup =
		backup_is_well && clock_read_ns(CLOCK_MONOTONIC) - slot->well_ns < HOLD_NS;
}

/* Tell the data plane where the slot points; without a MAC its MTU is 0, and copies are dropped. */
static int
slot_publish(struct next_hops *hops, struct hop_slot *slot)
{
	const struct hop_slot *used;
	const struct dp_port_info *port;
	const struct link_vlan *vlan;
	struct dp_next_hop next_hop = {0};

	slot_choose(hops, slot);
	used = slot_used(slot);
	port = &hops->ports->info[used->port];
	vlan = slot_vlan(hops, used);
	next_hop.port = used->port;
	if (used->target->error == 0)
		next_hop.mtu = mtu_least(slot_interface_mtu(hops, used), used->route_mtu);
	memcpy(next_hop.dst_mac, used->target->mac, sizeof(next_hop.dst_mac));
	memcpy(next_hop.src_mac, vlan ? vlan->mac : port->mac, sizeof(next_hop.src_mac));
	slot->resolved = used->target->error == 0;
	return dp_next_hop_set(hops->dp, slot_index(hops, slot), &next_hop);
}

static void
slot_notify(struct next_hops *hops, const struct hop_slot *slot, enum next_hop_change change)
{
	if (hops->changed)
		hops->changed(hops->changed_arg, slot_index(hops, slot), change);
}

/* Cannot fail for a slot in use: index and port were accepted before. */
static void
slot_refresh(struct next_hops *hops, struct hop_slot *slot)
{
	const bool was_resolved = slot->resolved, was_on_backup = slot->on_backup;

	slot_publish(hops, slot);
	if (was_on_backup != slot->on_backup)
		slot_notify(
			hops, slot, slot->on_backup ? NEXT_HOP_TOOK_BACKUP : NEXT_HOP_LEFT_BACKUP);
	if (was_resolved != slot->resolved)
		slot_notify(hops, slot, slot->resolved ? NEXT_HOP_WAS_RESOLVED : NEXT_HOP_WAS_LOST);
}

/* Those that have this request as their backup. */
static void
backed_update(struct next_hops *hops, const struct hop_tracked *tracked)
{
	struct hop_slot *slot;

	LIST_FOREACH (slot, &tracked->backed, backup_link)
		slot_refresh(hops, slot);
}

static void
slot_update(struct next_hops *hops, struct hop_slot *slot)
{
	const struct hop_tracked *tracked;

	slot_refresh(hops, slot);
	LIST_FOREACH (tracked, &slot->tracked, link)
		backed_update(hops, tracked);
}

static void
hold_due(void *arg)
{
	struct next_hops *hops = arg;
	unsigned i;

	for (i = 0; i < hops->n_ever; i++) {
		if (!hops->slots[i].target || !hops->slots[i].on_backup)
			continue;
		slot_refresh(hops, &hops->slots[i]);
		if (hops->slots[i].on_backup && hops->slots[i].well_ns != 0)
			timer_arm_if_idle(&hops->hold_timer, HOLD_NS);
	}
}

static void
slot_free(struct next_hops *hops, struct hop_slot *slot)
{
	const uint16_t index = (uint16_t)slot_index(hops, slot);
	struct hop_target *target = slot->target;

	LIST_REMOVE(slot, link);
	slot->target = NULL;
	target_release(hops, target);
	if (slot->backup) {
		LIST_REMOVE(slot, backup_link);
		slot->backup->backs--;
		tracked_release(hops, slot->backup);
	}
	if (slot->seen)
		hops->idle[hops->n_idle++] = index;
	else
		hops->free[hops->n_free++] = index;
}

/*
 * A slot on that port for a way and backup, one in use or, when `fresh`, an unused one. To be
 * released when it stays without legs and requests. NULL with *error set.
 */
static struct hop_slot *
hop_slot_find(struct next_hops *hops, unsigned port, struct hop_tracked *backup,
	const struct hop_way *way, bool fresh, int *error)
{
	struct hop_target *target = target_get(hops, &way->key);
	struct hop_slot *slot;
	unsigned index;

	*error = -ENOMEM;
	if (!target)
		return NULL;
	LIST_FOREACH (slot, &target->slots, link) {
		if (!fresh && slot->port == port && slot->route_mtu == way->mtu &&
			slot->backup == backup)
			return slot;
	}
	*error = -ENOSPC;
	if (hops->n_free == 0) {
		target_release(hops, target);
		return NULL;
	}
	index = hops->free[--hops->n_free];
	if (index >= hops->n_ever)
		hops->n_ever = index + 1;
	slot = &hops->slots[index];
	*slot = (struct hop_slot){
		.target = target,
		.port = (uint16_t)port,
		.route_mtu = way->mtu,
		.backup = backup,
	};
	if (backup) {
		LIST_INSERT_HEAD(&backup->backed, slot, backup_link);
		backup->backs++;
	}
	LIST_INSERT_HEAD(&target->slots, slot, link);
	*error = slot_publish(hops, slot);
	if (*error == 0)
		return slot;
	slot_free(hops, slot);
	return NULL;
}

/* Free a slot that has neither legs nor requests; others stay. */
static void
hop_slot_release(struct next_hops *hops, struct hop_slot *slot)
{
	if (slot->legs == 0 && LIST_EMPTY(&slot->tracked))
		slot_free(hops, slot);
}

/* Point a slot elsewhere, with all legs and requests. 0 or -ENOMEM, and nothing has changed. */
static int
hop_slot_retarget(struct next_hops *hops, struct hop_slot *slot, const struct hop_way *way)
{
	struct hop_target *before = slot->target, *target = target_get(hops, &way->key);

	if (!target)
		return -ENOMEM;
	/* The callback may read the neighbour that was lost, so it comes first. */
	if (slot->resolved && !slot->backup && target->error != 0) {
		slot_notify(hops, slot, NEXT_HOP_WAS_LOST);
		slot->resolved = false;
	}
	LIST_REMOVE(slot, link);
	LIST_INSERT_HEAD(&target->slots, slot, link);
	slot->target = target;
	slot->route_mtu = way->mtu;
	slot_update(hops, slot);
	target_release(hops, before);
	return 0;
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
next_hops_neighbour_changed(
	struct next_hops *hops, const struct neigh_key *neighbour, const uint8_t *mac, int error)
{
	const struct hop_key key = {.neighbour = *neighbour, .has_neighbour = 1};
	struct hop_target *target;
	struct hop_slot *slot;
	bool was_lost;

	target = target_find(hops, &key);
	if (!target)
		return;
	was_lost = target_is_lost(target);
	target->error = mac ? 0 : error;
	if (mac)
		memcpy(target->mac, mac, sizeof(target->mac));
	LIST_FOREACH (slot, &target->slots, link)
		slot_update(hops, slot);
	if (target->holds > 0 && target_is_lost(target) != was_lost) {
		hops->moves.noted.paths = true;
		timer_arm_if_idle(&hops->moves.timer, SOON_NS);
	}
}

void
next_hops_port_changed(struct next_hops *hops, unsigned port)
{
	unsigned i;

	for (i = 0; i < hops->n_ever; i++) {
		if (hops->slots[i].target && hops->slots[i].port == port)
			slot_update(hops, &hops->slots[i]);
	}
}

void
next_hops_vlans_changed(struct next_hops *hops)
{
	unsigned i;

	for (i = 0; i < hops->n_ever; i++) {
		if (hops->slots[i].target && slot_vlan(hops, &hops->slots[i]))
			slot_update(hops, &hops->slots[i]);
	}
}

unsigned
next_hops_port(const struct next_hops *hops, unsigned index)
{
	return slot_used(&hops->slots[index])->port;
}

void
next_hops_info_get(const struct next_hops *hops, unsigned index, struct next_hop_info *info)
{
	const struct hop_slot *slot = slot_used(&hops->slots[index]);
	const struct hop_target *target = slot->target;

	memset(info, 0, sizeof(*info));
	info->state = target->error == 0 ? NEXT_HOP_RESOLVED : NEXT_HOP_PENDING;
	if (target->key.has_neighbour && target->key.neighbour.family == 0)
		info->state = NEXT_HOP_STATIC;
	else if (hops->slots[index].on_backup && target->error == 0)
		info->state = NEXT_HOP_BACKUP;
	info->port = slot->port;
	info->ifindex = target->key.neighbour.ifindex;
	info->family = target->key.has_neighbour ? target->key.neighbour.family : 0;
	info->error = target->error;
	info->mtu = mtu_least(slot_interface_mtu(hops, slot), slot->route_mtu);
	info->mtu_of_route = info->mtu < slot_interface_mtu(hops, slot);
	memcpy(info->address, target->key.neighbour.address, sizeof(info->address));
	memcpy(info->mac, target->mac, sizeof(info->mac));
}

/* Requests, each once however many legs have it, and which legs have yet to follow it. */

static struct hop_tracked *
tracked_find(const struct next_hops *hops, const struct hop_asked *asked)
{
	struct hop_tracked *tracked;

	HASH_FIND(hh, hops->tracked, asked, sizeof(*asked), tracked);
	return tracked;
}

/* The backup of a leg that has one, as a leg without one. */
static struct flow_leg
backup_leg(const struct flow_leg *leg)
{
	static const uint8_t none[16];
	struct flow_leg backup = *leg;

	if (leg->backup_port[0] != '\0')
		memcpy(backup.port, leg->backup_port, sizeof(backup.port));
	memcpy(backup.next_hop, leg->backup_next_hop, sizeof(backup.next_hop));
	backup.hop = memcmp(backup.next_hop, none, sizeof(none)) == 0 ? FLOW_HOP_ROUTE
								      : FLOW_HOP_GATEWAY;
	memset(backup.backup_port, 0, sizeof(backup.backup_port));
	memset(backup.backup_next_hop, 0, sizeof(backup.backup_next_hop));
	return backup;
}

/* NULL when the leg does not need the kernel. */
static struct hop_tracked *
leg_tracked(const struct next_hops *hops, const struct flow_leg *leg)
{
	struct hop_asked asked = {0};
	struct flow_leg backup;

	if (!request_make(hops, leg, &asked.request))
		return NULL;
	if (leg_has_backup(leg)) {
		backup = backup_leg(leg);
		asked.backup = leg_tracked(hops, &backup);
	}
	return tracked_find(hops, &asked);
}

static const struct hop_answer *
answer_get(struct next_hops *hops, const struct hop_request *request)
{
	struct hop_request any = *request;
	struct hop_answer *answer;
	unsigned hash;

	any.bucket = 0;
	HASH_JEN(&any, sizeof(any), hash);
	answer = &hops->answers[hash % HOP_ANSWERS];
	if (answer->changes == hops->n_changes && memcmp(&answer->request, &any, sizeof(any)) == 0)
		return answer;
	answer->changes = hops->n_changes;
	answer->request = any;
	answer->error = route_resolve(hops->net, &any, &answer->paths);
	return answer;
}

static void
paths_release(struct next_hops *hops, struct hop_target **paths, unsigned n)
{
	while (n > 0) {
		paths[--n]->holds--;
		target_release(hops, paths[n]);
	}
	free(paths);
}

/*
 * Of several paths, all neighbours are kept resolved, so that one that is lost is known, also when
 * no leg is left on it. Without memory the paths from there on are as if they were not lost.
 */
static void
paths_hold(struct next_hops *hops, struct hop_tracked *tracked, const struct hop_paths *paths)
{
	struct hop_target **before = tracked->paths;
	const unsigned n_before = tracked->n_paths;

	tracked->n_paths = 0;
	tracked->paths = paths->n > 1 ? calloc(paths->n, sizeof(struct hop_target *)) : NULL;
	while (tracked->paths && tracked->n_paths < paths->n) {
		const struct hop_key key = {
			.neighbour = paths->path[tracked->n_paths].neighbour, .has_neighbour = 1};
		struct hop_target *target = target_get(hops, &key);

		if (!target)
			break;
		target->holds++;
		tracked->paths[tracked->n_paths++] = target;
	}
	paths_release(hops, before, n_before);
}

/* Returns what route_resolve() does, and *way for it. */
static int
hop_resolve(struct next_hops *hops, struct hop_tracked *tracked, struct hop_way *way)
{
	struct hop_key *key = &way->key;
	struct hop_request request = tracked->asked.request;
	const struct hop_answer *answer;
	bool use[HOP_PATHS_MAX];
	unsigned i;

	request.ifindex = hops->ports->info[request.port].ifindex;
	answer = answer_get(hops, &request);
	memset(way, 0, sizeof(*way));
	key->has_neighbour = answer->error == 0;
	paths_hold(hops, tracked, &answer->paths);
	if (answer->error == 0) {
		for (i = 0; i < answer->paths.n; i++)
			use[i] = i >= tracked->n_paths || !target_is_lost(tracked->paths[i]);
		i = hop_path_choose(&request, &answer->paths, use);
		key->neighbour = answer->paths.path[i].neighbour;
		/* Of more than the data plane sends, the interface's is the less. */
		way->mtu = answer->paths.mtu < UINT16_MAX ? (uint16_t)answer->paths.mtu : 0;
	} else {
		key->neighbour.ifindex = answer->paths.ifindex;
		key->neighbour.family = request.family;
		key->vlan = request.vlan;
		key->outer_vlan = request.outer_vlan;
	}
	return answer->error;
}

static void
tracked_slot_set(struct hop_tracked *tracked, struct hop_slot *slot)
{
	tracked->slot = slot;
	LIST_INSERT_HEAD(&slot->tracked, tracked, link);
}

/* Free a request that has neither legs nor others whose backup it is. */
static void
tracked_release(struct next_hops *hops, struct hop_tracked *tracked)
{
	struct hop_tracked *backup = tracked->asked.backup;
	struct hop_slot *slot = tracked->slot;

	if (tracked->legs > 0 || tracked->backs > 0)
		return;
	if (hops->moves.tracked == tracked)
		hops->moves.tracked = LIST_NEXT(tracked, link);
	LIST_REMOVE(tracked, link);
	HASH_DELETE(hh, hops->tracked, tracked);
	paths_release(hops, tracked->paths, tracked->n_paths);
	free(tracked);
	hop_slot_release(hops, slot);
	if (backup) {
		backup->backs--;
		tracked_release(hops, backup);
	}
}

static int
tracked_create(struct next_hops *hops, const struct hop_asked *asked, struct hop_tracked **created)
{
	struct hop_tracked *tracked = calloc(1, sizeof(*tracked));
	struct hop_slot *slot;
	struct hop_way way;
	int error;

	if (!tracked)
		return -ENOMEM;
	tracked->asked = *asked;
	tracked->error = hop_resolve(hops, tracked, &way);
	slot = hop_slot_find(hops, asked->request.port, asked->backup, &way, false, &error);
	if (slot)
		HASH_ADD(hh, hops->tracked, asked, sizeof(tracked->asked), tracked);
	if (!tracked->hh.tbl) {
		if (slot)
			hop_slot_release(hops, slot);
		paths_release(hops, tracked->paths, tracked->n_paths);
		free(tracked);
		return slot ? -ENOMEM : error;
	}
	if (asked->backup)
		asked->backup->backs++;
	tracked_slot_set(tracked, slot);
	*created = tracked;
	return 0;
}

/*
 * The request of a leg, there or made, and before it that of its backup, which stays only if the
 * other one is made. *tracked is NULL when the leg does not need the kernel. 0 or a negative errno.
 */
static int
tracked_get(struct next_hops *hops, const struct flow_leg *leg, struct hop_tracked **tracked)
{
	struct hop_asked asked = {0};
	struct flow_leg backup;
	int rc = 0;

	*tracked = NULL;
	if (!request_make(hops, leg, &asked.request))
		return 0;
	if (leg_has_backup(leg)) {
		backup = backup_leg(leg);
		rc = tracked_get(hops, &backup, &asked.backup);
	}
	if (rc < 0)
		return rc;
	if (asked.backup)
		asked.backup->backs++; /* while it is not known whether the other one is made */
	*tracked = tracked_find(hops, &asked);
	if (!*tracked)
		rc = tracked_create(hops, &asked, tracked);
	if (asked.backup) {
		asked.backup->backs--;
		tracked_release(hops, asked.backup);
	}
	return rc;
}

/*
 * A leg whose address the operator named, or a multicast group has by itself; or one without a
 * destination, whose next hop is that of no packet.
 */
static int
static_ref(struct next_hops *hops, const struct flow_leg *leg)
{
	struct hop_way way = {.key.has_neighbour = 1};
	struct hop_slot *slot;
	int error;

	if (leg->hop == FLOW_HOP_MAC)
		memcpy(way.key.mac, leg->mac, sizeof(way.key.mac));
	else if (leg_is_signalled(leg))
		address_multicast_mac(leg->dp.family, leg->dp.dst, way.key.mac);
	slot = hop_slot_find(
		hops, (unsigned)ports_find(hops->ports, leg->port), NULL, &way, false, &error);
	if (!slot)
		return error;
	slot->legs++;
	return (int)slot_index(hops, slot);
}

int
next_hops_ref(struct next_hops *hops, const struct flow_leg *leg)
{
	struct hop_tracked *tracked;
	const int rc = tracked_get(hops, leg, &tracked);

	if (rc < 0)
		return rc;
	if (!tracked)
		return static_ref(hops, leg);
	tracked->legs++;
	tracked->slot->legs++;
	return (int)slot_index(hops, tracked->slot);
}

void
next_hops_unref(struct next_hops *hops, const struct flow_leg *leg, unsigned index, bool seen)
{
	struct hop_tracked *tracked = leg_tracked(hops, leg);
	struct hop_slot *held = &hops->slots[index];

	held->seen |= seen;
	if (tracked) {
		if (held != tracked->slot) {
			tracked->stale--;
			held->stale--;
			hops->stale--;
		}
		tracked->legs--;
		tracked_release(hops, tracked);
	}
	held->legs--;
	hop_slot_release(hops, held);
}

uint64_t
next_hops_stale_all(const struct next_hops *hops)
{
	return hops->stale;
}

unsigned
next_hops_index(const struct next_hops *hops, const struct flow_leg *leg, unsigned index)
{
	const struct hop_tracked *tracked =
		hops->slots[index].stale > 0 ? leg_tracked(hops, leg) : NULL;

	return tracked ? slot_index(hops, tracked->slot) : index;
}

void
next_hops_updated(struct next_hops *hops, const struct flow_leg *leg, unsigned from)
{
	struct hop_tracked *tracked = leg_tracked(hops, leg);
	struct hop_slot *left = &hops->slots[from];

	tracked->stale--;
	tracked->slot->legs++;
	hops->stale--;
	left->stale--;
	left->legs--;
	left->seen = true;
	hop_slot_release(hops, left);
}

static void
neighbour_reason(const struct hop_target *target, const char *iface, char reason[HOP_REASON_MAX])
{
	char address[ADDRESS_TEXT_MAX];

	address_format(target->key.neighbour.family, target->key.neighbour.address, address);
	if (target->error == -EINPROGRESS)
		snprintf(reason, HOP_REASON_MAX, "neighbour %s on %s has not answered yet", address,
			iface);
	else if (target->error == -EHOSTUNREACH)
		snprintf(reason, HOP_REASON_MAX, "neighbour %s on %s does not answer", address,
			iface);
	else if (target->error == -ENOBUFS)
		snprintf(reason, HOP_REASON_MAX,
			"neighbour %s on %s cannot be resolved, as the kernel's table is full "
			"(net.ipv%u.neigh.default.gc_thresh3)",
			address, iface, target->key.neighbour.family);
	else
		snprintf(reason, HOP_REASON_MAX, "neighbour %s on %s cannot be resolved: %s",
			address, iface, strerror(-target->error));
}

/* Whose table has been asked: " in VRF red"; "" for an interface in none. */
static const char *
vrf_of(unsigned ifindex, char text[8 + IF_NAMESIZE])
{
	struct interface_master master;

	if (interface_master_read(ifindex, &master) < 0 || strcmp(master.kind, "vrf") != 0)
		return "";
	snprintf(text, 8 + IF_NAMESIZE, " in VRF %s", master.name);
	return text;
}

void
next_hops_reason(
	const struct next_hops *hops, const struct flow_leg *leg, char reason[HOP_REASON_MAX])
{
	const struct hop_tracked *tracked = leg_tracked(hops, leg);
	char iface[IF_NAMESIZE], outer[24] = "", to[ADDRESS_TEXT_MAX], vrf[8 + IF_NAMESIZE];
	const struct hop_request *request;
	const struct hop_target *target;
	unsigned ifindex, out;
	bool exists;

	reason[0] = '\0';
	if (!tracked || (tracked->slot->target->error == 0 && !tracked->slot->on_backup))
		return;
	if (tracked->slot->well_ns != 0) {
		snprintf(reason, HOP_REASON_MAX,
			"the leg's own next hop is well again, and used when it has been for %u "
			"ms",
			NEXT_HOP_HOLD_MS);
		return;
	}
	request = &tracked->asked.request;
	ifindex = hops->ports->info[request->port].ifindex;
	target = tracked->slot->target;
	out = target->key.neighbour.ifindex;
	exists = if_indextoname(out ? out : ifindex, iface);
	if (!exists)
		snprintf(iface, sizeof(iface), "#%u", out ? out : ifindex);
	if (request->outer_vlan && request->vlan)
		snprintf(outer, sizeof(outer), " inside VLAN %u", request->outer_vlan);
	address_format(request->family, request->to, to);
	if (tracked->error == -ENODEV)
		snprintf(reason, HOP_REASON_MAX, HOP_INTERFACE_DELETED);
	else if (dp_port_is_down(hops->dp, request->port))
		snprintf(reason, HOP_REASON_MAX, "the link of port %s is down",
			hops->ports->info[request->port].name);
	else if (exists && out != 0 && out != ifindex && !interface_runs(out))
		snprintf(reason, HOP_REASON_MAX, "the link of %s is down", iface);
	else if (target->key.has_neighbour)
		neighbour_reason(target, iface, reason);
	else if (tracked->error == -ENETUNREACH && out == 0)
		snprintf(reason, HOP_REASON_MAX, "no interface for VLAN %u%s on %s",
			request->vlan ? request->vlan : request->outer_vlan, outer, iface);
	else if (tracked->error == -ENETUNREACH)
		snprintf(reason, HOP_REASON_MAX, "no route to %s out of %s%s", to, iface,
			vrf_of(out, vrf));
	else if (tracked->error == -EADDRNOTAVAIL)
		snprintf(reason, HOP_REASON_MAX,
			"%s is this host's own, a broadcast address, or blocked by a route", to);
	else
		snprintf(reason, HOP_REASON_MAX, "the kernel cannot find a route to %s: %s", to,
			strerror(-tracked->error));
}

/*
 * A round goes over slots, and for each over its requests. When all of these have been resolved
 * again, either the slot is pointed to where all of them lead, which is one write for any number of
 * legs, or those that lead elsewhere get slots of their own.
 */

static void
moves_due(void *arg)
{
	struct next_hops *hops = arg;

	if (hop_moves_run(hops))
		timer_arm_if_idle(&hops->moves.timer, PAUSE_NS);
}

/* A round is to begin. */
void
next_hops_routes_changed(struct next_hops *hops, const struct net_prefix *prefix)
{
	struct hop_changes *noted = &hops->moves.noted;

	hops->n_changes++;
	timer_arm_if_idle(&hops->moves.timer, SOON_NS);
	if (!prefix || noted->n == HOP_PREFIXES_MAX)
		noted->all = true;
	else if (!noted->all)
		noted->prefixes[noted->n++] = *prefix;
}

static bool
changes_any(const struct hop_changes *changes)
{
	return changes->all || changes->paths || changes->n > 0;
}

static bool
changes_concern(const struct hop_changes *changes, const struct hop_tracked *tracked)
{
	const struct hop_request *request = &tracked->asked.request;
	unsigned i;

	if (changes->paths && tracked->n_paths > 0)
		return true;
	for (i = 0; i < changes->n && !changes->all; i++) {
		const struct net_prefix *prefix = &changes->prefixes[i];

		if (!request->has_gateway && prefix->family == request->family &&
			address_in_prefix(prefix->address, prefix->bits, request->to))
			return true;
	}
	return changes->all;
}

static void
tracked_resolve(struct next_hops *hops, struct hop_tracked *tracked)
{
	tracked->moves = false;
	if (!changes_concern(&hops->moves.changes, tracked))
		return;
	tracked->next_error = hop_resolve(hops, tracked, &tracked->next);
	tracked->moves = tracked->next.mtu != tracked->slot->route_mtu ||
			 memcmp(&tracked->next.key, &tracked->slot->target->key,
				 sizeof(tracked->next.key)) != 0;
	if (!tracked->moves)
		tracked->error = tracked->next_error;
}

/*
 * Give a request another slot; the legs that it has are stale from now on. A stale leg must not
 * become current by chance, so a request that has some gets a slot of its own.
 */
static int
tracked_move(struct next_hops *hops, struct hop_tracked *tracked)
{
	const unsigned current = tracked->legs - tracked->stale;
	struct hop_slot *slot, *before = tracked->slot;
	int error;

	slot = hop_slot_find(hops, tracked->asked.request.port, tracked->asked.backup,
		&tracked->next, tracked->stale > 0, &error);
	if (!slot)
		return error;
	tracked->moves = false;
	tracked->error = tracked->next_error;
	before->stale += current;
	tracked->stale += current;
	hops->stale += current;
	LIST_REMOVE(tracked, link);
	tracked_slot_set(tracked, slot);
	backed_update(hops, tracked);
	hop_slot_release(hops, before);
	return 0;
}

/* All requests of the slot have been resolved again. */
static void
slot_move(struct next_hops *hops, struct hop_slot *slot)
{
	const struct hop_way *to = &LIST_FIRST(&slot->tracked)->next;
	struct hop_tracked *tracked, *next;
	bool together = true;
	int rc = 0;

	LIST_FOREACH (tracked, &slot->tracked, link)
		together =
			together && tracked->moves && memcmp(&tracked->next, to, sizeof(*to)) == 0;
	if (together)
		rc = hop_slot_retarget(hops, slot, to);
	for (tracked = LIST_FIRST(&slot->tracked); tracked; tracked = next) {
		next = LIST_NEXT(tracked, link);
		if (together && rc == 0) {
			tracked->moves = false;
			tracked->error = tracked->next_error;
		} else if (!together && tracked->moves && tracked_move(hops, tracked) < 0) {
			rc = -ENOMEM;
		}
	}
	if (rc < 0) {
		timer_arm_if_idle(&hops->moves.timer, RETRY_NS);
		hops->moves.noted.all = true;
	}
}

bool
hop_moves_run(struct next_hops *hops)
{
	const uint64_t end_ns = clock_read_ns(CLOCK_MONOTONIC) + SLICE_NS;
	struct hop_moves *moves = &hops->moves;

	if (!moves->running) {
		if (!changes_any(&moves->noted))
			return false;
		moves->changes = moves->noted;
		memset(&moves->noted, 0, sizeof(moves->noted));
		moves->running = true;
		moves->slot = 0;
		moves->tracked = NULL;
	}
	for (; moves->slot < hops->n_ever; moves->slot++) {
		struct hop_slot *slot = &hops->slots[moves->slot];

		if (!slot->target || LIST_EMPTY(&slot->tracked))
			continue;
		if (!moves->tracked)
			moves->tracked = LIST_FIRST(&slot->tracked);
		while (moves->tracked) {
			tracked_resolve(hops, moves->tracked);
			moves->tracked = LIST_NEXT(moves->tracked, link);
			if (clock_read_ns(CLOCK_MONOTONIC) >= end_ns && moves->tracked)
				return true;
		}
		slot_move(hops, slot);
		if (clock_read_ns(CLOCK_MONOTONIC) >= end_ns) {
			moves->slot++;
			return true;
		}
	}
	moves->running = false;
	if (hops->stale > 0 && hops->on_stale)
		hops->on_stale(hops->on_stale_arg);
	return changes_any(&moves->noted);
}
