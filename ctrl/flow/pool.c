/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A place is in one list at a time: of the free ones of its address, in the order in which they are
 * given, or of those of the pool in quarantine, in the order in which they were released. All of a
 * pool are there equally long, so only the head of that list has to be looked at. One that is held
 * is in no list, unless the change that is being made gives back all its holds.
 */
#include "flow/pool.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

/* A table that cannot grow is a failed start, not the end of the process. */
#undef HASH_NONFATAL_OOM
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "base/clock.h"
#include "base/escape.h"

struct place {
	TAILQ_ENTRY(place) link; /* free, in quarantine or leaving */
	struct pool_range *range;
	uint64_t released_ns; /* when it was used last */
	uint64_t order; /* of the last release in the pool, so that addresses can be compared */
	uint32_t given; /* holds of its owner, that named the pool */
	uint32_t named; /* holds of flows that did not; without any hold it is in a list */
	uint32_t leaving; /* of all these */
	bool used; /* packets may have been received since it is held */
	bool quarantined; /* in that list */
	bool leaves; /* in that list: all holds are leaving */
	char owner[POOL_OWNER_MAX];
};

TAILQ_HEAD(place_list, place);

/* The places at one address of a pool. */
struct pool_range {
	struct pool *pool;
	struct pool_range *next; /* of another pool at the same address */
	const uint8_t *address;
	struct place_list free;
	struct place_list leaving;
	struct place *places;
};

struct pool {
	const struct pool_config *config;
	struct place_list quarantine;
	struct pool_range *ranges; /* one an address */
	uint32_t n_places; /* of a range */
	uint32_t n_free, n_quarantined, n_given, n_named;
	uint32_t n_leaving; /* of the last two */
	uint64_t last_order;
};

struct address_key {
	uint8_t family;
	uint8_t address[16];
};

struct pool_address {
	struct address_key key;
	struct pool_range *ranges;
	UT_hash_handle hh;
};

struct pools {
	unsigned n;
	struct pool *pools;
	struct pool_address *addresses;
};

static struct pool_address *
address_find(const struct pools *pools, uint8_t family, const uint8_t address[16])
{
	struct address_key key = {.family = family};
	struct pool_address *found;

	memcpy(key.address, address, sizeof(key.address));
	HASH_FIND(hh, pools->addresses, &key, sizeof(key), found);
	return found;
}

static int
address_add(struct pools *pools, struct pool_range *range)
{
	const uint8_t family = range->pool->config->family;
	struct pool_address *at = address_find(pools, family, range->address);

	if (!at) {
		at = calloc(1, sizeof(*at));
		if (!at)
			return -1;
		at->key.family = family;
		memcpy(at->key.address, range->address, sizeof(at->key.address));
		HASH_ADD(hh, pools->addresses, key, sizeof(at->key), at);
		if (!at->hh.tbl) {
			free(at);
			return -1;
		}
	}
	range->next = at->ranges;
	at->ranges = range;
	return 0;
}

static uint32_t
pool_size(const struct pool *pool)
{
	return pool->n_places * pool->config->n_addresses;
}

/* At first the addresses take turns. */
static int
range_init(struct pools *pools, struct pool *pool, unsigned number)
{
	struct pool_range *range = &pool->ranges[number];
	uint32_t i;

	range->pool = pool;
	range->address = pool->config->addresses[number];
	TAILQ_INIT(&range->free);
	TAILQ_INIT(&range->leaving);
	range->places = calloc(pool->n_places, sizeof(range->places[0]));
	if (!range->places)
		return -1;
	for (i = 0; i < pool->n_places; i++) {
		struct place *place = &range->places[i];

		place->range = range;
		place->order = (uint64_t)i * pool->config->n_addresses + number;
		TAILQ_INSERT_TAIL(&range->free, place, link);
	}
	pool->n_free += pool->n_places;
	return address_add(pools, range);
}

