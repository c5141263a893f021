/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An event only says "look again": the truth is read from the kernel's table each time. So events
 * that arrive late, twice or not at all cannot leave a wrong MAC address behind.
 *
 * A neighbour that the kernel merely forgot (flushed, collected) is not told as unreachable: its
 * address most likely still holds, and media goes on while the kernel asks again. Only a kernel
 * that asked and got no answer, or cannot ask, makes it unreachable.
 */
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "net/kept.h"

struct kept_walk {
	const struct kept_set *set;
	bool (*wanted)(const struct kept *kept, void *arg);
	void *arg;
};

static int
kept_compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct neigh_key));
}

struct kept *
kept_find(const struct kept_set *set, const struct neigh_key *key)
{
	struct kept *const *node = tfind(key, &set->root, kept_compare);

	return node ? *node : NULL;
}

struct kept *
kept_add(struct kept_set *set, const struct neigh_key *key)
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
	return kept;
}

void
kept_remove(struct kept_set *set, const struct neigh_key *key)
{
	struct kept *kept = kept_find(set, key);

	if (!kept || --kept->uses > 0)
		return;
	tdelete(kept, &set->root, kept_compare);
	free(kept);
}

static void
kept_tell(const struct kept_set *set, struct kept *kept, const uint8_t *mac)
{
	enum kept_told told = mac ? KEPT_REACHABLE : KEPT_UNREACHABLE;

	if (kept->told == told && (!mac || memcmp(kept->mac, mac, sizeof(kept->mac)) == 0))
		return;
	kept->told = told;
	if (mac)
		memcpy(kept->mac, mac, sizeof(kept->mac));
	set->changed(set->arg, kept->key.ifindex, kept->key.family, kept->key.address, mac);
}

void
kept_refresh(const struct kept_set *set, struct kept *kept, bool confirm)
{
	struct neigh neigh;
	int ret = neigh_get(set->request, &kept->key, &neigh);

	if (ret == 0 && neigh_is_usable(&neigh))
		kept_tell(set, kept, neigh.mac);
	else if (ret < 0 || neigh_is_failed(&neigh))
		kept_tell(set, kept, NULL);
	if (ret < 0 || !neigh_wants_kick(&neigh))
		return;
	if (!confirm && neigh.state != 0)
		return;
	if (neigh_kick(set->request, &kept->key) < 0)
		kept_tell(set, kept, NULL);
}

static void
kept_visit(const void *node, VISIT visit, void *arg)
{
	const struct kept_walk *walk = arg;
	struct kept *kept = *(struct kept *const *)node;

	if (visit != postorder && visit != leaf)
		return;
	if (!walk->wanted || walk->wanted(kept, walk->arg))
		kept_refresh(walk->set, kept, true);
}

void
kept_refresh_all(
	const struct kept_set *set, bool (*wanted)(const struct kept *kept, void *arg), void *arg)
{
	struct kept_walk walk = {.set = set, .wanted = wanted, .arg = arg};

	twalk_r(set->root, kept_visit, &walk);
}

void
kept_fini(struct kept_set *set)
{
	tdestroy(set->root, free);
	set->root = NULL;
}
