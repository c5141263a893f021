/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The ranges of one port's steering program, counted and in the kernel's two places for them.
 * Control thread.
 */
#ifndef CTRL_NET_STEER_RANGES_H
#define CTRL_NET_STEER_RANGES_H

#include <stdbool.h>

#include "af_xdp/steer_layout.h"

struct steer_range_maps {
	int ranges_fd; /* STEER_RANGES */
	int active_fd; /* STEER_ACTIVE */
	uint32_t place; /* of the ranges in use, or last in use */
	struct steer_ranges set; /* those in use */
};

/* Read what is in use. The descriptors stay the caller's. 0 or a negative errno. */
int steer_ranges_init(struct steer_range_maps *maps, int ranges_fd, int active_fd);

/* As steer_add_range() and steer_del_range(); on failure the old ranges stay in use. */
int steer_ranges_add(struct steer_range_maps *maps, const struct steer_range *range);
int steer_ranges_del(struct steer_range_maps *maps, const struct steer_range *range);
bool steer_ranges_has(const struct steer_range_maps *maps, const struct steer_range *range);

#endif
