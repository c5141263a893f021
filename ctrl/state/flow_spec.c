/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * JSON to struct flow_spec and the rules across the fields of one flow. Each refusal names the
 * field by pointer and says what was found and what was expected.
 */
#include "state/flow_spec.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "state/address.h"

static void
name_read(const json_t *object, const char *member, char *name, size_t size)
{
	const char *text = json_string_value(json_object_get(object, member));

	memset(name, 0, size);
	if (text)
		strncpy(name, text, size - 1);
}

static uint16_t
number_read(const json_t *object, const char *member)
{
	return (uint16_t)json_integer_value(json_object_get(object, member));
}

/* An address member of the family wanted (0 = any) and of one of the kinds; returns its family. */
static uint8_t
address_read(const json_t *object, const char *member, uint8_t family, unsigned kinds,
	uint8_t bytes[16], struct fault *fault)
{
	const char *text = json_string_value(json_object_get(object, member));
	char pointer[32];
	enum address_kind kind;
	uint8_t found;

	snprintf(pointer, sizeof(pointer), "/%s", member);
	found = text ? address_parse(text, bytes) : 0;
	if (!found) {
		fault_set(fault, FAULT_INVALID_VALUE, pointer,
			"found %s, expected an IPv4 or IPv6 address", text ? text : "nothing");
		return 0;
	}
	if (family && found != family) {
		fault_set(fault, FAULT_INVALID_VALUE, pointer,
			"family mismatch: found IPv%u, expected IPv%u as in match/dst", found,
			family);
		return 0;
	}
	kind = address_kind(found, bytes);
	if (!(kind & kinds)) {
		fault_set(fault, FAULT_INVALID_VALUE, pointer,
			"found %s address %s, expected a unicast%s address",
			address_kind_name(kind), text,
			kinds & ADDRESS_MULTICAST ? " or multicast" : "");
		return 0;
	}
	return found;
}

/* Source address and port come both or not at all; without them the flow is a listener. */
static int
match_source_decode(const json_t *json, struct flow_match *match, struct fault *fault)
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
	match->src_port = htons(number_read(json, "src_port"));
	return address_read(json, "src", match->family, ADDRESS_UNICAST, match->src, fault) ? 0
											    : -1;
}

static int
match_decode(const json_t *json, struct flow_match *match, struct fault *fault)
{
	memset(match, 0, sizeof(*match));
	name_read(json, "port", match->port, sizeof(match->port));
	match->vlan = number_read(json, "vlan");
	match->dst_port = htons(number_read(json, "dst_port"));
	match->family = address_read(
		json, "dst", 0, ADDRESS_UNICAST | ADDRESS_MULTICAST, match->dst, fault);
	if (!match->family)
		return -1;
	return match_source_decode(json, match, fault);
}

static int
leg_hop_decode(const json_t *json, uint8_t family, struct flow_leg *leg, struct fault *fault)
{
	const char *mac = json_string_value(json_object_get(json, "mac"));

	leg->hop = FLOW_HOP_ROUTE;
	if (json_object_get(json, "next_hop")) {
		leg->hop = FLOW_HOP_GATEWAY;
		if (!address_read(json, "next_hop", family, ADDRESS_UNICAST, leg->next_hop, fault))
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
leg_decode(const json_t *json, uint8_t family, struct flow_leg *leg, struct fault *fault)
{
	const json_t *dscp = json_object_get(json, "dscp");
	const unsigned any = ADDRESS_UNICAST | ADDRESS_MULTICAST;

	memset(leg, 0, sizeof(*leg));
	name_read(json, "port", leg->port, sizeof(leg->port));
	leg->src_port = htons(number_read(json, "src_port"));
	leg->dst_port = htons(number_read(json, "dst_port"));
	leg->vlan = number_read(json, "vlan");
	leg->dscp = dscp ? (uint8_t)json_integer_value(dscp) : DP_DSCP_KEEP;
	leg->ttl = (uint8_t)number_read(json, "ttl"); /* absent reads as DP_TTL_DECREMENT */
	if (!address_read(json, "src", family, ADDRESS_UNICAST, leg->src, fault) ||
		!address_read(json, "dst", family, any, leg->dst, fault))
		return -1;
	return leg_hop_decode(json, family, leg, fault);
}

static int
spec_decode(const json_t *flow, struct flow_spec *spec, struct fault *fault)
{
	const json_t *legs = json_object_get(flow, "legs");
	size_t i;

	name_read(flow, "id", spec->id, sizeof(spec->id));
	if (match_decode(json_object_get(flow, "match"), &spec->match, fault) < 0) {
		fault_prefix(fault, "/match");
		return -1;
	}
	for (i = 0; i < spec->n_legs; i++) {
		const json_t *leg = json_array_get(legs, i);

		if (leg_decode(leg, spec->match.family, &spec->legs[i], fault) < 0) {
			fault_prefix(fault, "/legs/%zu", i);
			return -1;
		}
	}
	return 0;
}

struct flow_spec *
flow_spec_decode(const json_t *flow, struct fault *fault)
{
	size_t n_legs = json_array_size(json_object_get(flow, "legs"));
	struct flow_spec *spec;

	if (n_legs < 1 || n_legs > DP_FLOW_LEGS_MAX) {
		fault_set(fault, FAULT_INVALID_VALUE, "/legs", "found %zu legs, expected 1 to %u",
			n_legs, DP_FLOW_LEGS_MAX);
		return NULL;
	}
	spec = calloc(1, sizeof(*spec) + n_legs * sizeof(spec->legs[0]));
	if (!spec) {
		fault_set(fault, FAULT_NO_ROOM, "", "no memory for a flow of %zu legs", n_legs);
		return NULL;
	}
	spec->n_legs = (uint16_t)n_legs;
	if (spec_decode(flow, spec, fault) < 0) {
		free(spec);
		return NULL;
	}
	return spec;
}
