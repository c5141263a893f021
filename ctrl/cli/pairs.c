/* SPDX-License-Identifier: BSD-3-Clause */
/* See pairs.h. */
#include "cli/pairs.h"

#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/endpoint.h"
#include "cli/quantity.h"

static const char *const kind_values[] = {
	[PAIR_NAME] = "NAME",
	[PAIR_STATE] = "up|down",
	[PAIR_VERDICT] = "forward|drop|punt",
	[PAIR_MAC] = "MAC",
	[PAIR_NUMBER] = "NUMBER",
	[PAIR_DSCP] = "DSCP",
	[PAIR_ADDRESS] = "ADDRESS",
	[PAIR_ENDPOINT] = "ADDRESS:PORT",
	[PAIR_PREFIX] = "ADDRESS/BITS",
	[PAIR_PORTS] = "FIRST-LAST",
	[PAIR_RATE] = "RATE[/BURST]",
};

static const struct pair_key *
key_find(const struct pair_key *keys, const char *name, size_t length)
{
	for (; keys->name != NULL; keys++) {
		if (strlen(keys->name) == length && memcmp(keys->name, name, length) == 0)
			return keys;
	}
	return NULL;
}

/* The two members that an endpoint fills. Returns NULL, or what is wrong. */
static const char *
endpoint_set(json_t *object, const struct pair_key *key, const char *value)
{
	struct endpoint endpoint;
	const char *wrong = endpoint_parse(value, &endpoint);
	char member[32];

	if (wrong != NULL)
		return wrong;
	snprintf(member, sizeof(member), "%s_port", key->member);
	json_object_set_new(object, key->member, json_string(endpoint.address));
	json_object_set_new(object, member, json_integer(endpoint.port));
	return NULL;
}

static json_t *
number_json(const char *value)
{
	uint64_t number;

	return number_parse(value, 0, UINT32_MAX, &number) == 0 ? json_integer((json_int_t)number)
								: NULL;
}

/* FIRST-LAST, or one number for both. */
static json_t *
ports_json(const char *value)
{
	const size_t length = strcspn(value, "-");
	char first[8];
	uint64_t from, to;

	if (length >= sizeof(first))
		return NULL;
	memcpy(first, value, length);
	first[length] = '\0';
	if (number_parse(first, 0, UINT16_MAX, &from) < 0)
		return NULL;
	to = from;
	if (value[length] == '-' && number_parse(value + length + 1, from, UINT16_MAX, &to) < 0)
		return NULL;
	return json_pack("[I, I]", (json_int_t)from, (json_int_t)to);
}

/* Everything that is one member. New reference, or NULL with *wrong set. */
static json_t *
value_json(enum pair_kind kind, const char *value, const char **wrong)
{
	switch (kind) {
	case PAIR_NUMBER:
		*wrong = "is not a number";
		return number_json(value);
	case PAIR_DSCP:
		*wrong = "is not a DSCP from 0 to 63, nor a name as EF, AF41 or CS3";
		return unit_value("dscp", value);
	case PAIR_ADDRESS:
		*wrong = "is not an IP address";
		return address_is_valid(value) ? json_string(value) : NULL;
	case PAIR_PREFIX:
		*wrong = "is not a prefix, as 192.0.2.0/24";
		return prefix_is_valid(value) ? json_string(value) : NULL;
	case PAIR_PORTS:
		*wrong = "is not a port or FIRST-LAST, from 0 to 65535";
		return ports_json(value);
	case PAIR_RATE:
		*wrong = "is not RATE or RATE/BURST, as 64k or 2.5M/3000";
		return police_parse(value);
	default:
		return json_string(value);
	}
}

static int
key_set(json_t *object, const struct pair_key *key, const char *value, char *error)
{
	const char *wrong = "is not UTF-8", *separator = " ";
	json_t *json;

	if (json_object_get(object, key->member) != NULL) {
		snprintf(error, PAIRS_ERROR_MAX, "%s is given twice", key->name);
		return -1;
	}
	if (value[0] == '\0') {
		snprintf(error, PAIRS_ERROR_MAX, "%s has no value", key->name);
		return -1;
	}
	if (key->kind == PAIR_ENDPOINT) {
		wrong = endpoint_set(object, key, value);
		if (wrong == NULL)
			return 0;
		separator = ": ";
	} else {
		json = value_json(key->kind, value, &wrong);
		if (json != NULL)
			return json_object_set_new(object, key->member, json);
	}
	snprintf(error, PAIRS_ERROR_MAX, "%s: \"%.64s\"%s%s", key->name, value, separator, wrong);
	return -1;
}

/* One KEY=VALUE, which is cut in place. */
static int
part_parse(json_t *object, const struct pair_key *keys, char *part, char *error)
{
	char *equals = strchr(part, '=');
	const struct pair_key *key;

	if (equals == NULL) {
		snprintf(error, PAIRS_ERROR_MAX, "\"%.64s\" is not KEY=VALUE", part);
		return -1;
	}
	key = key_find(keys, part, (size_t)(equals - part));
	if (key == NULL) {
		*equals = '\0';
		snprintf(error, PAIRS_ERROR_MAX, "unknown key \"%.64s\"", part);
		return -1;
	}
	return key_set(object, key, equals + 1, error);
}

json_t *
pairs_parse(const struct pair_key *keys, const char *text, char *error)
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
			snprintf(error, PAIRS_ERROR_MAX, "%s= is missing", keys->name);
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

void
pairs_print(FILE *out, const char *title, const struct pair_key *keys)
{
	fprintf(out, "%s\n", title);
	for (; keys->name != NULL; keys++)
		fprintf(out, "  %s=%-*s  %s%s\n", keys->name, (int)(22 - strlen(keys->name)),
			kind_values[keys->kind], keys->help, keys->required ? " (required)" : "");
}
