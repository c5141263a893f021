/* SPDX-License-Identifier: BSD-3-Clause */
/* A change and its items, how each is staged on top of those before, and how all are taken back. */
#include "flow/change.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/escape.h"
#include "flow/flow_codec.h"
#include "flow/local_port.h"
#include "flow/plan.h"
#include "flow/relay_flows.h"
#include "flow/validate.h"

#define MARKS 2 /* of a declaration: one that it names a flow, the next that it was put */

static const struct actor sluiced = {
	.uid = UINT32_MAX,
	.gid = UINT32_MAX,
	.name = "sluiced",
	.via = "sluiced",
	.role = ROLE_ADMIN,
};

struct change *
change_create(const struct actor *actor, const char *method, const char *comment,
	change_done_fn done, void *arg)
{
	struct change *change = calloc(1, sizeof(*change));

	if (!change)
		return NULL;
	change->generation.actor = actor ? *actor : sluiced;
	snprintf(change->generation.method, sizeof(change->generation.method), "%s", method);
	snprintf(change->generation.comment, sizeof(change->generation.comment), "%s",
		comment ? comment : "");
	change->done = done;
	change->arg = arg;
	return change;
}

void
change_destroy(struct change *change)
{
	if (!change)
		return;
	if (change->load_end)
		change->load_end(change->load_arg);
	while (change_drop(change))
		;
	free(change->items);
	free(change);
}

bool
change_drop(struct change *change)
{
	if (change->n_items > 0) {
		change_remove_last(change);
		return true;
	}
	if (plan_drop(change->plan))
		return true;
	change->plan = NULL;
	if (plan_drop(change->plan_now))
		return true;
	change->plan_now = NULL;
	return false;
}

void
change_remove_last(struct change *change)
{
	struct change_item *item = change->items[--change->n_items];

	item_unstage(item);
	if (!item->spec_given)
		free(item->spec);
	free(item->legs);
	free(item->leg_ids);
	free(item->left);
	free(item->left_out);
	json_decref(item->receiver);
	free(item->id);
	free(item);
}

static struct change_item *
item_add(struct change *change, enum op_kind op, const char *member, uint32_t place,
	struct fault *fault)
{
	struct change_item *item = calloc(1, sizeof(*item)), **items;

	items = array_grow(
		change->items, change->n_items, &change->room_items, sizeof(change->items[0]));
	if (items)
		change->items = items;
	if (!item || !items) {
		free(item);
		fault_set(fault, FAULT_NO_ROOM, "", "no memory for %zu change%s",
			change->n_items + 1, plural_s(change->n_items + 1));
		return NULL;
	}
	item->change = change;
	item->op = op;
	item->member = member;
	item->index = place;
	change->items[change->n_items++] = item;
	return item;
}

struct change_item *
change_add_spec(struct change *change, enum op_kind op, struct flow_spec *spec, const char *member,
	uint32_t place, struct fault *fault)
{
	struct change_item *item = item_add(change, op, member, place, fault);
	const uint64_t number = flow_db_id_number(spec->id);

	if (!item) {
		free(spec);
		return NULL;
	}
	item->spec = spec;
	if (number > change->highest_number)
		change->highest_number = number;
	return item;
}

struct change_item *
change_add(struct change *change, enum op_kind op, const char *id, unsigned n_legs,
	const char *member, uint32_t place, struct fault *fault)
{
	struct change_item *item = item_add(change, op, member, place, fault);

	if (!item)
		return NULL;
	item->n_legs = n_legs;
	item->id = strdup(id);
	if (op == OP_JOIN) {
		item->legs = calloc(n_legs + 1u, sizeof(item->legs[0]));
	} else if (op != OP_REMOVE) {
		item->leg_ids = calloc(n_legs + 1u, sizeof(item->leg_ids[0]));
		item->left = calloc(n_legs + 1u, sizeof(item->left[0]));
	}
	if (item->id && (op == OP_REMOVE || item->legs || (item->leg_ids && item->left)))
		return item;
	change_remove_last(change);
	fault_set(fault, FAULT_NO_ROOM, op == OP_REMOVE ? "" : "/legs", "no memory for %u leg%s",
		n_legs, plural_s(n_legs));
	return NULL;
}

struct change_item *
change_add_receiver(struct change *change, const char *id, json_t *receiver, const char *member,
	uint32_t place, struct fault *fault)
{
	struct change_item *item = item_add(change, OP_RECEIVE, member, place, fault);

	if (!item)
		return NULL;
	item->receiver = json_incref(receiver);
	item->id = strdup(id);
	if (item->id)
		return item;
	change_remove_last(change);
	return fault_null(fault, FAULT_NO_ROOM, "", "no memory for a receiver");
}

enum relay_flow
item_receives(const struct change_item *item)
{
	uint8_t relay_bytes = item->relay_bytes;

	/* Once it is retired, its flow is gone. */
	if (relay_bytes == 0 && (item->spec || item->flow))
		relay_bytes = (item->spec ? item->spec : item->flow->spec)->relay_bytes;
	return relay_receiver_side(item_flow(item), relay_bytes);
}

void
item_unstage(struct change_item *item)
{
	const size_t staged = offsetof(struct change_item, flow);

	if (item->pools && !item->spec_given)
		local_port_release(item->pools, item->spec, false);
	free(item->hops);
	free(item->last);
	free(item->old_spec);
	memset((char *)item + staged, 0, sizeof(*item) - staged);
	if (item->spec_given)
		return;
	if (item->op <= OP_SET) {
		receivers_strip(item->spec);
		return;
	}
	free(item->spec);
	item->spec = NULL;
}

const char *
item_flow(const struct change_item *item)
{
	return item->id ? item->id : item->spec->id;
}

