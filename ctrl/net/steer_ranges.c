/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A set of ranges is too long to be written in one go while the program walks over it. So it is
 * written where no one looks, and then the four bytes are changed that say where to look. A run of
 * the program that began before walks the old set to its end; that one is only written again at
 * the change after this one.
 */
#include "net/steer_ranges.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include <bpf/bpf.h>

int
steer_ranges_init(struct steer_range_maps *maps, int ranges_fd, int active_fd)
{
	const uint32_t only = 0;
	uint32_t active;
	int ret;

	memset(maps, 0, sizeof(*maps));
	maps->ranges_fd = ranges_fd;
	maps->active_fd = active_fd;
	ret = bpf_map_lookup_elem(active_fd, &only, &active);
	if (ret < 0 || active == 0)
		return ret;
	maps->place = active - 1;
	return bpf_map_lookup_elem(ranges_fd, &maps->place, &maps->set);
}

/* Put the set into use in place of the one that is. */
static int
set_publish(struct steer_range_maps *maps, const struct steer_ranges *set)
{
	const uint32_t place = maps->place ^ 1;
	const uint32_t active = set->n == 0 ? 0 : place + 1;
	const uint32_t only = 0;
	int ret = bpf_map_update_elem(maps->ranges_fd, &place, set, BPF_ANY);

	if (ret == 0)
		ret = bpf_map_update_elem(maps->active_fd, &only, &active, BPF_ANY);
	if (ret < 0)
		return ret;
	maps->place = place;
	maps->set = *set;
	return 0;
}

/* The index of the same range; n when there is none. */
static uint32_t
range_find(const struct steer_ranges *set, const struct steer_range *range)
{
	uint32_t i;

	for (i = 0; i < set->n; i++) {
		if (memcmp(&set->ranges[i], range, offsetof(struct steer_range, uses)) == 0)
			break;
	}
	return i;
}

int
steer_ranges_add(struct steer_range_maps *maps, const struct steer_range *range)
{
	struct steer_ranges set = maps->set;
	const uint32_t i = range_find(&set, range);

	if (i == STEER_RANGES_MAX)
		return -ENOSPC;
	if (i < set.n) {
		maps->set.ranges[i].uses++;
		return 0;
	}
	set.ranges[set.n] = *range;
	set.ranges[set.n++].uses = 1;
	return set_publish(maps, &set);
}

bool
steer_ranges_has(const struct steer_range_maps *maps, const struct steer_range *range)
{
	return range_find(&maps->set, range) < maps->set.n;
}

int
steer_ranges_del(struct steer_range_maps *maps, const struct steer_range *range)
{
	struct steer_ranges set = maps->set;
	const uint32_t i = range_find(&set, range);

	if (i == set.n)
		return -ENOENT;
	if (set.ranges[i].uses > 1) {
		maps->set.ranges[i].uses--;
		return 0;
	}
	set.ranges[i] = set.ranges[--set.n];
	memset(&set.ranges[set.n], 0, sizeof(set.ranges[0]));
	return set_publish(maps, &set);
}
