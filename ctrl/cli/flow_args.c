/* SPDX-License-Identifier: BSD-3-Clause */
/* See flow_args.h. Tables of keys and options drive parser and help alike. */
#include "cli/flow_args.h"

#include <string.h>

#include "cli/cli.h"
#include "cli/endpoint.h"
#include "cli/quantity.h"

const struct pair_key flow_match_keys[] = {
	{"port", "port", PAIR_NAME, true, "port that the packets come in by"},
	{"dst", "dst", PAIR_ENDPOINT, true, "local address and UDP port they go to"},
	{"src", "src", PAIR_ENDPOINT, false, "sender's address and UDP port; without: any"},
	{"vlan", "vlan", PAIR_NUMBER, false, "802.1Q VLAN; without: untagged"},
	{"outer-vlan", "outer_vlan", PAIR_NUMBER, false, "802.1ad VLAN around it; without: none"},
	{NULL},
};

const struct pair_key flow_rule_keys[] = {
	{"priority", "priority", PAIR_NUMBER, true, "from 1; the greatest wins"},
	{"family", "family", PAIR_NUMBER, false, "4 or 6; needed when no prefix tells"},
	{"port", "port", PAIR_NAME, false, "port that they come in by; without: any"},
	{"src", "src", PAIR_PREFIX, false, "sources; without: any"},
	{"dst", "dst", PAIR_PREFIX, false, "destinations; without: any"},
	{"src-ports", "src_ports", PAIR_PORTS, false, "source UDP ports; without: any"},
	{"dst-ports", "dst_ports", PAIR_PORTS, false, "destination UDP ports; without: any"},
	{"vlan", "vlan", PAIR_NUMBER, false, "802.1Q VLAN, 0 is untagged; without: any"},
	{"outer-vlan", "outer_vlan", PAIR_NUMBER, false, "802.1ad VLAN, 0 is none; without: any"},
	{NULL},
};

const struct pair_key flow_class_keys[] = {
	{"stun", "stun", PAIR_VERDICT, false, "first byte 0 to 3"},
	{"dtls", "dtls", PAIR_VERDICT, false, "first byte 20 to 63"},
	{"rtp", "rtp", PAIR_VERDICT, false, "first byte 128 to 191, RTP and RTCP"},
	{"other", "other", PAIR_VERDICT, false, "any other, and no payload"},
	{NULL},
};

const struct pair_key flow_leg_keys[] = {
	{"port", "port", PAIR_NAME, true, "port that the copy leaves by"},
	{"src", "src", PAIR_ENDPOINT, true, "address and UDP port to send from"},
	{"dst", "dst", PAIR_ENDPOINT, true, "destination address and UDP port"},
	{"id", "id", PAIR_NAME, false, "name of the leg; without: leg-N is given"},
	{"vlan", "vlan", PAIR_NUMBER, false, "802.1Q VLAN to send with; without: untagged"},
	{"outer-vlan", "outer_vlan", PAIR_NUMBER, false, "802.1ad VLAN around it; without: none"},
	{"dscp", "dscp", PAIR_DSCP, false, "0 to 63 or EF, AF41, CS3 ...; without: kept"},
	{"ttl", "ttl", PAIR_NUMBER, false, "TTL or hop limit to set; without: one less"},
	{"next-hop", "next_hop", PAIR_ADDRESS, false, "gateway; without: by the kernel's route"},
	{"mac", "mac", PAIR_MAC, false, "link-layer address of the next hop, fixed"},
	{"police", "police", PAIR_RATE, false, "bits a second, and bytes at once"},
	{"one-in", "one_in", PAIR_NUMBER, false, "a copy of every N-th packet only"},
	{"admin", "admin", PAIR_STATE, false, "down: no copies for now"},
	{NULL},
};

/* How the value of an option becomes a member of the flow. */
enum option_form {
	FORM_TEXT,
	FORM_SECONDS,
	FORM_MILLISECONDS,
	FORM_BYTES,
	FORM_RATE,
	FORM_PREFIXES,
	FORM_PAIRS,
};

static const struct flow_option {
	const char *name;
	const char *member;
	enum option_form form;
	const struct pair_key *keys; /* of FORM_PAIRS */
} flow_options[] = {
	{"id", "id", FORM_TEXT, NULL}, {"match", "match", FORM_PAIRS, flow_match_keys},
	{"rule", "rule", FORM_PAIRS, flow_rule_keys}, {"admin", "admin", FORM_TEXT, NULL},
	{"action", "action", FORM_TEXT, NULL}, {"latch", "latch", FORM_TEXT, NULL},
	{"latch-interval-ms", "latch_interval_ms", FORM_MILLISECONDS, NULL},
	{"allow", "allow", FORM_PREFIXES, NULL},
	{"classes", "classes", FORM_PAIRS, flow_class_keys}, {"police", "police", FORM_RATE, NULL},
	{"idle-timeout", "idle_timeout_s", FORM_SECONDS, NULL},
	{"max-datagram", "max_datagram_bytes", FORM_BYTES, NULL},
	{"leg", NULL, FORM_PAIRS, NULL}, /* flow_args_legs() sees to it */
};

