/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The handle of a removed flow is used again. So the rings are emptied before a handle is dropped:
 * packets of its flow get its id, and none gets the id of the next flow with that handle.
 */
#include "monitor/punts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define POLL_MAX 1024 /* packets taken at once, in about a fifth of a millisecond */
#define DRAIN_POLLS_MAX 2048 /* as many as the largest rings of DP_WORKERS_MAX hold */

struct punt_flow {
	UT_hash_handle hh;
	uint32_t handle;
	const struct flow *flow;
};

static void
timer_set(struct punts *punts)
{
	if (!punts->unmatched && !punts->flows)
		timer_disarm(&punts->timer);
	else
		timer_arm_if_idle(&punts->timer, PUNTS_PERIOD_MS * NS_PER_MS);
}

static void
timer_fired(void *arg)
{
	struct punts *punts = arg;

	timer_arm(&punts->timer, PUNTS_PERIOD_MS * NS_PER_MS);
	punts_poll(punts);
}

void
punts_init(struct punts *punts, struct dp *dp, bool unmatched, struct event_base *base)
{
	memset(punts, 0, sizeof(*punts));
	punts->dp = dp;
	punts->unmatched = unmatched;
	timer_init(&punts->timer, base, timer_fired, punts);
	timer_set(punts);
}

void
punts_fini(struct punts *punts)
{
	struct punt_flow *entry, *next;

	HASH_ITER(hh, punts->flows, entry, next)
	{
		HASH_DEL(punts->flows, entry);
		free(entry);
	}
	timer_disarm(&punts->timer);
}

static void
punt_read(void *arg, const struct dp_punted *punted)
{
	struct punts *punts = arg;
	struct punt *punt = &punts->ring[++punts->last % PUNTS_MAX];
	const struct punt_flow *entry = NULL;

	if (punted->handle != DP_HANDLE_NONE)
		HASH_FIND(hh, punts->flows, &punted->handle, sizeof(punted->handle), entry);
	punt->sequence = punts->last;
	punt->time_ns = clock_read_ns(CLOCK_REALTIME);
	snprintf(punt->flow, sizeof(punt->flow), "%s", entry ? entry->flow->spec->id : "");
	punt->port = punted->port;
	punt->frame_bytes = punted->frame_bytes;
	punt->answers = 0;
	punt->kept_bytes = PUNTS_FRAME_MAX;
	if (punted->frame_bytes < PUNTS_FRAME_MAX)
		punt->kept_bytes = (uint16_t)punted->frame_bytes;
	memcpy(punt->frame, punted->frame, punt->kept_bytes);
}

bool
punts_poll(struct punts *punts)
{
	return dp_punt_poll(punts->dp, POLL_MAX, punt_read, punts) == POLL_MAX;
}

static bool
flow_can_punt(const struct flow_spec *spec)
{
	unsigned i;

	if (spec->dp.verdict == DP_PUNT)
		return true;
	for (i = 0; i < DP_CLASS_COUNT; i++) {
		if (spec->dp.class_verdict[i] == DP_PUNT)
			return true;
	}
	for (i = 0; i < spec->n_streams; i++) {
		if (spec->streams[i].dp.verdict == DP_PUNT)
			return true;
	}
	return false;
}

static void
handle_forget(struct punts *punts, uint32_t handle)
{
	struct punt_flow *entry;
	unsigned i;

	HASH_FIND(hh, punts->flows, &handle, sizeof(handle), entry);
	for (i = 0; i < DRAIN_POLLS_MAX && punts_poll(punts); i++)
		;
	HASH_DEL(punts->flows, entry);
	free(entry);
}

/* Without memory its packets are listed without a flow. */
static void
flow_add(struct punts *punts, struct flow *flow)
{
	struct punt_flow *entry = calloc(1, sizeof(*entry));

	if (!entry)
		return;
	entry->handle = flow->handle;
	entry->flow = flow;
	HASH_ADD(hh, punts->flows, handle, sizeof(entry->handle), entry);
	if (!entry->hh.tbl) {
		free(entry);
		return;
	}
	flow->watch.punt_handle = flow->handle;
	flow->watch.punts = true;
}

void
punts_flow_changed(struct punts *punts, struct flow *now, struct flow *before)
{
	const bool punted = before && before->watch.punts;
	const uint32_t old_handle = punted ? before->watch.punt_handle : 0;

	if (before)
		before->watch.punts = false;
	if (now && flow_can_punt(now->spec))
		flow_add(punts, now);
	if (punted)
		handle_forget(punts, old_handle);
	timer_set(punts);
}

const struct punt *
punts_get(const struct punts *punts, uint64_t sequence)
{
	const struct punt *punt = &punts->ring[sequence % PUNTS_MAX];

	return sequence != 0 && punt->sequence == sequence ? punt : NULL;
}

void
punts_answered(struct punts *punts, uint64_t sequence)
{
	punts->ring[sequence % PUNTS_MAX].answers++;
}
