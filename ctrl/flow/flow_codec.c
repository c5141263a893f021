/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * JSON to struct flow_spec: how much there is to hold, then part by part, then the rules across
 * parts. Each refusal names the field by pointer and says what was found and what was expected. A
 * decoder returns 0, or -1 with *fault set, its pointer relative to the object it was given. What
 * is written is an object, or members of one whose bracket is open.
 */
#include "flow/flow_codec.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/escape.h"
#include "base/json.h"
#include "flow/flow_spec.h"
#include "schema/documents.h"
#include "schema/schema.h"

#define PREFIX_TEXT_MAX 50 /* of an IPv6 address, '/', three digits and the end */

static const char *const verdicts[DP_VERDICT_COUNT] = {
	[DP_FORWARD] = "forward",
	[DP_DROP] = "drop",
	[DP_PUNT] = "punt",
};

/* A string member, padded with zeros; "" when it is absent. */
static void
field_name(const json_t *object, const char *member, char *name, size_t size)
{
	const char *text = json_string_value(json_object_get(object, member));

	memset(name, 0, size);
	if (text)
		strncpy(name, text, size - 1);
}

/* An integer member that fits 16 bits; 0 when it is absent. */
static uint16_t
field_number(const json_t *object, const char *member)
{
	return (uint16_t)json_integer_value(json_object_get(object, member));
}

/* "forward", "drop", "punt" to enum dp_verdict and back; absent is DP_FORWARD. */
static uint8_t
field_verdict(const json_t *object, const char *member)
{
	const char *text = json_string_value(json_object_get(object, member));
	uint8_t i;

	for (i = 0; text && i < DP_VERDICT_COUNT; i++) {
		if (strcmp(text, verdicts[i]) == 0)
			return i;
	}
	return DP_FORWARD;
}

/* "forward", "drop", "punt" to enum dp_verdict and back; absent is DP_FORWARD. */
static const char *
verdict_name(uint8_t verdict)
{
	return verdicts[verdict];
}

/* "up", "down": whether it is down. Absent is up. */
static bool
field_down(const json_t *object)
{
	const char *text = json_string_value(json_object_get(object, "admin"));

	return text && strcmp(text, "down") == 0;
}

/* The pointer of a fault is that of the text itself: no request that is right pays for one. */
static uint8_t
address_of_text(const char *text, unsigned kinds, uint8_t family, const char *like,
	uint8_t bytes[16], struct fault *fault)
{
	const uint8_t found = text ? address_parse(text, bytes) : 0;
	enum address_kind kind;

	if (!found) {
		fault_set(fault, FAULT_INVALID_VALUE, "",
			"found %s, expected an IPv4 or IPv6 address", text ? text : "nothing");
		return 0;
	}
	if (family && found != family) {
		fault_set(fault, FAULT_INVALID_VALUE, "",
			"family mismatch: found IPv%u, expected IPv%u as in %s", found, family,
			like);
		return 0;
	}
	kind = address_kind(found, bytes);
	if (!(kind & kinds)) {
		fault_set(fault, FAULT_INVALID_VALUE, "",
			"found %s address %s (%s), expected a unicast%s address",
			address_kind_name(kind), text, address_kind_rule(kind),
			kinds & ADDRESS_MULTICAST ? " or multicast" : "");
		return 0;
	}
	return found;
}

/*
 * An address member of one of the kinds (enum address_kind, as bits) and of the family wanted,
 * which is that of the field `like` (0: any). Returns its family, or 0 with *fault set, its pointer
 * the member.
 */
static uint8_t
field_address(const json_t *object, const char *member, unsigned kinds, uint8_t family,
	const char *like, uint8_t bytes[16], struct fault *fault)
{
	const char *text = json_string_value(json_object_get(object, member));
	const uint8_t found = address_of_text(text, kinds, family, like, bytes, fault);

	if (!found)
		fault_prefix(fault, "/%s", member);
	return found;
}

/* Zero the bits behind the length; false when they were zero already. */
static bool
host_bits_clear(struct dp_prefix *prefix)
{
	bool cleared = false;
	unsigned i;

	for (i = 0; i < 16; i++) {
		const unsigned left = prefix->bits > 8 * i ? prefix->bits - 8 * i : 0;
		const uint8_t mask = left >= 8 ? 0xff : (uint8_t)(0xff00 >> left);

		cleared = cleared || (prefix->address[i] & ~mask) != 0;
		prefix->address[i] &= mask;
	}
	return cleared;
}

