/* SPDX-License-Identifier: BSD-3-Clause */
/* The rule of a flow: what is absent takes anything, so a prefix has to tell the family. */
#include <string.h>

#include "state/field.h"
#include "state/flow_parts.h"

/* A prefix member, if it is there; the family that it tells must be that of what came before. */
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

int
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

void
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
