/* SPDX-License-Identifier: BSD-3-Clause */
#include "action.h"

#include <errno.h>
#include <string.h>

#include <rte_malloc.h>

#include "failover.h"
#include "flow_compile.h"
#include "latch_table.h"
#include "memory.h"
#include "policer.h"
#include "rtp.h"
#include "shared.h"

#define NS_PER_MS UINT64_C(1000000)

static void
slots_release(struct leg_slots *slots, struct leg_table *legs)
{
	for (unsigned i = 0; i < slots->n; i++)
		leg_table_unref(legs, slots->of[i]);
	rte_free(slots->of);
	memset(slots, 0, sizeof(*slots));
}

/* The slot that leg i carries on. */
static uint32_t
former_slot(const struct leg_slots *former, const uint16_t *from, unsigned i)
{
	unsigned old = from == NULL ? i : leg_origin(from[i]);

	return former == NULL || old >= former->n ? LEG_NONE : former->of[old];
}

/* Take slots for n legs. `former` NULL: all are new; `from` NULL: leg i carries on leg i. */
static int
slots_take(struct leg_slots *slots, const struct dp_flow *flow, const struct dp_leg *legs,
	unsigned n, struct leg_table *table, const struct leg_slots *former, const uint16_t *from)
{
	slots->of = memory_zalloc(n, sizeof(*slots->of), table->node);
	if (slots->of == NULL)
		return -ENOMEM;
	for (unsigned i = 0; i < n; i++) {
		const uint32_t slot = former_slot(former, from, i);
		int ret = 0;

		if (from != NULL && leg_origin_is_same(from[i]) && leg_table_share(table, slot))
			slots->of[i] = slot;
		else
			ret = leg_table_insert(table, flow, &legs[i], slot, &slots->of[i]);
		if (ret < 0)
			return ret;
		slots->n++;
	}
	return 0;
}

/* The list of those legs that are up; *list is NULL when none is. */
static int
list_create(struct leg_list **list, const struct dp_flow *flow, const struct dp_leg *legs,
	const struct leg_slots *slots, int node)
{
	struct leg_list *up;

	*list = NULL;
	up = memory_zalloc(1, sizeof(*up) + slots->n * sizeof(up->legs[0]), node);
	if (up == NULL)
		return -ENOMEM;
	up->ordinary = true;
	for (unsigned i = 0; i < slots->n; i++) {
		if (legs[i].down)
			continue;
		up->legs[up->n++] = slots->of[i];
		up->ordinary = up->ordinary && leg_is_ordinary(flow, &legs[i]);
	}
	if (up->n > 0)
		*list = up;
	else
		rte_free(up);
	return 0;
}

static bool
streams_are_same(const struct flow_action *former, const struct dp_flow *flow)
{
	if (former == NULL || former->n_streams != flow->n_streams)
		return false;
	for (unsigned i = 0; i < flow->n_streams; i++) {
		const struct stream *a = &former->streams[i];
		const struct dp_stream *b = &flow->streams[i];

		if (a->has_ssrc != b->has_ssrc || a->has_payload_type != b->has_payload_type ||
			a->ssrc != b->ssrc || a->payload_type != b->payload_type)
			return false;
	}
	return true;
}

static int
stream_create(struct stream *stream, const struct dp_flow *flow, const struct dp_stream *config,
	struct leg_table *legs, const struct leg_slots *former)
{
	int ret;

	stream->verdict = config->verdict;
	stream->has_ssrc = config->has_ssrc;
	stream->has_payload_type = config->has_payload_type;
	stream->payload_type = config->payload_type;
	stream->ssrc = config->ssrc;
	ret = slots_take(&stream->slots, flow, config->legs, config->n_legs, legs, former, NULL);
	return ret < 0 ? ret
		       : list_create(&stream->legs, flow, config->legs, &stream->slots, legs->node);
}

static int
streams_create(struct flow_action *action, const struct dp_flow *flow, struct leg_table *legs,
	const struct flow_action *former)
{
	const bool same = streams_are_same(former, flow);
	struct stream_index *index;

	if (flow->n_streams == 0)
		return 0;
	index = memory_zalloc(1, stream_index_bytes(flow->n_streams), legs->node);
	action->stream_index = index;
	action->streams = memory_zalloc(flow->n_streams, sizeof(*action->streams), legs->node);
	action->stream_counters =
		same ? shared_hold(former->stream_counters)
		     : shared_create(legs->n_workers * action_streams_row(flow->n_streams) *
					     sizeof(*action->stream_counters),
			       legs->node);
	if (index == NULL || action->streams == NULL || action->stream_counters == NULL)
		return -ENOMEM;
	stream_index_init(index, flow->streams, flow->n_streams);
	for (unsigned i = 0; i < flow->n_streams; i++) {
		int ret;

		action->n_streams++;
		ret = stream_create(&action->streams[i], flow, &flow->streams[i], legs,
			same ? &former->streams[i].slots : NULL);
		if (ret < 0)
			return ret;
	}
	return 0;
}

