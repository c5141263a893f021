/* SPDX-License-Identifier: BSD-3-Clause */
/* `flow list` and `flow show`: the flows that are installed, and everything about one of them. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/escape.h"
#include "cli/args.h"
#include "cli/cli.h"
#include "cli/output.h"

/* The legs of the flow and of its streams, as a new array. */
static json_t *
legs_of(const json_t *flow)
{
	json_t *legs = json_array(), *stream;
	size_t i;

	json_array_extend(legs, json_object_get(flow, "legs"));
	json_array_foreach (json_object_get(flow, "streams"), i, stream)
		json_array_extend(legs, json_object_get(stream, "legs"));
	return legs;
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

/* Where the packets go: "p1 192.0.2.9:5004 ...", "punt", "down: drop", ", port p1 down". */
static const char *
text_to(struct text *text, const json_t *flow, const json_t *legs, const json_t *ports)
{
	const json_t *rule = json_object_get(flow, "rule");
	const char *port = member_text(rule ? rule : json_object_get(flow, "match"), "port");
	const char *down = port_is_down(ports, port) ? port : NULL;
	const char *action = json_string_value(json_object_get(flow, "action"));
	const json_t *first = json_array_get(legs, 0), *leg;
	struct text endpoint;
	size_t i;

	text_clear(text);
	if (member_is(flow, "admin", "down"))
		text_add(text, "down: ");
	if (action != NULL && strcmp(action, "forward") != 0)
		text_add(text, "%s%s", action, first != NULL ? ", " : "");
	if (first != NULL)
		text_add(text, "%s %s%s", member_text(first, "port"),
			text_endpoint(&endpoint, first, "dst"),
			json_array_size(legs) > 1 ? " ..." : "");
	json_array_foreach (legs, i, leg) {
		port = member_text(leg, "port");
		if (down == NULL && port_is_down(ports, port))
			down = port;
	}
	if (down != NULL)
		text_add(text, ", port %s down", down);
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

	if (json_array_size(flows) == 0) {
		text_clear(&text);
		text_add_members(&text, result,
			member_number(result, "total") > 0 ? "none of {total} flows" : "no flows");
		puts(text.s);
		return;
	}
	table = table_create("FLOW,MATCH,HEALTH,LEGS>,TO");
	json_array_foreach (flows, i, flow) {
		json_t *legs = legs_of(flow);

		table_members(table, flow, "id");
		table_cell(table, "%s", text_match(&text, flow));
		table_cell(table, "%s", text_health(&text, json_array_get(health, i)));
		table_cell(table, "%zu", json_array_size(legs));
		table_cell(table, "%s", text_to(&text, flow, legs, ports));
		json_decref(legs);
	}
	table_end(table);
	text_clear(&text);
	text_add_members(&text, result, "{total flow}, go on with --cursor {next_cursor}");
	if (json_is_string(json_object_get(result, "next_cursor")))
		text_print(stdout, 0, "%zu of %s", json_array_size(flows), text.s);
}

static int
flow_list(struct cli *cli, const struct arguments *arguments)
{
	static const char *const states[] = {"pending", "down", "dropping", "silent"};
	const char *within_text = arguments_value(arguments, "within");
	uint64_t limit = 0, within_s = 1;
	json_t *filter, *result, *only, *ports;
	int exit_code;

	if (option_number(cli, arguments, "limit", 1, FLOW_PAGE_MAX, &limit) != CLI_OK)
		return CLI_USAGE;
	if (within_text != NULL && (duration_parse(within_text, &within_s) < 0 || within_s > 25))
		return cli_usage(cli, "--within: \"%s\" is not a time from 1s to 25s", within_text);
	filter = json_pack("{s:s*}", "cursor", arguments_value(arguments, "cursor"));
	only = json_array();
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		if (arguments_value(arguments, states[i]) != NULL)
			json_array_append_new(only, json_string(states[i]));
	}
	if (json_array_size(only) > 0)
		json_object_set(filter, "only", only);
	/* What programs read costs no time, unless they ask for it. */
	if (!cli->json || json_array_size(only) > 0 ||
		arguments_value(arguments, "health") != NULL) {
		json_object_set_new(filter, "health", json_true());
		json_object_set_new(filter, "within_s", json_integer((json_int_t)within_s));
	}
	json_decref(only);
	if (limit == 0)
		result = flow_pages_fetch(cli, "flow.list", filter, &exit_code);
	else
		result = flow_pages_one(cli, "flow.list", filter, limit, &exit_code);
	if (!cli_shows(cli, result))
		return cli_end(cli, result, exit_code);
	ports = cli_call(cli, "port.list", json_object(), &exit_code);
	if (ports != NULL)
		list_print(result, json_object_get(ports, "ports"));
	json_decref(result);
	return cli_end(cli, ports, exit_code);
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
	.arguments = "",
	.summary = "List the flows that are installed, and how they do",
	.example = "  sluicectl flow list --pending --dropping",
	.options = list_options,
	.run = flow_list,
};

