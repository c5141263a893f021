/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A tick first polls its flows and then requests the removal of the idle ones, together, so that
 * they share one commit and one grace period. A flow of a relay that has RTCP on ports of its own
 * opens the latch of that, too: a side that comes back from elsewhere does so with both.
 */
#include "monitor/idle.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "flow/commit.h"
#include "flow/flows.h"
#include "flow/receivers.h"
#include "flow/relay_flows.h"

/*
 * The fast path stores no time: a count of accepted packets that does not grow is idleness,
 * and a packet is dated when it is first seen in it. So a flow never times out early, and at most
 * max(1 s, timeout / 8) late.
 *
 * Flows wait for their next poll in slots: a slot holds what is due at its beginning, so that a
 * poll comes up to one slot late. A flow times out late by one period between two polls, until its
 * last packet is seen, and by two slots; hence the period is what may be late less two slots. The
 * upper bound keeps a long timeout within the slots. A flow with both time-outs is polled for the
 * one that is due first.
 */

#define LATE_MIN_NS NS_PER_S
#define LATE_MAX_NS (60 * NS_PER_S)

/* Of a flow that is down no packets are expected. */
static uint32_t
media_timeout_s(const struct flow_spec *spec)
{
	return spec->dp.down ? 0 : spec->media_timeout_s;
}

/* Whether it has a time-out, as of when it was installed or replaced last. */
static bool
is_watched(const struct idle *idle)
{
	return idle->idle_from_ns != 0 || idle->media_from_ns != 0;
}

/* When a time-out that is watched for since then is over. */
static uint64_t
over_ns(const struct idle *idle, uint64_t from_ns, uint32_t timeout_s)
{
	return (idle->packet_ns > from_ns ? idle->packet_ns : from_ns) + timeout_s * NS_PER_S;
}

/* When to look for a time-out that is over then, or for a packet after it. */
static uint64_t
poll_ns(uint64_t end_ns, uint32_t timeout_s, uint64_t now_ns)
{
	uint64_t late_ns = timeout_s * NS_PER_S / 8;
	uint64_t next_ns;

	if (late_ns < LATE_MIN_NS)
		late_ns = LATE_MIN_NS;
	if (late_ns > LATE_MAX_NS)
		late_ns = LATE_MAX_NS;
	next_ns = now_ns + late_ns - 2 * IDLE_SLOT_NS;
	return end_ns > now_ns && end_ns < next_ns ? end_ns : next_ns;
}

/* At the end of the current slot, or at once when flows are due that a tick had no turn for. */
static void
timer_set(struct idle_monitor *idle, uint64_t now_ns)
{
	const bool late = idle->at <= now_ns / IDLE_SLOT_NS;
	const uint64_t wait_ns = late ? 0 : IDLE_SLOT_NS - now_ns % IDLE_SLOT_NS;

	timer_arm(&idle->timer, wait_ns);
}

/* A flow that is due further ahead than the last slot is polled early, and inserted again. */
static void
due_insert(struct idle_monitor *idle, struct flow *flow, uint64_t due_ns, uint64_t now_ns)
{
	uint64_t slot = (due_ns + IDLE_SLOT_NS - 1) / IDLE_SLOT_NS;

	if (idle->n_due++ == 0) {
		idle->at = now_ns / IDLE_SLOT_NS + 1;
		timer_set(idle, now_ns);
	}
	if (slot < idle->at)
		slot = idle->at;
	if (slot > idle->at + IDLE_SLOTS - 1)
		slot = idle->at + IDLE_SLOTS - 1;
	flow->watch.slot = slot % IDLE_SLOTS;
	LIST_INSERT_HEAD(&idle->slots[flow->watch.slot], flow, watch.due);
}

static bool
is_due(const struct flow *flow)
{
	return flow->watch.due.le_prev != NULL;
}