/* The length behind the slash; -1 when it is no number up to the width. */
static int
length_read(const char *text, unsigned width)
{
	char *end;
	unsigned long bits = strtoul(text, &end, 10);

	return *text < '0' || *text > '9' || *end != '\0' || bits > width ? -1 : (int)bits;
}

static void
prefix_format(uint8_t family, const uint8_t address[16], unsigned bits, char text[PREFIX_TEXT_MAX])
{
	char host[ADDRESS_TEXT_MAX];

	address_format(family, address, host);
	snprintf(text, PREFIX_TEXT_MAX, "%s/%u", host, bits);
}

/*
 * Read "address/length"; bits behind the length must be zero. Returns the family, or 0 with
 * *fault set at `pointer`.
 */
static uint8_t
prefix_read(const char *text, const char *pointer, struct dp_prefix *prefix, struct fault *fault)
{
	const char *slash = strchr(text, '/');
	const size_t n = slash ? (size_t)(slash - text) : 0;
	char address[ADDRESS_TEXT_MAX] = "", right[PREFIX_TEXT_MAX];
	uint8_t family;
	int bits;

	if (n < sizeof(address))
		memcpy(address, text, n);
	family = address_parse(address, prefix->address);
	bits = family ? length_read(slash + 1, family == 4 ? 32 : 128) : -1;
	if (bits < 0) {
		fault_set(fault, FAULT_INVALID_VALUE, pointer,
			"found %s, expected a prefix such as 192.0.2.0/24 or 2001:db8::/32", text);
		return 0;
	}
	prefix->bits = (uint8_t)bits;
	if (host_bits_clear(prefix)) {
		prefix_format(family, prefix->address, prefix->bits, right);
		fault_set(fault, FAULT_INVALID_VALUE, pointer,
			"found %s, which has bits set behind its length, expected %s", text, right);
		return 0;
	}
	return family;
}

/*
 * Read "address/length"; bits behind the length must be zero. Returns the family, or 0 with
 * *fault set at `pointer`.
 */
/* Write an address and a UDP port as two members. */
static void
field_end_write(struct json_writer *out, const char *address_member, const char *port_member,
	uint8_t family, const uint8_t bytes[16], uint16_t port)
{
	char text[ADDRESS_TEXT_MAX];

	address_format(family, bytes, text);
	json_write_string_member(out, address_member, text);
	json_write_integer_member(out, port_member, ntohs(port));
}

/* The exact match or the listener of a flow: source comes whole or not at all. */

/* Source address and port come both or not at all; without them the flow is a listener. */
static int
source_decode(const json_t *json, struct flow_match *match, struct fault *fault)
{
	const json_t *src = json_object_get(json, "src");
	const json_t *src_port = json_object_get(json, "src_port");

	match->any_source = !src && !src_port;
	if (match->any_source)
		return 0;
	if (!src)
		return fault_set(fault, FAULT_INVALID_VALUE, "/src",
			"found src_port alone, expected src with it, or neither for any source");
	if (!src_port)
		return fault_set(fault, FAULT_INVALID_VALUE, "/src_port",
			"found src alone, expected src_port with it, or neither for any source");
	match->src_port = htons(field_number(json, "src_port"));
	return field_address(
		       json, "src", ADDRESS_UNICAST, match->family, "match/dst", match->src, fault)
		       ? 0
		       : -1;
}

/* "match". */
static int
flow_match_decode(const json_t *json, struct flow_match *match, struct fault *fault)
{
	memset(match, 0, sizeof(*match));
	field_name(json, "port", match->port, sizeof(match->port));
	match->vlan = field_number(json, "vlan");
	match->outer_vlan = field_number(json, "outer_vlan");
	match->dst_port = htons(field_number(json, "dst_port"));
	match->family = field_address(
		json, "dst", ADDRESS_UNICAST | ADDRESS_MULTICAST, 0, "", match->dst, fault);
	if (!match->family)
		return -1;
	return source_decode(json, match, fault);
}

/* "match". */
static void
flow_match_write(struct json_writer *out, const struct flow_match *match)
{
	json_write_open(out, '{');
	json_write_string_member(out, "port", match->port);
	json_write_integer_member(out, "vlan", match->vlan);
	if (match->outer_vlan)
		json_write_integer_member(out, "outer_vlan", match->outer_vlan);
	if (!match->any_source)
		field_end_write(out, "src", "src_port", match->family, match->src, match->src_port);
	field_end_write(out, "dst", "dst_port", match->family, match->dst, match->dst_port);
	json_write_close(out, '}');
}

