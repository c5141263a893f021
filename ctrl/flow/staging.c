/* SPDX-License-Identifier: BSD-3-Clause */
#include "flow/staging.h"

#include <stdio.h>
#include <string.h>

#include "flow/relay_change.h"

void
staging_begin(struct staging *staging, struct change *change)
{
	const bool declares = change->generation.declared;

	staging->change = change;
	staging->pass = PASS_RELEASE;
	staging->next = 0;
	staging->flow = declares ? flow_db_after(staging->draft->db, 0) : NULL;
	staging->removal = NULL;
	staging->number = 0;
	receiver_legs_begin(&staging->receivers);
	draft_declare(staging->draft, declares);
}

void
staging_fini(struct staging *staging)
{
	receiver_legs_fini(&staging->receivers);
}

/* What is refused may leave others that are to be refused, too: they are still staged. */
static enum staging_end
item_stage(struct staging *staging, struct change_item *item, struct change_item **refused,
	struct fault *fault)
{
	struct store_generation *generation = &item->change->generation;
	const bool release = staging->pass == PASS_RELEASE;
	const struct flow_spec *side =
		item->op == OP_REMOVE ? draft_find(staging->draft, item->id) : NULL;
	const int rc = release ? draft_release(staging->draft, item, fault)
			       : draft_stage(staging->draft, item, fault);

	*refused = item;
	if (rc < 0)
		return STAGING_REFUSED;
	if (side && item->effect == CHANGE_REMOVE && side->n_receivers > 0) {
		staging->removal = item;
		staging->side = side;
		staging->leg = 0;
	}
	if (release && item->op != OP_REMOVE)
		return STAGING_MORE;
	generation->added += item->effect == CHANGE_ADD;
	generation->removed += item->effect == CHANGE_REMOVE;
	generation->changed += item->effect == CHANGE_REPLACE || item->effect == CHANGE_RECREATE ||
			       item->effect == CHANGE_SET_DECLARED;
	return STAGING_MORE;
}

/* Receivers go with the flow that sends to them: the next one. */
static enum staging_end
receiver_remove(struct staging *staging, struct change_item **refused, struct fault *fault)
{
	struct change_item *item;
	const int rc = receiver_legs_remove(
		staging->draft, staging->removal, staging->side, &staging->leg, &item, fault);

	if (rc > 0)
		return item_stage(staging, item, refused, fault);
	staging->removal = NULL;
	return rc < 0 ? STAGING_FAILED : STAGING_MORE;
}

/* A flow that the declaration does not name is removed, if the declaration covers it. */
static enum staging_end
flow_prune(struct staging *staging, struct change_item **refused, struct fault *fault)
{
	struct change *change = staging->change;
	const struct flow *flow = staging->flow;
	struct change_item *item;

	staging->flow = flow_db_next(flow);
	if (!(flow->spec->declared || change->prunes) || draft_declared(staging->draft, flow) ||
		flow->item)
		return STAGING_MORE;
	item = change_add(change, OP_REMOVE, flow->spec->id, 0, "declare", UINT32_MAX, fault);
	if (!item)
		return STAGING_FAILED;
	item->pruned = true;
	return item_stage(staging, item, refused, fault);
}

static bool
is_of_rtcp(const struct change_item *item)
{
	return item->spec->pool && item->spec->pool->rtcp_of[0];
}

/* Whether it is staged with those that take a port of a pool, in a whole change. */
static bool
item_is_late(const struct change_item *item)
{
	return item->op == OP_SET && !item->pruned && (item_takes_port(item) || item->list);
}

/*
 * Removals of a whole change and those that pruning added are staged before the others, and what
 * takes a port of a pool after them.
 */
static bool
item_is_due(const struct staging *staging, const struct change_item *item)
{
	const bool whole = change_is_whole(item->change);
	enum stage_pass pass = PASS_STAGE;

	if (item_is_late(item))
		pass = is_of_rtcp(item) || (item->other && is_of_rtcp(item->other)) ? PASS_TAKE_RTCP
										    : PASS_TAKE;
	if (item->left_out || item->op == OP_LEGS || (item->pruned && item->flow))
		return false;
	if (staging->pass > PASS_PRUNE && whole && pass != staging->pass)
		return false;
	return staging->pass == PASS_RELEASE || !(item->pruned || (item->op == OP_REMOVE && whole));
}