/* When the flow is polled, which is in a slot. */
static uint64_t
due_at_ns(const struct idle_monitor *idle, const struct flow *flow)
{
	return (idle->at + (flow->watch.slot - idle->at) % IDLE_SLOTS) * IDLE_SLOT_NS;
}

static void
due_remove(struct idle_monitor *idle, struct flow *flow)
{
	if (!is_due(flow))
		return;
	LIST_REMOVE(flow, watch.due);
	flow->watch.due.le_prev = NULL;
	if (--idle->n_due == 0)
		timer_disarm(&idle->timer);
}

/* Remove a flow that is due now; NULL: none is. */
static struct flow *
due_take(struct idle_monitor *idle, uint64_t now_ns)
{
	struct flow *flow;

	for (; idle->n_due > 0 && idle->at <= now_ns / IDLE_SLOT_NS; idle->at++) {
		flow = LIST_FIRST(&idle->slots[idle->at % IDLE_SLOTS]);
		if (flow) {
			due_remove(idle, flow);
			return flow;
		}
	}
	return NULL;
}

static void
timer_fired(void *arg)
{
	idle_monitor_tick(arg, clock_read_ns(CLOCK_MONOTONIC));
}

void
idle_monitor_init(struct idle_monitor *idle, struct flows *flows, struct latches *latches,
	struct events *events, struct event_base *base)
{
	idle->flows = flows;
	idle->latches = latches;
	idle->events = events;
	timer_init(&idle->timer, base, timer_fired, idle);
}

void
idle_monitor_fini(struct idle_monitor *idle)
{
	timer_disarm(&idle->timer);
}

/*
 * A flow that waits for a poll already keeps that one if it is the earlier: many versions of it may
 * follow each other in less than a period, as receivers join and move.
 */
static void
plan_poll(struct idle_monitor *idle, struct flow *flow, uint64_t now_ns)
{
	const uint32_t idle_s = flow->spec->idle_timeout_s, media_s = media_timeout_s(flow->spec);
	const struct idle *state = &flow->watch.idle;
	uint64_t due_ns = UINT64_MAX, media_ns;

	if (idle_s != 0)
		due_ns = poll_ns(over_ns(state, state->idle_from_ns, idle_s), idle_s, now_ns);
	if (media_s != 0) {
		media_ns = poll_ns(over_ns(state, state->media_from_ns, media_s), media_s, now_ns);
		due_ns = media_ns < due_ns ? media_ns : due_ns;
	}
	if (due_ns != UINT64_MAX && is_due(flow) && due_at_ns(idle, flow) <= due_ns)
		return;
	due_remove(idle, flow);
	if (due_ns != UINT64_MAX)
		due_insert(idle, flow, due_ns, now_ns);
}

/*
 * Of so many packets that came those that the flow has taken: those it forwarded or punted, and,
 * where its action is drop, those that it dropped by that.
 */
static uint64_t
accepted_of(uint64_t came, const struct dp_flow_stats *stats, bool drops)
{
	uint64_t refused = 0;
	unsigned i;

	for (i = 0; i < DP_FLOW_DROP_COUNT; i++)
		refused += stats->drops[i];
	if (drops)
		refused -= stats->drops[DP_DROP_flow_drop - DP_FLOW_DROP_FIRST];
	return came > refused ? came - refused : 0;
}

/*
 * What the flow refused is read after all that came, as a worker counts a packet before its drop:
 * the count may be too low by what was refused between the two, but never too high. *now: the
 * counters as they were read last. 0 or negative errno.
 */
static int
accepted_read(
	const struct dp *dp, const struct flow *flow, uint64_t *accepted, struct dp_flow_stats *now)
{
	uint64_t came;

	if (dp_flow_stats_get(dp, flow->handle, now, NULL, 0) < 0)
		return -ENOENT;
	came = now->packets;
	if (dp_flow_stats_get(dp, flow->handle, now, NULL, 0) < 0)
		return -ENOENT;
	*accepted = accepted_of(came, now, flow->watch.drops);
	return 0;
}