const struct change_item *
item_outcome(const struct change_item *item)
{
	while (item->next)
		item = item->next;
	return item;
}

#define NO_RELAY "/relay" /* where faults are that are of no single receiver */

/* "/receivers/3/local_port" for "/match/dst_port"; "/id" when it is the relay that is not there. */
static void
receiver_fault_prefix(const struct change_item *item, struct fault *fault)
{
	if (strcmp(fault->pointer, NO_RELAY) == 0) {
		snprintf(fault->pointer, sizeof(fault->pointer), "/id");
		return;
	}
	if (item->op == OP_REMOVE || item->op == OP_LEGS)
		fault->pointer[0] = '\0';
	else if (strcmp(fault->pointer, "/match") == 0)
		snprintf(fault->pointer, sizeof(fault->pointer), "/match/%s",
			item->spec->match.key.any_source ? "dst" : "src");
	relay_receiver_fault_place(fault);
	fault_prefix(fault, "/%s/%u", item->list, item->entry);
}

void
item_fault_prefix(const struct change_item *item, struct fault *fault)
{
	const char *id = item_flow(item);
	const int relay_bytes = item->relay_bytes;
	char message[FAULT_MESSAGE_MAX] = "";

	if (item->list)
		receiver_fault_prefix(item, fault);
	else if (relay_bytes)
		relay_fault_place(relay_flow_find(id, item->relay_bytes, id), fault);
	if (item->index != UINT32_MAX)
		fault_prefix(fault, "/%s/%u", item->member, item->index);
	if (!item->change->transaction)
		return;
	fault_prefix(fault, "/messages/%u", item->message);
	snprintf(message, sizeof(message), "%s %.*s: %.400s", relay_bytes ? "relay" : "flow",
		relay_bytes ? relay_bytes : FLOW_ID_MAX, id, fault->message);
	memcpy(fault->message, message, sizeof(fault->message));
}

void
draft_clear(struct draft *draft)
{
	free(draft->list);
	draft->list = NULL;
	draft->n = draft->room = 0;
	draft->reports = false;
}

const struct flow_spec *
item_spec(const struct change_item *item)
{
	if (item_runs(item))
		return item->spec;
	return item->kind == CHANGE_SET_DECLARED ? item->flow->spec : NULL;
}

bool
item_runs(const struct change_item *item)
{
	return item->kind == CHANGE_ADD || item->kind == CHANGE_REPLACE ||
	       item->kind == CHANGE_RECREATE;
}

const struct flow_spec *
item_before(const struct change_item *item)
{
	return item->kind == CHANGE_ADD || item->kind == CHANGE_NONE ? NULL : item->flow->spec;
}

/* Whether there is, or will be, a flow of that id. */
static bool
staged_there(const struct flow *flow)
{
	return !flow->item || item_spec(flow->item);
}

/* As a flow is in the draft so far. */
static const struct flow_spec *
staged_spec(const struct flow *flow)
{
	return flow->item ? item_spec(flow->item) : flow->spec;
}

const struct flow_spec *
draft_find(const struct draft *draft, const char *id)
{
	const struct flow *flow = flow_db_seek(draft->db, id);

	return flow && staged_there(flow) ? staged_spec(flow) : NULL;
}

bool
draft_will_be_declared(const struct draft *draft, const char *id)
{
	const struct flow *flow = flow_db_seek(draft->db, id);
	const struct change_item *item = flow->item;

	return (item && item->kind == CHANGE_SET_DECLARED ? item->spec : staged_spec(flow))
		->declared;
}

/* The flow of that id as the draft has it; NULL with *fault set at `pointer` when there is none. */
static struct flow *
staged_find(const struct draft *draft, const char *id, const char *pointer, struct fault *fault)
{
	struct flow *flow = flow_db_seek(draft->db, id);

	if (flow && staged_there(flow))
		return flow;
	fault_set(fault, FAULT_NOT_FOUND, pointer, "found %s, expected the id of an installed flow",
		id);
	return NULL;
}

/*
 * The item is the last of the draft on that flow from now on: of that kind when it is the first,
 * else on top of the item before. 0, or -1 with *fault set.
 */
static int
staged_set(struct draft *draft, struct flow *flow, struct change_item *item, enum change_kind kind,
	struct fault *fault)
{
	struct change_item *before = flow->item, **list;

	if (before == item)
		return 0;
	if (before) {
		item->at = before->at;
		/* What was only declared so far has a version from now on. */
		item->kind = before->kind == CHANGE_SET_DECLARED ? kind : before->kind;
		item->first_leg = before->first_leg;
		item->reports |= before->reports;
		before->next = item;
	} else {
		list = array_grow(draft->list, draft->n, &draft->room, sizeof(draft->list[0]));
		if (!list)
			return fault_set(fault, FAULT_NO_ROOM, "",
				"no memory for another change beside %zu", draft->n);
		draft->list = list;
		item->at = draft->n++;
		item->kind = kind;
	}
	draft->list[item->at] = item;
	draft->reports |= item->reports;
	item->flow = flow;
	flow->item = item;
	return 0;
}

static int
no_memory(const struct flow_spec *spec, struct fault *fault)
{
	return fault_set(fault, FAULT_NO_ROOM, "", "no memory for a flow of %u leg%s",
		spec->n_all_legs, plural_s(spec->n_all_legs));
}

/* The leg of the flow as it runs that a leg of the flow so far carries on, or DP_LEG_NEW. */
static uint16_t
leg_from(const struct flow *flow, unsigned leg)
{
	const struct flow_spec *spec = staged_spec(flow);

	if (spec == flow->spec)
		return (uint16_t)leg;
	return flow->item->kind == CHANGE_REPLACE ? spec->legs[leg].from : DP_LEG_NEW;
}

