/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How late a flow times out: one period between two looks, until its last packet is seen, and then
 * twice the grain of the wheel that calls for a look. Hence the period is what may be late less
 * the two grains. The upper bound keeps a long timeout within the wheel.
 */
#include "state/idle.h"

#include "base/clock.h"

#define LATE_MIN_NS NS_PER_S
#define LATE_MAX_NS (60 * NS_PER_S)

void
idle_begin(struct idle *idle, uint64_t now_ns)
{
	*idle = (struct idle){.active_ns = now_ns};
}

bool
idle_look(struct idle *idle, uint64_t accepted, uint32_t timeout_s, uint64_t now_ns)
{
	if (accepted > idle->accepted)
		*idle = (struct idle){.accepted = accepted, .active_ns = now_ns};
	return now_ns - idle->active_ns >= timeout_s * NS_PER_S;
}

uint64_t
idle_next_ns(const struct idle *idle, uint32_t timeout_s, uint64_t now_ns)
{
	const uint64_t over_ns = idle->active_ns + timeout_s * NS_PER_S;
	uint64_t late_ns = timeout_s * NS_PER_S / 8;
	uint64_t next_ns;

	if (late_ns < LATE_MIN_NS)
		late_ns = LATE_MIN_NS;
	if (late_ns > LATE_MAX_NS)
		late_ns = LATE_MAX_NS;
	next_ns = now_ns + late_ns - 2 * WHEEL_SLOT_NS;
	return next_ns < over_ns ? next_ns : over_ns;
}
