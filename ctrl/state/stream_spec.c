/* SPDX-License-Identifier: BSD-3-Clause */
/* Streams: each told by what it needs of the RTP header, no two by the same. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "state/field.h"
#include "state/flow_parts.h"

static bool
stream_same(const struct flow_stream *a, const struct flow_stream *b)
{
	return a->has_ssrc == b->has_ssrc && a->ssrc == b->ssrc &&
	       a->has_payload_type == b->has_payload_type && a->payload_type == b->payload_type;
}

static int
legs_decode(
	const json_t *json, struct flow_spec *spec, struct flow_stream *stream, struct fault *fault)
{
	struct flow_leg *legs = &spec->legs[stream->first_leg];
	char pointer[32];
	size_t i;

	if (stream->verdict == DP_FORWARD && stream->n_legs == 0)
		return fault_set(fault, FAULT_INVALID_VALUE, "/legs",
			"found none, expected a leg, as the stream's action is forward");
	if (flow_legs_decode(json_object_get(json, "legs"), legs, stream->n_legs, fault) < 0)
		return -1;
	for (i = 0; i < stream->n_legs; i++) {
		if (legs[i].id[0] == '\0')
			continue;
		snprintf(pointer, sizeof(pointer), "/legs/%zu/id", i);
		return fault_set(fault, FAULT_INVALID_VALUE, pointer,
			"found %s, expected none, as legs of streams have no id", legs[i].id);
	}
	return 0;
}

static int
stream_decode(
	const json_t *json, struct flow_spec *spec, struct flow_stream *stream, struct fault *fault)
{
	const json_t *ssrc = json_object_get(json, "ssrc");
	const json_t *payload_type = json_object_get(json, "payload_type");

	stream->has_ssrc = ssrc != NULL;
	stream->has_payload_type = payload_type != NULL;
	stream->ssrc = (uint32_t)json_integer_value(ssrc);
	stream->payload_type = (uint8_t)json_integer_value(payload_type);
	stream->verdict = field_verdict(json, "action");
	stream->n_legs = (uint16_t)json_array_size(json_object_get(json, "legs"));
	if (!ssrc && !payload_type)
		return fault_set(fault, FAULT_INVALID_VALUE, "",
			"found neither ssrc nor payload_type, expected one of them or both");
	return legs_decode(json, spec, stream, fault);
}

int
flow_streams_decode(const json_t *streams, struct flow_spec *spec, struct fault *fault)
{
	uint32_t first_leg = spec->n_legs;
	unsigned i, other;

	for (i = 0; i < spec->n_streams; i++) {
		struct flow_stream *stream = &spec->streams[i];

		stream->first_leg = first_leg;
		if (stream_decode(json_array_get(streams, i), spec, stream, fault) < 0) {
			fault_prefix(fault, "/streams/%u", i);
			return -1;
		}
		first_leg += stream->n_legs;
		for (other = 0; other < i; other++) {
			if (!stream_same(stream, &spec->streams[other]))
				continue;
			fault_set(fault, FAULT_INVALID_VALUE, "",
				"found the ssrc and payload_type of stream %u, expected others",
				other);
			fault_prefix(fault, "/streams/%u", i);
			return -1;
		}
	}
	return 0;
}

static void
stream_write(
	struct json_writer *out, const struct flow_spec *spec, const struct flow_stream *stream)
{
	json_write_open(out, '{');
	if (stream->has_ssrc)
		json_write_integer_member(out, "ssrc", stream->ssrc);
	if (stream->has_payload_type)
		json_write_integer_member(out, "payload_type", stream->payload_type);
	if (stream->verdict != DP_FORWARD)
		json_write_string_member(out, "action", verdict_name(stream->verdict));
	flow_legs_write(out, &spec->legs[stream->first_leg], stream->n_legs);
	json_write_close(out, '}');
}

void
flow_streams_write(struct json_writer *out, const struct flow_spec *spec)
{
	unsigned i;

	if (spec->n_streams == 0)
		return;
	json_write_name(out, "streams");
	json_write_open(out, '[');
	for (i = 0; i < spec->n_streams; i++)
		stream_write(out, spec, &spec->streams[i]);
	json_write_close(out, ']');
}
