/* SPDX-License-Identifier: BSD-3-Clause */
/* See flow_args.h. Two tables of keys drive parser and help alike. */
#include "cli/flow_args.h"

#include <stdbool.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/endpoint.h"

enum key_kind { KEY_NAME, KEY_MAC, KEY_NUMBER, KEY_ADDRESS, KEY_ENDPOINT };

static const char *const key_values[] = {
	[KEY_NAME] = "NAME",
	[KEY_MAC] = "MAC",
	[KEY_NUMBER] = "NUMBER",
	[KEY_ADDRESS] = "ADDRESS",
	[KEY_ENDPOINT] = "ADDRESS:PORT",
};

struct key {
	const char *name;
	const char *member; /* of the JSON; an endpoint fills <member>_port too */
	enum key_kind kind;
	bool required;
	const char *help;
};

static const struct key match_keys[] = {
	{"port", "port", KEY_NAME, true, "port that the packets come in by"},
	{"dst", "dst", KEY_ENDPOINT, true, "local address and UDP port they go to"},
	{"src", "src", KEY_ENDPOINT, false, "sender's address and UDP port; without: any"},
	{"vlan", "vlan", KEY_NUMBER, false, "802.1Q VLAN; without: untagged"},
	{NULL},
};

static const struct key leg_keys[] = {
	{"port", "port", KEY_NAME, true, "port that the copy leaves by"},
	{"src", "src", KEY_ENDPOINT, true, "address and UDP port to send from"},
	{"dst", "dst", KEY_ENDPOINT, true, "destination address and UDP port"},
	{"vlan", "vlan", KEY_NUMBER, false, "802.1Q VLAN to send with; without: untagged"},
	{"dscp", "dscp", KEY_NUMBER, false, "DSCP to set; without: kept"},
	{"ttl", "ttl", KEY_NUMBER, false, "TTL or hop limit to set; without: one less"},
	{"next-hop", "next_hop", KEY_ADDRESS, false, "gateway; without: by the kernel's route"},
	{"mac", "mac", KEY_MAC, false, "link-layer address of the next hop, fixed"},
	{NULL},
};

static const struct key *
key_find(const struct key *keys, const char *name, size_t length)
{
	for (; keys->name != NULL; keys++) {
		if (strlen(keys->name) == length && memcmp(keys->name, name, length) == 0)
			return keys;
	}
	return NULL;
}

static int
key_set_number(json_t *object, const struct key *key, const char *value, char *error)
{
	uint64_t number;

	if (number_parse(value, 0, UINT32_MAX, &number) < 0) {
		snprintf(error, FLOW_ARGS_ERROR_MAX, "%s: \"%.64s\" is not a number", key->name,
			value);
		return -1;
	}
	return json_object_set_new(object, key->member, json_integer((json_int_t)number));
}

static int
key_set_endpoint(json_t *object, const struct key *key, const char *value, char *error)
{
	struct endpoint endpoint;
	const char *wrong = endpoint_parse(value, &endpoint);
	char member[32];

	if (wrong != NULL) {
		snprintf(error, FLOW_ARGS_ERROR_MAX, "%s: \"%.64s\": %s", key->name, value, wrong);
		return -1;
	}
	snprintf(member, sizeof(member), "%s_port", key->member);
	json_object_set_new(object, key->member, json_string(endpoint.address));
	return json_object_set_new(object, member, json_integer(endpoint.port));
}

static int
key_set(json_t *object, const struct key *key, const char *value, char *error)
{
	if (json_object_get(object, key->member) != NULL) {
		snprintf(error, FLOW_ARGS_ERROR_MAX, "%s is given twice", key->name);
		return -1;
	}
	if (value[0] == '\0') {
		snprintf(error, FLOW_ARGS_ERROR_MAX, "%s has no value", key->name);
		return -1;
	}
	if (key->kind == KEY_ENDPOINT)
		return key_set_endpoint(object, key, value, error);
	if (key->kind == KEY_NUMBER)
		return key_set_number(object, key, value, error);
	if (key->kind == KEY_ADDRESS && !address_is_valid(value)) {
		snprintf(error, FLOW_ARGS_ERROR_MAX, "%s: \"%.64s\" is not an IP address",
			key->name, value);
		return -1;
	}
	return json_object_set_new(object, key->member, json_string(value));
}

/* One KEY=VALUE, which is cut in place. */
static int
part_parse(json_t *object, const struct key *keys, char *part, char *error)
{
	char *equals = strchr(part, '=');
	const struct key *key;

	if (equals == NULL) {
		snprintf(error, FLOW_ARGS_ERROR_MAX, "\"%.64s\" is not KEY=VALUE", part);
		return -1;
	}
	key = key_find(keys, part, (size_t)(equals - part));
	if (key == NULL) {
		*equals = '\0';
		snprintf(error, FLOW_ARGS_ERROR_MAX, "unknown key \"%.64s\"", part);
		return -1;
	}
	return key_set(object, key, equals + 1, error);
}

static json_t *
keys_parse(const struct key *keys, const char *text, char *error)
{
	char *copy = strdup(text), *rest = copy, *part;
	json_t *object = json_object();

	if (copy == NULL || object == NULL)
		cli_out_of_memory();
	while ((part = strsep(&rest, ",")) != NULL) {
		if (part_parse(object, keys, part, error) < 0)
			goto fail;
	}
	for (; keys->name != NULL; keys++) {
		if (keys->required && json_object_get(object, keys->member) == NULL) {
			snprintf(error, FLOW_ARGS_ERROR_MAX, "%s= is missing", keys->name);
			goto fail;
		}
	}
	free(copy);
	return object;
fail:
	free(copy);
	json_decref(object);
	return NULL;
}

json_t *
flow_args_match(const char *text, char *error)
{
	return keys_parse(match_keys, text, error);
}

json_t *
flow_args_leg(const char *text, char *error)
{
	return keys_parse(leg_keys, text, error);
}

static void
keys_print(FILE *out, const char *title, const struct key *keys)
{
	fprintf(out, "%s\n", title);
	for (; keys->name != NULL; keys++)
		fprintf(out, "  %s=%-*s  %s%s\n", keys->name, (int)(21 - strlen(keys->name)),
			key_values[keys->kind], keys->help, keys->required ? " (required)" : "");
}

void
flow_args_print_keys(FILE *out)
{
	keys_print(out, "Keys of --match, separated by commas:", match_keys);
	keys_print(out, "\nKeys of --leg:", leg_keys);
	fprintf(out, "\nAn IPv6 ADDRESS:PORT is written [2001:db8::1]:5004.\n");
}