struct leg_tables {
	struct table *legs;
	struct table *hops;
	struct table *whys; /* of hops that have a reason */
	struct table *counts;
};

/* "up", "down", "port down", "up, 1 in 10, 2.5 Mbit/s" */
static const char *
text_state(struct text *text, const json_t *leg, const json_t *state)
{
	const json_t *police = json_object_get(leg, "police");
	const uint64_t one_in = member_number(leg, "one_in");

	text_clear(text);
	if (member_is(leg, "admin", "down"))
		text_add(text, "down");
	else
		text_add(text,
			json_is_false(json_object_get(state, "link_up")) ? "port down" : "up");
	if (one_in > 1)
		text_add(text, ", 1 in %" PRIu64, one_in);
	if (police != NULL) {
		text_add(text, ", ");
		text_add_police(text, police);
	}
	return text->s;
}

/* Legs and their states, which stand side by side in flow.get. stream: -1 for the flow's own. */
static void
add_legs(struct leg_tables *tables, const json_t *legs, const json_t *states, int stream)
{
	struct text name, text;
	json_t *leg;
	size_t i;

	json_array_foreach (legs, i, leg) {
		const json_t *state = json_array_get(states, i);
		const json_t *hop = json_object_get(state, "next_hop");

		text_clear(&name);
		if (stream < 0)
			text_add(&name, "%s", member_text(leg, "id"));
		else
			text_add(&name, "%d/%zu", stream, i + 1);
		table_cell(tables->legs, "%s", name.s);
		table_members(tables->legs, leg, "port");
		table_cell(tables->legs, "%s", text_vlans(&text, leg));
		table_cell(tables->legs, "%s", text_endpoint(&text, leg, "src"));
		table_cell(tables->legs, "%s", text_endpoint(&text, leg, "dst"));
		table_cell(tables->legs, "%s", text_number(&text, leg, "dscp", "keep"));
		table_cell(tables->legs, "%s", text_number(&text, leg, "ttl", "less 1"));
		table_cell(tables->legs, "%s", text_state(&text, leg, state));
		table_cell(tables->hops, "%s", name.s);
		table_members(tables->hops, hop, "address mac state netdev");
		if (json_object_get(hop, "reason") != NULL) {
			table_cell(tables->whys, "%s", name.s);
			table_cell(tables->whys, "%s", pending_text(&text, leg, hop));
		}
		table_cell(tables->counts, "%s", name.s);
		table_members(tables->counts, state, "copies bytes sent");
		table_drops(tables->counts, state);
	}
}

/*
 * The legs of what flow.get returned: what they do, their next hops, why some are not handed on,
 * and what they have counted. Legs of streams follow those of the flow; they have no ids and are
 * called STREAM/NUMBER.
 */
static void
flow_legs_print(const json_t *result)
{
	struct leg_tables tables = {
		table_create("LEG,PORT,VLAN>,FROM,TO,DSCP>,TTL>,STATE"),
		table_create("LEG,NEXT HOP,MAC,STATE,NETDEV"),
		table_create("LEG,WHY"),
		table_create("LEG,COPIES>,BYTES>,SENT>,DROPS"),
	};
	const json_t *flow = json_object_get(result, "flow"), *states;
	json_t *stream;
	size_t i;

	add_legs(&tables, json_object_get(flow, "legs"), json_object_get(result, "legs"), -1);
	json_array_foreach (json_object_get(flow, "streams"), i, stream) {
		states = json_array_get(json_object_get(result, "streams"), i);
		add_legs(&tables, json_object_get(stream, "legs"), json_object_get(states, "legs"),
			(int)i + 1);
	}
	table_end_below(tables.legs);
	table_end_below(tables.hops);
	table_end_below(tables.whys);
	table_end_below(tables.counts);
}

#define LABEL_INDENT 10