static int
pool_init(struct pools *pools, struct pool *pool, const struct pool_config *config)
{
	unsigned i;

	pool->config = config;
	pool->n_places = (config->last - config->first + 1u) / (config->pairs ? 2 : 1);
	pool->last_order = pool_size(pool);
	TAILQ_INIT(&pool->quarantine);
	pool->ranges = calloc(config->n_addresses, sizeof(pool->ranges[0]));
	if (!pool->ranges)
		return -1;
	for (i = 0; i < config->n_addresses; i++) {
		if (range_init(pools, pool, i) < 0)
			return -1;
	}
	return 0;
}

struct pools *
pools_create(const struct pool_config *configs, unsigned n)
{
	struct pools *pools = calloc(1, sizeof(*pools));

	if (!pools)
		return NULL;
	pools->pools = calloc(n + 1, sizeof(pools->pools[0]));
	if (!pools->pools) {
		free(pools);
		return NULL;
	}
	for (; pools->n < n; pools->n++) {
		if (pool_init(pools, &pools->pools[pools->n], &configs[pools->n]) == 0)
			continue;
		pools->n++;
		pools_destroy(pools);
		return NULL;
	}
	return pools;
}

void
pools_destroy(struct pools *pools)
{
	struct pool_address *at, *next;
	unsigned i, k;

	if (!pools)
		return;
	HASH_ITER(hh, pools->addresses, at, next)
	{
		HASH_DEL(pools->addresses, at);
		free(at);
	}
	for (i = 0; i < pools->n; i++) {
		struct pool *pool = &pools->pools[i];

		for (k = 0; pool->ranges && k < pool->config->n_addresses; k++)
			free(pool->ranges[k].places);
		free(pool->ranges);
	}
	free(pools->pools);
	free(pools);
}

unsigned
pools_count(const struct pools *pools)
{
	return pools ? pools->n : 0;
}

static struct pool *
pool_find(const struct pools *pools, const char *name)
{
	unsigned i;

	for (i = 0; i < pools_count(pools); i++) {
		if (strcmp(pools->pools[i].config->name, name) == 0)
			return &pools->pools[i];
	}
	return NULL;
}

const struct pool_config *
pools_find(const struct pools *pools, const char *name)
{
	const struct pool *pool = pool_find(pools, name);

	return pool ? pool->config : NULL;
}

/* NULL: it is not in the range. */
static struct place *
range_place(const struct pool_range *range, uint16_t port)
{
	const struct pool_config *config = range->pool->config;

	if (port < config->first || port > config->last)
		return NULL;
	return &range->places[(port - config->first) / (config->pairs ? 2 : 1)];
}

/* NULL: it is in no pool. */
static struct place *
place_find(const struct pools *pools, const struct pool_place *named)
{
	const struct pool_address *at;
	const struct pool_range *range;
	struct place *place = NULL;

	if (!pools)
		return NULL;
	at = address_find(pools, named->family, named->address);
	for (range = at ? at->ranges : NULL; range && !place; range = range->next)
		place = range_place(range, ntohs(named->port));
	return place;
}

static uint32_t
place_first_port(const struct place *place)
{
	const struct pool_config *config = place->range->pool->config;

	return config->first + (uint32_t)(place - place->range->places) * (config->pairs ? 2 : 1);
}

static uint64_t
quarantine_ns(const struct place *place)
{
	return place->range->pool->config->quarantine_s * NS_PER_S;
}

static uint64_t
quarantine_end_ns(const struct place *place)
{
	return place->released_ns + quarantine_ns(place);
}

/* Places whose quarantine is over are free: each once for a release. */
static void
pool_expire(struct pool *pool, uint64_t now_ns)
{
	struct place *place;

	while ((place = TAILQ_FIRST(&pool->quarantine)) && quarantine_end_ns(place) <= now_ns) {
		TAILQ_REMOVE(&pool->quarantine, place, link);
		TAILQ_INSERT_TAIL(&place->range->free, place, link);
		place->quarantined = false;
		pool->n_quarantined--;
		pool->n_free++;
	}
}

