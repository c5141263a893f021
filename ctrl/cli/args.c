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

#define WRONG_MAX 160
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
	size_t n = 0, n_globals, i;
	int code;

	if (!scan->began)
		optind = 0; /* of another command line before */
	scan->began = true;
	options_add(scan->globals, longs, specs, letters, &n);
	n_globals = n;
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
	return i < n_globals ? OPTION_GLOBAL : OPTION_LOCAL;
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
	uint64_t sum = 0;

	if (*text == '\0')
		return -EINVAL;
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '9' || __builtin_mul_overflow(sum, 10, &sum) ||
			__builtin_add_overflow(sum, (uint64_t)(*text - '0'), &sum))
			return -EINVAL;
	}
	if (sum < min || sum > max)
		return -EINVAL;
	*number = sum;
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

#define DURATION_MAX_S UINT64_C(86400)

int
duration_parse(const char *text, uint64_t *seconds)
{
	uint64_t ms;

	if (time_parse(text, 1000, &ms) < 0 || ms % 1000 != 0 || ms == 0 ||
		ms > DURATION_MAX_S * 1000)
		return -EINVAL;
	*seconds = ms / 1000;
	return 0;
}

/* Is it ADDRESS/BITS? Whether bits behind the length are zero is for the daemon to judge. */
static bool
prefix_is_valid(const char *text)
{
	const size_t length = strcspn(text, "/");
	uint8_t bytes[ADDRESS_BYTES], family;
	char address[ADDRESS_TEXT_MAX];
	uint64_t bits;

	if (text[length] == '\0' || length >= sizeof(address))
		return false;
	memcpy(address, text, length);
	address[length] = '\0';
	family = address_parse(address, bytes);
	return family != 0 &&
	       number_parse(text + length + 1, 0, family == 4 ? 32 : 128, &bits) == 0;
}

const char *
endpoint_parse(const char *text, struct endpoint *endpoint)
{
	const bool bracketed = text[0] == '[';
	const char *address = bracketed ? text + 1 : text;
	const char *colon = strrchr(text, ':');
	const char *end = bracketed ? strchr(text, ']') : colon;
	uint8_t bytes[ADDRESS_BYTES];
	uint64_t port;

	if (!bracketed && colon != NULL && strchr(text, ':') != colon)
		return "an IPv6 address goes in brackets: [2001:db8::1]:5004";
	if (end == NULL || (bracketed && end[1] != ':'))
		return "expected ADDRESS:PORT, as 192.0.2.1:5004 or [2001:db8::1]:5004";
	if (end == address || (size_t)(end - address) >= sizeof(endpoint->address))
		return "no IP address before the port";
	memcpy(endpoint->address, address, (size_t)(end - address));
	endpoint->address[end - address] = '\0';
	if (address_parse(endpoint->address, bytes) != (bracketed ? 6 : 4))
		return bracketed ? "not an IPv6 address in the brackets" : "not an IPv4 address";
	if (number_parse(bracketed ? end + 2 : end + 1, 0, UINT16_MAX, &port) < 0)
		return "the port is not a number from 0 to 65535";
	endpoint->port = (uint16_t)port;
	return NULL;
}

const char *
endpoint_set(json_t *object, const char *member, const char *text)
{
	struct endpoint endpoint;
	const char *wrong = endpoint_parse(text, &endpoint);
	char port[32];

	if (wrong != NULL)
		return wrong;
	snprintf(port, sizeof(port), "%s_port", member);
	json_object_set_new(object, member, json_string(endpoint.address));
	json_object_set_new(object, port, json_integer(endpoint.port));
	return NULL;
}

json_t *
police_parse(const char *text)
{
	const size_t length = strcspn(text, "/");
	uint64_t rate_bps, burst_bytes = 0;
	char *rate = strndup(text, length);
	int status;

	status = rate != NULL ? quantity_parse(rate, &rate_bps) : -ENOMEM;
	free(rate);
	if (status == 0 && text[length] == '/')
		status = quantity_parse(text + length + 1, &burst_bytes);
	if (status < 0 || rate_bps > INT64_MAX || burst_bytes > INT64_MAX)
		return NULL;
	if (text[length] != '/')
		return json_pack("{s:I}", "rate_bps", (json_int_t)rate_bps);
	return json_pack("{s:I, s:I}", "rate_bps", (json_int_t)rate_bps, "burst_bytes",
		(json_int_t)burst_bytes);
}

