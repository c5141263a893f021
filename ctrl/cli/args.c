/* SPDX-License-Identifier: BSD-3-Clause */
/* See args.h. */
#include "cli/args.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jansson.h>

#include "base/addr.h"
#include "base/escape.h"
#include "cli/output.h"
#include "schema/schema.h"

#define OPTIONS_MAX 64 /* of a command, with those of the program */

static enum option_kind
option_error(struct option_scan *scan, const char *what, const char *argument)
{
	snprintf(scan->error, sizeof(scan->error), "%s %.80s", what, argument);
	return OPTION_ERROR;
}

/* Append a table to what getopt_long() takes: values are 256 and the index, or the letter. */
static void
options_add(const struct option_spec *table, struct option *longs, const struct option_spec **specs,
	char *letters, size_t *n)
{
	for (; table != NULL && table->name != NULL && *n < OPTIONS_MAX; table++, (*n)++) {
		longs[*n] = (struct option){table->name,
			table->value != NULL ? required_argument : no_argument, NULL,
			256 + (int)*n};
		specs[*n] = table;
		if (table->letter != '\0')
			sprintf(letters + strlen(letters), "%c%s", table->letter,
				table->value != NULL ? ":" : "");
	}
}

enum option_kind
options_next(struct option_scan *scan)
{
	struct option longs[OPTIONS_MAX + 1] = {0};
	const struct option_spec *specs[OPTIONS_MAX];
	char letters[2 * OPTIONS_MAX + 3] = "-:"; /* in the order that they have; no messages */
	const char *argument;
	size_t n = 0, i;
	int code;

	if (!scan->began)
		optind = 0; /* of another command line before */
	scan->began = true;
	options_add(scan->globals, longs, specs, letters, &n);
	options_add(scan->locals, longs, specs, letters, &n);
	argument = scan->argv[optind > 0 ? optind : 1];
	code = scan->words_only ? -1 : getopt_long(scan->argc, scan->argv, letters, longs, NULL);
	if (code == 1) {
		scan->value = optarg;
		return OPTION_WORD;
	}
	if (code == -1) {
		scan->words_only = true; /* behind -- */
		scan->value = optind < scan->argc ? scan->argv[optind++] : NULL;
		return scan->value != NULL ? OPTION_WORD : OPTION_END;
	}
	if (code == ':')
		return option_error(scan, "value missing after", argument);
	for (i = 0; i < n && code != 256 + (int)i && code != specs[i]->letter; i++)
		;
	/* A name is given whole: what a part of it means would change with the next option. */
	if (i < n && argument[1] == '-' && strcspn(argument + 2, "=") != strlen(specs[i]->name))
		i = n;
	if (i == n)
		return option_error(scan,
			optopt >= 256 ? "option takes no value:" : "unknown option", argument);
	scan->spec = specs[i];
	scan->value = specs[i]->value != NULL ? optarg : NULL;
	return OPTION_NAMED;
}

void
arguments_init(struct arguments *arguments, size_t room)
{
	memset(arguments, 0, sizeof(*arguments));
	arguments->options = calloc(room + 1, sizeof(*arguments->options));
	arguments->words = calloc(room + 1, sizeof(*arguments->words));
	if (arguments->options == NULL || arguments->words == NULL)
		cli_out_of_memory();
}

void
arguments_fini(struct arguments *arguments)
{
	free(arguments->options);
	free(arguments->words);
	memset(arguments, 0, sizeof(*arguments));
}

const char *
arguments_next(const struct arguments *arguments, const char *name, size_t *position)
{
	while (*position < arguments->n_options) {
		const size_t i = (*position)++;

		if (strcmp(arguments->options[i].name, name) == 0)
			return arguments->options[i].value != NULL ? arguments->options[i].value
								   : "";
	}
	return NULL;
}

const char *
arguments_value(const struct arguments *arguments, const char *name)
{
	const char *value, *last = NULL;
	size_t position = 0;

	while ((value = arguments_next(arguments, name, &position)) != NULL)
		last = value;
	return last;
}

int
number_parse(const char *text, uint64_t min, uint64_t max, uint64_t *number)
{
	unsigned long long read;
	char *end;

	errno = 0;
	read = strtoull(text, &end, 10);
	/* Only digits: strtoull() takes blanks and a sign as well. */
	if (*text < '0' || *text > '9' || *end != '\0' || errno != 0 || read < min || read > max)
		return -EINVAL;
	*number = read;
	return 0;
}