/* The flow of RTP whose pair has the port of a flow of RTCP, as the draft has it, or NULL. */
static const struct flow_spec *
rtp_staged(const struct draft *draft, const struct flow_spec *spec)
{
	const char *rtcp_of = spec->pool ? spec->pool->rtcp_of : "";
	const struct flow *rtp = rtcp_of[0] ? flow_db_seek(draft->db, rtcp_of) : NULL;

	return rtp ? staged_spec(rtp) : NULL;
}

static void
port_keep(const struct draft *draft, struct flow_spec *spec, const struct flow_spec *before)
{
	local_port_keep(spec, before, rtp_staged(draft, spec));
}

/* item->spec has a local port until it is unstaged or runs. 0, or -1 with *fault set. */
static int
port_hold(struct draft *draft, const struct flow_spec *before, struct change_item *item,
	struct fault *fault)
{
	if (item->pools)
		return 0;
	if (local_port_hold(draft->pools, item->spec, before, rtp_staged(draft, item->spec),
		    item->change->restores, fault) < 0)
		return -1;
	item->pools = draft->pools;
	return 0;
}

bool
item_takes_port(const struct change_item *item)
{
	return local_port_is_open(item->spec) ||
	       (item->other && local_port_is_open(item->other->spec));
}

/* The same before the flow is staged: it keeps what it has, or leaves it. */
static int
port_hold_early(struct draft *draft, struct change_item *item, struct fault *fault)
{
	const struct flow *flow = flow_db_seek(draft->db, item->spec->id);
	const struct flow_spec *before = flow ? staged_spec(flow) : NULL;

	if (before)
		port_keep(draft, item->spec, before);
	return port_hold(draft, before, item, fault);
}

/* Each flow of a relay sends from the port of the other one: both have theirs before. */
static int
relay_ports_hold(struct draft *draft, struct change_item *item, struct fault *fault)
{
	struct change_item *other = item->other;

	if (!other || !item_takes_port(item))
		return 0;
	if (port_hold_early(draft, item, fault) < 0)
		return -1;
	if (port_hold_early(draft, other, fault) < 0) {
		relay_fault_place(
			relay_flow_find(other->spec->id, other->relay_bytes, other->spec->id),
			fault);
		return -1;
	}
	if (local_port_source(other->spec, &item->spec->legs[0], fault) == 0)
		return 0;
	fault_prefix(fault, "/legs/0");
	return -1;
}

/* item->spec takes the place of what the flow is so far. 0, or -1 with *fault set. */
static int
stage_version(struct draft *draft, struct flow *flow, struct change_item *item, struct fault *fault)
{
	if (port_hold(draft, staged_spec(flow), item, fault) < 0)
		return -1;
	if (staged_set(draft, flow, item, CHANGE_REPLACE, fault) < 0)
		return -1;
	if (item->kind != CHANGE_REPLACE)
		flow_db_rekey(flow, item->spec);
	item->effect = CHANGE_REPLACE;
	return 0;
}

void
draft_declare(struct draft *draft, bool declares)
{
	draft->declares = declares;
	draft->mark += declares ? MARKS : 0;
}

bool
draft_declared(const struct draft *draft, const struct flow *flow)
{
	return flow->mark >= draft->mark;
}

void
draft_undo(struct draft *draft, struct change_item *item)
{
	struct flow *flow = item->flow;

	flow->item = NULL;
	if (item->kind == CHANGE_ADD || item->kind == CHANGE_NONE) {
		flow_db_remove(draft->db, flow);
	} else if (item->kind == CHANGE_RECREATE || item->kind == CHANGE_REMOVE) {
		local_port_stay(draft->pools, flow->spec);
		flow_db_rekey(flow, flow->spec);
		/* The match of the version to be is free, and the flow gets its own back. */
		flow_db_match_remove(draft->db, flow);
		flow_db_match_insert(draft->db, flow, flow->spec);
	}
}

/* Flows that come, change as a whole, and go. */

static int
receiver_compare(const void *a, const void *b)
{
	return strcmp(((const struct receiver_link *)a)->id, ((const struct receiver_link *)b)->id);
}

/*
 * A flow of a relay that comes in the place of another sends to the receivers of that one, as far
 * as they are there so far. 0, or -1 with *fault set.
 */
static int
legs_collect(const struct draft *draft, const struct flow *flow, struct change_item *item,
	struct fault *fault)
{
	const struct flow_spec *before = flow->spec;
	struct receiver_link *links;
	struct flow_spec *spec;
	char id[FLOW_ID_MAX];
	size_t n = 0;
	unsigned leg;

	if (flow->presence != FLOW_LIVE || before->n_receivers == 0 ||
		item->spec->n_receivers > 0 || item->spec->relay_bytes != before->relay_bytes)
		return 0;
	links = calloc(before->n_receivers, sizeof(*links));
	if (!links)
		return no_memory(before, fault);
	for (leg = before->n_legs - before->n_receivers; leg < before->n_legs; leg++) {
		receivers_flow_id(before, &before->legs[leg], id);
		links[n].flow = draft_find(draft, id);
		if (links[n].flow)
			links[n].id = links[n].flow->id;
		n += links[n].flow != NULL;
	}
	qsort(links, n, sizeof(*links), receiver_compare);
	spec = receivers_change(item->spec, links, n, fault);
	free(links);
	if (!spec)
		return -1;
	free(item->spec);
	item->spec = spec;
	return 0;
}