void
pools_usage_get(struct pools *pools, unsigned i, uint64_t now_ns, struct pool_usage *usage)
{
	struct pool *pool = &pools->pools[i];

	pool_expire(pool, now_ns);
	*usage = (struct pool_usage){
		.config = pool->config,
		.size = pool_size(pool),
		.given = pool->n_given,
		.named = pool->n_named,
		.quarantined = pool->n_quarantined,
		.free = pool->n_free,
	};
}

static uint32_t
place_holds(const struct place *place)
{
	return place->given + place->named;
}

/* What the pool counts a held place as. */
static uint32_t *
place_counter(const struct place *place)
{
	struct pool *pool = place->range->pool;

	return place->given > 0 ? &pool->n_given : &pool->n_named;
}

static void
place_unlist(struct place *place)
{
	struct pool *pool = place->range->pool;

	TAILQ_REMOVE(place->quarantined ? &pool->quarantine : &place->range->free, place, link);
	--*(place->quarantined ? &pool->n_quarantined : &pool->n_free);
	place->quarantined = false;
	place->used = false;
}

/* Its holds, or those of them that are leaving, have changed. */
static void
place_leaving_update(struct place *place)
{
	const bool leaves = place->leaving > 0 && place->leaving == place_holds(place);
	struct pool_range *range = place->range;

	if (leaves && !place->leaves) {
		TAILQ_INSERT_TAIL(&range->leaving, place, link);
		range->pool->n_leaving++;
	} else if (!leaves && place->leaves) {
		TAILQ_REMOVE(&range->leaving, place, link);
		range->pool->n_leaving--;
	}
	place->leaves = leaves;
}

/* Hold a place, which may be held already, for that owner. */
static void
place_hold(struct place *place, bool given, const char *owner)
{
	if (place_holds(place) == 0)
		place_unlist(place);
	else
		--*place_counter(place);
	if (place_holds(place) == place->leaving || (given && place->given == 0))
		snprintf(place->owner, sizeof(place->owner), "%s", owner);
	++*(given ? &place->given : &place->named);
	++*place_counter(place);
	place_leaving_update(place);
}

/*
 * Back among those in quarantine, which are in the order of their release. Those that a change took
 * out and is aborted return one after the other, so few are walked over.
 */
static void
quarantine_return(struct pool *pool, struct place *place)
{
	struct place *before = TAILQ_LAST(&pool->quarantine, place_list);

	while (before && before->order > place->order)
		before = TAILQ_PREV(before, place_list, link);
	if (before)
		TAILQ_INSERT_AFTER(&pool->quarantine, before, place, link);
	else
		TAILQ_INSERT_HEAD(&pool->quarantine, place, link);
}

/* The last hold is gone. One that was not used returns to where it was. */
static void
place_list(struct place *place, uint64_t now_ns)
{
	struct pool *pool = place->range->pool;

	if (place->used) {
		place->released_ns = now_ns;
		place->order = ++pool->last_order;
		TAILQ_INSERT_TAIL(&pool->quarantine, place, link);
	} else if (place->released_ns != 0 && quarantine_end_ns(place) > now_ns) {
		quarantine_return(pool, place);
	} else {
		TAILQ_INSERT_HEAD(&place->range->free, place, link);
		pool->n_free++;
		return;
	}
	place->quarantined = true;
	pool->n_quarantined++;
}

static int
pool_unknown(const char *name, struct fault *fault)
{
	return fault_set(fault, FAULT_NOT_FOUND, "",
		"found %s, expected the name of a pool of the configuration (pools)", name);
}