static uint64_t
timeout_begin(uint32_t timeout_s, uint64_t from_ns, uint64_t now_ns)
{
	if (timeout_s == 0)
		return 0;
	return from_ns != 0 ? from_ns : now_ns;
}

/* A receiver goes alone, and with a flow of its relay in any case. */
static bool
is_receiver(const struct flow_spec *spec)
{
	return relay_receiver_side(spec->id, spec->relay_bytes) != RELAY_FLOWS;
}

/*
 * A flow that is replaced goes on being idle. With another action other packets count, so that its
 * time begins again. Packets from before it was watched have no time. A receiver without a time-out
 * is looked at for that of its relay.
 */
static void
flow_begin(struct idle_monitor *idle, struct flow *flow, bool replaced, uint64_t time_ns)
{
	const uint32_t idle_s = flow->spec->idle_timeout_s, media_s = media_timeout_s(flow->spec);
	const bool drops = flow->spec->dp.verdict == DP_DROP, watched = idle_s != 0 || media_s != 0;
	struct flow_watch *watch = &flow->watch;
	struct idle *state = &watch->idle;
	struct dp_flow_stats stats;

	if (!replaced || watch->drops != drops || (watched && !is_watched(state)))
		*state = (struct idle){.looked_ns = 0};
	watch->drops = drops;
	if (state->looked_ns == 0 && (watched || is_receiver(flow->spec))) {
		state->looked_ns = time_ns;
		if (replaced)
			accepted_read(idle->flows->dp, flow, &state->accepted, &stats);
	}
	state->idle_from_ns = timeout_begin(idle_s, state->idle_from_ns, time_ns);
	watch->silent = watch->silent && state->media_from_ns != 0 && media_s != 0;
	watch->reopens = watch->reopens && watch->silent;
	state->media_from_ns = timeout_begin(media_s, state->media_from_ns, time_ns);
	plan_poll(idle, flow, time_ns);
}

void
idle_monitor_flow_changed(
	struct idle_monitor *idle, struct flow *now, struct flow *before, uint64_t time_ns)
{
	if (now)
		flow_begin(idle, now, before != NULL, time_ns);
	else
		due_remove(idle, before);
}

static void
media_raise(struct idle_monitor *idle, enum event_kind kind, const struct flow *flow,
	const struct dp_flow_stats *stats)
{
	struct event_flow *event = events_raise_flow(idle->events, kind, flow->spec->id);

	event->relay_bytes = flow->spec->relay_bytes;
	event->counters = *stats;
}

/* Date the packets that were not seen yet. false: there are none. */
static bool
packets_date(struct idle *state, uint64_t accepted, uint64_t now_ns)
{
	const bool came = accepted > state->accepted;

	if (came) {
		state->accepted = accepted;
		state->packet_ns = now_ns;
		state->packet_after_ns = state->looked_ns;
	}
	state->looked_ns = now_ns;
	return came;
}

/* The same of a flow that runs. 0 with the counters; or negative errno. */
static int
flow_look(
	struct idle_monitor *idle, struct flow *flow, struct dp_flow_stats *stats, uint64_t now_ns)
{
	struct flow_watch *watch = &flow->watch;
	uint64_t accepted;

	if (accepted_read(idle->flows->dp, flow, &accepted, stats) < 0)
		return -ENOENT;
	if (packets_date(&watch->idle, accepted, now_ns)) {
		if (watch->silent)
			media_raise(idle, EVENT_MEDIA_RESUMED, flow, stats);
		watch->silent = watch->reopens = false;
	}
	return 0;
}

bool
idle_monitor_look(struct idle_monitor *idle, struct flow *flow, uint64_t now_ns)
{
	struct dp_flow_stats stats;

	return is_watched(&flow->watch.idle) && flow_look(idle, flow, &stats, now_ns) == 0;
}

