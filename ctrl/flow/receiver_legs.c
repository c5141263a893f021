/* SPDX-License-Identifier: BSD-3-Clause */
#include "flow/receiver_legs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"

/* A receiver whose leg the flow of the other side is to have, or no longer. */
struct leg_link {
	struct flow *to; /* that flow, */
	struct change_item *item; /* and who it is */
};

void
receiver_legs_begin(struct receiver_legs *legs)
{
	legs->next = 0;
	legs->side = NULL;
	legs->n = 0;
	legs->sorted = false;
}

void
receiver_legs_fini(struct receiver_legs *legs)
{
	free(legs->links);
}

/* The flow that sends to what that side of a relay receives; NULL: there is none. */
static struct flow *
sender_find(const struct draft *draft, const char *id, size_t relay_bytes, enum relay_flow side)
{
	char other[FLOW_ID_MAX];

	snprintf(other, sizeof(other), "%.*s:%s", (int)relay_bytes, id,
		relay_flow_name(RELAY_OTHER(side)));
	return draft_find(draft, other) ? flow_db_seek(draft->db, other) : NULL;
}

/*
 * The leg of a receiver's flow is that of the flow of its side, after an item of either. As
 * receiver_legs_step().
 */
static int
receiver_follow(const struct draft *draft, struct change_item *cause, const struct flow_spec *side,
	const char *id, struct change_item **item, struct fault *fault)
{
	const struct flow_spec *receiver = draft_find(draft, id);
	struct flow_spec *spec;
	struct flow_leg leg;

	if (!side || !receiver || receiver->n_legs != 1)
		return 1;
	leg = side->legs[0];
	memcpy(leg.id, receiver->legs[0].id, sizeof(leg.id));
	leg.from = receiver->legs[0].from;
	leg.dp.learned = receiver->legs[0].dp.learned;
	if (memcmp(&leg, &receiver->legs[0], sizeof(leg)) == 0)
		return 1;
	spec = flow_spec_with_legs(receiver, NULL, 0, &leg, 1);
	if (!spec)
		return fault_set(fault, FAULT_NO_ROOM, "", "no memory for flow %s", id);
	spec->declared = draft_will_be_declared(draft, id);
	*item = change_add_spec(cause->change, OP_SET, spec, "legs", UINT32_MAX, fault);
	if (!*item)
		return -1;
	(*item)->pruned = true;
	(*item)->cause = cause;
	(*item)->relay_bytes = spec->relay_bytes;
	return 1;
}

/* The next receiver of a side that was changed. */
static int
side_step(struct receiver_legs *legs, const struct draft *draft, struct change_item **item,
	struct fault *fault)
{
	const struct flow_spec *side = legs->side->spec;
	const enum relay_flow number = relay_flow_find(side->id, side->relay_bytes, side->id);
	const struct flow *sender = sender_find(draft, side->id, side->relay_bytes, number);
	const struct flow_spec *sends = sender ? draft_find(draft, sender->spec->id) : NULL;
	struct change_item *cause = legs->side;
	char id[FLOW_ID_MAX];

	if (!sends || legs->leg >= sends->n_receivers) {
		legs->side = NULL;
		return 1;
	}
	receivers_flow_id(
		sends, &sends->legs[sends->n_legs - sends->n_receivers + legs->leg++], id);
	return receiver_follow(draft, cause, side, id, item, fault);
}

/* A receiver came, changed or went. */
static int
receiver_note(struct receiver_legs *legs, const struct draft *draft, struct change_item *noted,
	enum relay_flow side, struct change_item **item, struct fault *fault)
{
	const size_t relay_bytes = noted->flow->spec->relay_bytes;
	const bool restores = noted->change->restores;
	const char *id = item_flow(noted);
	struct leg_link *links;
	char side_id[FLOW_ID_MAX];
	struct flow *to;

