/* SPDX-License-Identifier: BSD-3-Clause */
/* Passes each change of a flow on to every monitor. */
#include "monitor/monitor.h"
#include "flow/flow_codec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/escape.h"
#include "flow/commit.h"
#include "flow/plan.h"

static void
flow_changed(void *arg, struct flow *now, struct flow *before)
{
	struct monitor *monitor = arg;

	idle_monitor_flow_changed(&monitor->idle, now, before, clock_read_ns(CLOCK_MONOTONIC));
	latches_flow_changed(&monitor->latches, now, before);
	punts_flow_changed(&monitor->punts, now, before);
	flow_rates_flow_changed(&monitor->rates, now, before);
	/* Of a few flows only; idle.c reports what expires. */
	if (!monitor->flows->notify_each)
		return;
	if (!before)
		events_raise_flow(&monitor->events, EVENT_FLOW_ADDED, now->spec->id)->relay_bytes =
			now->spec->relay_bytes;
	else if (!now && !before->watch.expires)
		events_raise_flow(&monitor->events, EVENT_FLOW_REMOVED, before->spec->id)
			->relay_bytes = before->spec->relay_bytes;
}

/* The flow's own legs: those without a predecessor joined, those without a successor left. */
static void
legs_note(struct event_changed *changed, const struct change_item *item)
{
	const struct flow_spec *was = item->old_spec, *is = item->flow->spec;
	const struct flow_leg *one = NULL;
	bool *stays = calloc(was->n_legs + 1u, sizeof(*stays));
	unsigned i;

	for (i = 0; stays && i < is->n_legs; i++) {
		const uint16_t from = is->legs[i].from;
		struct flow_leg before;

		if (from == DP_LEG_NEW) {
			changed->joined++;
			one = &is->legs[i];
			continue;
		}
		stays[from] = true;
		before = was->legs[from];
		before.from = from; /* what it carried on does not count */
		if (memcmp(&before, &is->legs[i], sizeof(before)) != 0) {
			changed->changed++;
			one = &is->legs[i];
		}
	}
	for (i = 0; stays && i < was->n_legs; i++) {
		if (!stays[i]) {
			changed->left++;
			one = &was->legs[i];
		}
	}
	if (changed->joined + changed->left + changed->changed == 1)
		memcpy(changed->leg, one->id, sizeof(changed->leg));
	free(stays);
}

/* The member that a pointer leads into, unless it was noted last. */
static void
field_note(struct event_changed *changed, const char *pointer)
{
	const size_t n = strcspn(pointer + 1, "/"), end = strlen(changed->fields);
	const char *last = strrchr(changed->fields, ',');

	last = last ? last + 1 : changed->fields;
	if (strlen(last) == n && strncmp(last, pointer + 1, n) == 0)
		return;
	snprintf(changed->fields + end, sizeof(changed->fields) - end, "%s%.*s", end ? "," : "",
		(int)n, pointer + 1);
}

static bool
streams_same(const struct flow_spec *a, const struct flow_spec *b)
{
	unsigned i;

	for (i = 0; a->n_streams == b->n_streams && i < a->n_streams; i++) {
		const struct flow_stream *one = &a->streams[i];
		struct flow_stream other = b->streams[i];

		if (one->dp.n_legs != other.dp.n_legs ||
			memcmp(&a->legs[one->first_leg], &b->legs[other.first_leg],
				one->dp.n_legs * sizeof(a->legs[0])) != 0)
			return false;
		other.first_leg = one->first_leg;
		if (memcmp(one, &other, sizeof(other)) != 0)
			return false;
	}
	return a->n_streams == b->n_streams;
}

/* Legs and streams, of which there may be thousands, are not encoded for the comparison. */
static void
fields_note(struct event_changed *changed, const struct change_item *item)
{
	struct flow_spec was = *item->old_spec, is = *item->flow->spec;
	json_t *before, *after, *fields, *field;
	size_t i;

	if (!streams_same(&was, &is))
		field_note(changed, "/streams");
	was.n_legs = is.n_legs = was.n_streams = is.n_streams = 0;
	was.n_receivers = is.n_receivers = 0;
	before = flow_spec_encode(&was);
	after = flow_spec_encode(&is);
	fields = before && after ? flow_diff(before, after) : NULL;
	json_array_foreach (fields, i, field)
		field_note(changed, json_string_value(json_object_get(field, "pointer")));
	json_decref(fields);
	json_decref(before);
	json_decref(after);
	if (was.declared != is.declared)
		field_note(changed, "/declared");
}

