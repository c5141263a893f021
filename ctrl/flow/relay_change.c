/* SPDX-License-Identifier: BSD-3-Clause */
/* A relay that is not to have RTCP on ports of its own any more loses these flows. */
#include "flow/relay_change.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "flow/flow_codec.h"
#include "flow/relay_flows.h"

static struct change_item *
flow_put(struct change *change, enum op_kind op, struct flow_spec *spec, const char *member,
	uint32_t place, struct fault *fault)
{
	struct change_item *item;

	spec->declared = op == OP_SET;
	item = change_add_spec(change, op == OP_REPLACE ? OP_SET : op, spec, member, place, fault);
	if (!item)
		return NULL;
	item->relay_bytes = spec->relay_bytes;
	item->updates = op == OP_REPLACE;
	return item;
}

/* That there is something to remove is for the first of the flows to say. */
static struct change_item *
flow_remove(struct change *change, const char *relay, enum relay_flow flow, const char *member,
	uint32_t place, struct fault *fault)
{
	struct change_item *item;
	char id[FLOW_ID_MAX];

	relay_flow_id(relay, flow, id, sizeof(id));
	item = change_add(change, OP_REMOVE, id, 0, member, place, fault);
	if (!item)
		return NULL;
	item->relay_bytes = (uint8_t)strlen(relay);
	item->if_there = flow != RELAY_A;
	return item;
}

/* A relay whose receivers are put with it. */
struct put {
	struct change *change;
	enum op_kind op;
	const char *member;
	uint32_t place;
};

static int
receiver_put(void *arg, enum relay_flow side, uint32_t number, struct flow_spec *spec,
	struct fault *fault)
{
	static const char *const lists[] = {"a/receivers", "b/receivers"};
	const struct put *put = arg;
	struct change_item *item;

	spec->declared = put->op == OP_SET;
	item = change_add_spec(put->change, put->op, spec, put->member, put->place, fault);
	if (!item)
		return -1;
	item->relay_bytes = spec->relay_bytes;
	item->list = lists[side];
	item->entry = number;
	return 0;
}

/* An update leaves receivers alone, so that it cannot remove some that it does not know of. */
static int
receivers_allowed(enum op_kind op, const json_t *relay, struct fault *fault)
{
	static const char *const sides[] = {"a", "b"};
	unsigned i;

	for (i = 0; op == OP_REPLACE && i < sizeof(sides) / sizeof(sides[0]); i++) {
		if (!json_object_get(json_object_get(relay, sides[i]), "receivers"))
			continue;
		fault_set(fault, FAULT_INVALID_VALUE, "",
			"found it in an update, expected none: receivers stay, relay.join and "
			"relay.leave change them");
		fault_prefix(fault, "/%s/receivers", sides[i]);
		return -1;
	}
	return 0;
}

int
relay_change_put(struct change *change, enum op_kind op, const json_t *relay, const char *member,
	uint32_t place, struct fault *fault)
{
	const char *id = json_string_value(json_object_get(relay, "id"));
	struct change_item *items[RELAY_FLOWS] = {NULL};
	struct put put = {.change = change, .op = op, .member = member, .place = place};
	struct flow_spec *specs[RELAY_FLOWS];
	int rc = receivers_allowed(op, relay, fault);
	unsigned i;

	if (rc < 0 || flow_relay_decode(relay, specs, fault) < 0)
		return -1;

	for (i = 0; i < RELAY_FLOWS; i++) {
		if (rc < 0) {
			free(specs[i]);
		} else if (specs[i]) {
			items[i] = flow_put(change, op, specs[i], member, place, fault);
			rc = items[i] ? 0 : -1;
		} else if (op != OP_INSTALL) {
			rc = flow_remove(change, id, i, member, place, fault) ? 0 : -1;
		}
	}
	for (i = 0; i < RELAY_FLOWS; i++)
		if (rc == 0 && items[i])
			items[i]->other = items[RELAY_OTHER(i)];
	return rc < 0 ? -1 : flow_receivers_decode(relay, receiver_put, &put, fault);
}

