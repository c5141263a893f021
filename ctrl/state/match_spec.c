/* SPDX-License-Identifier: BSD-3-Clause */
/* The exact match or the listener of a flow: source comes whole or not at all. */
#include <arpa/inet.h>
#include <string.h>

#include "base/addr.h"
#include "state/field.h"
#include "state/flow_parts.h"

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

int
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

void
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