/* A flow of that id is on its way out: what comes takes its place in the order, and no more. */
static int
flow_recreate(struct draft *draft, struct flow *flow, struct change_item *item, struct fault *fault)
{
	struct flow_spec *spec;
	const struct flow *other;

	if (legs_collect(draft, flow, item, fault) < 0)
		return -1;
	spec = item->spec;
	if (port_hold(draft, flow->presence == FLOW_LIVE ? flow->spec : NULL, item, fault) < 0)
		return -1;
	other = spec->rule ? NULL : flow_db_match_seek(draft->db, &spec->match);
	if (other && other != flow)
		return fault_set(fault, FAULT_CONFLICT, "/match",
			"found the match of flow %s, expected one that no other flow has",
			staged_there(other) ? staged_spec(other)->id : spec->id);
	if (staged_set(draft, flow, item, CHANGE_RECREATE, fault) < 0)
		return -1;
	item->kind = item->kind == CHANGE_NONE ? CHANGE_ADD : CHANGE_RECREATE;
	item->effect = item->kind;
	flow_db_rekey(flow, spec);
	if (flow_db_match_insert(draft->db, flow, spec) < 0)
		return no_memory(spec, fault);
	return 0;
}

static int
stage_install(struct draft *draft, struct change_item *item, struct fault *fault)
{
	struct flow_spec *spec = item->spec;
	struct flow *flow = spec->id[0] ? flow_db_seek(draft->db, spec->id) : NULL;

	if (flow_ports_check(spec, draft->ports, fault) < 0)
		return -1;
	leg_ids_give(spec);
	if (flow && !staged_there(flow))
		return flow_recreate(draft, flow, item, fault);
	if (!flow)
		flow_db_id_give(draft->db, spec);
	if (!flow && port_hold(draft, NULL, item, fault) < 0)
		return -1;
	flow = flow_db_add(draft->db, spec, fault);
	if (!flow)
		return -1;
	if (staged_set(draft, flow, item, CHANGE_ADD, fault) < 0) {
		flow_db_remove(draft->db, flow);
		return -1;
	}
	item->effect = CHANGE_ADD;
	return 0;
}

/* A version of a flow whose side has receivers sends to them, too. 0, or -1 with *fault set. */
static int
legs_keep(struct change_item *item, const struct flow_spec *before, struct fault *fault)
{
	struct flow_spec *spec;

	if (before->n_receivers == 0)
		return 0;
	if (item->spec->n_legs + before->n_receivers > DP_FLOW_LEGS_MAX)
		return fault_set(fault, FAULT_NO_ROOM, "/legs",
			"found %u leg%s beside %u of receivers, expected at most %d in one flow",
			item->spec->n_legs, plural_s(item->spec->n_legs), before->n_receivers,
			DP_FLOW_LEGS_MAX);
	spec = receivers_keep(item->spec, before);
	if (!spec)
		return no_memory(before, fault);
	free(item->spec);
	item->spec = spec;
	return 0;
}

/* The match identifies a flow and stays; all else may change. */
static int
classifier_check(const struct flow_spec *before, const struct flow_spec *spec, struct fault *fault)
{
	const char *const pointer = spec->rule ? "/rule" : "/match";

	if (!before->rule != !spec->rule)
		return fault_set(fault, FAULT_INVALID_VALUE, pointer,
			"found a %s, expected a %s as flow %s has", spec->rule ? "rule" : "match",
			before->rule ? "rule" : "match", spec->id);
	if (before->match.key.family != spec->match.key.family && spec->rule)
		return fault_set(fault, FAULT_INVALID_VALUE, pointer,
			"found IPv%u, expected IPv%u as flow %s has", spec->match.key.family,
			before->match.key.family, spec->id);
	if (memcmp(&before->match, &spec->match, sizeof(spec->match)) != 0)
		return fault_set(fault, FAULT_INVALID_VALUE, pointer,
			"found another match than flow %s has, expected the same; remove the "
			"flow and install it with the new match",
			spec->id);
	return 0;
}

/* Legs go on by id; the others are new, under a number that the flow never gave before. */
static int
flow_version(struct draft *draft, struct flow *flow, struct change_item *item, struct fault *fault)
{
	const struct flow_spec *before = staged_spec(flow);
	struct flow_spec *spec = item->spec;
	struct leg_index index;
	unsigned i;

	if (leg_index_init(&index, before->legs, before->n_legs, leg_compare_id) < 0)
		return no_memory(spec, fault);
	for (i = 0; i < spec->n_legs; i++) {
		const int leg = leg_index_find(&index, spec->legs[i].id);

		spec->legs[i].from = leg < 0 ? DP_LEG_NEW : leg_from(flow, (unsigned)leg);
	}
	leg_index_fini(&index);
	spec->last_leg_number = before->last_leg_number;
	leg_ids_give(spec);
	return stage_version(draft, flow, item, fault);
}

/* Whether the list that the item is of has named the flow before. */
static bool
named_before(const struct flow *flow, const struct change_item *item)
{
	const struct change_item *before = flow->item;

	return before && before->op == item->op && before->message == item->message &&
	       before->change == item->change;
}

/* A list may name a flow once: a second mention would undo the first unseen. */
static int
named_once(const struct flow *flow, const struct change_item *item, const char *pointer,
	struct fault *fault)
{
	if (!named_before(flow, item))
		return 0;
	return fault_set(fault, FAULT_INVALID_VALUE, pointer,
		"found %.*s twice, expected each id once",
		item->relay_bytes ? item->relay_bytes : FLOW_ID_MAX, item_flow(item));
}

static int
stage_replace(struct draft *draft, struct change_item *item, struct fault *fault)
{
	struct flow *flow;

	if (item->spec->id[0] == '\0')
		return fault_set(fault, FAULT_INVALID_VALUE, "/id",
			"found none, expected the id of the flow to replace");
	flow = staged_find(draft, item->spec->id, "/id", fault);
	if (flow)
		port_keep(draft, item->spec, staged_spec(flow));
	if (!flow || named_once(flow, item, "/id", fault) < 0 ||
		classifier_check(staged_spec(flow), item->spec, fault) < 0 ||
		flow_ports_check(item->spec, draft->ports, fault) < 0)
		return -1;
	if (leg_ids_take_over(staged_spec(flow), item->spec) < 0)
		return no_memory(item->spec, fault);
	item->spec->declared = staged_spec(flow)->declared;
	return flow_version(draft, flow, item, fault);
}