int
seconds_parse(const char *text, uint64_t *milliseconds)
{
	uint64_t ms;

	if (time_parse(text, 1000, &ms) < 0 || ms < 1 || ms > 86400000)
		return -EINVAL;
	*milliseconds = ms;
	return 0;
}

const char *
endpoint_set(json_t *object, const char *member, const char *text)
{
	const bool bracketed = text[0] == '[';
	const char *start = bracketed ? text + 1 : text;
	const char *colon = strrchr(text, ':');
	const char *end = bracketed ? strchr(text, ']') : colon;
	char address[ADDRESS_TEXT_MAX], name[32];
	uint8_t bytes[ADDRESS_BYTES];
	uint64_t port;

	if (!bracketed && colon != NULL && strchr(text, ':') != colon)
		return "an IPv6 address must be in brackets: [2001:db8::1]:5004";
	if (end == NULL || (bracketed && end[1] != ':'))
		return "expected ADDRESS:PORT, as 192.0.2.1:5004 or [2001:db8::1]:5004";
	if (end == start)
		return "no IP address before the port";
	snprintf(address, sizeof(address), "%.*s", (int)(end - start), start);
	if ((size_t)(end - start) >= sizeof(address) ||
		address_parse(address, bytes) != (bracketed ? 6 : 4))
		return bracketed ? "not an IPv6 address in the brackets" : "not an IPv4 address";
	if (number_parse(bracketed ? end + 2 : end + 1, 0, UINT16_MAX, &port) < 0)
		return "the port is not a number from 0 to 65535";
	snprintf(name, sizeof(name), "%s_port", member);
	json_object_set_new(object, member, json_string(address));
	json_object_set_new(object, name, json_integer((json_int_t)port));
	return NULL;
}

/* The unit at the end of a member's name, which a key or an option need not say; "": none. */
static const char *
member_unit(const char *member)
{
	const char *end = strrchr(member, '_');

	return end != NULL && (strcmp(end, "_s") == 0 || strcmp(end, "_bytes") == 0) ? end : "";
}

bool
name_is_member(const char *name, const char *member)
{
	for (; *name != '\0'; name++, member++) {
		if (*name != (*member == '_' ? '-' : *member))
			return false;
	}
	return strcmp(member, "") == 0 || strcmp(member, "s") == 0 ||
	       (member[0] == '_' && strcmp(member, member_unit(member)) == 0);
}

/* A component of the contract. */
static json_t *
component(const char *name)
{
	return schema_component(schema_rpc_document(), name);
}

static json_t *
component_members(const char *name)
{
	return json_object_get(component(name), "properties");
}

/* A schema, or the component that it refers to. */
static json_t *
schema_resolve(json_t *schema)
{
	const char *reference = json_string_value(json_object_get(schema, "$ref"));

	return reference != NULL ? component(strrchr(reference, '/') + 1) : schema;
}

/* An address and its port, as dst and dst_port, are one key: is it the first, or the second? */
static bool
is_endpoint(json_t *members, const char *member)
{
	char port[64];

	snprintf(port, sizeof(port), "%s_port", member);
	return json_object_get(members, port) != NULL;
}

static bool
is_endpoint_port(json_t *members, const char *member)
{
	const char *end = strstr(member, "_port");

	return end != NULL && end[5] == '\0' &&
	       json_object_getn(members, member, (size_t)(end - member)) != NULL;
}

/* The member that a key or an option stands for; NULL: none. */
static const char *
member_find(json_t *members, const char *key)
{
	const char *member;
	json_t *schema;

	json_object_foreach (members, member, schema) {
		if (name_is_member(key, member) && !is_endpoint_port(members, member))
			return member;
	}
	return NULL;
}

static json_t *pairs_json(json_t *schema, const char *text, char *error);

/*
 * A value as JSON. Its type is that of the contract; whether it may be that is for the daemon to
 * say. Numbers may be texts with a unit. NULL with `error` filled for pairs that are wrong.
 */
static json_t *
value_json(json_t *schema, const char *text, char *error)
{
	const size_t rate_length = strcspn(text, "/");
	char first[12], last[12];
	uint64_t number;
	int n, length = 0;

	if (member_is(schema, "type", "boolean") && strcmp(text, "false") == 0)
		return json_false();
	if (member_is(schema, "type", "boolean") && (*text == '\0' || strcmp(text, "true") == 0))
		return json_true();
	if (member_is(schema, "type", "integer") && number_parse(text, 0, INT64_MAX, &number) == 0)
		return json_integer((json_int_t)number);
	if (schema == component("police")) /* RATE/BURST */
		return json_pack("{s:s#, s:s*}", "rate_bps", text, (int)rate_length, "burst_bytes",
			text[rate_length] == '/' ? text + rate_length + 1 : NULL);
	if (member_is(schema, "type", "object"))
		return pairs_json(schema, text, error);
	n = sscanf(text, "%9[0-9]%n-%9[0-9]%n", first, &length, last, &length);
	if (member_is(schema, "type", "array") && n > 0 && text[length] == '\0') /* FIRST-LAST */
		return json_pack("[I, I]", atoll(first), atoll(n == 2 ? last : first));
	return json_string(text);
}

