/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The parts of a flow between JSON and plain C, each in a file of its own; flow_spec.c and
 * flow_encode.c put them together.
 *
 * A decoder returns 0, or -1 with *fault set, its pointer relative to the object it was given.
 * What is written is an object, or members of one whose bracket is open. Control thread.
 */
#ifndef CTRL_STATE_FLOW_PARTS_H
#define CTRL_STATE_FLOW_PARTS_H

#include "state/flow_spec.h"

/* A spec with room for that much, zero but for its counts. NULL without memory. */
struct flow_room {
	size_t n_legs;
	size_t n_all_legs;
	size_t n_streams;
	size_t n_allow;
	bool rule;
};
struct flow_spec *flow_spec_create(const struct flow_room *room);

/* "match". */
int flow_match_decode(const json_t *json, struct flow_match *match, struct fault *fault);
void flow_match_write(struct json_writer *out, const struct flow_match *match);

/* "rule". */
int flow_rule_decode(const json_t *json, struct flow_rule *rule, struct fault *fault);
void flow_rule_write(struct json_writer *out, const struct flow_rule *rule);

/*
 * What is done to the packets of a flow before its streams: "admin", "action", "latch", "allow",
 * "classes", "police", "idle_timeout_s", "max_datagram_bytes". The match or rule stands in the
 * spec.
 */
int flow_policy_decode(const json_t *flow, struct flow_spec *spec, struct fault *fault);
void flow_policy_write(struct json_writer *out, const struct flow_spec *spec);

/* A member "police" of an object: a flow or a leg. */
int police_decode(const json_t *object, struct dp_police *police, struct fault *fault);
void police_write(struct json_writer *out, const struct dp_police *police);

/* "streams" with their legs, for which the spec has room; not written when there are none. */
int flow_streams_decode(const json_t *streams, struct flow_spec *spec, struct fault *fault);
void flow_streams_write(struct json_writer *out, const struct flow_spec *spec);

/* "legs". */
void flow_legs_write(struct json_writer *out, const struct flow_leg *legs, size_t n);

#endif