static int
flow_leave(struct draft *draft, struct flow *flow, struct change_item *item, struct fault *fault)
{
	const bool leaves = flow->item && (flow->item->kind == CHANGE_REMOVE ||
						  flow->item->kind == CHANGE_RECREATE);

	if (staged_set(draft, flow, item, CHANGE_REMOVE, fault) < 0)
		return -1;
	if (item->kind == CHANGE_RECREATE)
		flow_db_rekey(flow, flow->spec);
	flow_db_match_remove(draft->db, flow);
	item->kind = item->kind == CHANGE_ADD ? CHANGE_NONE : CHANGE_REMOVE;
	if (item->kind == CHANGE_REMOVE && !leaves)
		local_port_leave(draft->pools, flow->spec);
	item->effect = CHANGE_REMOVE;
	return 0;
}

static int
stage_remove(struct draft *draft, struct change_item *item, struct fault *fault)
{
	struct flow *flow = flow_db_seek(draft->db, item->id);

	if (flow && named_once(flow, item, "", fault) < 0)
		return -1;
	flow = staged_find(draft, item->id, "", fault);
	if (!flow)
		return -1;
	return flow_leave(draft, flow, item, fault);
}

/* Whether two flows say the same. 1, 0, or -1 without memory. */
static int
spec_same(const struct flow_spec *a, const struct flow_spec *b)
{
	char *one = flow_text_encode(a, NULL), *other = flow_text_encode(b, NULL);
	int same = !one || !other ? -1 : strcmp(one, other) == 0;

	free(one);
	free(other);
	return same;
}

static int
set_over(struct draft *draft, struct flow *flow, struct change_item *item, struct fault *fault)
{
	const struct flow_spec *before = staged_spec(flow);
	struct fault other;
	int same;

	if (flow_ports_check(item->spec, draft->ports, fault) < 0)
		return -1;
	port_keep(draft, item->spec, before);
	same = leg_ids_take_over(before, item->spec) < 0 ? -1 : 0;
	/* A pool may not have filled the match in yet. */
	if (same == 0 && memcmp(&before->match, &item->spec->match, sizeof(before->match)) == 0)
		same = spec_same(before, item->spec);
	if (same < 0)
		return no_memory(before, fault);
	if (same && before->declared == item->spec->declared)
		return 0;
	if (same) {
		if (staged_set(draft, flow, item, CHANGE_SET_DECLARED, fault) < 0)
			return -1;
		item->effect = CHANGE_SET_DECLARED;
		return 0;
	}
	if (legs_keep(item, before, fault) < 0)
		return -1;
	if (classifier_check(before, item->spec, &other) == 0)
		return flow_version(draft, flow, item, fault);
	leg_ids_give(item->spec);
	if (flow_leave(draft, flow, item, fault) < 0)
		return -1;
	return flow_recreate(draft, flow, item, fault);
}

static int
stage_set(struct draft *draft, struct change_item *item, struct fault *fault)
{
	struct flow *flow = flow_db_seek(draft->db, item->spec->id);

	if (flow && draft->declares && !item->pruned && flow->mark == draft->mark + 1)
		return fault_set(fault, FAULT_INVALID_VALUE, "/id",
			"found %s twice, expected each id once", item->spec->id);
	if (flow && staged_there(flow)) {
		if (set_over(draft, flow, item, fault) < 0)
			return -1;
	} else if (stage_install(draft, item, fault) < 0) {
		return -1;
	}
	if (draft->declares)
		flow_db_seek(draft->db, item->spec->id)->mark = draft->mark + 1;
	return 0;
}

static int
stage_release(struct draft *draft, struct change_item *item, struct fault *fault)
{
	struct flow *flow = flow_db_seek(draft->db, item->spec->id);
	const struct flow_spec *before;
	struct fault other;

	if (flow && draft->declares)
		flow->mark = draft->mark;
	if (!flow || !staged_there(flow))
		return 0;
	before = staged_spec(flow);
	port_keep(draft, item->spec, before);
	if (classifier_check(before, item->spec, &other) == 0)
		return 0;
	if (leg_ids_take_over(before, item->spec) < 0)
		return no_memory(before, fault);
	return flow_leave(draft, flow, item, fault);
}

/* Legs of a flow that join and leave, and what is up or down: each makes a version of the flow. */

/* The item's version of a flow: the n_kept legs in `kept` (NULL: all), and those that join. */
static int
stage_copy(struct draft *draft, struct flow *flow, struct change_item *item, const uint16_t *kept,
	unsigned n_kept, struct fault *fault)
{
	const struct flow_spec *spec = staged_spec(flow);
	const unsigned n_new = item->op == OP_JOIN ? item->n_legs : 0;
	struct flow_leg *legs;
	unsigned i;

	item->spec = flow_spec_with_legs(spec, kept, n_kept, item->legs, n_new);
	if (!item->spec)
		return no_memory(spec, fault);
	legs = item->spec->legs;
	for (i = 0; i < n_kept; i++)
		legs[i].from = leg_from(flow, kept ? kept[i] : i);
	if (n_new > 0) {
		if (leg_ids_check(legs, item->spec->n_legs, n_kept, fault) < 0 ||
			legs_apart(legs, item->spec->n_legs, n_kept, fault) < 0)
			return -1;
		leg_ids_give(item->spec);
	}
	for (i = 0; i < n_new; i++) {
		legs[n_kept + i].from = DP_LEG_NEW;
		memcpy(item->legs[i].id, legs[n_kept + i].id, sizeof(item->legs[i].id));
	}
	return stage_version(draft, flow, item, fault);
}

