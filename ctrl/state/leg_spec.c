/* SPDX-License-Identifier: BSD-3-Clause */
/* Legs: addresses of one family, which need not be the flow's, and the way to the next hop. */
#include <arpa/inet.h>
#include <string.h>

#include "base/addr.h"
#include "state/field.h"
#include "state/flow_parts.h"

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

void
flow_legs_write(struct json_writer *out, const struct flow_leg *legs, size_t n)
{
	size_t i;

	json_write_name(out, "legs");
	json_write_open(out, '[');
	for (i = 0; i < n; i++)
		leg_write(out, &legs[i]);
	json_write_close(out, ']');
}