/* 192.0.2.1 or [2001:db8::1]: an address whose port is left to a pool. NULL: it is not. */
static json_t *
address_alone(json_t *members, const char *text)
{
	const size_t bracketed = text[0] == '[', length = strlen(text) - 2 * bracketed;
	char address[ADDRESS_TEXT_MAX];
	uint8_t bytes[ADDRESS_BYTES];

	if (!json_object_get(members, "pool") || length >= sizeof(address) ||
		(bracketed && text[length + 1] != ']'))
		return NULL;
	snprintf(address, sizeof(address), "%.*s", (int)length, text + bracketed);
	return address_parse(address, bytes) == (bracketed ? 6 : 4) ? json_string(address) : NULL;
}

/* Set the member to what a text says; that of an endpoint and its port. */
static int
value_set(json_t *object, json_t *members, const char *member, const char *text, char *error)
{
	json_t *address;
	const char *wrong;
	uint64_t port;

	/* A receiver may leave its local address to its side. */
	if (members == component_members("relay_receiver") && strcmp(member, "local") == 0 &&
		number_parse(text, 0, UINT16_MAX, &port) == 0)
		return json_object_set_new(object, "local_port", json_integer((json_int_t)port));
	if (!is_endpoint(members, member))
		return json_object_set_new(object, member,
			value_json(schema_resolve(json_object_get(members, member)), text, error));
	address = address_alone(members, text);
	if (address != NULL)
		return json_object_set_new(object, member, address);
	wrong = endpoint_set(object, member, text);
	if (wrong == NULL)
		return 0;
	snprintf(error, ARGS_ERROR_MAX, "\"%.64s\": %s", text, wrong);
	return -1;
}

static bool
list_of_texts(const json_t *schema)
{
	return member_is(json_object_get(schema, "items"), "type", "string");
}

/* Such a member has no key: it is for files. */
static bool
list_of_objects(const json_t *schema)
{
	const json_t *items = json_object_get(schema, "items");

	return json_object_get(items, "$ref") != NULL;
}

static int
pair_set(json_t *object, json_t *members, char *pair, char *error)
{
	char *value = strchr(pair, '='), wrong[ARGS_ERROR_MAX];
	const char *member;
	bool list;

	if (value == NULL)
		return snprintf(error, ARGS_ERROR_MAX, "\"%.64s\" is not KEY=VALUE", pair);
	*value++ = '\0';
	member = member_find(members, pair);
	if (member == NULL || list_of_objects(json_object_get(members, member)))
		return snprintf(error, ARGS_ERROR_MAX, "unknown key \"%.64s\"", pair);
	list = list_of_texts(json_object_get(members, member));
	if (json_object_get(object, member) != NULL && !list)
		return snprintf(error, ARGS_ERROR_MAX, "%s is given twice", pair);
	if (value[0] == '\0')
		return snprintf(error, ARGS_ERROR_MAX, "%s has no value", pair);
	if (list) {
		if (json_object_get(object, member) == NULL)
			json_object_set_new(object, member, json_array());
		return json_array_append_new(json_object_get(object, member), json_string(value));
	}
	if (value_set(object, members, member, value, wrong) < 0)
		return snprintf(error, ARGS_ERROR_MAX, "%.64s: %.200s", pair, wrong);
	return 0;
}

/* KEY=VALUE,... as the object of that schema. */
static json_t *
pairs_json(json_t *schema, const char *text, char *error)
{
	json_t *members = json_object_get(schema, "properties"), *required;
	char *copy = text_format("%s", text), *rest = copy, *pair;
	json_t *object = json_object();
	int rc = 0;
	size_t i;

	while (rc == 0 && (pair = strsep(&rest, ",")) != NULL)
		rc = pair_set(object, members, pair, error);
	json_array_foreach (json_object_get(schema, "required"), i, required) {
		if (rc == 0 && json_object_get(object, json_string_value(required)) == NULL)
			rc = snprintf(error, ARGS_ERROR_MAX, "%s= is missing",
				json_string_value(required));
	}
	free(copy);
	if (rc == 0)
		return object;
	json_decref(object);
	return NULL;
}