/* The rule of a flow: what is absent takes anything, so a prefix has to give the family. */

/* A prefix member, if it is there; its family must be that of what came before. */
static int
rule_prefix_decode(const json_t *json, const char *member, uint8_t address[16], uint8_t *bits,
	uint8_t *family, struct fault *fault)
{
	const char *text = json_string_value(json_object_get(json, member));
	struct dp_prefix prefix;
	char pointer[16];
	uint8_t found;

	if (!text)
		return 0;
	snprintf(pointer, sizeof(pointer), "/%s", member);
	found = prefix_read(text, pointer, &prefix, fault);
	if (!found)
		return -1;
	if (*family && found != *family)
		return fault_set(fault, FAULT_INVALID_VALUE, pointer,
			"family mismatch: found IPv%u, expected IPv%u as in the rule's %s", found,
			*family, json_object_get(json, "family") ? "family" : "src");
	*family = found;
	*bits = prefix.bits;
	memcpy(address, prefix.address, sizeof(prefix.address));
	return 0;
}

static int
ports_range_decode(const json_t *json, const char *member, uint16_t *first, uint16_t *last,
	struct fault *fault)
{
	const json_t *range = json_object_get(json, member);
	char pointer[16];

	*first = 0;
	*last = UINT16_MAX;
	if (!range)
		return 0;
	*first = (uint16_t)json_integer_value(json_array_get(range, 0));
	*last = (uint16_t)json_integer_value(json_array_get(range, 1));
	if (*first <= *last)
		return 0;
	snprintf(pointer, sizeof(pointer), "/%s", member);
	return fault_set(fault, FAULT_INVALID_VALUE, pointer,
		"found first %u above last %u, expected the lower one first", *first, *last);
}

static uint16_t
number_or_any(const json_t *json, const char *member)
{
	return json_object_get(json, member) ? field_number(json, member) : DP_RULE_ANY;
}

/* "rule". */
static int
flow_rule_decode(const json_t *json, struct flow_rule *rule, struct fault *fault)
{
	struct dp_rule *out = &rule->rule;

	memset(rule, 0, sizeof(*rule));
	field_name(json, "port", rule->port, sizeof(rule->port));
	out->priority = (uint32_t)json_integer_value(json_object_get(json, "priority"));
	out->port = DP_RULE_ANY;
	out->vlan = number_or_any(json, "vlan");
	out->outer_vlan = number_or_any(json, "outer_vlan");
	out->family = (uint8_t)field_number(json, "family");
	if (rule_prefix_decode(json, "src", out->src, &out->src_bits, &out->family, fault) < 0 ||
		rule_prefix_decode(json, "dst", out->dst, &out->dst_bits, &out->family, fault) <
			0 ||
		ports_range_decode(
			json, "src_ports", &out->src_port_first, &out->src_port_last, fault) < 0 ||
		ports_range_decode(
			json, "dst_ports", &out->dst_port_first, &out->dst_port_last, fault) < 0)
		return -1;
	if (!out->family)
		return fault_set(fault, FAULT_INVALID_VALUE, "/family",
			"found no prefix to tell the family, expected 4 or 6");
	return 0;
}

static void
rule_prefix_write(struct json_writer *out, const char *member, uint8_t family,
	const uint8_t address[16], unsigned bits)
{
	char text[PREFIX_TEXT_MAX];

	if (bits == 0)
		return;
	prefix_format(family, address, bits, text);
	json_write_string_member(out, member, text);
}

static void
ports_range_write(struct json_writer *out, const char *member, unsigned first, unsigned last)
{
	if (first == 0 && last == UINT16_MAX)
		return;
	json_write_name(out, member);
	json_write_open(out, '[');
	json_write_integer(out, first);
	json_write_integer(out, last);
	json_write_close(out, ']');
}

static void
known_write(struct json_writer *out, const char *member, unsigned number)
{
	if (number != DP_RULE_ANY)
		json_write_integer_member(out, member, number);
}