static int
stage_join(struct draft *draft, struct change_item *item, struct fault *fault)
{
	struct flow *flow = staged_find(draft, item->id, "/flow", fault);
	unsigned n;

	if (!flow)
		return -1;
	n = staged_spec(flow)->n_legs;
	if (item->n_legs > DP_FLOW_LEGS_MAX || n + item->n_legs > DP_FLOW_LEGS_MAX)
		return fault_set(fault, FAULT_NO_ROOM, "/legs",
			"found %u leg%s beside %u, expected at most %d in one flow", item->n_legs,
			plural_s(item->n_legs), n, DP_FLOW_LEGS_MAX);
	if (legs_ports_check(item->legs, item->n_legs, draft->ports, fault) < 0 ||
		stage_copy(draft, flow, item, NULL, n, fault) < 0)
		return -1;
	item->first_leg = n;
	return 0;
}

/* Fill in item->left, and the legs that stay. Returns how many stay, or -1 with *fault set. */
static int
legs_part(const struct flow *flow, struct change_item *item, uint16_t *staying, struct fault *fault)
{
	const struct flow_spec *spec = staged_spec(flow);
	bool leaves[DP_FLOW_LEGS_MAX] = {false};
	struct leg_index index;
	char pointer[32];
	int n_staying = 0, rc = 0;
	unsigned i;

	if (leg_index_init(&index, spec->legs, spec->n_legs, leg_compare_id) < 0)
		return no_memory(spec, fault);
	for (i = 0; rc == 0 && i < item->n_legs; i++) {
		const char *id = item->leg_ids[i];
		const int leg = leg_index_find(&index, id);

		snprintf(pointer, sizeof(pointer), "/legs/%u", i);
		if (leg < 0) {
			rc = fault_set(fault, FAULT_NOT_FOUND, pointer,
				"found %s, expected the id of a leg of flow %s", id, spec->id);
		} else if (leaves[leg]) {
			rc = fault_set(fault, FAULT_INVALID_VALUE, pointer,
				"found %s twice, expected each id once", id);
		} else {
			leaves[leg] = true;
			item->left[i] = leg_from(flow, (unsigned)leg);
		}
	}
	leg_index_fini(&index);
	if (rc < 0)
		return -1;
	for (i = 0; i < spec->n_legs; i++) {
		if (!leaves[i])
			staying[n_staying++] = (uint16_t)i;
	}
	if (spec->dp.verdict == DP_FORWARD && n_staying == 0 && spec->n_all_legs == spec->n_legs)
		return fault_set(fault, FAULT_INVALID_VALUE, "/legs",
			"found every leg of flow %s, expected at least one to remain, as its "
			"action is forward; set the flow down or remove it",
			spec->id);
	return n_staying;
}

static int
stage_leave(struct draft *draft, struct change_item *item, struct fault *fault)
{
	struct flow *flow = staged_find(draft, item->id, "/flow", fault);
	uint16_t staying[DP_FLOW_LEGS_MAX];
	int n;

	if (!flow)
		return -1;
	n = legs_part(flow, item, staying, fault);
	if (n < 0)
		return -1;
	item->reports = true;
	return stage_copy(draft, flow, item, staying, (unsigned)n, fault);
}

/* Number of a leg by its id; looked for once, so without an index. */
static int
leg_find(const struct flow_spec *spec, const char *id, struct fault *fault)
{
	unsigned i;

	for (i = 0; i < spec->n_legs; i++) {
		if (strcmp(spec->legs[i].id, id) == 0)
			return (int)i;
	}
	return fault_set(fault, FAULT_NOT_FOUND, "/leg",
		"found %s, expected the id of a leg of flow %s", id, spec->id);
}

static int
stage_admin(struct draft *draft, struct change_item *item, struct fault *fault)
{
	struct flow *flow = staged_find(draft, item->id, "/flow", fault);
	const char *leg = item->n_legs > 0 ? item->leg_ids[0] : NULL;
	const struct flow_spec *spec;
	int at = 0;

	if (!flow)
		return -1;
	spec = staged_spec(flow);
	if (leg && (at = leg_find(spec, leg, fault)) < 0)
		return -1;
	if ((leg ? spec->legs[at].dp.down : spec->dp.down) == item->down)
		return 0;
	if (stage_copy(draft, flow, item, NULL, spec->n_legs, fault) < 0)
		return -1;
	*(leg ? &item->spec->legs[at].dp.down : &item->spec->dp.down) = item->down;
	return 0;
}

void
draft_relay(const struct draft *draft, const char *relay, size_t relay_bytes,
	const struct flow_spec **specs)
{
	char id[FLOW_ID_MAX];
	unsigned i;

	for (i = 0; i < RELAY_FLOWS; i++) {
		const struct flow *flow;

		snprintf(id, sizeof(id), "%.*s:%s", (int)relay_bytes, relay, relay_flow_name(i));
		flow = flow_db_seek(draft->db, id);
		specs[i] = flow && staged_there(flow) ? staged_spec(flow) : NULL;
		if (specs[i] && specs[i]->relay_bytes != relay_bytes)
			specs[i] = NULL;
	}
}

/* A flow of the relay that the item is about, as the draft has it; NULL: there is none. */
static const struct flow_spec *
relay_flow_staged(const struct draft *draft, const struct change_item *item, enum relay_flow number)
{
	const struct flow_spec *specs[RELAY_FLOWS];

	draft_relay(draft, item_flow(item), item->relay_bytes, specs);
	return specs[number];
}

