/* SPDX-License-Identifier: BSD-3-Clause */
/* `flow list`: all flows, page by page, or the one page that a program asks for. */
#include <inttypes.h>
#include <string.h>

#include "base/escape.h"
#include "cli/commands.h"
#include "cli/duration.h"
#include "cli/flow_pages.h"
#include "cli/table.h"
#include "cli/text.h"

static const struct table_column list_columns[] = {
	{"FLOW", false},
	{"MATCH", false},
	{"HEALTH", false},
	{"LEGS", true},
	{"TO", false},
};

/* The first leg that there is, of the flow or of a stream, and how many. */
static const json_t *
legs_of(const json_t *flow, size_t *n)
{
	const json_t *legs = json_object_get(flow, "legs");
	const json_t *first = json_array_get(legs, 0);
	json_t *stream;
	size_t i;

	*n = json_array_size(legs);
	json_array_foreach (json_object_get(flow, "streams"), i, stream) {
		legs = json_object_get(stream, "legs");
		*n += json_array_size(legs);
		if (first == NULL)
			first = json_array_get(legs, 0);
	}
	return first;
}

static bool
port_is_down(const json_t *ports, const char *name)
{
	json_t *port;
	size_t i;

	json_array_foreach (ports, i, port) {
		if (member_is(port, "name", name))
			return json_is_false(json_object_get(port, "link_up"));
	}
	return false;
}

/* The first port without a link by which one of these legs leaves; NULL = none. */
static const char *
down_port_of(const json_t *legs, const json_t *ports)
{
	json_t *leg;
	size_t i;

	json_array_foreach (legs, i, leg) {
		const char *port = member_text(leg, "port");

		if (port_is_down(ports, port))
			return port;
	}
	return NULL;
}

static void
add_down_port(struct text *text, const json_t *flow, const json_t *ports)
{
	const char *port = down_port_of(json_object_get(flow, "legs"), ports);
	json_t *stream;
	size_t i;

	json_array_foreach (json_object_get(flow, "streams"), i, stream) {
		if (port == NULL)
			port = down_port_of(json_object_get(stream, "legs"), ports);
	}
	if (port != NULL)
		text_add(text, ", port %s down", port);
}

/* Where the packets go: "p1 192.0.2.9:5004 ...", "punt", "down: drop". */
static const char *
text_to(struct text *text, const json_t *flow, const json_t *ports)
{
	const char *action = json_string_value(json_object_get(flow, "action"));
	struct text endpoint;
	const json_t *first;
	size_t n;

	first = legs_of(flow, &n);
	text_clear(text);
	if (member_is(flow, "admin", "down"))
		text_add(text, "down: ");
	if (action != NULL && strcmp(action, "forward") != 0)
		text_add(text, "%s%s", action, first != NULL ? ", " : "");
	if (first != NULL)
		text_add(text, "%s %s%s", member_text(first, "port"),
			text_endpoint(&endpoint, first, "dst"), n > 1 ? " ..." : "");
	add_down_port(text, flow, ports);
	return text->s;
}

/* "pending, dropping", "ok" */
static const char *
text_health(struct text *text, const json_t *health)
{
	const json_t *states = json_object_get(health, "states");
	json_t *state;
	size_t i;

	text_clear(text);
	json_array_foreach (states, i, state)
		text_add(text, "%s%s", i > 0 ? ", " : "", json_string_value(state));
	if (json_array_size(states) == 0)
		text_add(text, "ok");
	return text->s;
}