/* "rule". */
static void
flow_rule_write(struct json_writer *out, const struct flow_rule *rule)
{
	const struct dp_rule *in = &rule->rule;

	json_write_open(out, '{');
	json_write_integer_member(out, "priority", in->priority);
	if (in->src_bits == 0 && in->dst_bits == 0)
		json_write_integer_member(out, "family", in->family);
	if (rule->port[0] != '\0')
		json_write_string_member(out, "port", rule->port);
	known_write(out, "vlan", in->vlan);
	known_write(out, "outer_vlan", in->outer_vlan);
	rule_prefix_write(out, "src", in->family, in->src, in->src_bits);
	rule_prefix_write(out, "dst", in->family, in->dst, in->dst_bits);
	ports_range_write(out, "src_ports", in->src_port_first, in->src_port_last);
	ports_range_write(out, "dst_ports", in->dst_port_first, in->dst_port_last);
	json_write_close(out, '}');
}

/* What a flow does to its packets before their copies: state, sources, classes, rate, timeout. */

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

/* A member "police" of an object: a flow or a leg. */
static int
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

/* A member "police" of an object: a flow or a leg. */
static void
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

/*
 * What is done to the packets of a flow before its streams: "admin", "action", "latch", "allow",
 * "classes", "police", "idle_timeout_s", "max_datagram_bytes". The match or rule stands in the
 * spec.
 */
static int
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

/*
 * What is done to the packets of a flow before its streams: "admin", "action", "latch", "allow",
 * "classes", "police", "idle_timeout_s", "max_datagram_bytes". The match or rule stands in the
 * spec.
 */
static void
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

/* Legs: addresses of one family, which need not be the flow's, and the way to the next hop. */

static int
hop_decode(const json_t *json, struct flow_leg *leg, struct fault *fault)
{
	const char *mac = json_string_value(json_object_get(json, "mac"));

	leg->hop = FLOW_HOP_ROUTE;
	if (json_object_get(json, "next_hop")) {
		leg->hop = FLOW_HOP_GATEWAY;
		if (!field_address(json, "next_hop", ADDRESS_UNICAST, leg->family, "src",
			    leg->next_hop, fault))
			return -1;
	}
	if (!mac)
		return 0;
	if (leg->hop == FLOW_HOP_GATEWAY)
		return fault_set(fault, FAULT_INVALID_VALUE, "/mac",
			"found mac and next_hop, expected one of them");
	leg->hop = FLOW_HOP_MAC;
	if (mac_parse(mac, leg->mac) < 0)
		return fault_set(fault, FAULT_INVALID_VALUE, "/mac",
			"found %s, expected six octets like 02:00:00:00:00:01", mac);
	return 0;
}

static int
leg_decode(const json_t *json, struct flow_leg *leg, struct fault *fault)
{
	const json_t *dscp = json_object_get(json, "dscp");
	const json_t *one_in = json_object_get(json, "one_in");
	const unsigned any = ADDRESS_UNICAST | ADDRESS_MULTICAST;

	memset(leg, 0, sizeof(*leg));
	field_name(json, "id", leg->id, sizeof(leg->id));
	field_name(json, "port", leg->port, sizeof(leg->port));
	leg->src_port = htons(field_number(json, "src_port"));
	leg->dst_port = htons(field_number(json, "dst_port"));
	leg->vlan = field_number(json, "vlan");
	leg->outer_vlan = field_number(json, "outer_vlan");
	leg->dscp = dscp ? (uint8_t)json_integer_value(dscp) : DP_DSCP_KEEP;
	leg->ttl = (uint8_t)field_number(json, "ttl"); /* absent reads as DP_TTL_DECREMENT */
	leg->down = field_down(json);
	leg->one_in = one_in ? (uint32_t)json_integer_value(one_in) : 1;
	if (police_decode(json, &leg->police, fault) < 0)
		return -1;
	leg->family = field_address(json, "src", ADDRESS_UNICAST, 0, "", leg->src, fault);
	if (!leg->family || !field_address(json, "dst", any, leg->family, "src", leg->dst, fault))
		return -1;
	return hop_decode(json, leg, fault);
}

int
flow_legs_decode(const json_t *legs, struct flow_leg *out, size_t n, struct fault *fault)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (leg_decode(json_array_get(legs, i), &out[i], fault) < 0) {
			fault_prefix(fault, "/legs/%zu", i);
			return -1;
		}
	}
	return 0;
}

