/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Entries on the wire of rtnetlink (rtnetlink(7), RTM_GETNEIGH) have the states of RFC 4861, 7.3.2,
 * which the kernel uses for ARP too.
 *
 * A notification only says "read again": the truth is read from the kernel's table each time. So
 * notifications that arrive late, twice or not at all cannot leave a wrong MAC address behind.
 *
 * A neighbour that the kernel merely forgot (flushed, collected) is not reported as unreachable:
 * its address most likely still holds, and media goes on while the kernel asks again. Only a kernel
 * that asked and got no answer, or cannot ask, makes it unreachable.
 *
 * Waiting is done in a queue for each length of time, so that each is in order by itself.
 */
#include "net/neighbour.h"

#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include "base/clock.h"

#define USABLE_STATES \
	(NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT | NUD_NOARP)
#define POLLS_AT_ONCE 64 /* before others of the event loop have their turn */
#define POLLS_PAUSE_MS 5 /* before the next so many */

static const unsigned step_ms[NEIGHBOUR_STEPS] = {
	0, NEIGHBOUR_RETRY_MS, 2000, 4000, 8000, NEIGHBOUR_PERIOD_MS};

void
neigh_key_init(struct neigh_key *key, unsigned ifindex, uint8_t family,
	const uint8_t address[ADDRESS_BYTES])
{
	memset(key, 0, sizeof(*key));
	memcpy(key->address, address, address_size(family));
	key->ifindex = ifindex;
	key->family = family;
}

bool
neigh_parse(const struct nlmsghdr *message, struct neigh *neigh)
{
	const struct ndmsg *body = mnl_nlmsg_get_payload(message);
	struct nlattr *attribute;

	if (message->nlmsg_type != RTM_NEWNEIGH && message->nlmsg_type != RTM_DELNEIGH)
		return false;
	if (mnl_nlmsg_get_payload_len(message) < sizeof(*body) || body->ndm_flags & NTF_PROXY)
		return false;
	memset(neigh, 0, sizeof(*neigh));
	neigh->key.family = address_from_af(body->ndm_family);
	if (neigh->key.family == 0)
		return false;
	neigh->key.ifindex = (unsigned)body->ndm_ifindex;
	neigh->state = message->nlmsg_type == RTM_DELNEIGH ? NUD_NONE : body->ndm_state;
	mnl_attr_for_each (attribute, message, sizeof(*body)) {
		const unsigned type = mnl_attr_get_type(attribute);
		const size_t bytes = mnl_attr_get_payload_len(attribute);

		if (type == NDA_DST && bytes == address_size(neigh->key.family)) {
			memcpy(neigh->key.address, mnl_attr_get_payload(attribute), bytes);
		} else if (type == NDA_LLADDR && bytes == sizeof(neigh->mac)) {
			memcpy(neigh->mac, mnl_attr_get_payload(attribute), bytes);
			neigh->has_mac = true;
		}
	}
	return true;
}

bool
neigh_is_usable(const struct neigh *neigh)
{
	return neigh->has_mac && neigh->state & USABLE_STATES;
}

bool
neigh_is_failed(const struct neigh *neigh)
{
	return neigh->state & NUD_FAILED;
}

bool
neigh_wants_kick(const struct neigh *neigh)
{
	return neigh->state == NUD_NONE || neigh->state & (NUD_STALE | NUD_FAILED);
}

static struct nlmsghdr *
neigh_message(char buffer[NETLINK_BYTES], uint16_t type, uint16_t flags, uint8_t neigh_flags,
	const struct neigh_key *key)
{
	struct nlmsghdr *message = netlink_begin(buffer, type, flags, sizeof(struct ndmsg));
	struct ndmsg *body = mnl_nlmsg_get_payload(message);

	body->ndm_family = address_to_af(key->family);
	body->ndm_ifindex = (int)key->ifindex;
	body->ndm_flags = neigh_flags;
	mnl_attr_put(message, NDA_DST, address_size(key->family), key->address);
	return message;
}

static int
neigh_answer(const struct nlmsghdr *message, void *arg)
{
	struct neigh *neigh = arg;
	struct neigh found;

	if (neigh_parse(message, &found) && memcmp(&found.key, &neigh->key, sizeof(found.key)) == 0)
		*neigh = found;
	return MNL_CB_OK;
}

int
neigh_get(struct netlink *netlink, const struct neigh_key *key, struct neigh *neigh)
{
	char buffer[NETLINK_BYTES];
	int ret;

	memset(neigh, 0, sizeof(*neigh));
	neigh->key = *key;
	ret = netlink_ask(
		netlink, neigh_message(buffer, RTM_GETNEIGH, 0, 0, key), neigh_answer, neigh);
	return ret == -ENOENT ? 0 : ret;
}