	snprintf(side_id, sizeof(side_id), "%.*s:%s", (int)relay_bytes, id, relay_flow_name(side));
	if (noted->effect == CHANGE_REPLACE && !noted->pruned && !restores)
		return receiver_follow(draft, noted, draft_find(draft, side_id), id, item, fault);
	if (noted->effect != CHANGE_ADD && noted->effect != CHANGE_RECREATE &&
		noted->effect != CHANGE_REMOVE)
		return 1;
	to = sender_find(draft, id, relay_bytes, side);
	if (!to && noted->effect == CHANGE_REMOVE)
		return 1;
	if (!to) {
		*item = noted;
		return fault_set(fault, FAULT_NOT_FOUND, "/relay",
			"found %.*s, expected the id of an installed relay", (int)relay_bytes, id);
	}
	links = array_grow(legs->links, legs->n, &legs->room, sizeof(legs->links[0]));
	if (!links)
		return fault_set(fault, FAULT_NO_ROOM, "", "no memory for a receiver");
	legs->links = links;
	links[legs->n++] = (struct leg_link){.to = to, .item = noted};
	if (noted->effect == CHANGE_REMOVE || noted->op > OP_SET || restores)
		return 1;
	/* The side may have changed since the generation that it returns from. */
	return receiver_follow(draft, noted, draft_find(draft, side_id), id, item, fault);
}

/* What an item means for receivers: its own leg, or, of a side, what they send. */
static int
item_note(struct receiver_legs *legs, const struct draft *draft, struct change_item *noted,
	struct change_item **item, struct fault *fault)
{
	const enum relay_flow side = noted->flow ? item_receives(noted) : RELAY_FLOWS;
	const size_t relay_bytes = noted->flow ? noted->flow->spec->relay_bytes : 0;

	if (relay_bytes == 0 || noted->left_out || noted->op == OP_LEGS)
		return 1;
	if (side != RELAY_FLOWS)
		return receiver_note(legs, draft, noted, side, item, fault);
	if (noted->op != OP_SET || noted->effect == CHANGE_NONE || noted->change->restores ||
		relay_flow_find(noted->spec->id, relay_bytes, noted->spec->id) > RELAY_B)
		return 1;
	legs->side = noted;
	legs->leg = 0;
	return 1;
}

static int
link_compare(const void *a, const void *b)
{
	const struct leg_link *left = a, *right = b;

	if (left->to != right->to)
		return left->to < right->to ? -1 : 1;
	return strcmp(item_flow(left->item), item_flow(right->item));
}

/* Each receiver once, and as it is now. Returns how many there are. */
static size_t
links_read(const struct draft *draft, const struct leg_link *from, size_t n,
	struct receiver_link *links)
{
	size_t n_links = 0, i;

	for (i = 0; i < n; i++) {
		const char *id = item_flow(from[i].item);

		if (n_links == 0 || strcmp(links[n_links - 1].id, id) != 0)
			links[n_links++] = (struct receiver_link){id, draft_find(draft, id)};
	}
	return n_links;
}

/* The first of the receivers that come; all go: the first of them. */
static struct change_item *
links_first(const struct leg_link *links, size_t n)
{
	size_t i = 0;

	while (i < n && links[i].item->effect == CHANGE_REMOVE)
		i++;
	return links[i < n ? i : 0].item;
}

/* Stage the legs of one flow, which are the last of the links. */
static int
links_stage(struct receiver_legs *legs, struct draft *draft, struct change *change,
	struct change_item **refused, struct fault *fault)
{
	struct receiver_link *links;
	struct change_item *item, *first, *sender;
	size_t n = 0, n_links;
	struct flow *to;
	int rc;

	if (legs->n == 0)
		return 0;
	if (!legs->sorted)
		qsort(legs->links, legs->n, sizeof(legs->links[0]), link_compare);
	legs->sorted = true;
	to = legs->links[legs->n - 1].to;
	while (n < legs->n && legs->links[legs->n - 1 - n].to == to)
		n++;
	legs->n -= n;
	first = links_first(&legs->links[legs->n], n);
	sender = to->item && to->item->change == change ? to->item : first;
	links = calloc(n, sizeof(*links));
	if (!links)
		return fault_set(fault, FAULT_NO_ROOM, "", "no memory for %zu receivers", n);
	n_links = links_read(draft, &legs->links[legs->n], n, links);
	item = change_add(change, OP_LEGS, to->spec->id, 0, first->member, first->index, fault);
	if (item) {
		item->pruned = true;
		item->cause = sender;
		item->relay_bytes = to->spec->relay_bytes;
		item->list = first->list ? first->list : "receivers";
		item->entry = first->entry;
		item->message = first->message;
		item->reports = first->reports;
	}
	rc = item ? draft_legs(draft, item, links, n_links, fault) : -1;
	free(links);
	if (rc == 0)
		return 1;
	if (item && !item->spec)
		item->cause = first; /* they are too many */
	*refused = item ? item : first;
	return -1;
}