/* How values are called in the help, what is wrong with one, and its unit in the schema. */
static const struct {
	const char *help, *wrong, *unit;
} kinds[] = {
	[VALUE_TEXT] = {"NAME", "is not UTF-8"},
	[VALUE_STATE] = {"up|down", "is not UTF-8"},
	[VALUE_VERDICT] = {"forward|drop|punt", "is not UTF-8"},
	[VALUE_MAC] = {"MAC", "is not UTF-8"},
	[VALUE_NUMBER] = {"NUMBER", "is not a number"},
	[VALUE_DSCP] = {"DSCP", "is not a DSCP from 0 to 63, nor a name as EF, AF41 or CS3",
		"dscp"},
	[VALUE_ADDRESS] = {"ADDRESS", "is not an IP address"},
	[VALUE_ENDPOINT] = {"ADDRESS:PORT"},
	[VALUE_PREFIX] = {"ADDRESS/BITS", "is not a prefix, as 192.0.2.0/24"},
	[VALUE_PORTS] = {"FIRST-LAST", "is not a port or FIRST-LAST, from 0 to 65535"},
	[VALUE_RATE] = {"RATE[/BURST]", "is not RATE or RATE/BURST, as 64k or 2.5M/3000"},
	[VALUE_SECONDS] = {"TIME", "is not a time in whole seconds, as 60, 60s or 5m", "s"},
	[VALUE_MILLISECONDS] = {"TIME", "is not a time in whole milliseconds, as 500, 500ms or 2s",
		"ms"},
	[VALUE_BYTES] = {"BYTES", "is not a number of bytes", "decimal"},
};

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

/* A value that is one member. New reference, or NULL with `wrong` (of WRONG_MAX) filled. */
static json_t *
value_json(enum value_kind kind, const char *value, char *wrong)
{
	uint8_t bytes[ADDRESS_BYTES];
	json_t *json = NULL;
	uint64_t number;

	if (kinds[kind].unit != NULL)
		json = unit_value(kinds[kind].unit, value);
	else if (kind == VALUE_PORTS)
		json = ports_json(value);
	else if (kind == VALUE_RATE)
		json = police_parse(value);
	else if (kind == VALUE_NUMBER)
		json = number_parse(value, 0, UINT32_MAX, &number) == 0
			       ? json_integer((json_int_t)number)
			       : NULL;
	else if ((kind != VALUE_ADDRESS || address_parse(value, bytes) != 0) &&
		 (kind != VALUE_PREFIX || prefix_is_valid(value)))
		json = json_string(value);
	if (json == NULL)
		snprintf(wrong, WRONG_MAX, "\"%.64s\" %s", value, kinds[kind].wrong);
	return json;
}

static int
key_set(json_t *object, const struct pair_key *key, const char *value, char *error)
{
	char wrong[WRONG_MAX];
	const char *why;
	json_t *json;

	if (json_object_get(object, key->member) != NULL) {
		snprintf(error, PAIRS_ERROR_MAX, "%s is given twice", key->name);
	} else if (value[0] == '\0') {
		snprintf(error, PAIRS_ERROR_MAX, "%s has no value", key->name);
	} else if (key->kind == VALUE_ENDPOINT) {
		why = endpoint_set(object, key->member, value);
		if (why == NULL)
			return 0;
		snprintf(error, PAIRS_ERROR_MAX, "%s: \"%.64s\": %s", key->name, value, why);
	} else {
		json = value_json(key->kind, value, wrong);
		if (json != NULL)
			return json_object_set_new(object, key->member, json);
		snprintf(error, PAIRS_ERROR_MAX, "%s: %s", key->name, wrong);
	}
	return -1;
}