const struct option_spec flow_add_options[] = {
	{"id", "NAME", "id of the flow (default: flow-N)"},
	{"match", "K=V,...", "match packets by address and port"},
	{"rule", "K=V,...", "match packets by prefixes and ranges"},
	{"leg", "K=V,...", "receiver of a copy; once for each leg"},
	{"action", "forward|drop|punt", "action for the packets (forward)"},
	{"admin", "up|down", "down: installed, drops all packets (up)"},
	{"latch", "open|first|follow", "accepted source of a listener (open)"},
	{"latch-interval-ms", "TIME", "follow: least time between changes (1000)"},
	{"latch-by", "any|ssrc|rtcp_ssrc|stun|dtls|rtp|other", "what opens or moves it (any)"},
	{"source", "K=V,...", "source to choose from; once for each, best first"},
	{"source-timeout-ms", "TIME", "silence after which another source is chosen"},
	{"source-return-ms", "TIME", "a better source is back after TIME (5000)"},
	{"allow", "ADDRESS/BITS", "allowed sources; may be repeated"},
	{"classes", "K=V,...", "verdicts for STUN, DTLS, RTP and other"},
	{"police", "RATE[/BURST]", "bits per second, and burst in bytes"},
	{"idle-timeout", "TIME", "remove the flow when it was idle for TIME"},
	{"media-timeout", "TIME", "event when there was no packet for TIME"},
	{"reopen", NULL, "at the media time-out the latch opens again"},
	{"max-datagram", "BYTES", "longest datagram received, for the MTU check"},
	{"file", "FILE", "the same as FILE; - is standard input"},
	{CHANGE_IF_GENERATION},
	{CHANGE_COMMENT},
	{NULL},
};

/* Append the items of a list with commas. */
static int
list_append(json_t *list, const char *text)
{
	for (size_t length;; text += length + 1) {
		length = strcspn(text, ",");
		json_array_append_new(list, json_stringn(text, length));
		if (text[length] == '\0')
			return 0;
	}
}

/* Set a member to what all options of that name say: a list has an item for each. */
static int
option_set(const struct arguments *arguments, const struct option_spec *option, json_t *members,
	const char *member, json_t *object, char *error)
{
	const json_t *schema = schema_resolve(json_object_get(members, member));
	json_t *items = json_object_get(schema, "items"), *list = json_object_get(object, member);
	char wrong[ARGS_ERROR_MAX], number[32] = "";
	size_t position = 0;
	const char *text;
	int rc = 0;

	if (items != NULL && list == NULL)
		json_object_set_new(object, member, list = json_array());
	while (rc == 0 && (text = arguments_next(arguments, option->name, &position)) != NULL) {
		if (items == NULL)
			rc = value_set(object, members, member, text, wrong);
		else if (option->value == NULL)
			rc = json_array_append_new(list, json_string(option->name));
		else if (json_object_get(items, "enum") != NULL)
			rc = list_append(list, text);
		else
			rc = json_array_append_new(
				list, value_json(schema_resolve(items), text, wrong));
	}
	if (rc == 0)
		return 0;
	if (items != NULL)
		snprintf(number, sizeof(number), " number %zu", json_array_size(list) + 1);
	snprintf(error, ARGS_ERROR_MAX, "--%s%s: %.250s", option->name, number, wrong);
	return -1;
}

bool
option_is_member(const struct option_spec *option, const char *member)
{
	return option->member != NULL ? strcmp(option->member, member) == 0
				      : name_is_member(option->name, member);
}

int
options_set(const struct arguments *arguments, const struct option_spec *options,
	const json_t *schema, json_t *object, char *error)
{
	json_t *members = json_object_get(schema, "properties"), *inner;
	const char *member;
	int rc = 0;

	for (; rc == 0 && options != NULL && options->name != NULL; options++) {
		json_object_foreach (members, member, inner) {
			if (rc == 0 && option_is_member(options, member) &&
				arguments_value(arguments, options->name) != NULL)
				rc = option_set(arguments, options, members, member, object, error);
		}
	}
	return rc;
}

json_t *
flow_args_flow(const struct arguments *arguments, char *error)
{
	json_t *flow = json_object();

	if (options_set(arguments, flow_add_options, component("flow"), flow, error) == 0)
		return flow;
	json_decref(flow);
	return NULL;
}

const char *
flow_args_first(const struct arguments *arguments)
{
	const struct option_spec *option = flow_add_options;

	for (; option->name != NULL; option++) {
		if (member_find(component_members("flow"), option->name) != NULL &&
			arguments_value(arguments, option->name) != NULL)
			break;
	}
	return option->name;
}