int
receiver_legs_step(struct receiver_legs *legs, struct draft *draft, struct change *change,
	struct change_item **item, struct fault *fault)
{
	*item = NULL;
	if (legs->side)
		return side_step(legs, draft, item, fault);
	if (legs->next < change->n_items)
		return item_note(legs, draft, change->items[legs->next++], item, fault);
	return links_stage(legs, draft, change, item, fault);
}

int
receiver_legs_remove(const struct draft *draft, struct change_item *of,
	const struct flow_spec *side, unsigned *leg, struct change_item **item, struct fault *fault)
{
	char id[FLOW_ID_MAX];

	while (*leg < side->n_receivers) {
		receivers_flow_id(
			side, &side->legs[side->n_legs - side->n_receivers + (*leg)++], id);
		if (!draft_find(draft, id))
			continue;
		*item = change_add(of->change, OP_REMOVE, id, 0, of->member, of->index, fault);
		if (!*item)
			return -1;
		(*item)->pruned = true;
		(*item)->cause = of;
		(*item)->relay_bytes = side->relay_bytes;
		(*item)->reports = of->reports;
		(*item)->message = of->message;
		return 1;
	}
	return 0;
}

int
receiver_legs_rtcp_check(
	const struct draft *draft, const struct change_item *item, struct fault *fault)
{
	const bool comes = item->effect == CHANGE_ADD || item->effect == CHANGE_RECREATE;
	const size_t bytes = item->flow && comes ? item->flow->spec->relay_bytes : 0;
	const bool receives = item_receives(item) != RELAY_FLOWS;
	const struct flow_spec *specs[RELAY_FLOWS];
	const char *id = item_flow(item);
	unsigned side, n = 0;

	if (bytes == 0 || item->left_out ||
		(!receives && relay_flow_find(id, bytes, id) < RELAY_A_RTCP))
		return 0;
	draft_relay(draft, id, bytes, specs);
	for (side = RELAY_A; side <= RELAY_B; side++)
		n += specs[side] ? specs[side]->n_receivers : 0;
	if (n == 0 || (!specs[RELAY_A_RTCP] && !specs[RELAY_B_RTCP]))
		return 0;
	return fault_set(fault, FAULT_INVALID_VALUE, receives ? "/relay" : "/rtcp",
		"found next for a relay with receivers, expected mux");
}

/* Who requested what the item does: itself, or the item that it follows from. */
static struct change_item *
item_cause(struct change_item *item)
{
	while (item->cause)
		item = item->cause;
	return item;
}

/* The receiver of a leg, which the same change adds or makes follow; NULL: it is there already. */
static struct change_item *
leg_receiver(const struct draft *draft, const struct change_item *legs, unsigned leg)
{
	char id[FLOW_ID_MAX];
	struct flow *flow;

	receivers_flow_id(legs->spec, &legs->spec->legs[leg], id);
	flow = flow_db_seek(draft->db, id);
	if (!flow || !flow->item || flow->item->change != legs->change)
		return NULL;
	return item_cause(flow->item);
}

/* The leg to a receiver that the fault of an OP_LEGS is about; -1: none of them. */
static int
fault_leg(const struct change_item *item, const struct fault *fault)
{
	int leg;

	if (item->op != OP_LEGS || !item->spec || sscanf(fault->pointer, "/legs/%d", &leg) != 1)
		return -1;
	return leg < item->spec->n_legs - item->spec->n_receivers ? -1 : leg;
}

struct change_item *
receiver_legs_blamed(const struct draft *draft, struct change_item *item, const struct fault *fault)
{
	const int leg = fault_leg(item, fault);
	struct change_item *receiver = leg < 0 ? NULL : leg_receiver(draft, item, (unsigned)leg);

	return receiver ? receiver : item_cause(item);
}

struct change_item *
receiver_legs_refused(const struct draft *draft, const struct change_item *item,
	const struct fault *fault, unsigned *leg)
{
	const int at = fault_leg(item, fault);
	const struct flow_spec *spec = item->spec;
	const char *port = NULL;

	if (item->op != OP_LEGS || !spec)
		return NULL;
	if (at >= 0 && strstr(fault->pointer, "/port"))
		port = spec->legs[at].port;
	else if (at >= 0 || fault->code != FAULT_NO_ROOM)
		return NULL;
	while (*leg < spec->n_receivers) {
		const unsigned i = spec->n_legs - spec->n_receivers + (*leg)++;
		struct change_item *receiver = leg_receiver(draft, item, i);

		if (receiver && item_receives(receiver) != RELAY_FLOWS &&
			(!port || strcmp(port, spec->legs[i].port) == 0))
			return receiver;
	}
	return NULL;
}