int
neigh_kick(struct netlink *netlink, const struct neigh_key *key)
{
	char buffer[NETLINK_BYTES];

	return netlink_ask(netlink, neigh_message(buffer, RTM_NEWNEIGH, NLM_F_CREATE, NTF_USE, key),
		NULL, NULL);
}

static uint64_t
clock_ms(void)
{
	return clock_read_ns(CLOCK_MONOTONIC) / 1000000;
}

/* Have the timer go off no later than in that many ms. */
static void
due_set(struct neighbour_cache *cache, uint64_t now_ms, uint64_t in_ms)
{
	const struct timeval delay = {
		.tv_sec = (time_t)(in_ms / 1000), .tv_usec = (suseconds_t)(in_ms % 1000 * 1000)};

	if (in_ms == UINT64_MAX || cache->due_ms <= now_ms + in_ms)
		return;
	cache->due_ms = now_ms + in_ms;
	event_add(cache->on_due, &delay);
}

static void
timer_due(evutil_socket_t fd, short what, void *arg)
{
	struct neighbour_cache *cache = arg;
	const uint64_t now_ms = clock_ms();
	uint64_t next_ms;

	(void)fd;
	(void)what;
	cache->due_ms = UINT64_MAX;
	next_ms = neighbour_cache_poll(cache, now_ms, POLLS_AT_ONCE);
	due_set(cache, now_ms, next_ms < POLLS_PAUSE_MS ? POLLS_PAUSE_MS : next_ms);
}

int
neighbour_cache_init(struct neighbour_cache *cache, struct netlink *netlink,
	struct event_base *base, neighbour_fn report, void *arg)
{
	*cache = (struct neighbour_cache){
		.netlink = netlink, .report = report, .arg = arg, .due_ms = UINT64_MAX};
	for (unsigned step = 0; step < NEIGHBOUR_STEPS; step++)
		TAILQ_INIT(&cache->queues[step]);
	cache->on_due = event_new(base, -1, 0, timer_due, cache);
	return cache->on_due ? 0 : -ENOMEM;
}

void
neighbour_cache_fini(struct neighbour_cache *cache)
{
	tdestroy(cache->root, free);
	if (cache->on_due)
		event_free(cache->on_due);
}

static int
neighbour_compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct neigh_key));
}

static struct neighbour *
neighbour_find(const struct neighbour_cache *cache, const struct neigh_key *key)
{
	struct neighbour *const *node = tfind(key, &cache->root, neighbour_compare);

	return node ? *node : NULL;
}

static void
neighbour_queue(
	struct neighbour_cache *cache, struct neighbour *neighbour, unsigned step, uint64_t now_ms)
{
	neighbour->step = step;
	neighbour->due_ms = now_ms + step_ms[step];
	TAILQ_INSERT_TAIL(&cache->queues[step], neighbour, link);
}

static void
neighbour_requeue(
	struct neighbour_cache *cache, struct neighbour *neighbour, unsigned step, uint64_t now_ms)
{
	TAILQ_REMOVE(&cache->queues[neighbour->step], neighbour, link);
	neighbour_queue(cache, neighbour, step, now_ms);
}

/* With what the kernel knows now; one that it does not know is asked for by the next poll. */
static struct neighbour *
neighbour_create(struct neighbour_cache *cache, const struct neigh_key *key)
{
	struct neighbour *neighbour = calloc(1, sizeof(*neighbour));
	struct neigh neigh;
	int ret;

	if (!neighbour)
		return NULL;
	neighbour->key = *key;
	if (!tsearch(neighbour, &cache->root, neighbour_compare)) {
		free(neighbour);
		return NULL;
	}
	ret = neigh_get(cache->netlink, key, &neigh);
	neighbour->error = ret < 0 ? ret : -EINPROGRESS;
	if (ret == 0 && neigh_is_usable(&neigh)) {
		neighbour->error = 0;
		memcpy(neighbour->mac, neigh.mac, sizeof(neighbour->mac));
	}
	neighbour_queue(cache, neighbour, 0, clock_ms());
	return neighbour;
}

