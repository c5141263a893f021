/* SPDX-License-Identifier: BSD-3-Clause */
/* `events`: what is kept, by the page; and then what comes, as the daemon tells it. */
#include <inttypes.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/follow.h"
#include "schema/documents.h"

#define EVENT_INDENT 10 /* where the time stands */
#define QUEUE_EVENTS 10000 /* what events.subscribe gives at most */

static void
text_add_list(struct text *text, const char *name, const json_t *values)
{
	json_t *value;
	size_t i;

	text_add(text, " %s=", name);
	json_array_foreach (values, i, value)
		text_add(text, "%s%s", i > 0 ? "," : "", json_string_value(value));
}

/* A member of an event as " NAME=VALUE"; who did it as " by NAME"; drops as their reasons. */
static void
text_add_member(struct text *text, const char *name, json_t *value)
{
	struct text drops;

	if (json_is_string(value))
		text_add(text, " %s=%s", name, json_string_value(value));
	else if (json_is_integer(value))
		text_add(text, " %s=%" JSON_INTEGER_FORMAT, name, json_integer_value(value));
	else if (json_is_real(value))
		text_add(text, " %s=%.3f", name, json_real_value(value));
	else if (json_is_boolean(value))
		text_add(text, " %s=%s", name, json_is_true(value) ? "yes" : "no");
	else if (json_array_size(value) > 0)
		text_add_list(text, name, value);
	else if (strcmp(name, "actor") == 0)
		text_add(text, " by %s", member_text(value, "name"));
	else if (json_object_size(value) > 0)
		text_add(text, " %s", text_drops(&drops, value));
}

/* All that the event says beyond what every event does stands behind it. */
static void
event_print(json_t *event, bool dump)
{
	struct text text, time;
	const char *name;
	json_t *value;

	(void)dump;
	text_clear(&text);
	text_add(&text, "%8" PRIu64 "  %s  %-18s", member_number(event, "sequence"),
		text_time(&time, member_number(event, "time_ns")), member_text(event, "event"));
	json_object_foreach (event, name, value) {
		if (strcmp(name, "flow") == 0)
			text_add(&text, " %s", json_string_value(value));
		else if (strcmp(name, "sequence") != 0 && strcmp(name, "time_ns") != 0 &&
			 strcmp(name, "event") != 0)
			text_add_member(&text, name, value);
	}
	text_print(stdout, EVENT_INDENT, "%s", text.s);
}

/* Show all that comes behind what was shown. Returns -1 with *error set, or 0: nobody reads it. */
static int
events_hear(struct follow *follow, struct client_error *error)
{
	struct client *client = &follow->cli->client;
	json_t *params = json_pack("{s:I, s:i, s:O*}", "after", (json_int_t)follow->after, "queue",
		QUEUE_EVENTS, "kinds", follow->kinds);
	json_t *reply = client_call(client, "events.subscribe", params, error), *event;

	json_decref(params);
	if (reply == NULL)
		return -1;
	json_decref(reply);
	while (!ferror(stdout)) {
		event = client_notice(client, error);
		if (event == NULL)
			return -1;
		follow_show(follow, event);
		fflush(stdout);
		follow->after = member_number(event, "sequence");
		json_decref(event);
	}
	return 0;
}

/* The names of all kinds, as the contract has them: of the first parameter of events.subscribe. */
static const json_t *
kinds_known(void)
{
	const json_t *method = schema_method_find(schema_rpc_document(), "events.subscribe");
	const json_t *param = json_array_get(json_object_get(method, "params"), 0);
	const json_t *schema = json_object_get(param, "schema");

	return json_object_get(json_object_get(schema, "items"), "enum");
}

/* "port_up,port_down" to an array of kinds of events. NULL: something is no such kind. */
static json_t *
kinds_read(const struct cli *cli, const char *list)
{
	json_t *kinds = json_array();

	while (*list != '\0') {
		const size_t length = strcspn(list, ",");
		json_t *known = json_stringn(list, length), *kind;
		bool found = false;
		size_t i;

		json_array_foreach (kinds_known(), i, kind)
			found |= json_equal(kind, known);
		json_array_append_new(kinds, known);
		if (!found) {
			cli_usage(cli, "--kinds: \"%.*s\" is no kind of event, see --help",
				(int)length, list);
			json_decref(kinds);
			return NULL;
		}
		list += length + (list[length] == ',');
	}
	return kinds;
}

static int
events(struct cli *cli, const struct arguments *arguments)
{
	static const struct ring ring = {"event.list", "events",
		"SEQUENCE  TIME                     EVENT", event_print, events_hear};
	const char *list = arguments_value(arguments, "kinds");
	json_t *kinds = NULL;
	int exit_code;

	if (list != NULL && (kinds = kinds_read(cli, list)) == NULL)
		return CLI_USAGE;
	exit_code = follow_run(cli, arguments, &ring, kinds);
	json_decref(kinds);
	return exit_code;
}

static void
events_details(FILE *out)
{
	json_t *kind;
	size_t i;

	fprintf(out, "Kinds of events:\n");
	json_array_foreach (kinds_known(), i, kind)
		fprintf(out, "  %s\n", json_string_value(kind));
	fprintf(out, "Events that are lost while --follow is not read show as a gap.\n");
}

static const struct option_spec events_options[] = {
	{"follow", NULL, "go on with what comes, until interrupted"},
	{"after", "SEQUENCE", "only what came after that one (0)"},
	{"kinds", "KIND,...", "only events of these kinds"},
	{NULL},
};

const struct command command_events = {
	.name = "events",
	.arguments = "[--follow] [--after SEQUENCE] [--kinds KIND,...]",
	.summary = "Show what happened: flows, ports, neighbours, commits, overload",
	.details = events_details,
	.example = "  sluicectl events --follow --kinds port_down,neighbour_lost,overload",
	.options = events_options,
	.run = events,
};
