/* SPDX-License-Identifier: BSD-3-Clause */
/* What a flow does to its packets before their copies: state, sources, classes, rate, timeout. */
#include <inttypes.h>
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

int
police_decode(const json_t *object, struct dp_police *police, struct fault *fault)
{
	const json_t *json = json_object_get(object, "police");
	const json_t *burst = json_object_get(json, "burst_bytes");

	memset(police, 0, sizeof(*police));
	if (!json)
		return 0;
	police->rate_bps = (uint64_t)json_integer_value(json_object_get(json, "rate_bps"));
	police->burst_bytes =
		burst ? (uint64_t)json_integer_value(burst) : burst_default(police->rate_bps);
	if (police->burst_bytes > police->rate_bps * DP_BURST_PER_BPS_MAX)
		return fault_set(fault, FAULT_INVALID_VALUE, "/police/burst_bytes",
			"found %" PRIu64 " bytes, expected at most %" PRIu64 " at %" PRIu64
			" bit/s: what comes in %d s",
			police->burst_bytes, police->rate_bps * DP_BURST_PER_BPS_MAX,
			police->rate_bps, DP_BURST_PER_BPS_MAX * 8);
	return 0;
}

void
police_write(struct json_writer *out, const struct dp_police *police)
{
	if (police->rate_bps == 0)
		return;
	json_write_name(out, "police");
	json_write_open(out, '{');
	json_write_integer_member(out, "rate_bps", (int64_t)police->rate_bps);
	json_write_integer_member(out, "burst_bytes", (int64_t)police->burst_bytes);
	json_write_close(out, '}');
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
	if (police_decode(flow, &spec->police, fault) < 0)
		return -1;
	spec->idle_timeout_s =
		(uint32_t)json_integer_value(json_object_get(flow, "idle_timeout_s"));
	spec->max_datagram_bytes =
		(uint32_t)json_integer_value(json_object_get(flow, "max_datagram_bytes"));
	if (latch_decode(flow, spec, fault) < 0)
		return -1;
	return allow_decode(json_object_get(flow, "allow"), spec, fault);
}

static void
latch_write(struct json_writer *out, const struct flow_spec *spec)
{
	if (spec->latch != DP_LATCH_OPEN)
		json_write_string_member(out, "latch", latches[spec->latch]);
	if (spec->latch == DP_LATCH_FOLLOW)
		json_write_integer_member(out, "latch_interval_ms", spec->latch_interval_ms);
}

static void
allow_write(struct json_writer *out, const struct flow_spec *spec)
{
	char text[PREFIX_TEXT_MAX];
	unsigned i;

	if (spec->n_allow == 0)
		return;
	json_write_name(out, "allow");
	json_write_open(out, '[');
	for (i = 0; i < spec->n_allow; i++) {
		const struct dp_prefix *prefix = &spec->allow[i];

		prefix_format(spec->match.family, prefix->address, prefix->bits, text);
		json_write_string(out, text);
	}
	json_write_close(out, ']');
}

/* "classes", when one of them is not just forwarded. */
static void
classes_write(struct json_writer *out, const struct flow_spec *spec)
{
	bool open = false;
	unsigned i;

	for (i = 0; i < DP_CLASS_COUNT; i++) {
		if (spec->class_verdict[i] == DP_FORWARD)
			continue;
		if (!open) {
			json_write_name(out, "classes");
			json_write_open(out, '{');
			open = true;
		}
		json_write_string_member(out, classes[i], verdict_name(spec->class_verdict[i]));
	}
	if (open)
		json_write_close(out, '}');
}

void
flow_policy_write(struct json_writer *out, const struct flow_spec *spec)
{
	if (spec->down)
		json_write_string_member(out, "admin", "down");
	if (spec->verdict != DP_FORWARD)
		json_write_string_member(out, "action", verdict_name(spec->verdict));
	latch_write(out, spec);
	allow_write(out, spec);
	classes_write(out, spec);
	police_write(out, &spec->police);
	if (spec->idle_timeout_s > 0)
		json_write_integer_member(out, "idle_timeout_s", spec->idle_timeout_s);
	if (spec->max_datagram_bytes > 0)
		json_write_integer_member(out, "max_datagram_bytes", spec->max_datagram_bytes);
}
