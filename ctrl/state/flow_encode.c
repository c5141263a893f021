/* SPDX-License-Identifier: BSD-3-Clause */
/* struct flow_spec back to JSON: what was left out of the request stays out, but for the VLAN. */
#include <arpa/inet.h>

#include "state/address.h"
#include "state/flow_spec.h"

/* Add one end, an address and a port, to an object. */
static int
end_encode(json_t *object, const char *address_member, const char *port_member, uint8_t family,
	const uint8_t bytes[16], uint16_t port)
{
	char text[ADDRESS_TEXT_MAX];

	address_format(family, bytes, text);
	return json_object_set_new(object, address_member, json_string(text)) |
	       json_object_set_new(object, port_member, json_integer(ntohs(port)));
}

static json_t *
match_encode(const struct flow_match *match)
{
	json_t *json = json_pack("{s:s, s:i}", "port", match->port, "vlan", match->vlan);
	int rc = 0;

	if (!match->any_source)
		rc |= end_encode(
			json, "src", "src_port", match->family, match->src, match->src_port);
	rc |= end_encode(json, "dst", "dst_port", match->family, match->dst, match->dst_port);
	if (rc) {
		json_decref(json);
		return NULL;
	}
	return json;
}

static int
leg_hop_encode(json_t *json, uint8_t family, const struct flow_leg *leg)
{
	char text[ADDRESS_TEXT_MAX];

	if (leg->hop == FLOW_HOP_GATEWAY) {
		address_format(family, leg->next_hop, text);
		return json_object_set_new(json, "next_hop", json_string(text));
	}
	if (leg->hop == FLOW_HOP_MAC) {
		mac_format(leg->mac, text);
		return json_object_set_new(json, "mac", json_string(text));
	}
	return 0;
}

static json_t *
leg_encode(uint8_t family, const struct flow_leg *leg)
{
	json_t *json = json_pack("{s:s, s:i}", "port", leg->port, "vlan", leg->vlan);
	int rc = end_encode(json, "src", "src_port", family, leg->src, leg->src_port);

	rc |= end_encode(json, "dst", "dst_port", family, leg->dst, leg->dst_port);
	if (leg->dscp != DP_DSCP_KEEP)
		rc |= json_object_set_new(json, "dscp", json_integer(leg->dscp));
	if (leg->ttl != DP_TTL_DECREMENT)
		rc |= json_object_set_new(json, "ttl", json_integer(leg->ttl));
	rc |= leg_hop_encode(json, family, leg);
	if (rc) {
		json_decref(json);
		return NULL;
	}
	return json;
}

json_t *
flow_spec_encode(const struct flow_spec *spec)
{
	json_t *legs = json_array();
	unsigned i;

	for (i = 0; i < spec->n_legs; i++) {
		if (json_array_append_new(legs, leg_encode(spec->match.family, &spec->legs[i]))) {
			json_decref(legs);
			return NULL;
		}
	}
	return json_pack("{s:s, s:o, s:o}", "id", spec->id, "match", match_encode(&spec->match),
		"legs", legs);
}