#define N_FLOW_OPTIONS (sizeof(flow_options) / sizeof(flow_options[0]))

json_t *
flow_args_legs(const struct arguments *arguments, char *error)
{
	json_t *legs = json_array(), *leg;
	char wrong[PAIRS_ERROR_MAX];
	size_t position = 0;
	const char *text;

	while ((text = arguments_next(arguments, "leg", &position)) != NULL) {
		leg = pairs_parse(flow_leg_keys, text, wrong);
		if (leg == NULL) {
			snprintf(error, FLOW_ARGS_ERROR_MAX, "--leg number %zu: %s",
				json_array_size(legs) + 1, wrong);
			json_decref(legs);
			return NULL;
		}
		json_array_append_new(legs, leg);
	}
	return legs;
}

/* All --allow options. New reference, or NULL with `wrong` filled. */
static json_t *
prefixes_json(const struct arguments *arguments, const char *name, char *wrong)
{
	json_t *prefixes = json_array();
	size_t position = 0;
	const char *text;

	while ((text = arguments_next(arguments, name, &position)) != NULL) {
		if (!prefix_is_valid(text)) {
			snprintf(wrong, PAIRS_ERROR_MAX,
				"\"%.64s\" is not a prefix, as 192.0.2.0/24", text);
			json_decref(prefixes);
			return NULL;
		}
		json_array_append_new(prefixes, json_string(text));
	}
	return prefixes;
}

/* New reference, or NULL with `wrong` (room for PAIRS_ERROR_MAX) filled. */
static json_t *
option_json(const struct flow_option *option, const struct arguments *arguments, const char *value,
	char *wrong)
{
	const char *what = "UTF-8";
	json_t *json = NULL;

	switch (option->form) {
	case FORM_PAIRS:
		return pairs_parse(option->keys, value, wrong);
	case FORM_PREFIXES:
		return prefixes_json(arguments, option->name, wrong);
	case FORM_SECONDS:
		what = "a time in whole seconds, as 60, 60s or 5m";
		json = unit_value("s", value);
		break;
	case FORM_MILLISECONDS:
		what = "a time in whole milliseconds, as 500, 500ms or 2s";
		json = unit_value("ms", value);
		break;
	case FORM_BYTES:
		what = "a number of bytes";
		json = unit_value("decimal", value);
		break;
	case FORM_RATE:
		what = "RATE or RATE/BURST, as 64k or 2.5M/3000";
		json = police_parse(value);
		break;
	case FORM_TEXT:
		json = json_string(value);
		break;
	}
	if (json == NULL)
		snprintf(wrong, PAIRS_ERROR_MAX, "\"%.64s\" is not %s", value, what);
	return json;
}

json_t *
flow_args_flow(const struct arguments *arguments, char *error)
{
	json_t *flow = json_object(), *legs, *json;
	char wrong[PAIRS_ERROR_MAX];

	for (size_t i = 0; i < N_FLOW_OPTIONS; i++) {
		const struct flow_option *option = &flow_options[i];
		const char *value = arguments_value(arguments, option->name);

		if (value == NULL || option->member == NULL)
			continue;
		json = option_json(option, arguments, value, wrong);
		if (json == NULL) {
			snprintf(error, FLOW_ARGS_ERROR_MAX, "--%s: %s", option->name, wrong);
			goto fail;
		}
		json_object_set_new(flow, option->member, json);
	}
	legs = flow_args_legs(arguments, error);
	if (legs == NULL)
		goto fail;
	json_object_set_new(flow, "legs", legs);
	return flow;
fail:
	json_decref(flow);
	return NULL;
}

const char *
flow_args_first(const struct arguments *arguments)
{
	for (size_t i = 0; i < N_FLOW_OPTIONS; i++) {
		if (arguments_value(arguments, flow_options[i].name) != NULL)
			return flow_options[i].name;
	}
	return NULL;
}

void
flow_args_print_leg_keys(FILE *out)
{
	pairs_print(out, "Keys of --leg, separated by commas:", flow_leg_keys);
	fprintf(out, "\nAn IPv6 ADDRESS:PORT is written [2001:db8::1]:5004. A RATE is in bits a\n"
		     "second, a BURST in bytes; k, M and G may follow: 2.5M/3000.\n");
}

void
flow_args_print_keys(FILE *out)
{
	pairs_print(out, "Keys of --match, separated by commas:", flow_match_keys);
	pairs_print(out, "\nKeys of --rule:", flow_rule_keys);
	pairs_print(out, "\nKeys of --classes, told by the payload:", flow_class_keys);
	fputc('\n', out);
	flow_args_print_leg_keys(out);
}