/* Of requests that are committed together, the last one of a flow has the result. */
static void
item_notify(struct monitor *monitor, const struct change *change, const struct change_item *item)
{
	struct event_changed changed = {
		.generation = change->generation.number, .uid = change->generation.actor.uid};

	if (item->next || (item->kind != CHANGE_REPLACE && item->kind != CHANGE_SET_DECLARED))
		return;
	memcpy(changed.id, item->flow->spec->id, sizeof(changed.id));
	snprintf(changed.who, sizeof(changed.who), "%s", change->generation.actor.name);
	snprintf(changed.via, sizeof(changed.via), "%s", change->generation.actor.via);
	snprintf(changed.method, sizeof(changed.method), "%s", change->generation.method);
	if (item->kind == CHANGE_REPLACE) {
		legs_note(&changed, item);
		fields_note(&changed, item);
	} else {
		field_note(&changed, "/declared");
	}
	events_raise(&monitor->events, EVENT_FLOW_CHANGED)->changed = changed;
}

/* What is restored at start makes no generation, nor does a request that changes nothing. */
static void
committed(void *arg, const struct change *change)
{
	const struct actor *actor = &change->generation.actor;
	struct monitor *monitor = arg;
	struct event_commit *commit;
	size_t i;

	if (change->late)
		health_worker_late(&monitor->health);
	pool_levels_check(&monitor->pool_levels, clock_read_ns(CLOCK_MONOTONIC));
	if (!change_is_generation(change))
		return;
	for (i = 0; i < change->n_items && monitor->flows->notify_each; i++)
		item_notify(monitor, change, change->items[i]);
	commit = &events_raise(&monitor->events, EVENT_COMMIT)->commit;
	*commit = (struct event_commit){.generation = change->generation.number,
		.added = change->generation.added,
		.changed = change->generation.changed,
		.removed = change->generation.removed,
		.uid = actor->uid};
	snprintf(commit->who, sizeof(commit->who), "%s", actor->name);
	snprintf(commit->via, sizeof(commit->via), "%s", actor->via);
	snprintf(commit->text, sizeof(commit->text), "%s", change->generation.method);
	if (change->generation.returns == STORE_RETURN_NONE)
		return;
	commit = &events_raise(&monitor->events, EVENT_ROLLBACK)->commit;
	*commit = (struct event_commit){.generation = change->generation.number,
		.returns = change->generation.returns,
		.returned = change->generation.returned};
	text_escape(change->generation.comment, commit->text, sizeof(commit->text));
}

static void
hop_changed(void *arg, unsigned index, enum next_hop_change change)
{
	static const enum event_kind kinds[] = {
		[NEXT_HOP_WAS_LOST] = EVENT_NEIGHBOUR_LOST,
		[NEXT_HOP_WAS_RESOLVED] = EVENT_NEIGHBOUR_RESOLVED,
		[NEXT_HOP_TOOK_BACKUP] = EVENT_BACKUP_TAKEN,
		[NEXT_HOP_LEFT_BACKUP] = EVENT_BACKUP_LEFT,
	};
	struct monitor *monitor = arg;
	struct event_neighbour *neighbour =
		&events_raise(&monitor->events, kinds[change])->neighbour;
	struct next_hop_info info;

	next_hops_info_get(monitor->flows->hops, index, &info);
	neighbour->port = (uint16_t)info.port;
	neighbour->family = info.family;
	memcpy(neighbour->address, info.address, sizeof(neighbour->address));
	memcpy(neighbour->mac, info.mac, sizeof(neighbour->mac));
}

static void
port_replugged(void *arg, unsigned port)
{
	const struct monitor *monitor = arg;

	flows_port_changed(monitor->flows, port);
}

void
monitor_init(struct monitor *monitor, struct flows *flows, const struct config *config,
	struct event_base *base)
{
	bool unmatched = false;
	unsigned i;

	for (i = 0; i < config->dp.n_ports; i++)
		unmatched |= config->ports[i].punt_unmatched;
	monitor->flows = flows;
	events_init(&monitor->events);
	latches_init(&monitor->latches, flows, &monitor->events, base);
	idle_monitor_init(&monitor->idle, flows, &monitor->latches, &monitor->events, base);
	punts_init(&monitor->punts, flows->dp, unmatched, base);
	health_init(&monitor->health, flows->dp, &monitor->events, base);
	health_observe(&monitor->health, port_replugged, monitor);
	flow_rates_init(&monitor->rates, flows, base);
	pool_levels_init(&monitor->pool_levels, flows->pools, &monitor->events, base);
	icmp_errors_init(&monitor->icmp_errors, flows, &monitor->events, base);
	flows_observe(flows, flow_changed, monitor);
	next_hops_observe(flows->hops, hop_changed, monitor);
	commits_observe(flows->commits, committed, monitor);
}

void
monitor_fini(struct monitor *monitor)
{
	next_hops_observe(monitor->flows->hops, NULL, NULL);
	flows_observe(monitor->flows, NULL, NULL);
	icmp_errors_fini(&monitor->icmp_errors);
	pool_levels_fini(&monitor->pool_levels);
	flow_rates_fini(&monitor->rates);
	health_fini(&monitor->health);
	punts_fini(&monitor->punts);
	idle_monitor_fini(&monitor->idle);
	latches_fini(&monitor->latches);
}