static void
list_print(const json_t *result, const json_t *ports)
{
	const json_t *health = json_object_get(result, "health");
	const json_t *flows = json_object_get(result, "flows");
	struct table *table;
	struct text text;
	json_t *flow;
	size_t i;

	if (json_array_size(flows) == 0 && member_number(result, "total") > 0) {
		printf("none of %" PRIu64 " flows\n", member_number(result, "total"));
		return;
	}
	if (json_array_size(flows) == 0) {
		printf("no flows\n");
		return;
	}
	table = table_create(list_columns, sizeof(list_columns) / sizeof(list_columns[0]));
	json_array_foreach (flows, i, flow) {
		size_t n_legs;

		legs_of(flow, &n_legs);
		table_cell(table, "%s", member_text(flow, "id"));
		table_cell(table, "%s", text_match(&text, flow));
		table_cell(table, "%s", text_health(&text, json_array_get(health, i)));
		table_cell(table, "%zu", n_legs);
		table_cell(table, "%s", text_to(&text, flow, ports));
	}
	table_print(table, stdout);
	table_destroy(table);
	if (json_is_string(json_object_get(result, "next_cursor")))
		text_print(stdout, 0, "%zu of %" PRIu64 " flow%s, go on with --cursor %s",
			json_array_size(flows), member_number(result, "total"),
			plural_s(member_number(result, "total")),
			member_text(result, "next_cursor"));
}

/* The states that are named, as flow.list wants them; NULL: none is. */
static json_t *
only_read(const struct arguments *arguments)
{
	static const char *const states[] = {"pending", "down", "dropping", "silent"};
	json_t *only = NULL;
	size_t i;

	for (i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		if (arguments_value(arguments, states[i]) == NULL)
			continue;
		if (only == NULL)
			only = json_array();
		json_array_append_new(only, json_string(states[i]));
	}
	return only;
}

static int
flow_list(struct cli *cli, const struct arguments *arguments)
{
	const char *within_text = arguments_value(arguments, "within");
	const char *limit_text = arguments_value(arguments, "limit");
	uint64_t limit, within_s = 1;
	json_t *filter, *result, *only, *ports;
	int exit_code;

	if (limit_text != NULL && number_parse(limit_text, 1, FLOW_PAGE_MAX, &limit) < 0)
		return cli_usage(cli, "--limit: \"%s\" is not a number from 1 to %u", limit_text,
			FLOW_PAGE_MAX);
	if (within_text != NULL && (duration_parse(within_text, &within_s) < 0 || within_s > 25))
		return cli_usage(cli, "--within: \"%s\" is not a time from 1s to 25s", within_text);
	only = only_read(arguments);
	filter = json_pack(
		"{s:s*, s:O*}", "cursor", arguments_value(arguments, "cursor"), "only", only);
	/* What programs read costs no time, unless they ask for it. */
	if (!cli->json || only != NULL || arguments_value(arguments, "health") != NULL) {
		json_object_set_new(filter, "health", json_true());
		json_object_set_new(filter, "within_s", json_integer((json_int_t)within_s));
	}
	json_decref(only);
	if (limit_text == NULL)
		result = flow_pages_fetch(cli, "flow.list", filter, &exit_code);
	else
		result = flow_pages_one(cli, "flow.list", filter, limit, &exit_code);
	if (result == NULL)
		return exit_code;
	if (cli->json) {
		cli_print_json(result);
		json_decref(result);
		return CLI_OK;
	}
	ports = cli_call(cli, "port.list", json_object(), &exit_code);
	if (ports != NULL)
		list_print(result, json_object_get(ports, "ports"));
	json_decref(ports);
	json_decref(result);
	return ports != NULL ? CLI_OK : exit_code;
}

static const struct option_spec list_options[] = {
	{"limit", "N", "one page of N flows (1..1000) instead of all"},
	{"cursor", "CURSOR", "go on where the page before ended"},
	{"pending", NULL, "only flows with a leg that waits for its next hop"},
	{"down", NULL, "only flows that are down, or a leg of which is"},
	{"dropping", NULL, "only flows that drop packets or copies"},
	{"silent", NULL, "only flows that no packet comes for"},
	{"within", "TIME", "what dropping and silent are about, 1s to 25s (1s)"},
	{"health", NULL, "with --json: say how each flow does, too"},
	{NULL},
};

const struct command command_flow_list = {
	.name = "flow list",
	.arguments = "[OPTION]...",
	.summary = "List the flows that are installed, and how they do",
	.example = "  sluicectl flow list --pending --dropping",
	.options = list_options,
	.run = flow_list,
};