bool
idle_end(struct idle *idle, const struct flow_spec *spec, const struct dp_flow_stats *last,
	uint64_t now_ns)
{
	packets_date(idle, accepted_of(last->packets, last, spec->dp.verdict == DP_DROP), now_ns);
	return is_watched(idle);
}

enum media
idle_media(const struct flow *flow)
{
	const struct idle *state = &flow->watch.idle;

	if (state->media_from_ns == 0)
		return MEDIA_UNWATCHED;
	if (flow->watch.silent)
		return MEDIA_TIMED_OUT;
	return state->packet_ns > state->media_from_ns ? MEDIA_FLOWING : MEDIA_WAITING;
}

/* The flow of that number of the relay that a flow is of, itself included; NULL: there is none. */
static struct flow *
relay_flow_of(const struct idle_monitor *idle, const char *id, enum relay_flow number)
{
	struct flow *flow = flow_db_find(&idle->flows->db, id);
	const int bytes = flow ? flow->spec->relay_bytes : 0;
	char relay[FLOW_ID_MAX], other[FLOW_ID_MAX];

	if (bytes == 0 || is_receiver(flow->spec))
		return NULL;
	snprintf(relay, sizeof(relay), "%.*s", bytes, id);
	relay_flow_id(relay, number, other, sizeof(other));
	flow = flow_db_find(&idle->flows->db, other);
	return flow && flow->spec->relay_bytes == bytes ? flow : NULL;
}

/* The flow of the RTCP that belongs to a flow of RTP; NULL: it has none of its own. */
static struct flow *
rtcp_flow_of(const struct idle_monitor *idle, const struct flow *flow)
{
	const struct flow_spec *spec = flow->spec;
	const enum relay_flow number = relay_flow_find(spec->id, spec->relay_bytes, spec->id);

	if (spec->relay_bytes == 0 || number >= RELAY_FLOWS_LEAST)
		return NULL;
	return relay_flow_of(idle, spec->id, number + RELAY_A_RTCP);
}

/* As flow.forget does. What the kernel refuses is tried again when the flow is polled next. */
static void
flow_reopen(struct idle_monitor *idle, struct flow *flow)
{
	struct flow *rtcp = rtcp_flow_of(idle, flow);
	struct dp_latched forgotten;

	idle->polls_left -= IDLE_REOPEN_POLLS;
	if (latches_widen(idle->latches, flow) < 0 ||
		(rtcp && latches_widen(idle->latches, rtcp) < 0))
		return;
	latches_forget(idle->latches, flow, &forgotten);
	if (rtcp)
		latches_forget(idle->latches, rtcp, &forgotten);
	flow->watch.reopens = false;
}

static void
media_poll(struct idle_monitor *idle, struct flow *flow, const struct dp_flow_stats *stats,
	uint64_t now_ns)
{
	const uint32_t timeout_s = media_timeout_s(flow->spec);
	struct flow_watch *watch = &flow->watch;

	if (!watch->silent && timeout_s != 0 &&
		now_ns >= over_ns(&watch->idle, watch->idle.media_from_ns, timeout_s)) {
		watch->silent = true;
		watch->reopens = flow->spec->reopen;
		media_raise(idle, EVENT_MEDIA_TIMEOUT, flow, stats);
	}
	if (watch->reopens)
		flow_reopen(idle, flow);
}

static bool
counters_poll(struct idle_monitor *idle, struct flow *flow, uint32_t timeout_s, uint64_t now_ns)
{
	const struct idle *state = &flow->watch.idle;
	struct dp_flow_stats stats;

	idle->polls_left--;
	if (flow_look(idle, flow, &stats, now_ns) < 0)
		return false;
	media_poll(idle, flow, &stats, now_ns);
	return timeout_s != 0 && now_ns >= over_ns(state, state->idle_from_ns, timeout_s);
}

