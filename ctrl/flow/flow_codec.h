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
#include "schema/schema.h"

/*
 * Decode one flow that has passed the schema, defaults filled in. Returns a new spec, to be given
 * to free(), or NULL with *fault set: pointer relative to the flow. Control thread.
 */
struct flow_spec *flow_spec_decode(const json_t *flow, struct fault *fault);

/*
 * Decode n legs as they stand in a flow, into `legs`. 0, or -1 with *fault set: pointer
 * "/legs/N/...". Control thread.
 */
int flow_legs_decode(const json_t *legs, struct flow_leg *out, size_t n, struct fault *fault);

/* The flow as JSON again, in canonical spelling: a new reference, NULL without memory. Any thread.
 */
json_t *flow_spec_encode(const struct flow_spec *spec);

/* The same as a text for free(), and its length unless bytes is NULL. */
char *flow_text_encode(const struct flow_spec *spec, size_t *bytes);

/*
 * The flow that the text describes, for free(); checked as a request would be, against the schema
 * "flow" of the RPC document. NULL with *fault set, its pointer relative to the flow.
 */
struct flow_spec *flow_text_decode(
	const struct schema *schema, const char *text, size_t bytes, struct fault *fault);

/* The schema for that. NULL with *fault set. */
struct schema *flow_text_schema(struct fault *fault);

#endif