static void
show_streams(const json_t *streams, const json_t *states)
{
	struct table *table;
	struct text text;
	json_t *stream;
	size_t i;

	table = table_create("STREAM>,SSRC,TYPE>,ACTION,LEGS>,PACKETS>,BYTES>");
	json_array_foreach (streams, i, stream) {
		const json_t *state = json_array_get(states, i);

		table_cell(table, "%zu", i + 1);
		if (json_object_get(stream, "ssrc") != NULL)
			table_cell(table, "0x%08" PRIx64, member_number(stream, "ssrc"));
		else
			table_cell(table, "any");
		table_cell(table, "%s", text_number(&text, stream, "payload_type", "any"));
		table_cell(table, "%s",
			json_object_get(stream, "action") != NULL ? member_text(stream, "action")
								  : "forward");
		table_cell(table, "%zu", json_array_size(json_object_get(stream, "legs")));
		table_members(table, state, "packets bytes");
	}
	table_end_below(table);
}

/* Who may send: latch, the prefixes allowed, and the source that was learned. */
static void
sources_print(const json_t *result, const json_t *flow)
{
	const json_t *latched = json_object_get(result, "latched");
	const json_t *allow = json_object_get(flow, "allow");
	const bool latches =
		json_object_get(flow, "latch") != NULL && !member_is(flow, "latch", "open");
	struct text text, source;
	json_t *prefix;
	size_t i;

	text_clear(&text);
	text_add_members(&text, flow, latches ? "sources   {latch}" : "sources   any");
	if (member_is(flow, "latch", "follow") &&
		json_object_get(flow, "latch_interval_ms") != NULL)
		text_add_members(&text, flow, ", {latch_interval_ms} ms between moves");
	json_array_foreach (allow, i, prefix)
		text_add(&text, "%s %s", i == 0 ? " of" : "", json_string_value(prefix));
	if (latches || json_array_size(allow) > 0)
		text_print(stdout, LABEL_INDENT, "%s", text.s);
	text_clear(&text);
	text_add_members(&text, latched, ", learned {moves time}");
	if (json_is_object(latched))
		text_print(stdout, LABEL_INDENT, "latched   %s%s",
			text_endpoint(&source, latched, "src"), text.s);
	else if (latches)
		text_print(stdout, LABEL_INDENT, "latched   no source yet");
}

static void
show(const json_t *result)
{
	const json_t *flow = json_object_get(result, "flow"), *police;
	const json_t *counters = json_object_get(result, "counters");
	struct text text, drops;
	const char *class;
	json_t *verdict;

	members_print(LABEL_INDENT, flow, "flow      {id}");
	text_print(stdout, LABEL_INDENT, "match     %s", text_match(&text, flow));
	if (json_object_get(flow, "admin") != NULL && !member_is(flow, "admin", "up"))
		members_print(LABEL_INDENT, flow, "admin     {admin}");
	if (json_object_get(flow, "action") != NULL && !member_is(flow, "action", "forward"))
		members_print(LABEL_INDENT, flow, "action    {action}");
	sources_print(result, flow);
	text_clear(&text);
	json_object_foreach (json_object_get(flow, "classes"), class, verdict)
		text_add(&text, " %s=%s", class, json_string_value(verdict));
	if (text.length > 0)
		text_print(stdout, LABEL_INDENT, "classes  %s", text.s);
	police = json_object_get(flow, "police");
	if (police != NULL) {
		text_clear(&text);
		text_add_police(&text, police);
		text_print(stdout, LABEL_INDENT, "policed   to %s", text.s);
	}
	if (json_object_get(flow, "idle_timeout_s") != NULL)
		members_print(LABEL_INDENT, flow, "removed   when idle for {idle_timeout_s} s");
	if (json_object_get(flow, "max_datagram_bytes") != NULL)
		members_print(LABEL_INDENT, flow,
			"carries   datagrams of up to {max_datagram_bytes byte}");
	members_print(LABEL_INDENT, counters, "received  {packets packet}, {bytes byte}");
	text_clear(&text);
	text_add_members(&text, counters, "{#forwarded} forwarded, {#punted} punted");
	text_print(stdout, LABEL_INDENT, "          %s, drops: %s", text.s,
		text_drops(&drops, json_object_get(counters, "drops")));
	show_streams(json_object_get(flow, "streams"), json_object_get(result, "streams"));
	flow_legs_print(result);
}

static int
flow_show(struct cli *cli, const struct arguments *arguments)
{
	json_t *result;
	int exit_code;

	if (arguments->n_words == 0)
		return cli_usage(cli, "the ID of a flow is missing");
	result = cli_call(
		cli, "flow.get", json_pack("{s:s}", "id", arguments->words[0]), &exit_code);
	if (cli_shows(cli, result))
		show(result);
	return cli_end(cli, result, exit_code);
}

const struct command command_flow_show = {
	.name = "flow show",
	.arguments = "ID",
	.summary = "Show one flow: legs, next hops, counters, drops by reason",
	.example = "  sluicectl flow show cam1",
	.max_words = 1,
	.run = flow_show,
};
