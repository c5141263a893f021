/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A flow as text: its canonical JSON, which is what the store keeps and what tells whether two
 * flows are the same. Control thread.
 */
#ifndef CTRL_STATE_FLOW_TEXT_H
#define CTRL_STATE_FLOW_TEXT_H

#include "schema/schema.h"
#include "state/flow_spec.h"

/* A text for free(), and its length unless bytes is NULL. NULL without memory. */
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
