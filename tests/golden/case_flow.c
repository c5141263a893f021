/* SPDX-License-Identifier: BSD-3-Clause */
/* Flows of a case: from the shape that flow.install takes to the structures of <dp/flow.h>. */
#include "case.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Index of a name in a list, or -1. */
static int
name_index(const char *name, const char *const *names, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		if (strcmp(name, names[i]) == 0)
			return (int)i;
	}
	return -1;
}

static int
verdict_index(const char *name)
{
	static const char *const names[DP_VERDICT_COUNT] = {
		[DP_FORWARD] = "forward", [DP_DROP] = "drop", [DP_PUNT] = "punt"};

	return name_index(name, names, DP_VERDICT_COUNT);
}

static int
latch_decode(struct dp_flow *flow, const char *name, int interval_ms, const char *by_name)
{
	static const char *const bys[] = {
		[DP_LATCH_BY_ANY] = "any",
		[DP_LATCH_BY_SSRC] = "ssrc",
		[DP_LATCH_BY_RTCP_SSRC] = "rtcp_ssrc",
		[DP_LATCH_BY_CLASS + DP_CLASS_STUN] = "stun",
		[DP_LATCH_BY_CLASS + DP_CLASS_DTLS] = "dtls",
		[DP_LATCH_BY_CLASS + DP_CLASS_RTP] = "rtp",
		[DP_LATCH_BY_CLASS + DP_CLASS_OTHER] = "other",
	};
	static const char *const names[] = {
		[DP_LATCH_OPEN] = "open", [DP_LATCH_FIRST] = "first", [DP_LATCH_FOLLOW] = "follow"};
	int latch = name_index(name, names, DP_LATCH_FOLLOW + 1);
	int by = name_index(by_name, bys, DP_LATCH_BY_COUNT);

	flow->latch = (uint8_t)latch;
	flow->latch_interval_ms = (uint32_t)interval_ms;
	flow->latch_by = (uint8_t)by;
	return latch < 0 || by < 0 ? -1 : 0;
}

static int
allow_decode(struct case_flow *flow, const json_t *list)
{
	size_t n = json_array_size(list);

	flow->allow = calloc(n + 1, sizeof(*flow->allow));
	if (flow->allow == NULL)
		return -1;
	for (size_t i = 0; i < n; i++) {
		const char *text = json_string_value(json_array_get(list, i));

		if (case_prefix_decode(text, flow->allow[i].address, &flow->allow[i].bits) !=
			flow->flow.key.family)
			return -1;
	}
	flow->flow.allow = flow->allow;
	flow->flow.n_allow = (uint8_t)n;
	return 0;
}

/* {"of": [{"src", "src_port"?}, ...], "timeout_ms", "return_ms"} */
static int
sources_decode(struct case_flow *flow, json_t *item, json_error_t *at)
{
	json_t *list = NULL, *of;
	int timeout_ms, return_ms;
	size_t i;

	if (item == NULL)
		return 0;
	if (json_unpack_ex(item, at, JSON_STRICT, "{s:o, s:i, s:i}", "of", &list, "timeout_ms",
		    &timeout_ms, "return_ms", &return_ms) < 0)
		return -1;
	flow->sources = calloc(json_array_size(list) + 1, sizeof(*flow->sources));
	if (flow->sources == NULL)
		return -1;
	json_array_foreach (list, i, of) {
		const char *src;
		int port = 0;

		if (json_unpack_ex(of, at, JSON_STRICT, "{s:s, s?:i}", "src", &src, "src_port",
			    &port) < 0 ||
			case_address_decode(src, flow->sources[i].address) != flow->flow.key.family)
			return -1;
		flow->sources[i].port = htons((uint16_t)port);
	}
	flow->flow.sources = flow->sources;
	flow->flow.n_sources = (uint8_t)i;
	flow->flow.source_timeout_ms = (uint32_t)timeout_ms;
	flow->flow.source_return_ms = (uint32_t)return_ms;
	return 0;
}

/* {"stun": "punt", ...}; a class that is not there is forwarded */
static int
classes_decode(struct dp_flow *flow, json_t *classes)
{
	static const char *const names[DP_CLASS_COUNT] = {[DP_CLASS_STUN] = "stun",
		[DP_CLASS_DTLS] = "dtls",
		[DP_CLASS_RTP] = "rtp",
		[DP_CLASS_OTHER] = "other"};
	const char *name;
	json_t *item;

	json_object_foreach (classes, name, item) {
		int class = name_index(name, names, DP_CLASS_COUNT);
		int verdict = verdict_index(json_string_value(item));

		if (class < 0 || verdict < 0)
			return -1;
		flow->class_verdict[class] = (uint8_t)verdict;
	}
	return 0;
}