/* The flow of one of the receivers that a flow sends to; NULL: it is gone. */
static struct flow *
receiver_at(const struct idle_monitor *idle, const struct flow_spec *spec, unsigned i)
{
	char id[FLOW_ID_MAX];

	receivers_flow_id(spec, &spec->legs[spec->n_legs - spec->n_receivers + i], id);
	return flow_db_find(&idle->flows->db, id);
}

/* The receivers that a flow sends to, which need no timeout of their own. */
static bool
receivers_poll(struct idle_monitor *idle, const struct flow *flow, uint64_t now_ns)
{
	const struct flow_spec *spec = flow->spec;
	struct flow *receiver;
	unsigned i;

	for (i = 0; i < spec->n_receivers; i++) {
		receiver = receiver_at(idle, spec, i);
		if (receiver && !counters_poll(idle, receiver, spec->idle_timeout_s, now_ns))
			return false;
	}
	return true;
}

/* True when the flow is idle and to be removed. */
static bool
flow_poll(struct idle_monitor *idle, struct flow *flow, uint64_t now_ns)
{
	return counters_poll(idle, flow, flow->spec->idle_timeout_s, now_ns) &&
	       receivers_poll(idle, flow, now_ns);
}

/* What cannot be removed now is polled again a little later, if it still exists. */
static void
poll_again(struct idle_monitor *idle, const char *id)
{
	struct flow *flow = flow_db_find(&idle->flows->db, id);

	if (!flow)
		return;
	flow->watch.expires = false;
	if (!is_due(flow) && is_watched(&flow->watch.idle))
		due_insert(idle, flow, idle->tick_ns + NS_PER_S, idle->tick_ns);
}

/* Receivers go with the flow that sends to them. */
static void
receivers_expire(const struct idle_monitor *idle, const char *id, bool expires)
{
	const struct flow *flow = flow_db_find(&idle->flows->db, id);
	struct flow *receiver;
	unsigned i;

	for (i = 0; flow && i < flow->spec->n_receivers; i++) {
		receiver = receiver_at(idle, flow->spec, i);
		if (receiver)
			receiver->watch.expires = expires;
	}
}

/* Some items do not remove a flow: OP_LEGS, and that of a receiver that went with its relay's. */
static void
idle_removed(void *arg, struct change *change, const struct fault *fault)
{
	static const struct dp_flow_stats nothing;
	struct idle_monitor *idle = arg;
	struct event_flow *event;
	size_t i;

	for (i = 0; i < change->n_items; i++) {
		const struct change_item *item = change->items[i];
		const struct last_counters *last = item_outcome(item)->last;

		if (fault) {
			receivers_expire(idle, item->id, false);
			poll_again(idle, item->id);
			continue;
		}
		if (item->effect != CHANGE_REMOVE)
			continue;
		event = events_raise_flow(idle->events, EVENT_FLOW_EXPIRED, item->id);
		event->relay_bytes = item->relay_bytes;
		event->counters = last ? last->flow : nothing;
	}
}

static void
idle_remove(struct idle_monitor *idle, uint32_t n)
{
	struct change *change = NULL;
	struct fault fault;
	uint32_t i;

	if (n > 0)
		change = change_create(NULL, "idle", NULL, idle_removed, idle);
	for (i = 0; change && i < n; i++) {
		const struct flow *flow = flow_db_find(&idle->flows->db, idle->over[i]);
		struct change_item *item;

		if (!flow) /* another change is removing it */
			continue;
		item = change_add(change, OP_REMOVE, idle->over[i], 0, "ids", i, &fault);
		if (!item)
			break;
		item->reports = true;
		item->relay_bytes = flow->spec->relay_bytes;
		item->if_there = is_receiver(flow->spec); /* it goes with its relay */
		receivers_expire(idle, item->id, true);
	}
	if (change && change->n_items > 0)
		commits_submit(idle->flows->commits, change);
	else
		change_destroy(change);
	for (; i < n; i++)
		poll_again(idle, idle->over[i]);
}