/* Receivers join a side that is there, as all of it says which it does not say of itself. */
static int
stage_receive(struct draft *draft, struct change_item *item, struct fault *fault)
{
	const struct flow_spec *side = relay_flow_staged(draft, item, item_receives(item));
	json_t *own = flow_own_encode(side);

	if (!own)
		return no_memory(side, fault);
	item->spec = flow_receiver_decode(own, item->receiver, fault);
	json_decref(own);
	return item->spec ? stage_install(draft, item, fault) : -1;
}

/* The last n_made legs send elsewhere than all others, which are counted, too: "/legs/N". */
static int
made_apart(const struct flow_spec *spec, unsigned n_made, struct fault *fault)
{
	const unsigned n_kept = spec->n_legs - n_made;
	unsigned leg;

	if (legs_apart(spec->legs, spec->n_legs, n_kept, fault) == 0)
		return 0;
	if (sscanf(fault->pointer, "/legs/%u", &leg) == 1)
		snprintf(fault->pointer, sizeof(fault->pointer), "/legs/%u", n_kept + leg);
	return -1;
}

int
draft_legs(struct draft *draft, struct change_item *item, const struct receiver_link *links,
	size_t n, struct fault *fault)
{
	struct flow *flow = flow_db_seek(draft->db, item->id);
	struct change_item *before = flow->item;
	unsigned n_made = 0, i;

	item->spec = receivers_change(staged_spec(flow), links, n, fault);
	if (!item->spec)
		return -1;
	item->spec->declared = draft_will_be_declared(draft, item->id);
	for (i = 0; i < item->spec->n_legs; i++) {
		struct flow_leg *leg = &item->spec->legs[i];

		if (leg->from != DP_LEG_NEW)
			leg->from = leg_from(flow, leg->from);
	}
	for (i = 0; i < n; i++)
		n_made += links[i].flow != NULL;
	if (made_apart(item->spec, n_made, fault) < 0 ||
		stage_version(draft, flow, item, fault) < 0)
		return -1;
	item->effect = CHANGE_NONE; /* what is stored of the flow stays */
	if (before && before->op == OP_LEGS) {
		/* Many may join one after the other, and each of these has thousands of legs. */
		if (before->pools)
			local_port_release(before->pools, before->spec, false);
		before->pools = NULL;
		free(before->spec);
		before->spec = NULL;
	}
	return 0;
}

/* Whether any flow of the relay that the item is about is there: a start may leave some out. */
static bool
relay_is_staged(const struct draft *draft, const struct change_item *item)
{
	const struct flow_spec *specs[RELAY_FLOWS];
	unsigned number = 0;

	draft_relay(draft, item_flow(item), item->relay_bytes, specs);
	while (number < RELAY_FLOWS && !specs[number])
		number++;
	return number < RELAY_FLOWS;
}

/* An update is of a relay that is there. Its flows are declared if the relay is. */
static int
relay_update_check(const struct draft *draft, struct change_item *item, struct fault *fault)
{
	const struct flow *flow = flow_db_seek(draft->db, item->spec->id);
	const struct flow_spec *spec = relay_flow_staged(draft, item, RELAY_A);

	if (flow && named_once(flow, item, "/id", fault) < 0)
		return -1;
	if (!spec)
		return fault_set(fault, FAULT_NOT_FOUND, "/id",
			"found %.*s, expected the id of an installed relay", item->relay_bytes,
			item->spec->id);
	item->spec->declared = spec->declared;
	return 0;
}

/*
 * A receiver comes to a side that is there, and goes if it is there. 1, 0 if there is nothing to
 * do, or -1 with *fault set.
 */
static int
receiver_check(const struct draft *draft, const struct change_item *item, struct fault *fault)
{
	const char *id = item_flow(item);
	const struct flow *flow = flow_db_seek(draft->db, id);
	const struct flow_spec *spec = flow && staged_there(flow) ? staged_spec(flow) : NULL;
	const enum relay_flow side = item_receives(item);
	const bool returns = item->change->generation.returns != STORE_RETURN_NONE;

	if (item->op == OP_REMOVE && !spec && item->if_there)
		return 0;
	if (returns || item->change->restores || item->pruned)
		return 1;
	if (item->op > OP_SET && (!relay_flow_staged(draft, item, RELAY_A) ||
					 !relay_flow_staged(draft, item, RELAY_B)))
		return fault_set(fault, FAULT_NOT_FOUND, NO_RELAY,
			"found %.*s, expected the id of an installed relay", item->relay_bytes, id);
	if (spec && spec->relay_bytes != item->relay_bytes)
		return fault_set(fault, FAULT_CONFLICT, "/id",
			"found flow %s, which is of another relay or none, expected none of that "
			"id",
			id);
	if ((item->op == OP_REMOVE || item->op == OP_RECEIVE) && flow && named_before(flow, item))
		return fault_set(fault, FAULT_INVALID_VALUE, "/id",
			"found %s twice, expected each name once",
			relay_receiver_name(id, item->relay_bytes));
	if (item->op == OP_REMOVE && !spec)
		return fault_set(fault, FAULT_NOT_FOUND, "",
			"found %s, expected the name of a receiver of side %s of relay %.*s",
			relay_receiver_name(id, item->relay_bytes), relay_flow_name(side),
			item->relay_bytes, id);
	if (item->op == OP_RECEIVE && spec)
		return fault_set(fault, FAULT_CONFLICT, "/id",
			"found %s, a receiver of side %s of relay %.*s, expected a free name",
			relay_receiver_name(id, item->relay_bytes), relay_flow_name(side),
			item->relay_bytes, id);
	if (item->op == OP_RECEIVE && relay_flow_staged(draft, item, RELAY_A_RTCP))
		return fault_set(fault, FAULT_INVALID_VALUE, NO_RELAY,
			"found %.*s, a relay with rtcp next, expected one with rtcp mux for "
			"receivers",
			item->relay_bytes, id);
	return 1;
}