static int
latch_get(struct flow_action *action, const struct dp_flow *flow, struct leg_table *legs,
	const struct flow_action *former)
{
	if (flow->latch == DP_LATCH_OPEN)
		return 0;
	if (former != NULL && former->latch != NULL) {
		action->latch = latch_ref(former->latch);
		return 0;
	}
	action->latch = latch_table_ref(&legs->latches, flow->latch_cookie);
	return action->latch == NULL ? -ENOMEM : 0;
}

static bool
sources_are_same(const struct failover *former, const struct dp_flow *flow)
{
	if (former == NULL || former->n != flow->n_sources)
		return false;
	for (unsigned i = 0; i < flow->n_sources; i++) {
		struct latch_source source;

		latch_source_set(&source, flow->sources[i].address,
			sizeof(flow->sources[i].address), flow->sources[i].port);
		if (!latch_source_equal(&source, &former->sources[i]))
			return false;
	}
	return true;
}

/* Which source is active goes on when the flow is replaced by one of the same sources. */
static int
failover_get(struct flow_action *action, const struct dp_flow *flow, const struct leg_table *legs,
	const struct flow_action *former)
{
	struct failover *failover = former == NULL ? NULL : former->failover;

	if (flow->n_sources == 0)
		return 0;
	if (sources_are_same(failover, flow)) {
		action->failover = shared_hold(failover);
		return 0;
	}
	failover = shared_create(failover_bytes(legs->n_workers), legs->node);
	if (failover == NULL)
		return -ENOMEM;
	failover->n = flow->n_sources;
	failover->cookie = flow->latch_cookie;
	for (unsigned i = 0; i < flow->n_sources; i++)
		latch_source_set(&failover->sources[i], flow->sources[i].address,
			sizeof(flow->sources[i].address), flow->sources[i].port);
	action->failover = failover;
	return 0;
}

static bool
has_classes(const struct dp_flow *flow)
{
	for (unsigned i = 0; i < DP_CLASS_COUNT; i++) {
		if (flow->class_verdict[i] != DP_FORWARD)
			return true;
	}
	return false;
}

/* Nothing that takes a step of its own before the legs, policer and latch apart. */
static bool
has_no_other_step(const struct dp_flow *flow, const struct flow_action *action)
{
	return flow->verdict == DP_FORWARD && !flow->down && flow->n_allow == 0 &&
	       flow->n_sources == 0 && flow->n_streams == 0 && !action->has_classes;
}

/* The one step of an action whose leg is in the entry, or 0. */
static uint8_t
only_step(const struct flow_action *action)
{
	if (!action->leg_in_entry || (action->policer == NULL) == (action->latch == NULL))
		return 0;
	if (action->policer != NULL)
		return FLOW_POLICES;
	switch (action->latch_by) {
	case DP_LATCH_BY_SSRC:
		return FLOW_LATCHES_BY_SSRC;
	case DP_LATCH_BY_RTCP_SSRC: /* few packets */
		return 0;
	default:
		return FLOW_LATCHES;
	}
}

static int
counts_create(struct flow_action *action, const struct dp_flow *flow, const struct leg_table *legs)
{
	if (has_no_other_step(flow, action)) {
		if (flow->latch == DP_LATCH_OPEN && flow->police.rate_bps == 0 &&
			action->legs != NULL)
			return 0;
		action->only = only_step(action);
	}
	action->counts = memory_zalloc(legs->n_workers, sizeof(*action->counts), legs->node);
	return action->counts == NULL ? -ENOMEM : 0;
}

static bool
legs_sample(const struct dp_leg *legs, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		if (legs[i].one_in > 1)
			return true;
	}
	return false;
}

/* Where some leg samples, packets are numbered: from 1 in each version of the flow. */
static int
nth_create(struct flow_action *action, const struct dp_flow *flow, const struct leg_table *legs)
{
	bool sample = legs_sample(flow->legs, flow->n_legs);

	for (unsigned i = 0; i < flow->n_streams; i++)
		sample = sample || legs_sample(flow->streams[i].legs, flow->streams[i].n_legs);
	if (!sample)
		return 0;
	action->nth = memory_zalloc(legs->n_workers * action_nth_row(flow->n_streams),
		sizeof(*action->nth), legs->node);
	return action->nth == NULL ? -ENOMEM : 0;
}

