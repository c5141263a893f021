/* SPDX-License-Identifier: BSD-3-Clause */
/* What a flow does to its packets before their copies: state, sources, classes, rate, timeout. */
#include <stdio.h>
#include <string.h>

#include "state/field.h"
#include "state/flow_parts.h"

#define LATCH_INTERVAL_MS 1000 /* when latch is follow and nothing is said */
#define BURST_BYTES_MIN 3000 /* two datagrams of an Ethernet MTU: less would drop at any rate */
#define BURST_BYTES_MAX (UINT64_C(1) << 32)

static const char *const latches[] = {
	[DP_LATCH_OPEN] = "open",
	[DP_LATCH_FIRST] = "first",
	[DP_LATCH_FOLLOW] = "follow",
};

static const char *const classes[DP_CLASS_COUNT] = {
	[DP_CLASS_STUN] = "stun",
	[DP_CLASS_DTLS] = "dtls",
	[DP_CLASS_RTP] = "rtp",
	[DP_CLASS_OTHER] = "other",
};

static uint64_t
burst_default(uint64_t rate_bps)
{
	const uint64_t eighth_second = rate_bps / 8 / 8;

	if (eighth_second < BURST_BYTES_MIN)
		return BURST_BYTES_MIN;
	return eighth_second > BURST_BYTES_MAX ? BURST_BYTES_MAX : eighth_second;
}

void
police_decode(const json_t *object, struct dp_police *police)
{
	const json_t *json = json_object_get(object, "police");
	const json_t *burst = json_object_get(json, "burst_bytes");

	memset(police, 0, sizeof(*police));
	if (!json)
		return;
	police->rate_bps = (uint64_t)json_integer_value(json_object_get(json, "rate_bps"));
	police->burst_bytes =
		burst ? (uint64_t)json_integer_value(burst) : burst_default(police->rate_bps);
}

int
police_encode(json_t *object, const struct dp_police *police)
{
	if (police->rate_bps == 0)
		return 0;
	return json_object_set_new(object, "police",
		json_pack("{s:I, s:I}", "rate_bps", (json_int_t)police->rate_bps, "burst_bytes",
			(json_int_t)police->burst_bytes));
}

static int
latch_decode(const json_t *flow, struct flow_spec *spec, struct fault *fault)
{
	const char *text = json_string_value(json_object_get(flow, "latch"));
	const json_t *interval = json_object_get(flow, "latch_interval_ms");

	spec->latch = DP_LATCH_OPEN;
	while (text && strcmp(text, latches[spec->latch]) != 0)
		spec->latch++;
	if (spec->latch != DP_LATCH_OPEN && !spec->rule && !spec->match.any_source)
		return fault_set(fault, FAULT_INVALID_VALUE, "/latch",
			"found %s, expected open, as the match names its source", text);
	if (interval && spec->latch != DP_LATCH_FOLLOW)
		return fault_set(fault, FAULT_INVALID_VALUE, "/latch_interval_ms",
			"found it with latch %s, expected it with follow only",
			latches[spec->latch]);
	if (spec->latch == DP_LATCH_FOLLOW)
		spec->latch_interval_ms =
			interval ? (uint32_t)json_integer_value(interval) : LATCH_INTERVAL_MS;
	return 0;
}

static int
allow_decode(const json_t *list, struct flow_spec *spec, struct fault *fault)
{
	char pointer[32];
	unsigned i;

	for (i = 0; i < spec->n_allow; i++) {
		const char *text = json_string_value(json_array_get(list, i));
		uint8_t family;

		snprintf(pointer, sizeof(pointer), "/allow/%u", i);
		family = prefix_read(text, pointer, &spec->allow[i], fault);
		if (!family)
			return -1;
		if (family != spec->match.family)
			return fault_set(fault, FAULT_INVALID_VALUE, pointer,
				"family mismatch: found IPv%u, expected IPv%u as in the %s", family,
				spec->match.family, spec->rule ? "rule" : "match");
	}
	return 0;
}

int
flow_policy_decode(const json_t *flow, struct flow_spec *spec, struct fault *fault)
{
	const json_t *by_class = json_object_get(flow, "classes");
	unsigned i;

	spec->down = field_down(flow);
	spec->verdict = field_verdict(flow, "action");
	for (i = 0; i < DP_CLASS_COUNT; i++)
		spec->class_verdict[i] = field_verdict(by_class, classes[i]);
	police_decode(flow, &spec->police);
	spec->idle_timeout_s =
		(uint32_t)json_integer_value(json_object_get(flow, "idle_timeout_s"));
	spec->max_datagram_bytes =
		(uint32_t)json_integer_value(json_object_get(flow, "max_datagram_bytes"));
	if (latch_decode(flow, spec, fault) < 0)
		return -1;
	return allow_decode(json_object_get(flow, "allow"), spec, fault);
}

static int
latch_encode(json_t *flow, const struct flow_spec *spec)
{
	int rc = 0;

	if (spec->latch != DP_LATCH_OPEN)
		rc |= json_object_set_new(flow, "latch", json_string(latches[spec->latch]));
	if (spec->latch == DP_LATCH_FOLLOW)
		rc |= json_object_set_new(
			flow, "latch_interval_ms", json_integer(spec->latch_interval_ms));
	return rc;
}

static int
allow_encode(json_t *flow, const struct flow_spec *spec)
{
	json_t *list = json_array();
	char text[PREFIX_TEXT_MAX];
	unsigned i;

	for (i = 0; i < spec->n_allow; i++) {
		const struct dp_prefix *prefix = &spec->allow[i];

		prefix_format(spec->match.family, prefix->address, prefix->bits, text);
		json_array_append_new(list, json_string(text));
	}
	return json_object_set_new(flow, "allow", list);
}

static int
classes_encode(json_t *flow, const struct flow_spec *spec)
{
	json_t *by_class = json_object();
	unsigned i;

	for (i = 0; i < DP_CLASS_COUNT; i++) {
		if (spec->class_verdict[i] != DP_FORWARD)
			json_object_set_new(by_class, classes[i],
				json_string(verdict_name(spec->class_verdict[i])));
	}
	if (json_object_size(by_class) > 0)
		return json_object_set_new(flow, "classes", by_class);
	json_decref(by_class);
	return 0;
}

int
flow_policy_encode(json_t *flow, const struct flow_spec *spec)
{
	int rc = 0;

	if (spec->down)
		rc |= json_object_set_new(flow, "admin", json_string("down"));
	if (spec->verdict != DP_FORWARD)
		rc |= json_object_set_new(flow, "action", json_string(verdict_name(spec->verdict)));
	rc |= latch_encode(flow, spec);
	if (spec->n_allow > 0)
		rc |= allow_encode(flow, spec);
	rc |= classes_encode(flow, spec);
	rc |= police_encode(flow, &spec->police);
	if (spec->idle_timeout_s > 0)
		rc |= json_object_set_new(
			flow, "idle_timeout_s", json_integer(spec->idle_timeout_s));
	if (spec->max_datagram_bytes > 0)
		rc |= json_object_set_new(
			flow, "max_datagram_bytes", json_integer(spec->max_datagram_bytes));
	return rc;
}