/* Flows of relays change with them only. What a return finds was consistent. */
static int
relay_owner_check(const struct draft *draft, const struct change_item *item, struct fault *fault)
{
	static const char *const pointers[] = {
		[OP_JOIN] = "/flow", [OP_LEAVE] = "/flow", [OP_ADMIN] = "/flow", [OP_REMOVE] = ""};
	const char *id = item_flow(item);
	const struct flow *flow = flow_db_seek(draft->db, id);
	const struct flow_spec *spec = flow && staged_there(flow) ? staged_spec(flow) : NULL;
	const bool removes = item->op == OP_REMOVE;

	if (item->op == OP_INSTALL && item->relay_bytes && spec && spec->relay_bytes) {
		if (named_once(flow, item, "/id", fault) < 0)
			return -1;
		return fault_set(fault, FAULT_CONFLICT, "/id",
			"found id %.*s, which another relay has, expected a free one; relay.update "
			"changes that relay",
			item->relay_bytes, id);
	}
	if (item->op == OP_INSTALL || item->pruned || item->change->restores ||
		item->change->generation.returns != STORE_RETURN_NONE)
		return 0;
	if (removes && item->relay_bytes && flow && named_once(flow, item, "", fault) < 0)
		return -1;
	if (removes && item->relay_bytes && (!spec || !spec->relay_bytes) &&
		!relay_is_staged(draft, item))
		return fault_set(fault, FAULT_NOT_FOUND, "",
			"found %.*s, expected the id of an installed relay", item->relay_bytes, id);
	if (!spec || !spec->relay_bytes == !item->relay_bytes)
		return 0;
	if (item->relay_bytes)
		return fault_set(fault, FAULT_CONFLICT, "/id",
			"found flow %s, which is of no relay, expected none of that id", id);
	return fault_set(fault, FAULT_INVALID_VALUE,
		removes || item->op >= OP_JOIN ? pointers[item->op] : "/id",
		"found %s, a flow of relay %.*s, expected one of no relay; change the relay "
		"instead",
		id, spec->relay_bytes, id);
}

/* Whether it is a receiver that was removed with its relay. */
static bool
went_with_relay(const struct draft *draft, const char *id)
{
	const struct flow *flow = flow_db_seek(draft->db, id);

	return flow && !staged_there(flow) &&
	       relay_receiver_side(id, flow->spec->relay_bytes) != RELAY_FLOWS;
}

/* 1: the item may be staged; 0: there is nothing for it to do; or -1 with *fault set. */
static int
relay_check(const struct draft *draft, struct change_item *item, struct fault *fault)
{
	const bool receives =
		relay_receiver_side(item_flow(item), item->relay_bytes) != RELAY_FLOWS;
	const char *id = item_flow(item);
	const bool is_gone =
		item->op == OP_REMOVE && item->relay_bytes && !receives &&
		!relay_flow_staged(draft, item, relay_flow_find(id, item->relay_bytes, id));

	if (item->op == OP_REMOVE && item->change->generation.returns != STORE_RETURN_NONE &&
		went_with_relay(draft, id))
		return 0;
	if (receives)
		return receiver_check(draft, item, fault);
	if (is_gone && item->if_there)
		return 0;
	if (relay_owner_check(draft, item, fault) < 0 ||
		(item->updates && relay_update_check(draft, item, fault) < 0))
		return -1;
	return is_gone ? 0 : 1;
}

int
draft_hold(struct draft *draft, struct change_item *item, struct fault *fault)
{
	return local_port_is_open(item->spec) ? 0 : port_hold_early(draft, item, fault);
}

/* A receiver that was put with its side sends from where that sends: a pool chose it since. */
static void
receiver_source_fill(const struct draft *draft, struct change_item *item)
{
	const enum relay_flow side = item->list ? item_receives(item) : RELAY_FLOWS;
	const struct flow_spec *sends;
	struct dp_leg *leg;

	if (side == RELAY_FLOWS || item->op > OP_SET || item->spec->n_legs == 0)
		return;
	sends = relay_flow_staged(draft, item, side);
	if (!sends)
		return;
	leg = &item->spec->legs[0].dp;
	leg->family = sends->legs[0].dp.family;
	leg->src_port = sends->legs[0].dp.src_port;
	memcpy(leg->src, sends->legs[0].dp.src, sizeof(leg->src));
}

int
draft_stage(struct draft *draft, struct change_item *item, struct fault *fault)
{
	static int (*const stages[])(struct draft *, struct change_item *, struct fault *) = {
		[OP_INSTALL] = stage_install,
		[OP_REPLACE] = stage_replace,
		[OP_SET] = stage_set,
		[OP_REMOVE] = stage_remove,
		[OP_JOIN] = stage_join,
		[OP_LEAVE] = stage_leave,
		[OP_ADMIN] = stage_admin,
		[OP_RECEIVE] = stage_receive,
	};
	const int rc = relay_check(draft, item, fault);

	if (rc <= 0)
		return rc;
	receiver_source_fill(draft, item);
	return relay_ports_hold(draft, item, fault) < 0 ? -1 : stages[item->op](draft, item, fault);
}

int
draft_release(struct draft *draft, struct change_item *item, struct fault *fault)
{
	const int rc = relay_check(draft, item, fault);

	if (rc <= 0)
		return rc;
	if (item->op == OP_SET)
		return stage_release(draft, item, fault);
	return item->op == OP_REMOVE ? stage_remove(draft, item, fault) : 0;
}
