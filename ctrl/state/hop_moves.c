/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A round goes over slots, and for each over those who ask for it. When all of these have been
 * asked again, either the slot goes where all of them go, which is one write for any number of
 * legs, or those that leave get slots of their own.
 */
#include "state/hop_moves.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "state/hop_table.h"

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

int
hop_moves_init(struct next_hops *hops, struct event_base *base)
{
	if (!base)
		return 0;
	hops->moves.timer = event_new(base, -1, 0, timer_passed, hops);
	return hops->moves.timer ? 0 : -ENOMEM;
}

void
hop_moves_fini(struct next_hops *hops)
{
	if (hops->moves.timer)
		event_free(hops->moves.timer);
}

void
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

void
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
