/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * JSON to struct flow_spec: how much there is to hold, then part by part, then the rules across
 * parts. Each refusal names the field by pointer and says what was found and what was expected.
 */
#include "state/flow_spec.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "state/field.h"
#include "state/flow_parts.h"
#include "state/leg_ids.h"

struct flow_spec *
flow_spec_create(const struct flow_room *room)
{
	const size_t legs = room->n_all_legs * sizeof(struct flow_leg);
	const size_t streams = room->n_streams * sizeof(struct flow_stream);
	const size_t rule = room->rule ? sizeof(struct flow_rule) : 0;
	const size_t allow = room->n_allow * sizeof(struct dp_prefix);
	struct flow_spec *spec = calloc(1, sizeof(*spec) + legs + streams + rule + allow);

	if (!spec)
		return NULL;
	/* From the strictest alignment to the least. */
	static_assert(alignof(struct flow_leg) <= alignof(struct flow_spec) &&
			      alignof(struct flow_stream) <= alignof(struct flow_leg) &&
			      alignof(struct flow_rule) <= alignof(struct flow_stream),
		"each part may follow the one before");
	spec->n_legs = (uint16_t)room->n_legs;
	spec->n_all_legs = (uint32_t)room->n_all_legs;
	spec->n_streams = (uint16_t)room->n_streams;
	spec->n_allow = (uint8_t)room->n_allow;
	spec->legs = (void *)(spec + 1);
	spec->streams = (void *)(spec->legs + room->n_all_legs);
	spec->rule = room->rule ? (void *)(spec->streams + room->n_streams) : NULL;
	spec->allow = (void *)((char *)(spec->streams + room->n_streams) + rule);
	return spec;
}

/* A spec like another with so many legs of its own; legs are not filled in, all else is. */
static struct flow_spec *
spec_like(const struct flow_spec *spec, unsigned n_legs)
{
	const struct flow_room room = {
		.n_legs = n_legs,
		.n_all_legs = n_legs + spec->n_all_legs - spec->n_legs,
		.n_streams = spec->n_streams,
		.n_allow = spec->n_allow,
		.rule = spec->rule != NULL,
	};
	struct flow_spec *made = flow_spec_create(&room), parts;

	if (!made)
		return NULL;
	parts = *made;
	*made = *spec;
	made->n_legs = parts.n_legs;
	made->n_all_legs = parts.n_all_legs;
	made->legs = parts.legs;
	made->streams = parts.streams;
	made->rule = parts.rule;
	made->allow = parts.allow;
	memcpy(made->streams, spec->streams, spec->n_streams * sizeof(spec->streams[0]));
	memcpy(made->allow, spec->allow, spec->n_allow * sizeof(spec->allow[0]));
	if (spec->rule)
		*made->rule = *spec->rule;
	return made;
}

struct flow_spec *
flow_spec_with_legs(const struct flow_spec *spec, const uint16_t *kept, unsigned n_kept,
	const struct flow_leg *added, unsigned n_added)
{
	const unsigned n_stream_legs = spec->n_all_legs - spec->n_legs;
	struct flow_spec *made = spec_like(spec, n_kept + n_added);
	unsigned i;

	if (!made)
		return NULL;
	for (i = 0; i < n_kept; i++)
		made->legs[i] = spec->legs[kept[i]];
	for (i = 0; i < n_added; i++)
		made->legs[n_kept + i] = added[i];
	memcpy(&made->legs[made->n_legs], &spec->legs[spec->n_legs],
		n_stream_legs * sizeof(spec->legs[0]));
	for (i = 0; i < made->n_streams; i++) {
		made->streams[i].first_leg += made->n_legs;
		made->streams[i].first_leg -= spec->n_legs;
	}
	return made;
}

/* One of match and rule tells the flow's packets. */
static int
classifier_decode(const json_t *flow, struct flow_spec *spec, struct fault *fault)
{
	const json_t *match = json_object_get(flow, "match");

	if (match && spec->rule)
		return fault_set(fault, FAULT_INVALID_VALUE, "/rule",
			"found match and rule, expected one of them");
	if (!match && !spec->rule)
		return fault_set(fault, FAULT_INVALID_VALUE, "/match",
			"found neither match nor rule, expected one of them");
	if (match && flow_match_decode(match, &spec->match, fault) < 0) {
		fault_prefix(fault, "/match");
		return -1;
	}
	if (!spec->rule)
		return 0;
	if (flow_rule_decode(json_object_get(flow, "rule"), spec->rule, fault) < 0) {
		fault_prefix(fault, "/rule");
		return -1;
	}
	spec->match.family = spec->rule->rule.family;
	return 0;
}

static int
spec_decode(const json_t *flow, struct flow_spec *spec, struct fault *fault)
{
	field_name(flow, "id", spec->id, sizeof(spec->id));
	if (classifier_decode(flow, spec, fault) < 0 || flow_policy_decode(flow, spec, fault) < 0)
		return -1;
	if (spec->verdict == DP_FORWARD && spec->n_all_legs == 0)
		return fault_set(fault, FAULT_INVALID_VALUE, "/legs",
			"found none, expected a leg here or in a stream, "
			"as the flow's action is forward");
	if (flow_legs_decode(json_object_get(flow, "legs"), spec->legs, spec->n_legs, fault) < 0 ||
		leg_ids_check(spec->legs, spec->n_legs, fault) < 0)
		return -1;
	return flow_streams_decode(json_object_get(flow, "streams"), spec, fault);
}

struct flow_spec *
flow_spec_decode(const json_t *flow, struct fault *fault)
{
	const json_t *streams = json_object_get(flow, "streams"), *stream;
	struct flow_room room = {
		.n_legs = json_array_size(json_object_get(flow, "legs")),
		.n_streams = json_array_size(streams),
		.n_allow = json_array_size(json_object_get(flow, "allow")),
		.rule = json_object_get(flow, "rule") != NULL,
	};
	struct flow_spec *spec;
	size_t i;

	room.n_all_legs = room.n_legs;
	json_array_foreach (streams, i, stream)
		room.n_all_legs += json_array_size(json_object_get(stream, "legs"));
	spec = flow_spec_create(&room);
	if (!spec) {
		fault_set(fault, FAULT_NO_ROOM, "", "no memory for a flow of %zu leg%s",
			room.n_all_legs, plural_s(room.n_all_legs));
		return NULL;
	}
	if (spec_decode(flow, spec, fault) < 0) {
		free(spec);
		return NULL;
	}
	return spec;
}