static int
allow_copy(struct flow_action *action, const struct dp_flow *flow, int node)
{
	struct dp_prefix *allow = memory_zalloc(flow->n_allow, sizeof(*allow), node);

	if (allow == NULL)
		return -ENOMEM;
	if (flow->n_allow > 0)
		memcpy(allow, flow->allow, flow->n_allow * sizeof(*allow));
	action->allow = allow;
	action->n_allow = flow->n_allow;
	return 0;
}

static int
action_fill(struct flow_action *action, const struct dp_flow *flow, struct leg_table *legs,
	const struct flow_action *former, const uint16_t *from)
{
	int ret;

	action->verdict = flow->verdict;
	action->down = flow->down;
	action->latch_mode = flow->latch;
	action->latch_by = flow->latch_by;
	action->latch_interval_ns = flow->latch_interval_ms * NS_PER_MS;
	action->source_timeout_ns = flow->source_timeout_ms * NS_PER_MS;
	action->source_return_ns = flow->source_return_ms * NS_PER_MS;
	memcpy(action->class_verdict, flow->class_verdict, sizeof(action->class_verdict));
	action->has_classes = has_classes(flow);
	action->leg_in_entry = flow_leg_is_inline(flow);
	ret = slots_take(&action->slots, flow, flow->legs, action->leg_in_entry ? 0 : flow->n_legs,
		legs, former != NULL && from != NULL ? &former->slots : NULL, from);
	if (ret == 0)
		ret = list_create(&action->legs, flow, flow->legs, &action->slots, legs->node);
	action->first_leg = action->legs == NULL ? LEG_NONE : action->legs->legs[0];
	if (ret == 0)
		ret = streams_create(action, flow, legs, former);
	if (ret == 0)
		ret = policer_get(&legs->lines, &action->policer, &flow->police,
			former != NULL ? former->policer : NULL);
	if (ret == 0)
		ret = latch_get(action, flow, legs, former);
	if (ret == 0)
		ret = failover_get(action, flow, legs, former);
	if (ret == 0)
		ret = allow_copy(action, flow, legs->node);
	if (ret == 0)
		ret = nth_create(action, flow, legs);
	if (ret == 0)
		ret = counts_create(action, flow, legs);
	return ret;
}

int
action_create(struct flow_action **action, const struct dp_flow *flow, struct leg_table *legs,
	const struct flow_action *former, const uint16_t *from)
{
	int ret;

	*action = memory_zalloc(1, sizeof(**action), legs->node);
	if (*action == NULL)
		return -ENOMEM;
	ret = action_fill(*action, flow, legs, former, from);
	if (ret < 0) {
		action_destroy(*action, legs);
		*action = NULL;
	}
	return ret;
}

unsigned
action_n_slots(const struct flow_action *action)
{
	unsigned n = action == NULL ? 0 : action->slots.n;

	for (unsigned i = 0; action != NULL && i < action->n_streams; i++)
		n += action->streams[i].slots.n;
	return n;
}

/* rte_free() of memory that workers may only read. */
static void
const_free(const void *memory)
{
	rte_free((void *)(uintptr_t)memory);
}

void
action_destroy(struct flow_action *action, struct leg_table *legs)
{
	if (action == NULL)
		return;
	for (unsigned i = 0; i < action->n_streams; i++) {
		slots_release(&action->streams[i].slots, legs);
		rte_free(action->streams[i].legs);
	}
	rte_free(action->streams);
	const_free(action->stream_index);
	shared_release(action->stream_counters);
	slots_release(&action->slots, legs);
	rte_free(action->legs);
	policer_release(&legs->lines, action->policer);
	latch_table_unref(&legs->latches, action->latch);
	shared_release(action->failover);
	rte_free(action->counts);
	const_free(action->allow);
	rte_free(action->nth);
	rte_free(action);
}

uint64_t
action_read(const struct flow_action *action, unsigned n_workers, struct dp_flow_stats *stats)
{
	uint64_t bytes = 0;

	for (unsigned w = 0; w < n_workers && action->counts != NULL; w++) {
		const struct action_counts *counts = &action->counts[w];

		stats->punted += __atomic_load_n(&counts->punted, __ATOMIC_ACQUIRE);
		bytes += __atomic_load_n(&counts->bytes, __ATOMIC_ACQUIRE);
		for (unsigned r = 0; r < DP_FLOW_DROP_COUNT; r++)
			stats->drops[r] += __atomic_load_n(&counts->drops[r], __ATOMIC_ACQUIRE);
	}
	return bytes;
}