static int
stream_decode(struct golden_case *c, json_t *item, struct dp_stream *stream, struct case_legs *legs,
	json_error_t *at)
{
	json_int_t ssrc = -1;
	const char *action = "forward";
	int type = -1, verdict;
	json_t *list;

	if (json_unpack_ex(item, at, JSON_STRICT, "{s?:I, s?:i, s?:s, s:o}", "ssrc", &ssrc,
		    "payload_type", &type, "action", &action, "legs", &list) < 0)
		return -1;
	verdict = verdict_index(action);
	if (verdict < 0 || case_legs_decode(c, list, legs, at) < 0)
		return -1;
	*stream = (struct dp_stream){
		.ssrc = ssrc < 0 ? 0 : (uint32_t)ssrc,
		.has_ssrc = ssrc >= 0,
		.has_payload_type = type >= 0,
		.payload_type = type < 0 ? 0 : (uint8_t)type,
		.verdict = (uint8_t)verdict,
		.n_legs = (uint16_t)legs->n,
		.legs = legs->of,
	};
	return 0;
}

static int
streams_decode(struct golden_case *c, const json_t *list, struct case_flow *flow, json_error_t *at)
{
	size_t n = json_array_size(list);

	flow->streams = calloc(n + 1, sizeof(*flow->streams));
	flow->stream_legs = calloc(n + 1, sizeof(*flow->stream_legs));
	if (flow->streams == NULL || flow->stream_legs == NULL)
		return -1;
	flow->flow.streams = flow->streams;
	for (size_t i = 0; i < n; i++) {
		flow->flow.n_streams++;
		if (stream_decode(c, json_array_get(list, i), &flow->streams[i],
			    &flow->stream_legs[i], at) < 0)
			return -1;
	}
	return 0;
}

/* Exactly one of the two is there. */
static int
match_or_rule_decode(struct case_flow *flow, json_t *match, json_t *rule, json_error_t *at)
{
	if ((match == NULL) == (rule == NULL))
		return -1;
	if (match != NULL)
		return case_match_decode(match, &flow->flow.key, at);
	flow->flow.rule = &flow->rule;
	if (case_rule_decode(rule, &flow->rule, at) < 0)
		return -1;
	flow->flow.key.family = flow->rule.family;
	return 0;
}

int
case_flow_decode(struct golden_case *c, json_t *item, struct case_flow *flow, json_error_t *at)
{
	json_t *match = NULL, *rule = NULL, *legs = NULL, *streams = NULL, *allow = NULL;
	json_t *classes = NULL, *police = NULL, *sources = NULL;
	const char *admin = "up", *action = "forward", *latch = "open", *by = "any";
	int interval_ms = 1000, verdict;

	if (json_unpack_ex(item, at, JSON_STRICT,
		    "{s:s, s?:o, s?:o, s?:s, s?:s, s?:s, s?:i, s?:s, s?:o, s?:o, s?:o, s?:o, s?:o, "
		    "s?:o}",
		    "id", &flow->id, "match", &match, "rule", &rule, "admin", &admin, "action",
		    &action, "latch", &latch, "latch_interval_ms", &interval_ms, "latch_by", &by,
		    "allow", &allow, "classes", &classes, "police", &police, "streams", &streams,
		    "legs", &legs, "sources", &sources) < 0)
		return -1;
	snprintf(at->text, sizeof(at->text), "a value of flow %s is wrong", flow->id);
	verdict = verdict_index(action);
	if (verdict < 0 || match_or_rule_decode(flow, match, rule, at) < 0 ||
		latch_decode(&flow->flow, latch, interval_ms, by) < 0 ||
		allow_decode(flow, allow) < 0 || sources_decode(flow, sources, at) < 0 ||
		classes_decode(&flow->flow, classes) < 0 ||
		case_police_decode(police, &flow->flow.police, at) < 0 ||
		case_legs_decode(c, legs, &flow->legs, at) < 0)
		return -1;
	flow->flow.latch_cookie = case_cookie(c, flow->id);
	flow->flow.down = strcmp(admin, "down") == 0;
	flow->flow.verdict = (uint8_t)verdict;
	flow->flow.legs = flow->legs.of;
	flow->flow.n_legs = (uint16_t)flow->legs.n;
	return streams_decode(c, streams, flow, at);
}

void
case_flow_fini(struct case_flow *flow)
{
	for (unsigned i = 0; i < flow->flow.n_streams; i++)
		case_legs_fini(&flow->stream_legs[i]);
	case_legs_fini(&flow->legs);
	free(flow->stream_legs);
	free(flow->streams);
	free(flow->allow);
	free(flow->sources);
}