static int
pool_exhausted(const struct pool *pool, const char *where, uint64_t now_ns, struct fault *fault)
{
	const struct place *next = TAILQ_FIRST(&pool->quarantine);
	const char *what = pool->config->pairs ? "pair" : "port";
	const uint32_t size = pool_size(pool);
	char wait[64] = "", leaving[96] = "";

	if (pool->n_leaving > 0 && pool->config->quarantine_s > 0)
		snprintf(leaving, sizeof(leaving),
			"; this change releases %u, which then %s in quarantine for %u s",
			pool->n_leaving, pool->n_leaving == 1 ? "is" : "are",
			(unsigned)pool->config->quarantine_s);
	if (next)
		snprintf(wait, sizeof(wait), ", the first of them for another %llu s",
			(unsigned long long)((quarantine_end_ns(next) - now_ns + NS_PER_S - 1) /
					     NS_PER_S));
	return fault_set(fault, FAULT_NO_ROOM, "",
		"found no free %s in pool %s%s: of its %u %s%s %u are given out, %u are used by "
		"flows that name them, and %u are in quarantine%s%s; %s, or enlarge the pool",
		what, pool->config->name, where, size, what, plural_s(size), pool->n_given,
		pool->n_named, pool->n_quarantined, wait, leaving,
		leaving[0] ? "add flows after that" : "remove flows");
}

/*
 * The next place to be given at an address: a free one, or without a quarantine one that the change
 * releases. NULL: there is none.
 */
static struct place *
range_next(const struct pool_range *range)
{
	struct place *place = TAILQ_FIRST(&range->free);

	return place || range->pool->config->quarantine_s > 0 ? place
							      : TAILQ_FIRST(&range->leaving);
}

/* That of the pool: the one that was released least recently. */
static struct place *
pool_next(const struct pool *pool)
{
	struct place *next = NULL;
	unsigned i;

	for (i = 0; i < pool->config->n_addresses; i++) {
		struct place *place = range_next(&pool->ranges[i]);

		if (place && (!next || place->leaves < next->leaves ||
				     (place->leaves == next->leaves && place->order < next->order)))
			next = place;
	}
	return next;
}

static const struct pool_range *
pool_range_at(const struct pool *pool, const struct pool_place *place)
{
	unsigned i;

	for (i = 0; i < pool->config->n_addresses; i++) {
		if (place->family == pool->config->family &&
			memcmp(pool->ranges[i].address, place->address, 16) == 0)
			return &pool->ranges[i];
	}
	return NULL;
}

/* Always returns -1. */
static int
address_unknown(const struct pool *pool, const struct pool_place *place, struct fault *fault)
{
	char address[ADDRESS_TEXT_MAX];

	address_format(place->family, place->address, address);
	return fault_set(fault, FAULT_NOT_FOUND, "", "found %s, expected an address of pool %s",
		address, pool->config->name);
}

int
pools_take(struct pools *pools, const char *name, const char *owner, uint64_t now_ns,
	struct pool_place *wanted, struct fault *fault)
{
	char address[ADDRESS_TEXT_MAX], where[ADDRESS_TEXT_MAX + 8] = "";
	struct pool *pool = pool_find(pools, name);
	const struct pool_range *range = NULL;
	struct place *place = NULL;

	if (!pool)
		return pool_unknown(name, fault);
	pool_expire(pool, now_ns);
	if (wanted->family != 0) {
		address_format(wanted->family, wanted->address, address);
		snprintf(where, sizeof(where), " at %s", address);
		range = pool_range_at(pool, wanted);
		if (!range)
			return address_unknown(pool, wanted, fault);
		place = wanted->port ? range_place(range, ntohs(wanted->port)) : NULL;
	}
	if (!place || place_holds(place) > 0 || place->quarantined)
		place = range ? range_next(range) : pool_next(pool);
	if (!place)
		return pool_exhausted(pool, where, now_ns, fault);
	place_hold(place, true, owner);
	wanted->family = pool->config->family;
	memcpy(wanted->address, place->range->address, sizeof(wanted->address));
	wanted->port = htons((uint16_t)place_first_port(place));
	return 0;
}

/* Whether the owner may hold the place beside those who do. */
static bool
place_admits(const struct place *place, bool given, const char *owner)
{
	return place_holds(place) == place->leaving || strcmp(place->owner, owner) == 0 ||
	       (!given && place->given == 0);
}