static bool
sends_from(const struct flow_leg *leg, const struct flow_match *match)
{
	return strcmp(leg->port, match->port) == 0 && leg->dp.vlan == match->key.vlan &&
	       leg->dp.outer_vlan == match->key.outer_vlan &&
	       leg->dp.src_port == match->key.dst_port &&
	       memcmp(leg->dp.src, match->key.dst, sizeof(leg->dp.src)) == 0;
}

static bool
is_next_port(const struct flow_match *rtcp, const struct flow_match *rtp)
{
	struct flow_match next = *rtp;

	next.key.dst_port = htons((uint16_t)(ntohs(rtp->key.dst_port) + 1));
	return memcmp(rtcp, &next, sizeof(next)) == 0;
}

bool
relay_specs_fit(const struct flow_spec *const specs[])
{
	const bool rtcp = specs[RELAY_A_RTCP] || specs[RELAY_B_RTCP];
	unsigned i;

	for (i = 0; i < RELAY_FLOWS; i++) {
		const struct flow_spec *spec = specs[i], *other = specs[RELAY_OTHER(i)];

		if (!spec != !other || (!spec && i < RELAY_FLOWS_LEAST && rtcp))
			return false;
		if (spec && !sends_from(&spec->legs[0], &other->match))
			return false;
		if (spec && i >= RELAY_FLOWS_LEAST &&
			!is_next_port(&spec->match, &specs[i - RELAY_FLOWS_LEAST]->match))
			return false;
	}
	return true;
}

int
relay_change_remove(struct change *change, const char *id, bool reports, const char *member,
	uint32_t place, struct fault *fault)
{
	unsigned i;

	for (i = 0; i < RELAY_FLOWS; i++) {
		struct change_item *item = flow_remove(change, id, i, member, place, fault);

		if (!item)
			return -1;
		item->reports = reports;
	}
	return 0;
}

/* The id of the flow of a receiver, with its end in at most FLOW_ID_MAX bytes. */
static int
receiver_id(const json_t *params, const char *name, char id[FLOW_ID_MAX], struct fault *fault)
{
	const char *relay = json_string_value(json_object_get(params, "id"));
	const char *side = json_string_value(json_object_get(params, "side"));

	if (strlen(relay) + strlen(":a.") + strlen(name) >= FLOW_ID_MAX)
		return fault_set(fault, FAULT_INVALID_VALUE, "",
			"found %zu characters, expected at most %d for a receiver of relay %s",
			strlen(name), FLOW_ID_MAX - 1 - (int)strlen(relay) - (int)strlen(":a."),
			relay);
	relay_receiver_id(
		relay, side && strcmp(side, "a") == 0 ? RELAY_A : RELAY_B, name, id, FLOW_ID_MAX);
	return 0;
}

int
relay_change_join(struct change *change, const json_t *params, const char *member, uint32_t place,
	struct fault *fault)
{
	const json_t *relay = json_object_get(params, "id");
	json_t *receiver;
	size_t i;

	json_array_foreach (json_object_get(params, "receivers"), i, receiver) {
		const json_t *name = json_object_get(receiver, "name");
		struct change_item *item;
		char id[FLOW_ID_MAX];

		if (receiver_id(params, json_string_value(name), id, fault) < 0) {
			fault_prefix(fault, "/receivers/%zu/name", i);
			return -1;
		}
		item = change_add_receiver(change, id, receiver, member, place, fault);
		if (!item)
			return -1;
		item->relay_bytes = (uint8_t)json_string_length(relay);
		item->list = "receivers";
		item->entry = (uint32_t)i;
	}
	return 0;
}

int
relay_change_leave(struct change *change, const json_t *params, const char *member, uint32_t place,
	struct fault *fault)
{
	const json_t *relay = json_object_get(params, "id"), *name;
	size_t i;

	json_array_foreach (json_object_get(params, "names"), i, name) {
		struct change_item *item;
		char id[FLOW_ID_MAX];

		if (receiver_id(params, json_string_value(name), id, fault) < 0) {
			fault_prefix(fault, "/names/%zu", i);
			return -1;
		}
		item = change_add(change, OP_REMOVE, id, 0, member, place, fault);
		if (!item)
			return -1;
		item->relay_bytes = (uint8_t)json_string_length(relay);
		item->list = "names";
		item->entry = (uint32_t)i;
		item->reports = !change->transaction;
	}
	return 0;
}