static void
hop_write(struct json_writer *out, const struct flow_leg *leg)
{
	char text[ADDRESS_TEXT_MAX];

	if (leg->hop == FLOW_HOP_GATEWAY) {
		address_format(leg->family, leg->next_hop, text);
		json_write_string_member(out, "next_hop", text);
	} else if (leg->hop == FLOW_HOP_MAC) {
		mac_format(leg->mac, text);
		json_write_string_member(out, "mac", text);
	}
}

/* What a copy gets beside its addresses; each is left out where it changes nothing. */
static void
treatment_write(struct json_writer *out, const struct flow_leg *leg)
{
	if (leg->outer_vlan)
		json_write_integer_member(out, "outer_vlan", leg->outer_vlan);
	if (leg->dscp != DP_DSCP_KEEP)
		json_write_integer_member(out, "dscp", leg->dscp);
	if (leg->ttl != DP_TTL_DECREMENT)
		json_write_integer_member(out, "ttl", leg->ttl);
	if (leg->down)
		json_write_string_member(out, "admin", "down");
	if (leg->one_in > 1)
		json_write_integer_member(out, "one_in", leg->one_in);
	police_write(out, &leg->police);
}

static void
leg_write(struct json_writer *out, const struct flow_leg *leg)
{
	json_write_open(out, '{');
	if (leg->id[0] != '\0')
		json_write_string_member(out, "id", leg->id);
	json_write_string_member(out, "port", leg->port);
	json_write_integer_member(out, "vlan", leg->vlan);
	field_end_write(out, "src", "src_port", leg->family, leg->src, leg->src_port);
	field_end_write(out, "dst", "dst_port", leg->family, leg->dst, leg->dst_port);
	treatment_write(out, leg);
	hop_write(out, leg);
	json_write_close(out, '}');
}

/* "legs". */
static void
flow_legs_write(struct json_writer *out, const struct flow_leg *legs, size_t n)
{
	size_t i;

	json_write_name(out, "legs");
	json_write_open(out, '[');
	for (i = 0; i < n; i++)
		leg_write(out, &legs[i]);
	json_write_close(out, ']');
}

/* Streams: each is identified by fields of the RTP header, no two by the same. */

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

/* "streams" with their legs, for which the spec has room; not written when there are none. */
static int
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

/* "streams" with their legs, for which the spec has room; not written when there are none. */
static void
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

/* Either match or rule classifies the flow's packets. */
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

/* struct flow_spec back to JSON: what says no more than its default stays out, but for VLANs. */

void
flow_spec_write(struct json_writer *out, const struct flow_spec *spec)
{
	json_write_open(out, '{');
	json_write_string_member(out, "id", spec->id);
	json_write_name(out, spec->rule ? "rule" : "match");
	if (spec->rule)
		flow_rule_write(out, spec->rule);
	else
		flow_match_write(out, &spec->match);
	flow_policy_write(out, spec);
	flow_streams_write(out, spec);
	flow_legs_write(out, spec->legs, spec->n_legs);
	json_write_close(out, '}');
}

json_t *
flow_spec_encode(const struct flow_spec *spec)
{
	json_error_t error;
	json_t *flow;
	size_t bytes;
	char *text = flow_text_encode(spec, &bytes);

	if (!text)
		return NULL;
	flow = json_text_load(text, bytes, &error);
	free(text);
	return flow;
}

char *
flow_text_encode(const struct flow_spec *spec, size_t *bytes)
{
	struct json_writer writer;
	size_t length;

	json_writer_init(&writer);
	flow_spec_write(&writer, spec);
	return json_writer_take(&writer, bytes ? bytes : &length);
}

struct schema *
flow_text_schema(struct fault *fault)
{
	json_t *document = schema_rpc_document();
	struct schema *schema = schema_create(document, schema_component(document, "flow"), fault);

	if (schema)
		schema_leave_items(schema); /* flow_spec_decode() knows what absence means */
	return schema;
}

struct flow_spec *
flow_text_decode(const struct schema *schema, const char *text, size_t bytes, struct fault *fault)
{
	json_error_t error;
	json_t *flow = json_text_load(text, bytes, &error);
	struct flow_spec *spec = NULL;

	if (!flow) {
		fault_set(fault, FAULT_PARSE, "", "not JSON: line %d, column %d: %s", error.line,
			error.column, error.text);
		return NULL;
	}
	if (schema_check(schema, flow, fault) == 0)
		spec = flow_spec_decode(flow, fault);
	json_decref(flow);
	return spec;
}
