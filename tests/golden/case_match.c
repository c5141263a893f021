/* SPDX-License-Identifier: BSD-3-Clause */
/* What packets a flow of a case takes: an exact match or listener, or a rule. */
#include "case.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

int
case_match_decode(json_t *match, struct dp_flow_key *key, json_error_t *at)
{
	int vlan = 0, outer_vlan = 0, src_port = 0, dst_port, index, family;
	const char *port, *src = NULL, *dst;

	if (json_unpack_ex(match, at, JSON_STRICT, "{s:s, s?:i, s?:i, s?:s, s?:i, s:s, s:i}",
		    "port", &port, "vlan", &vlan, "outer_vlan", &outer_vlan, "src", &src,
		    "src_port", &src_port, "dst", &dst, "dst_port", &dst_port) < 0)
		return -1;
	index = case_port_index(port);
	family = case_address_decode(dst, key->dst);
	if (index < 0 || family < 0 ||
		(src != NULL && case_address_decode(src, key->src) != family))
		return -1;
	key->port = (uint16_t)index;
	key->family = (uint8_t)family;
	key->vlan = (uint16_t)vlan;
	key->outer_vlan = (uint16_t)outer_vlan;
	key->src_port = htons((uint16_t)src_port);
	key->dst_port = htons((uint16_t)dst_port);
	key->any_source = src == NULL;
	return 0;
}

int
case_prefix_decode(const char *text, uint8_t out[16], uint8_t *bits)
{
	const char *slash = strchr(text, '/');
	char address[64];

	if (slash == NULL || (size_t)(slash - text) >= sizeof(address))
		return -1;
	memcpy(address, text, (size_t)(slash - text));
	address[slash - text] = '\0';
	*bits = (uint8_t)atoi(slash + 1);
	return case_address_decode(address, out);
}

/* [first, last]; absent: all ports */
static int
range_decode(json_t *range, uint16_t *first, uint16_t *last, json_error_t *at)
{
	int lowest = 0, highest = UINT16_MAX;

	if (range != NULL &&
		json_unpack_ex(range, at, JSON_STRICT, "[i, i]", &lowest, &highest) < 0)
		return -1;
	*first = (uint16_t)lowest;
	*last = (uint16_t)highest;
	return 0;
}

int
case_rule_decode(json_t *item, struct dp_rule *rule, json_error_t *at)
{
	int priority, family, vlan = DP_RULE_ANY, outer_vlan = DP_RULE_ANY, index = DP_RULE_ANY;
	const char *port = NULL, *src = NULL, *dst = NULL;
	json_t *src_ports = NULL, *dst_ports = NULL;

	if (json_unpack_ex(item, at, JSON_STRICT,
		    "{s:i, s:i, s?:s, s?:i, s?:i, s?:s, s?:s, s?:o, s?:o}", "priority", &priority,
		    "family", &family, "port", &port, "vlan", &vlan, "outer_vlan", &outer_vlan,
		    "src", &src, "dst", &dst, "src_ports", &src_ports, "dst_ports", &dst_ports) < 0)
		return -1;
	if (port != NULL)
		index = case_port_index(port);
	if (index < 0 ||
		(src != NULL && case_prefix_decode(src, rule->src, &rule->src_bits) != family) ||
		(dst != NULL && case_prefix_decode(dst, rule->dst, &rule->dst_bits) != family))
		return -1;
	rule->priority = (uint32_t)priority;
	rule->family = (uint8_t)family;
	rule->port = (uint16_t)index;
	rule->vlan = (uint16_t)vlan;
	rule->outer_vlan = (uint16_t)outer_vlan;
	if (range_decode(src_ports, &rule->src_port_first, &rule->src_port_last, at) < 0)
		return -1;
	return range_decode(dst_ports, &rule->dst_port_first, &rule->dst_port_last, at);
}
