/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An event only says "look again": the truth is read from the kernel's table each time. So events
 * that arrive late, twice or not at all cannot leave a wrong MAC address behind.
 *
 * A neighbour that the kernel merely forgot (flushed, collected) is not told as unreachable: its
 * address most likely still holds, and media goes on while the kernel asks again. Only a kernel
 * that asked and got no answer, or cannot ask, makes it unreachable.
 *
 * Waiting is done in a queue for each length of time, so that each is in order by itself.
 */
#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "net/kept.h"

static const unsigned step_ms[KEPT_STEPS] = {0, KEPT_RETRY_MS, 2000, 4000, 8000, KEPT_PERIOD_MS};

static int
kept_compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct neigh_key));
}

void
kept_init(struct kept_set *set, struct request *request, const struct net_observer *observer)
{
	unsigned step;

	*set = (struct kept_set){.request = request, .observer = observer};
	for (step = 0; step < KEPT_STEPS; step++)
		TAILQ_INIT(&set->queues[step]);
}

struct kept *
kept_find(const struct kept_set *set, const struct neigh_key *key)
{
	struct kept *const *node = tfind(key, &set->root, kept_compare);

	return node ? *node : NULL;
}

static void
kept_wait(struct kept_set *set, struct kept *kept, unsigned step, uint64_t now_ms)
{
	kept->step = step;
	kept->due_ms = now_ms + step_ms[step];
	TAILQ_INSERT_TAIL(&set->queues[step], kept, link);
}

static void
kept_wait_anew(struct kept_set *set, struct kept *kept, unsigned step, uint64_t now_ms)
{
	TAILQ_REMOVE(&set->queues[kept->step], kept, link);
	kept_wait(set, kept, step, now_ms);
}

/* As told, without telling: 0, or why there is no address. */
static void
kept_look(const struct kept_set *set, struct kept *kept)
{
	struct neigh neigh;
	const int ret = neigh_get(set->request, &kept->key, &neigh);

	kept->error = ret < 0 ? ret : -EINPROGRESS;
	if (ret == 0 && neigh_is_usable(&neigh)) {
		kept->error = 0;
		memcpy(kept->mac, neigh.mac, sizeof(kept->mac));
	}
}

struct kept *
kept_add(struct kept_set *set, const struct neigh_key *key, uint64_t now_ms)
{
	struct kept *kept = kept_find(set, key);

	if (kept) {
		kept->uses++;
		return kept;
	}
	kept = calloc(1, sizeof(*kept));
	if (!kept)
		return NULL;
	kept->key = *key;
	kept->uses = 1;
	if (!tsearch(kept, &set->root, kept_compare)) {
		free(kept);
		return NULL;
	}
	kept_look(set, kept);
	kept_wait(set, kept, 0, now_ms);
	return kept;
}

void
kept_remove(struct kept_set *set, const struct neigh_key *key)
{
	struct kept *kept = kept_find(set, key);

	if (!kept || --kept->uses > 0)
		return;
	TAILQ_REMOVE(&set->queues[kept->step], kept, link);
	tdelete(kept, &set->root, kept_compare);
	free(kept);
}

static void
kept_tell(const struct kept_set *set, struct kept *kept, const uint8_t *mac, int error)
{
	const struct net_observer *observer = set->observer;

	if (kept->error == error && (!mac || memcmp(kept->mac, mac, sizeof(kept->mac)) == 0))
		return;
	kept->error = error;
	if (mac)
		memcpy(kept->mac, mac, sizeof(kept->mac));
	observer->neighbour(
		observer->arg, kept->key.ifindex, kept->key.family, kept->key.address, mac, error);
}

/* Read the entry and tell; with `confirm` also have the kernel ask for what is stale or failed. */
static void
kept_visit(const struct kept_set *set, struct kept *kept, bool confirm)
{
	struct neigh neigh;
	int ret = neigh_get(set->request, &kept->key, &neigh);

	if (ret == 0 && neigh_is_usable(&neigh))
		kept_tell(set, kept, neigh.mac, 0);
	else if (ret < 0 || neigh_is_failed(&neigh))
		kept_tell(set, kept, NULL, ret < 0 ? ret : -EHOSTUNREACH);
	if (ret < 0 || !neigh_wants_kick(&neigh))
		return;
	if (!confirm && neigh.state != 0)
		return;
	ret = neigh_kick(set->request, &kept->key);
	if (ret < 0)
		kept_tell(set, kept, NULL, ret);
}

void
kept_refresh(struct kept_set *set, struct kept *kept, uint64_t now_ms)
{
	const bool was_reachable = kept->error == 0;

	kept_visit(set, kept, false);
	if (was_reachable != (kept->error == 0))
		kept_wait_anew(set, kept, was_reachable ? 1 : KEPT_STEPS - 1, now_ms);
}

void
kept_hurry(struct kept_set *set, unsigned ifindex, uint64_t now_ms)
{
	struct kept *kept, *next;
	unsigned step;

	for (step = 1; step < KEPT_STEPS; step++) {
		for (kept = TAILQ_FIRST(&set->queues[step]); kept; kept = next) {
			next = TAILQ_NEXT(kept, link);
			if (!ifindex || (kept->key.ifindex == ifindex && kept->error != 0))
				kept_wait_anew(set, kept, 0, now_ms);
		}
	}
}

/* A neighbour that is there has its period; one that is not waits longer each time. */
static unsigned
step_next(const struct kept *kept, unsigned step)
{
	if (kept->error == 0 || step + 1 == KEPT_STEPS)
		return KEPT_STEPS - 1;
	return step + 1;
}

uint64_t
kept_run(struct kept_set *set, uint64_t now_ms, unsigned max)
{
	uint64_t next_ms = UINT64_MAX;
	struct kept *kept;
	unsigned step;

	for (step = 0; step < KEPT_STEPS; step++) {
		while ((kept = TAILQ_FIRST(&set->queues[step])) && kept->due_ms <= now_ms) {
			if (max-- == 0)
				return 0;
			kept_visit(set, kept, true);
			kept_wait_anew(set, kept, step_next(kept, step), now_ms);
		}
		if (kept && kept->due_ms - now_ms < next_ms)
			next_ms = kept->due_ms - now_ms;
	}
	return next_ms;
}

void
kept_fini(struct kept_set *set)
{
	tdestroy(set->root, free);
	kept_init(set, NULL, NULL);
}
