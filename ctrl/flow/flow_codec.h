/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Flows between JSON and struct flow_spec. Its canonical JSON is also what the store keeps of a
 * flow, and decides whether two flows are the same.
 */
#ifndef CTRL_FLOW_FLOW_CODEC_H
#define CTRL_FLOW_FLOW_CODEC_H

#include <stddef.h>

#include <jansson.h>

#include "base/fault.h"
#include "base/json.h"
#include "flow/flow_spec.h"
#include "flow/relay_flows.h"
#include "schema/schema.h"

/*
 * Decode one flow that has passed the schema, defaults filled in. Returns a new spec, to be given
 * to free(), or NULL with *fault set: pointer relative to the flow. Control thread.
 */
struct flow_spec *flow_spec_decode(const json_t *flow, struct fault *fault);

/*
 * The same for a flow of a request or a file: its legs send to different places, and it is of no
 * relay, whose flows come with the relay.
 */
struct flow_spec *flow_request_decode(const json_t *flow, struct fault *fault);

/*
 * The flows of a relay that has passed the schema, each to be given to free(); those that it does
 * not have are NULL, and all are on failure. 0, or -1 with *fault set: pointer relative to the
 * relay. Control thread.
 */
int flow_relay_decode(
	const json_t *relay, struct flow_spec *specs[RELAY_FLOWS], struct fault *fault);

/*
 * Called with the flow of each receiver of a relay, in the order of sides and receivers; it takes
 * the spec over. -1 with *fault set ends it.
 */
typedef int (*flow_receiver_fn)(void *arg, enum relay_flow side, uint32_t number,
	struct flow_spec *spec, struct fault *fault);

/*
 * The flows of the receivers that a relay lists, which has passed flow_relay_decode(). 0, or -1
 * with *fault set: pointer relative to the relay if a receiver is wrong, else as fn set it. Control
 * thread.
 */
int flow_receivers_decode(const json_t *relay, flow_receiver_fn fn, void *arg, struct fault *fault);

/* The flow of one, whose side has that flow, for free(); NULL with *fault set. */
struct flow_spec *flow_receiver_decode(
	const json_t *side, const json_t *receiver, struct fault *fault);

/*
 * Decode n legs as they stand in a flow, into `legs`. 0, or -1 with *fault set: pointer
 * "/legs/N/...". Control thread.
 */
int flow_legs_decode(const json_t *legs, struct flow_leg *out, size_t n, struct fault *fault);

/* The flow as JSON again, in canonical spelling: a new reference, NULL without memory. Any thread.
 */
json_t *flow_spec_encode(const struct flow_spec *spec);

/* The same without the legs to receivers, which are not stored. */
json_t *flow_own_encode(const struct flow_spec *spec);

/* That as a text for free(), and its length unless bytes is NULL. */
char *flow_text_encode(const struct flow_spec *spec, size_t *bytes);

/*
 * The flow that the text describes, for free(); checked as a request would be, against the schema
 * "flow" of the RPC document. NULL with *fault set, its pointer relative to the flow.
 */
struct flow_spec *flow_text_decode(
	const struct schema *schema, const char *text, size_t bytes, struct fault *fault);

/* What latch_by is called. */
const char *flow_latch_by_word(enum dp_latch_by by);

/* The schema for that. NULL with *fault set. */
struct schema *flow_text_schema(struct fault *fault);

#endif
