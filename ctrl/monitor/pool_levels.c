/* SPDX-License-Identifier: BSD-3-Clause */
#include "monitor/pool_levels.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"

static const uint8_t percents[POOL_LEVELS] = {80, 95};

/* Ports leave quarantine without a commit. */
static void
check_due(void *arg)
{
	pool_levels_check(arg, clock_read_ns(CLOCK_MONOTONIC));
}

void
pool_levels_init(struct pool_levels *levels, struct pools *pools, struct events *events,
	struct event_base *base)
{
	memset(levels, 0, sizeof(*levels));
	levels->pools = pools;
	levels->events = events;
	timer_init(&levels->timer, base, check_due, levels);
}

void
pool_levels_fini(struct pool_levels *levels)
{
	timer_disarm(&levels->timer);
}

static void
level_report(struct pool_levels *levels, unsigned level, bool over, const struct pool_usage *usage)
{
	struct event_pool *event = &events_raise(levels->events, EVENT_POOL_USAGE)->pool;

	snprintf(event->name, sizeof(event->name), "%s", usage->config->name);
	event->percent = percents[level];
	event->over = over;
	event->size = usage->size;
	event->free = usage->free;
	event->quarantined = usage->quarantined;
}

static void
pool_check(struct pool_levels *levels, unsigned i, uint64_t now_ns)
{
	uint8_t *reached = &levels->reached[i];
	struct pool_usage usage;
	uint64_t used_percents;

	pools_usage_get(levels->pools, i, now_ns, &usage);
	used_percents = (uint64_t)(usage.size - usage.free) * 100;
	while (*reached < POOL_LEVELS && used_percents >= (uint64_t)percents[*reached] * usage.size)
		level_report(levels, (*reached)++, true, &usage);
	while (*reached > 0 &&
		used_percents < (uint64_t)(percents[*reached - 1] - POOL_LEVEL_BELOW) * usage.size)
		level_report(levels, --*reached, false, &usage);
}

void
pool_levels_check(struct pool_levels *levels, uint64_t now_ns)
{
	bool any = false;
	unsigned i;

	for (i = 0; i < pools_count(levels->pools); i++) {
		pool_check(levels, i, now_ns);
		any |= levels->reached[i] > 0;
	}
	if (any)
		timer_arm_if_idle(&levels->timer, NS_PER_S);
}