int
neighbour_cache_ref(struct neighbour_cache *cache, const struct neigh_key *key, uint8_t mac[6])
{
	struct neighbour *neighbour = neighbour_find(cache, key);

	if (!neighbour)
		neighbour = neighbour_create(cache, key);
	if (!neighbour)
		return -ENOMEM;
	neighbour->refs++;
	due_set(cache, clock_ms(), 0);
	memcpy(mac, neighbour->mac, sizeof(neighbour->mac));
	return neighbour->error;
}

void
neighbour_cache_unref(struct neighbour_cache *cache, const struct neigh_key *key)
{
	struct neighbour *neighbour = neighbour_find(cache, key);

	if (!neighbour || --neighbour->refs > 0)
		return;
	TAILQ_REMOVE(&cache->queues[neighbour->step], neighbour, link);
	tdelete(neighbour, &cache->root, neighbour_compare);
	free(neighbour);
}

static void
neighbour_report(const struct neighbour_cache *cache, struct neighbour *neighbour,
	const uint8_t *mac, int error)
{
	if (neighbour->error == error &&
		(!mac || memcmp(neighbour->mac, mac, sizeof(neighbour->mac)) == 0))
		return;
	neighbour->error = error;
	if (mac)
		memcpy(neighbour->mac, mac, sizeof(neighbour->mac));
	cache->report(cache->arg, neighbour->key.ifindex, neighbour->key.family,
		neighbour->key.address, mac, error);
}

/* Read the entry and report; with `confirm` have the kernel ask for what is stale or failed. */
static void
neighbour_poll(const struct neighbour_cache *cache, struct neighbour *neighbour, bool confirm)
{
	struct neigh neigh;
	int ret = neigh_get(cache->netlink, &neighbour->key, &neigh);

	if (ret == 0 && neigh_is_usable(&neigh))
		neighbour_report(cache, neighbour, neigh.mac, 0);
	else if (ret < 0 || neigh_is_failed(&neigh))
		neighbour_report(cache, neighbour, NULL, ret < 0 ? ret : -EHOSTUNREACH);
	if (ret < 0 || !neigh_wants_kick(&neigh))
		return;
	if (!confirm && neigh.state != 0)
		return;
	ret = neigh_kick(cache->netlink, &neighbour->key);
	if (ret < 0)
		neighbour_report(cache, neighbour, NULL, ret);
}

void
neighbour_cache_notify(struct neighbour_cache *cache, const struct nlmsghdr *message)
{
	const uint64_t now_ms = clock_ms();
	struct neighbour *neighbour;
	bool was_reachable;
	struct neigh neigh;

	if (!neigh_parse(message, &neigh))
		return;
	neighbour = neighbour_find(cache, &neigh.key);
	if (!neighbour)
		return;
	was_reachable = neighbour->error == 0;
	neighbour_poll(cache, neighbour, false);
	if (was_reachable != (neighbour->error == 0))
		neighbour_requeue(
			cache, neighbour, was_reachable ? 1 : NEIGHBOUR_STEPS - 1, now_ms);
	due_set(cache, now_ms, NEIGHBOUR_RETRY_MS);
}

void
neighbour_cache_hurry(struct neighbour_cache *cache, unsigned ifindex)
{
	const uint64_t now_ms = clock_ms();
	struct neighbour *neighbour, *next;

	for (unsigned step = 1; step < NEIGHBOUR_STEPS; step++) {
		for (neighbour = TAILQ_FIRST(&cache->queues[step]); neighbour; neighbour = next) {
			next = TAILQ_NEXT(neighbour, link);
			if (!ifindex ||
				(neighbour->key.ifindex == ifindex && neighbour->error != 0))
				neighbour_requeue(cache, neighbour, 0, now_ms);
		}
	}
	due_set(cache, now_ms, 0);
}

uint64_t
neighbour_cache_poll(struct neighbour_cache *cache, uint64_t now_ms, unsigned max)
{
	uint64_t next_ms = UINT64_MAX;

	for (unsigned step = 0; step < NEIGHBOUR_STEPS; step++) {
		struct neighbour *neighbour;

		while ((neighbour = TAILQ_FIRST(&cache->queues[step])) &&
			neighbour->due_ms <= now_ms) {
			const bool last = step + 1 == NEIGHBOUR_STEPS;

			if (max-- == 0)
				return 0;
			neighbour_poll(cache, neighbour, true);
			/* One that is there has its period; another waits longer each time. */
			neighbour_requeue(cache, neighbour,
				neighbour->error == 0 || last ? NEIGHBOUR_STEPS - 1 : step + 1,
				now_ms);
		}
		if (neighbour && neighbour->due_ms - now_ms < next_ms)
			next_ms = neighbour->due_ms - now_ms;
	}
	return next_ms;
}