/* What the help calls a value, where it does not list the choices. */
static const char *
value_name(const json_t *schema)
{
	static const struct {
		const char *keyword, *value, *name;
	} names[] = {
		{"format", "ip", "ADDRESS"},
		{"format", "mac", "MAC"},
		{"x-unit", "dscp", "DSCP"},
		{"x-unit", "s", "TIME"},
		{"x-unit", "ms", "TIME"},
		{"type", "object", "RATE[/BURST]"},
		{"type", "array", "FIRST-LAST"},
		{"type", "integer", "NUMBER"},
		{"type", "boolean", "true|false"},
	};

	if (list_of_texts(schema))
		return "ADDRESS/BITS";
	if (schema == component("classes"))
		return "CLASS=ACTION";
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (member_is(schema, names[i].keyword, names[i].value))
			return names[i].name;
	}
	return json_object_get(schema, "pattern") != NULL ? "NAME" : "ADDRESS/BITS";
}

#define HELP_INDENT 30
#define HELP_COLUMNS 79

void
help_line_print(FILE *out, const char *head, const char *help)
{
	char *text = text_format("  %-*s  %s", HELP_INDENT - 4, head, help);

	text_wrap(out, HELP_COLUMNS, HELP_INDENT, "", text);
	free(text);
}

/* A key, and the first sentence of what the contract says about it. */
static void
key_print(FILE *out, json_t *members, const char *member, bool required)
{
	const json_t *schema = schema_resolve(json_object_get(members, member));
	const char *help = member_text(schema, "description"), *end = strstr(help, ". ");
	const size_t length = strlen(member) - strlen(member_unit(member));
	struct text key, text;
	json_t *choice;
	size_t i;

	text_clear(&key);
	text_clear(&text);
	text_add(&key, "%.*s=", (int)length, member);
	for (char *dash = key.s; (dash = strchr(dash, '_')) != NULL;)
		*dash = '-';
	json_array_foreach (json_object_get(schema, "enum"), i, choice) {
		if (json_is_string(choice))
			text_add(&key, "%s%s", i > 0 ? "|" : "", json_string_value(choice));
	}
	if (key.s[key.length - 1] == '=')
		text_add(&key, "%s",
			is_endpoint(members, member) ? "ADDRESS:PORT" : value_name(schema));
	text_add(&text, "%.*s%s", end != NULL ? (int)(end - help) : (int)strlen(help) - 1, help,
		required ? " (required)" : "");
	help_line_print(out, key.s, text.s);
}

static void
keys_print(FILE *out, const char *title, const char *name)
{
	json_t *members = component_members(name), *schema, *required;
	const char *member;
	size_t i;

	fprintf(out, "%s\n", title);
	json_object_foreach (members, member, schema) {
		bool needed = false;

		json_array_foreach (json_object_get(component(name), "required"), i, required)
			needed |= strcmp(json_string_value(required), member) == 0;
		if (!is_endpoint_port(members, member) && !list_of_objects(schema))
			key_print(out, members, member, needed);
	}
}

void
flow_args_print_leg_keys(FILE *out)
{
	keys_print(out, "Keys of --leg, separated by commas:", "leg");
	fprintf(out, "\n"
		     "An IPv6 ADDRESS:PORT is written [2001:db8::1]:5004. A RATE is in bits per\n"
		     "second, a BURST in bytes, with k, M or G: 2.5M/3000.\n");
}

void
relay_args_print_keys(FILE *out)
{
	keys_print(out, "Keys of --a and --b, separated by commas:", "relay_side");
	fprintf(out,
		"\n"
		"allow= may be repeated. An IPv6 ADDRESS:PORT is written [2001:db8::1]:5004.\n"
		"A RATE is in bits per second, a BURST in bytes, with k, M or G: 2.5M/3000.\n");
}

void
relay_args_print_receiver_keys(FILE *out)
{
	keys_print(out, "Keys of --receiver, separated by commas:", "relay_receiver");
	fprintf(out, "\n"
		     "local= may be a port alone. allow= may be repeated. An IPv6 ADDRESS:PORT is\n"
		     "written [2001:db8::1]:5004.\n");
}

void
flow_args_print_keys(FILE *out)
{
	keys_print(out, "Keys of --match, separated by commas:", "match");
	keys_print(out, "\nKeys of --rule:", "rule");
	keys_print(out, "\nKeys of --classes, by first byte of the payload:", "classes");
	fputc('\n', out);
	flow_args_print_leg_keys(out);
}