/* Poll a flow that is to go together with those that are over; returns how many these are. */
static uint32_t
user_poll(struct idle_monitor *idle, struct flow *user, uint32_t n_over, uint64_t now_ns)
{
	if (!user || n_over == IDLE_POLLS_MAX || user->watch.expires ||
		user->spec->idle_timeout_s == 0 || !flow_poll(idle, user, now_ns))
		return n_over;
	due_remove(idle, user);
	user->watch.expires = true;
	idle->over[n_over] = user->spec->id;
	return n_over + 1;
}

/* The flow of a leg that sends to a learned source; NULL: leg or flow go with the source's flow. */
static struct flow *
user_find(const struct idle_monitor *idle, const struct flow_ref *ref)
{
	const struct flow_spec *spec = ref->spec;
	const bool to_receiver =
		ref->leg < spec->n_legs && ref->leg + spec->n_receivers >= spec->n_legs;

	return to_receiver || is_receiver(spec) ? NULL : flow_db_find(&idle->flows->db, spec->id);
}

/*
 * A flow whose source legs of other flows send to cannot go before these, nor a flow of a relay
 * before the others. So they are polled with it, when they may time out, too: all flows of a relay
 * go together when all are idle.
 */
static uint32_t
users_poll(struct idle_monitor *idle, uint32_t n_over, uint64_t now_ns)
{
	const struct flow_refs *refs = validate_refs(idle->flows->validate);
	const struct flow_ref *ref;
	unsigned number;
	uint32_t i;

	for (i = 0; i < n_over; i++) {
		ref = flow_refs_first(refs, idle->over[i]);
		for (; ref; ref = flow_refs_next(ref, idle->over[i]))
			n_over = user_poll(idle, user_find(idle, ref), n_over, now_ns);
		for (number = 0; number < RELAY_FLOWS; number++)
			n_over = user_poll(
				idle, relay_flow_of(idle, idle->over[i], number), n_over, now_ns);
	}
	return n_over;
}

static bool
has_users(const struct idle_monitor *idle, const char *id)
{
	const struct flow_ref *ref = flow_refs_first(validate_refs(idle->flows->validate), id);
	const struct flow *user;
	unsigned number;

	for (; ref; ref = flow_refs_next(ref, id)) {
		user = user_find(idle, ref);
		if (user && !user->watch.expires)
			return true;
	}
	for (number = 0; number < RELAY_FLOWS; number++) {
		user = relay_flow_of(idle, id, number);
		if (user && !user->watch.expires)
			return true;
	}
	return false;
}

/* Leave out those that others need, and then those that these need. Returns how many can go. */
static uint32_t
needed_drop(struct idle_monitor *idle, uint32_t n_over)
{
	uint32_t before, i;

	do {
		before = n_over;
		for (i = 0; i < n_over;) {
			if (!has_users(idle, idle->over[i])) {
				i++;
				continue;
			}
			poll_again(idle, idle->over[i]);
			idle->over[i] = idle->over[--n_over];
		}
	} while (n_over < before);
	return n_over;
}

void
idle_monitor_tick(struct idle_monitor *idle, uint64_t now_ns)
{
	struct flow *flow;
	uint32_t n_over = 0;

	idle->tick_ns = now_ns;
	idle->polls_left = IDLE_POLLS_MAX;
	while (idle->polls_left > 0 && (flow = due_take(idle, now_ns))) {
		flow->watch.expires = flow_poll(idle, flow, now_ns);
		if (flow->watch.expires)
			idle->over[n_over++] = flow->spec->id;
		else
			plan_poll(idle, flow, now_ns);
	}
	n_over = needed_drop(idle, users_poll(idle, n_over, now_ns));
	if (idle->n_due > 0)
		timer_set(idle, now_ns);
	idle_remove(idle, n_over);
}
