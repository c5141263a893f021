/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The script of a case, one event an item:
 *
 *	{"port", "hex", ...}				a frame arrives
 *	{"at_ns"}					it is that time
 *	{"txn": [{"add": flow} ...]}			flows change, in one transaction
 *	{"latched": flow, "src", ...}			what the flow must have learned by now
 *	{"forget": flow, "src", ...}			it forgets that
 *	{"poll": n}					control takes n punted packets
 *
 * Frames that follow each other arrive together.
 */
#include "case.h"

#include <arpa/inet.h>
#include <stdlib.h>

/* {"add": flow}, {"replace": flow, "left": counters} or {"remove": id, "left": counters} */
static int
op_decode(struct golden_case *c, json_t *item, struct case_op *op, json_error_t *at)
{
	json_t *add = json_object_get(item, "add"), *replace = json_object_get(item, "replace");
	json_t *flow = add != NULL ? add : replace;

	op->kind = add != NULL ? CASE_ADD : replace != NULL ? CASE_REPLACE : CASE_REMOVE;
	op->id = json_string_value(
		flow != NULL ? json_object_get(flow, "id") : json_object_get(item, "remove"));
	if (op->id == NULL || (flow != NULL && case_flow_decode(c, flow, &op->flow, at) < 0))
		return -1;
	if (op->kind == CASE_ADD)
		return 0;
	return case_counts_decode(op->id, json_object_get(item, "left"), &op->left, at);
}

static int
txn_decode(struct golden_case *c, const json_t *ops, struct case_event *event, json_error_t *at)
{
	size_t n = json_array_size(ops);

	event->kind = CASE_TXN;
	event->ops = calloc(n + 1, sizeof(*event->ops));
	if (event->ops == NULL)
		return -1;
	while (event->n_ops < n) {
		size_t i = event->n_ops++;

		if (op_decode(c, json_array_get(ops, i), &event->ops[i], at) < 0)
			return -1;
	}
	return 0;
}

/* Without a source: none is learned. */
static int
latched_decode(json_t *item, const char *key, struct case_event *event, json_error_t *at)
{
	struct dp_latched *source = &event->latched.source;
	int src_port = 0, moves = 0, vlan = 0, outer_vlan = 0, index;
	json_int_t ssrc = -1;
	const char *src = NULL, *mac = "00:00:00:00:00:00", *port = "p0";

	if (json_unpack_ex(item, at, JSON_STRICT,
		    "{s:s, s?:s, s?:i, s?:i, s?:s, s?:s, s?:i, s?:i, s?:I}", key,
		    &event->latched.id, "src", &src, "src_port", &src_port, "moves", &moves, "mac",
		    &mac, "port", &port, "vlan", &vlan, "outer_vlan", &outer_vlan, "ssrc",
		    &ssrc) < 0)
		return -1;
	index = case_port_index(port);
	if (index < 0 || case_mac_decode(mac, source->mac) < 0)
		return -1;
	source->port = (uint16_t)index;
	source->vlan = (uint16_t)vlan;
	source->outer_vlan = (uint16_t)outer_vlan;
	source->src_port = htons((uint16_t)src_port);
	source->moves = (uint32_t)moves;
	source->valid = src != NULL;
	source->has_ssrc = ssrc >= 0;
	source->ssrc = ssrc >= 0 ? (uint32_t)ssrc : 0;
	return src == NULL || case_address_decode(src, source->src) > 0 ? 0 : -1;
}

static int
event_decode(struct golden_case *c, json_t *item, struct case_event *event, json_error_t *at)
{
	const json_t *txn = json_object_get(item, "txn");
	const json_t *time = json_object_get(item, "at_ns"), *poll = json_object_get(item, "poll");

	if (txn != NULL)
		return txn_decode(c, txn, event, at);
	event->kind = CASE_LATCHED;
	if (json_object_get(item, "latched") != NULL)
		return latched_decode(item, "latched", event, at);
	event->kind = CASE_FORGET;
	if (json_object_get(item, "forget") != NULL)
		return latched_decode(item, "forget", event, at);
	if (time != NULL) {
		event->kind = CASE_TIME;
		event->at_ns = (uint64_t)json_integer_value(time);
		return 0;
	}
	if (poll != NULL) {
		event->kind = CASE_POLL;
		event->poll_max = (unsigned)json_integer_value(poll);
		return 0;
	}
	event->kind = CASE_FRAME;
	return case_frame_decode(item, &event->frame, at);
}

int
case_script_decode(struct golden_case *c, const json_t *script, json_error_t *at)
{
	size_t n = json_array_size(script);

	c->script = calloc(n + 1, sizeof(*c->script));
	if (c->script == NULL)
		return -1;
	while (c->n_script < n) {
		size_t i = c->n_script++;

		if (event_decode(c, json_array_get(script, i), &c->script[i], at) < 0)
			return -1;
		if (c->script[i].kind != CASE_FRAME && !c->clock)
			return -1;
	}
	return 0;
}

void
case_script_fini(struct golden_case *c)
{
	for (size_t i = 0; i < c->n_script; i++) {
		struct case_event *event = &c->script[i];

		for (size_t op = 0; op < event->n_ops; op++) {
			case_flow_fini(&event->ops[op].flow);
			case_counts_fini(&event->ops[op].left);
		}
		free(event->ops);
		free(event->frame.bytes);
	}
	free(c->script);
}