static int
place_conflict(const struct place *place, const struct pool_place *named, struct fault *fault)
{
	char address[ADDRESS_TEXT_MAX];

	address_format(named->family, named->address, address);
	if (place->given > 0)
		return fault_set(fault, FAULT_CONFLICT, "",
			"found port %u of %s, which pool %s has given to %s, expected one that "
			"is not given; name the pool and no port to be given one",
			ntohs(named->port), address, place->range->pool->config->name,
			place->owner);
	return fault_set(fault, FAULT_CONFLICT, "",
		"found port %u of %s, which flow %s uses without pool %s, expected one that is "
		"not used",
		ntohs(named->port), address, place->owner, place->range->pool->config->name);
}

int
pools_reserve(struct pools *pools, const char *name, const char *owner, bool restores,
	const struct pool_place *named, struct fault *fault)
{
	const struct pool *pool = name ? pool_find(pools, name) : NULL;
	struct place *place = place_find(pools, named);

	if (name && !pool && !restores)
		return pool_unknown(name, fault);
	if (name && !restores && !pool_range_at(pool, named))
		return address_unknown(pool, named, fault);
	if (name && !restores && (!place || place->range->pool != pool))
		return fault_set(fault, FAULT_INVALID_VALUE, "",
			"found port %u, expected one of pool %s: %u to %u", ntohs(named->port),
			name, pool->config->first, pool->config->last);
	if (!place)
		return 0;
	if (!restores && !place_admits(place, name != NULL, owner))
		return place_conflict(place, named, fault);
	place_hold(place, name != NULL, owner);
	return 0;
}

bool
pools_format(
	const struct pools *pools, const struct pool_place *named, char text[POOL_PLACE_TEXT_MAX])
{
	const struct place *place = place_find(pools, named);
	char address[ADDRESS_TEXT_MAX];

	if (!place)
		return false;
	address_format(named->family, named->address, address);
	snprintf(text, POOL_PLACE_TEXT_MAX, "%s %u", address, place_first_port(place));
	return true;
}

/* NULL: it is of no pool. */
static struct place *
place_parse(const struct pools *pools, const char *text)
{
	char address[ADDRESS_TEXT_MAX];
	struct pool_place named;

	if (sscanf(text, "%45s %hu", address, &named.port) != 2)
		return NULL;
	named.port = htons(named.port);
	named.family = address_parse(address, named.address);
	return place_find(pools, &named);
}

bool
pools_released(struct pools *pools, const char *text, uint64_t ago_ns, uint64_t now_ns)
{
	struct place *place = place_parse(pools, text);

	if (!place || place_holds(place) > 0)
		return place != NULL;
	place_unlist(place);
	place->used = true;
	/* That may be before the clock began; the end of the quarantine, which counts, is not. */
	place_list(place, now_ns - (ago_ns < quarantine_ns(place) ? ago_ns : quarantine_ns(place)));
	pool_expire(place->range->pool, now_ns);
	return true;
}

void
pools_release(
	struct pools *pools, const struct pool_place *named, bool given, bool used, uint64_t now_ns)
{
	struct place *place = place_find(pools, named);

	if (!place)
		return;
	place->used |= used;
	--*place_counter(place);
	--*(given ? &place->given : &place->named);
	place_leaving_update(place);
	if (place_holds(place) == 0)
		place_list(place, now_ns);
	else
		++*place_counter(place);
}

void
pools_leave(struct pools *pools, const struct pool_place *named)
{
	struct place *place = place_find(pools, named);

	if (!place)
		return;
	place->leaving++;
	place_leaving_update(place);
}

void
pools_stay(struct pools *pools, const struct pool_place *named, const char *owner)
{
	struct place *place = place_find(pools, named);

	if (!place)
		return;
	place->leaving--;
	place_leaving_update(place);
	snprintf(place->owner, sizeof(place->owner), "%s", owner);
}

void
pools_left(struct pools *pools, const struct pool_place *named, bool given, uint64_t now_ns)
{
	struct place *place = place_find(pools, named);

	if (place)
		place->leaving--;
	pools_release(pools, named, given, true, now_ns);
}