/* The flow's relay: so many bytes of its id, 0: none. */
static size_t
item_relay(const struct staging *staging, const struct change_item *item)
{
	const struct flow *flow = flow_db_seek(staging->draft->db, item_flow(item));
	const struct flow_spec *spec = item->spec ? item->spec : flow ? flow->spec : NULL;

	return spec ? spec->relay_bytes : 0;
}

/*
 * A relay is left out whose flows cannot all return, or would not fit what others made of it. It
 * can be without a receiver. The item is looked at again for the next of them.
 */
static enum staging_end
item_relay_check(struct staging *staging, const struct change_item *item,
	struct change_item **refused, struct fault *fault)
{
	const size_t bytes = item_relay(staging, item);
	const struct flow_spec *specs[RELAY_FLOWS];
	const char *relay = item_flow(item);
	char id[FLOW_ID_MAX];

	if (bytes == 0 || (!item->left_out && !item->flow) ||
		relay_receiver_side(relay, bytes) != RELAY_FLOWS)
		return STAGING_MORE;
	draft_relay(staging->draft, relay, bytes, specs);
	if (staging->number == 0 && !item->left_out && relay_specs_fit(specs))
		return STAGING_MORE;
	while (staging->number < RELAY_FLOWS) {
		const struct flow *flow;

		snprintf(id, sizeof(id), "%.*s:%s", (int)bytes, relay,
			relay_flow_name(staging->number++));
		flow = flow_db_seek(staging->draft->db, id);
		if (!flow || !flow->item || flow->item->left_out)
			continue;
		fault_set(fault, FAULT_CONFLICT, "",
			item->left_out ? "another flow of relay %.*s cannot be rolled back"
				       : "relay %.*s was changed since, and its flows would not "
					 "fit each other; update the relay instead",
			(int)bytes, relay);
		staging->next--;
		*refused = flow->item;
		return STAGING_REFUSED;
	}
	staging->number = 0;
	return STAGING_MORE;
}

/* What the items mean for the legs to receivers. */
static enum staging_end
receivers_step(struct staging *staging, struct change_item **refused, struct fault *fault)
{
	struct change_item *item;
	const int rc = receiver_legs_step(
		&staging->receivers, staging->draft, staging->change, &item, fault);

	*refused = item;
	if (rc < 0)
		return item ? STAGING_REFUSED : STAGING_FAILED;
	if (item)
		return item_stage(staging, item, refused, fault);
	return rc > 0 ? STAGING_MORE : STAGING_DONE;
}

/* Whether a pass has nothing to do with such a change. */
static bool
pass_is_skipped(enum stage_pass pass, const struct change *change)
{
	switch (pass) {
	case PASS_RELEASE:
	case PASS_TAKE:
	case PASS_TAKE_RTCP:
		return !change_is_whole(change);
	case PASS_RELAYS:
		return !change->partial || change->restores;
	case PASS_RTCP:
		return change->restores;
	default:
		return false;
	}
}

/* A step of the pass; STAGING_DONE: the pass is over. */
static enum staging_end
pass_step(struct staging *staging, struct change_item **refused, struct fault *fault)
{
	struct change *change = staging->change;
	struct change_item *item;
	int rc = 0;

	if (staging->pass == PASS_PRUNE)
		return staging->flow ? flow_prune(staging, refused, fault) : STAGING_DONE;
	if (staging->pass == PASS_LEGS)
		return receivers_step(staging, refused, fault);
	if (staging->next == change->n_items || pass_is_skipped(staging->pass, change))
		return STAGING_DONE;
	item = change->items[staging->next++];
	if (staging->pass == PASS_RELAYS)
		return item_relay_check(staging, item, refused, fault);
	if (staging->pass != PASS_RTCP && item_is_due(staging, item))
		return item_stage(staging, item, refused, fault);
	if (staging->pass == PASS_RTCP)
		rc = receiver_legs_rtcp_check(staging->draft, item, fault);
	else if (staging->pass == PASS_STAGE && !item->left_out && item_is_late(item))
		rc = draft_hold(staging->draft, item, fault);
	*refused = item;
	return rc < 0 ? STAGING_REFUSED : STAGING_MORE;
}

enum staging_end
staging_step(struct staging *staging, struct change_item **refused, struct fault *fault)
{
	enum staging_end end;

	if (staging->removal)
		return receiver_remove(staging, refused, fault);
	end = pass_step(staging, refused, fault);
	if (end != STAGING_DONE)
		return end;
	staging->next = 0;
	return staging->pass++ < PASS_RTCP ? STAGING_MORE : STAGING_DONE;
}