json_t *
pairs_parse(const struct pair_key *keys, const char *text, char *error)
{
	char *copy = strdup(text), *rest = copy, *part;
	json_t *object = json_object();

	if (copy == NULL || object == NULL)
		cli_out_of_memory();
	while ((part = strsep(&rest, ",")) != NULL) {
		const struct pair_key *key = keys;
		char *value = strchr(part, '=');

		if (value == NULL) {
			snprintf(error, PAIRS_ERROR_MAX, "\"%.64s\" is not KEY=VALUE", part);
			goto fail;
		}
		*value++ = '\0';
		while (key->name != NULL && strcmp(key->name, part) != 0)
			key++;
		if (key->name == NULL) {
			snprintf(error, PAIRS_ERROR_MAX, "unknown key \"%.64s\"", part);
			goto fail;
		}
		if (key_set(object, key, value, error) < 0)
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

static void
pairs_print(FILE *out, const char *title, const struct pair_key *keys)
{
	fprintf(out, "%s\n", title);
	for (; keys->name != NULL; keys++)
		fprintf(out, "  %s=%-*s  %s%s\n", keys->name, (int)(22 - strlen(keys->name)),
			kinds[keys->kind].help, keys->help, keys->required ? " (required)" : "");
}

const struct pair_key flow_match_keys[] = {
	{"port", "port", VALUE_TEXT, true, "port that the packets come in by"},
	{"dst", "dst", VALUE_ENDPOINT, true, "local address and UDP port they go to"},
	{"src", "src", VALUE_ENDPOINT, false, "sender's address and UDP port; without: any"},
	{"vlan", "vlan", VALUE_NUMBER, false, "802.1Q VLAN; without: untagged"},
	{"outer-vlan", "outer_vlan", VALUE_NUMBER, false, "802.1ad VLAN around it; without: none"},
	{NULL},
};

const struct pair_key flow_rule_keys[] = {
	{"priority", "priority", VALUE_NUMBER, true, "from 1; the greatest wins"},
	{"family", "family", VALUE_NUMBER, false, "4 or 6; needed when no prefix tells"},
	{"port", "port", VALUE_TEXT, false, "port that they come in by; without: any"},
	{"src", "src", VALUE_PREFIX, false, "sources; without: any"},
	{"dst", "dst", VALUE_PREFIX, false, "destinations; without: any"},
	{"src-ports", "src_ports", VALUE_PORTS, false, "source UDP ports; without: any"},
	{"dst-ports", "dst_ports", VALUE_PORTS, false, "destination UDP ports; without: any"},
	{"vlan", "vlan", VALUE_NUMBER, false, "802.1Q VLAN, 0 is untagged; without: any"},
	{"outer-vlan", "outer_vlan", VALUE_NUMBER, false, "802.1ad VLAN, 0 is none; without: any"},
	{NULL},
};

const struct pair_key flow_class_keys[] = {
	{"stun", "stun", VALUE_VERDICT, false, "first byte 0 to 3"},
	{"dtls", "dtls", VALUE_VERDICT, false, "first byte 20 to 63"},
	{"rtp", "rtp", VALUE_VERDICT, false, "first byte 128 to 191, RTP and RTCP"},
	{"other", "other", VALUE_VERDICT, false, "any other, and no payload"},
	{NULL},
};

const struct pair_key flow_leg_keys[] = {
	{"port", "port", VALUE_TEXT, true, "port that the copy leaves by"},
	{"src", "src", VALUE_ENDPOINT, true, "address and UDP port to send from"},
	{"dst", "dst", VALUE_ENDPOINT, true, "destination address and UDP port"},
	{"id", "id", VALUE_TEXT, false, "name of the leg; without: leg-N is given"},
	{"vlan", "vlan", VALUE_NUMBER, false, "802.1Q VLAN to send with; without: untagged"},
	{"outer-vlan", "outer_vlan", VALUE_NUMBER, false, "802.1ad VLAN around it; without: none"},
	{"dscp", "dscp", VALUE_DSCP, false, "0 to 63 or EF, AF41, CS3 ...; without: kept"},
	{"ttl", "ttl", VALUE_NUMBER, false, "TTL or hop limit to set; without: one less"},
	{"next-hop", "next_hop", VALUE_ADDRESS, false, "gateway; without: by the kernel's route"},
	{"mac", "mac", VALUE_MAC, false, "link-layer address of the next hop, fixed"},
	{"police", "police", VALUE_RATE, false, "bits a second, and bytes at once"},
	{"one-in", "one_in", VALUE_NUMBER, false, "a copy of every N-th packet only"},
	{"admin", "admin", VALUE_STATE, false, "down: no copies for now"},
	{NULL},
};

const struct option_spec flow_add_options[] = {
	{"id", "NAME", "id of the flow; without: flow-N is given", .kind = VALUE_TEXT},
	{"match", "K=V,...", "packets that belong to it, to one address", .kind = VALUE_PAIRS,
		.keys = flow_match_keys},
	{"rule", "K=V,...", "packets that belong to it, by prefix and range", .kind = VALUE_PAIRS,
		.keys = flow_rule_keys},
	{"leg", "K=V,...", "where a copy goes; once for each leg", .kind = VALUE_LEGS},
	{"action", "forward|drop|punt", "what becomes of them (forward)", .kind = VALUE_TEXT},
	{"admin", "up|down", "down: installed, but drops all (up)", .kind = VALUE_TEXT},
	{"latch", "open|first|follow", "of which source, when any matches (open)",
		.kind = VALUE_TEXT},
	{"latch-interval-ms", "TIME", "follow: least time between two moves (1000)",
		.kind = VALUE_MILLISECONDS, .member = "latch_interval_ms"},
	{"allow", "ADDRESS/BITS", "sources that may send; may be given often",
		.kind = VALUE_PREFIX},
	{"classes", "K=V,...", "what becomes of STUN, DTLS, RTP and other", .kind = VALUE_PAIRS,
		.keys = flow_class_keys},
	{"police", "RATE[/BURST]", "bits a second, and bytes at once", .kind = VALUE_RATE},
	{"idle-timeout", "TIME", "remove the flow when it took no packet so long",
		.kind = VALUE_SECONDS, .member = "idle_timeout_s"},
	{"max-datagram", "BYTES", "longest datagram that comes in, for the MTU check",
		.kind = VALUE_BYTES, .member = "max_datagram_bytes"},
	{"file", "FILE", "the same as FILE; - is standard input"},
	{CHANGE_IF_GENERATION},
	{CHANGE_COMMENT},
	{NULL},
};

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

/* All options of a name, as --allow. New reference, or NULL with `wrong` filled. */
static json_t *
values_json(const struct arguments *arguments, const char *name, enum value_kind kind, char *wrong)
{
	json_t *values = json_array(), *json;
	size_t position = 0;
	const char *text;

	while ((text = arguments_next(arguments, name, &position)) != NULL) {
		json = value_json(kind, text, wrong);
		if (json == NULL) {
			json_decref(values);
			return NULL;
		}
		json_array_append_new(values, json);
	}
	return values;
}

json_t *
flow_args_flow(const struct arguments *arguments, char *error)
{
	json_t *flow = json_object(), *legs, *json;
	char wrong[PAIRS_ERROR_MAX];

	for (const struct option_spec *option = flow_add_options; option->name != NULL; option++) {
		const char *value = arguments_value(arguments, option->name);

		if (value == NULL || option->kind == VALUE_NONE || option->kind == VALUE_LEGS)
			continue;
		json = option->keys != NULL ? pairs_parse(option->keys, value, wrong)
		       : option->kind == VALUE_PREFIX
			       ? values_json(arguments, option->name, option->kind, wrong)
			       : value_json(option->kind, value, wrong);
		if (json == NULL) {
			snprintf(error, FLOW_ARGS_ERROR_MAX, "--%s: %s", option->name, wrong);
			goto fail;
		}
		json_object_set_new(
			flow, option->member != NULL ? option->member : option->name, json);
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
	for (const struct option_spec *option = flow_add_options; option->name != NULL; option++) {
		if (option->kind != VALUE_NONE && arguments_value(arguments, option->name) != NULL)
			return option->name;
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
	pairs_print(out, "\nKeys of --classes, which the payload selects:", flow_class_keys);
	fputc('\n', out);
	flow_args_print_leg_keys(out);
}
