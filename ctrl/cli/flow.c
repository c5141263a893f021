/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * `flow list` and `flow show`: the flows that are installed, and everything about one of them.
 * `flow add`, `replace`, `del`, `up` and `down`, `leg join` and `leave`: all flows and legs that
 * are named, or none. What is not named goes on without a gap.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/escape.h"
#include "cli/args.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "cli/transaction.h"
#include "schema/yaml.h"

#define LABEL_INDENT 10

/* The texts of an array, one behind the other. */
static void
text_add_list(struct text *text, const json_t *list, const char *separator)
{
	json_t *item;
	size_t i;

	json_array_foreach (list, i, item)
		text_add(text, "%s%s", i > 0 ? separator : "", json_string_value(item));
}

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

/*
 * Add what `flow list` shows besides members of the flow: its health, how many legs, and where the
 * packets go: "p1 192.0.2.9:5004 ...", "source of cam1", "punt", "down: drop", ", port p1 down".
 */
static void
flow_describe(json_t *flow, const json_t *health, const json_t *ports)
{
	const json_t *rule = json_object_get(flow, "rule");
	const char *port = member_text(rule ? rule : json_object_get(flow, "match"), "port");
	const char *down = port_is_down(ports, port) ? port : NULL;
	const json_t *states = json_object_get(health, "states");
	json_t *legs = legs_of(flow), *leg;
	const size_t n = json_array_size(legs);
	struct text text;
	size_t i;

	text_clear(&text);
	text_add_list(&text, states, ", ");
	json_object_set_new(
		flow, "health", json_string(json_array_size(states) > 0 ? text.s : "ok"));
	json_object_set_new(flow, "n_legs", json_integer((json_int_t)n));
	text_clear(&text);
	if (member_is(flow, "admin", "down"))
		text_add(&text, "down: ");
	if (!member_is(flow, "action", "forward"))
		text_add_members(&text, flow, n > 0 ? "[{action}, ]" : "[{action}]");
	if (n > 0)
		text_add_members(&text, json_array_get(legs, 0),
			json_object_get(json_array_get(legs, 0), "learned") != NULL
				? "source of {learned}"
				: "{port} {dst:endpoint}");
	text_add(&text, "%s", n > 1 ? " ..." : "");
	json_array_foreach (legs, i, leg) {
		port = member_text(leg, "port");
		/* Whether a backup is there for it, the health says. */
		if (down == NULL && !json_object_get(leg, "backup") && port_is_down(ports, port))
			down = port;
	}
	if (down != NULL)
		text_add(&text, ", port %s down", down);
	json_object_set_new(flow, "to", json_string(text.s));
	json_decref(legs);
}

static void
list_print(json_t *result, const json_t *ports)
{
	const json_t *health = json_object_get(result, "health");
	json_t *flows = json_object_get(result, "flows"), *flow;
	size_t i;

	json_object_set_new(result, "shown", json_integer((json_int_t)json_array_size(flows)));
	if (json_array_size(flows) == 0) {
		members_print(0, result,
			member_number(result, "total") > 0 ? "none of {total} flows" : "no flows");
		return;
	}
	json_array_foreach (flows, i, flow)
		flow_describe(flow, json_array_get(health, i), ports);
	rows_print("FLOW={id}|MATCH={:match}|HEALTH={health}|LEGS>={n_legs}|TO={to}", flows);
	members_print(0, result, "[{shown} of {total flow}, next page: --cursor {next_cursor}]");
}

static int
flow_list(struct cli *cli, const struct arguments *arguments)
{
	json_t *filter = json_object(), *result, *ports;
	int exit_code = params_add(cli, arguments, "flow.list", filter);

	if (exit_code != CLI_OK) {
		json_decref(filter);
		return exit_code;
	}
	/* What programs read costs no time, unless they ask for it. */
	if (!cli->json || json_object_get(filter, "only") != NULL)
		json_object_set_new(filter, "health", json_true());
	result = json_object_get(filter, "limit") != NULL
			 ? cli_call(cli, "flow.list", filter, &exit_code)
			 : flow_pages_fetch(cli, "flow.list", filter, &exit_code);
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
	{"cursor", "CURSOR", "begin after the previous page"},
	{"pending", NULL, "only flows with an unresolved next hop", .member = "only"},
	{"down", NULL, "only flows that are down, or have a leg down", .member = "only"},
	{"dropping", NULL, "only flows that drop packets or copies", .member = "only"},
	{"silent", NULL, "only flows that receive no packets", .member = "only"},
	{"within", "TIME", "period of dropping and silent, 1s to 25s (1s)"},
	{"health", NULL, "with --json: include the health"},
	{NULL},
};

const struct command command_flow_list = {
	.name = "flow list",
	.arguments = "",
	.summary = "List the installed flows and their health",
	.example = "  sluicectl flow list --pending --dropping",
	.options = list_options,
	.run = flow_list,
};

/*
 * Add to a leg where it sends now, and of one to a learned source why: "192.0.2.9:5004",
 * "203.0.113.7:40112, source of cam1", "192.0.2.9:5004, as cam1 has learned none", "nowhere, ...".
 */
static void
leg_to_describe(json_t *leg, const json_t *sends_to)
{
	struct text text;

	if (json_object_get(leg, "learned") == NULL)
		text_members(&text, leg, "{dst:endpoint}");
	else if (!json_is_object(sends_to))
		text_members(&text, leg, "nowhere, as {learned} has learned no source");
	else if (json_is_false(json_object_get(sends_to, "learned")))
		text_members(&text, leg, "{dst:endpoint}, as {learned} has learned no source");
	else
		text_members(&text, sends_to, "{dst:endpoint}, source of ");
	if (json_is_true(json_object_get(sends_to, "learned")))
		text_add_members(&text, leg, "{learned}");
	json_object_set_new(leg, "to", json_string(text.s));
}

/*
 * Add to a leg of flow.get what is known of it and stands beside, how it is called and what it
 * does: "up", "down", "port down", "up, 1 in 10, 2.5 Mbit/s, mark 7". stream: -1 for one of the
 * flow's own.
 */
static void
leg_describe(json_t *leg, json_t *state, int stream, size_t i)
{
	const bool port_is_down = json_is_false(json_object_get(state, "link_up"));
	struct text text;

	if (stream >= 0) {
		text_clear(&text);
		text_add(&text, "%d/%zu", stream + 1, i + 1);
		json_object_set_new(leg, "id", json_string(text.s));
	}
	if (member_number(leg, "one_in") == 1)
		json_object_del(leg, "one_in");
	text_members(&text, leg,
		member_is(leg, "admin", "down") ? "down"
		: port_is_down			? "port down"
						: "up");
	text_add_members(&text, leg, "[, 1 in {one_in}][, {police:police}][, mark {mark}]");
	json_object_set_new(leg, "does", json_string(text.s));
	leg_to_describe(leg, json_object_get(state, "sends_to"));
	json_object_update_missing(state, leg);
}

/*
 * The legs of what flow.get returned: what they do, their next hops, why some are not handed on,
 * and what they have counted. Legs of streams follow those of the flow; they have no ids and are
 * called STREAM/NUMBER.
 */
static void
flow_legs_print(const json_t *result)
{
	const json_t *flow = json_object_get(result, "flow");
	const json_t *streams = json_object_get(flow, "streams");
	json_t *legs = json_array(), *waiting = json_array(), *answered = json_array();
	json_t *leg, *state, *errors;
	int stream = -1;
	size_t i;

	for (; stream < (int)json_array_size(streams); stream++) {
		const json_t *of = stream < 0 ? flow : json_array_get(streams, (size_t)stream);
		const json_t *states = stream < 0
					       ? result
					       : json_array_get(json_object_get(result, "streams"),
							 (size_t)stream);

		json_array_foreach (json_object_get(of, "legs"), i, leg) {
			state = json_array_get(json_object_get(states, "legs"), i);
			leg_describe(leg, state, stream, i);
			json_array_append(legs, state);
			if (json_object_get(json_object_get(state, "next_hop"), "reason") != NULL)
				json_array_append(waiting, state);
			errors = json_object_get(state, "icmp_errors");
			if (errors == NULL)
				continue;
			json_object_set_new(state, "receiver",
				json_string(json_is_true(json_object_get(errors, "unreachable"))
						    ? "unreachable"
						    : "reachable"));
			json_array_append(answered, state);
		}
	}
	rows_print_below("LEG={id}|PORT={port}|VLAN>={:vlans}|FROM={src:endpoint}|TO={to}|"
			 "DSCP>={dscp?keep}|TTL>={ttl?less 1}|STATE={does}",
		legs);
	rows_print_below("LEG={id}|NEXT HOP={next_hop/address}|MAC={next_hop/mac}|"
			 "STATE={next_hop/state}|NETDEV={next_hop/netdev}|"
			 "MTU={next_hop/mtu}[ by {next_hop/mtu_from}]",
		legs);
	rows_print_below("LEG={id}|WHY={next_hop:pending}", waiting);
	rows_print_below("LEG={id}|RECEIVER={receiver}|ICMP ERRORS={icmp_errors/counts:drops}|"
			 "LAST FROM={icmp_errors/from}|AT={icmp_errors/time_ns:time}",
		answered);
	rows_print_below(
		"LEG={id}|COPIES>={copies}|BYTES>={bytes}|SENT>={sent}|DROPS={drops:drops}", legs);
	json_decref(legs);
	json_decref(waiting);
	json_decref(answered);
}

static void
streams_print(const json_t *streams, const json_t *states)
{
	json_t *stream, *rows = json_array(), *row;
	char ssrc[16];
	size_t i;

	json_array_foreach (streams, i, stream) {
		const json_t *legs = json_object_get(stream, "legs");

		snprintf(ssrc, sizeof(ssrc), "0x%08" PRIx64, member_number(stream, "ssrc"));
		row = json_pack("{s:I, s:s, s:I}", "number", (json_int_t)i + 1, "ssrc",
			json_object_get(stream, "ssrc") != NULL ? ssrc : "any", "n_legs",
			(json_int_t)json_array_size(legs));
		json_object_update_missing(row, stream);
		json_object_update_missing(row, json_array_get(states, i));
		json_array_append_new(rows, row);
	}
	rows_print_below("STREAM>={number}|SSRC={ssrc}|TYPE>={payload_type?any}|"
			 "ACTION={action?forward}|LEGS>={n_legs}|PACKETS>={packets}|BYTES>={bytes}",
		rows);
	json_decref(rows);
}

/* Add who may send: latch, the prefixes allowed, and the source that was learned. */
static void
sources_describe(json_t *flow, const json_t *latched)
{
	const json_t *allow = json_object_get(flow, "allow");
	const bool latches =
		json_object_get(flow, "latch") != NULL && !member_is(flow, "latch", "open");
	struct text text;

	text_members(&text, flow,
		latches			     ? "{latch}[ by {latch_by}]"
		: json_array_size(allow) > 0 ? "any"
					     : "");
	if (member_is(flow, "latch", "follow"))
		text_add_members(&text, flow, "[, {latch_interval_ms} ms between changes]");
	text_add(&text, "%s", json_array_size(allow) > 0 ? " of " : "");
	text_add_list(&text, allow, " ");
	json_object_set_new(flow, "from", json_string(text.s));
	text_members(&text, latched,
		json_is_object(latched) ? "{src:endpoint}, learned {moves time}"
		: latches		? "no source yet"
					: "");
	if (json_object_get(latched, "ssrc") != NULL)
		text_add(&text, ", SSRC 0x%08" PRIx64, member_number(latched, "ssrc"));
	json_object_set_new(flow, "latched", json_string(text.s));
}

/* The sources that the flow chooses from, and which of them it has chosen. */
static void
failover_print(const json_t *flow, const json_t *failover)
{
	const size_t active = (size_t)member_number(failover, "active");
	json_t *rows, *source;
	size_t i;

	if (failover == NULL)
		return;
	rows = json_array();
	members_print(LABEL_INDENT, flow,
		"switches  after {source_timeout_ms} ms of silence, back after "
		"{source_return_ms} ms");
	members_print(LABEL_INDENT, failover,
		"          {switches time} so far[, last at {since_ns:time}]");
	json_array_foreach (json_object_get(failover, "sources"), i, source) {
		json_object_set_new(
			source, "state", json_string(i == active ? "active" : "standby"));
		json_array_append(rows, source);
	}
	rows_print_below("SOURCE={src:endpoint}|STATE={state}|PACKETS>={packets}|"
			 "LAST={last_ns:time}",
		rows);
	json_decref(rows);
}

static void
flow_print(struct cli *cli, json_t *result)
{
	json_t *flow = json_object_get(result, "flow"), *verdict;
	struct text text;
	const char *class;

	(void)cli;
	sources_describe(flow, json_object_get(result, "latched"));
	text_clear(&text);
	json_object_foreach (json_object_get(flow, "classes"), class, verdict)
		text_add(&text, " %s=%s", class, json_string_value(verdict));
	json_object_set_new(flow, "class_list", json_string(text.s));
	text_members(&text, flow, "[after {media_timeout_s} s without a packet]");
	text_add(&text, "%s",
		json_is_true(json_object_get(flow, "reopen")) ? ", and its latch opens" : "");
	json_object_set_new(flow, "times_out", json_string(text.s));
	if (member_is(flow, "admin", "up"))
		json_object_del(flow, "admin");
	if (member_is(flow, "action", "forward"))
		json_object_del(flow, "action");
	members_print(LABEL_INDENT, flow,
		"flow      {id}\n"
		"match     {:match}\n"
		"[admin     {admin}]\n"
		"[action    {action}]\n"
		"[sources   {from}]\n"
		"[latched   {latched}]\n"
		"[classes  {class_list}]\n"
		"[policed   to {police:police}]\n"
		"[removed   when idle for {idle_timeout_s} s]\n"
		"[carries   datagrams of up to {max_datagram_bytes byte}]\n"
		"[times out {times_out}]");
	if (json_object_get(result, "membership") != NULL)
		members_print(LABEL_INDENT, json_object_get(result, "membership"),
			"group     {state}[ on {netdev}][: {reason}]");
	members_print(LABEL_INDENT, result,
		"[media     {media:media}]\n"
		"[latest    packet seen at {last_packet/time_ns:time}]\n"
		"[hint      {hint}]");
	members_print(LABEL_INDENT, json_object_get(result, "counters"),
		"received  {packets packet}, {bytes byte}\n"
		"          {#forwarded} forwarded, {#punted} punted, drops: {drops:drops}");
	failover_print(flow, json_object_get(result, "failover"));
	streams_print(json_object_get(flow, "streams"), json_object_get(result, "streams"));
	flow_legs_print(result);
}

const struct command command_flow_show = {
	.name = "flow show",
	.arguments = "ID",
	.summary = "Show one flow: legs, next hops, counters, drops by reason",
	.example = "  sluicectl flow show cam1",
	.min_words = 1,
	.max_words = 1,
	.method = "flow.get",
	.words = "id",
	.print = flow_print,
};

#define FLOWS_MAX 16
#define WAIT_MS 1000 /* for all flows together */
#define PAUSE_MS 20

/* Whether a leg of what flow.get returned waits for its next hop; with `warn` said on stderr. */
static bool
flow_is_pending(const json_t *result, bool warn)
{
	const json_t *flow = json_object_get(result, "flow");
	bool pending = false;
	struct text text;
	json_t *state;
	size_t i;

	json_array_foreach (json_object_get(result, "legs"), i, state) {
		if (!member_is(json_object_get(state, "next_hop"), "state", "pending"))
			continue;
		pending = true;
		json_object_update_missing(state, json_array_get(json_object_get(flow, "legs"), i));
		if (warn)
			fprintf(stderr, "sluicectl: leg %s of flow %s is %s\n",
				member_text(state, "id"), member_text(flow, "id"),
				text_members(&text, state, "{next_hop:pending}"));
	}
	return pending;
}

/* Of what flow.get returned: that senders cannot reach it. */
static void
hint_warn(const json_t *result)
{
	if (json_object_get(result, "hint") != NULL)
		fprintf(stderr, "sluicectl: flow %s: %s\n",
			member_text(json_object_get(result, "flow"), "id"),
			member_text(result, "hint"));
}

/* What keeps new flows from carrying packets, of the first of them. */
static void
flows_warn(struct cli *cli, const json_t *ids)
{
	const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000L};
	unsigned waited_ms = 0;
	json_t *id, *result;
	int exit_code;
	size_t i;

	json_array_foreach (ids, i, id) {
		if (i == FLOWS_MAX)
			return;
		while ((result = cli_call(cli, "flow.get", json_pack("{s:O}", "id", id),
				&exit_code)) != NULL &&
			flow_is_pending(result, false) && waited_ms < WAIT_MS) {
			json_decref(result);
			nanosleep(&pause, NULL);
			waited_ms += PAUSE_MS;
		}
		if (result == NULL)
			return;
		flow_is_pending(result, true);
		hint_warn(result);
		json_decref(result);
	}
}

/* The flows that the arguments name, as an array, or NULL with the fault said. */
static json_t *
flows_given(struct cli *cli, const struct arguments *arguments)
{
	const char *first = flow_args_first(arguments), *file;
	char error[ARGS_ERROR_MAX];
	json_t *flow = NULL;

	if (cli_file_given(cli, arguments, 0, &file) != CLI_OK)
		return NULL;
	if (file != NULL && first != NULL)
		cli_usage(cli, "--%s cannot be combined with a FILE", first);
	else if (file != NULL)
		return cli_file_load(cli, file, "flows");
	else if (!arguments_value(arguments, "match") == !arguments_value(arguments, "rule"))
		cli_usage(cli, "expected one of --match, --rule and a FILE");
	else if ((flow = flow_args_flow(arguments, error)) == NULL)
		cli_usage(cli, "%s", error);
	return flow != NULL ? json_pack("[o]", flow) : NULL;
}

/* More than a message holds: one transaction, whose reply has numbers, not ids. */
static int
flows_batch(struct cli *cli, const struct arguments *arguments, const json_t *flows)
{
	const char *member = strchr(cli->command->method, '.') + 1;
	json_t *options = json_object(), *result;
	int exit_code = params_add(cli, arguments, "txn.begin", options);
	struct batch batch;

	if (exit_code == CLI_OK)
		exit_code = batch_begin(&batch, cli, NULL, member, flows, json_incref(options));
	json_decref(options);
	if (exit_code != CLI_OK)
		return exit_code;
	result = batch_commit(&batch, json_object(), json_array_size(flows), &exit_code);
	return change_end(cli, result, exit_code);
}

/* Hand the flows, taken over, to the command's method; NULL: their fault was said. */
static int
flows_call(struct cli *cli, const struct arguments *arguments, json_t *flows)
{
	int exit_code;

	if (flows == NULL)
		return CLI_USAGE;
	if (!batch_needed(cli, flows))
		return command_call(cli, arguments, json_pack("{s:o}", "flows", flows));
	exit_code = flows_batch(cli, arguments, flows);
	json_decref(flows);
	return exit_code;
}

static void
flows_print(struct cli *cli, json_t *result)
{
	const json_t *replaced = json_object_get(result, "replaced");

	cli_ids_print(cli, result);
	flows_warn(cli, replaced != NULL ? replaced : json_object_get(result, "installed"));
}

static int
flow_add(struct cli *cli, const struct arguments *arguments)
{
	return flows_call(cli, arguments, flows_given(cli, arguments));
}

static int
flow_replace(struct cli *cli, const struct arguments *arguments)
{
	const char *file;
	int exit_code = cli_file_given(cli, arguments, 0, &file);

	if (exit_code != CLI_OK)
		return exit_code;
	if (file == NULL)
		return cli_usage(cli, "the FILE with the flows is missing");
	return flows_call(cli, arguments, cli_file_load(cli, file, "flows"));
}

static void
removed_print(struct cli *cli, json_t *result)
{
	(void)cli;
	flow_counters_print(json_object_get(result, "removed"));
}

static const struct option_spec replace_options[] = {
	{"file", "FILE", "the same as FILE"},
	{CHANGE_IF_GENERATION},
	{CHANGE_COMMENT},
	{NULL},
};

static const struct option_spec commit_options[] = {
	{CHANGE_IF_GENERATION}, {CHANGE_COMMENT}, {NULL}};

const struct command command_flow_add = {
	.name = "flow add",
	.arguments = "--match K=V,... [--leg K=V,...]... [OPTION]...\n"
		     "       sluicectl flow add --rule K=V,... [--leg K=V,...]... [OPTION]...\n"
		     "       sluicectl flow add FILE",
	.summary = "Install flows, all of them or none",
	.details = flow_args_print_keys,
	.example = "  sluicectl flow add --id cam1 --match port=p0,dst=192.0.2.1:5004 \\\n"
		   "    --leg port=p1,src=203.0.113.1:5004,dst=203.0.113.9:5004 \\\n"
		   "    --leg port=p2,src=203.0.113.129:5004,dst=203.0.113.137:5004,dscp=34",
	.options = flow_add_options,
	.max_words = 1,
	.changes = true,
	.method = "flow.install",
	.print = flows_print,
	.run = flow_add,
};

const struct command command_flow_replace = {
	.name = "flow replace",
	.arguments = "FILE",
	.summary = "Replace flows by those in a file, all of them or none",
	.example = "  sluicectl flow list --json > flows.json    # and edit it\n"
		   "  sluicectl flow replace flows.json",
	.options = replace_options,
	.max_words = 1,
	.changes = true,
	.method = "flow.replace",
	.print = flows_print,
	.run = flow_replace,
};

const struct command command_flow_del = {
	.name = "flow del",
	.arguments = "ID...",
	.summary = "Remove flows and show their final counters",
	.example = "  sluicectl flow del cam1 cam2",
	.options = commit_options,
	.min_words = 1,
	.max_words = UINT32_MAX,
	.changes = true,
	.method = "flow.remove",
	.words = "ids...",
	.print = removed_print,
};

static void
forgotten_print(struct cli *cli, json_t *result)
{
	json_t *flow;
	size_t i;

	(void)cli;
	json_array_foreach (json_object_get(result, "forgotten"), i, flow)
		members_print(0, flow,
			json_is_object(json_object_get(flow, "latched"))
				? "forgot {latched/src:endpoint} of {id}"
				: "nothing learned by {id}");
}

static const struct option_spec forget_options[] = {
	{"comment", "TEXT", "why, for the audit log"},
	{NULL},
};

const struct command command_flow_forget = {
	.name = "flow forget",
	.arguments = "ID...",
	.summary = "Let flows learn their source again",
	.example = "  sluicectl flow forget cam1",
	.options = forget_options,
	.min_words = 1,
	.max_words = UINT32_MAX,
	.changes = true,
	.method = "flow.forget",
	.words = "ids...",
	.print = forgotten_print,
};

static int
leg_join(struct cli *cli, const struct arguments *arguments)
{
	const char *file;
	json_t *legs;

	if (cli_file_given(cli, arguments, 1, &file) != CLI_OK)
		return CLI_USAGE;
	if ((file != NULL) == (arguments_value(arguments, "leg") != NULL))
		return cli_usage(cli, "expected --leg or a FILE");
	if (file == NULL)
		return command_call(cli, arguments, json_object());
	legs = cli_file_load(cli, file, "legs");
	if (legs == NULL)
		return CLI_USAGE;
	return command_call(cli, arguments, json_pack("{s:o}", "legs", legs));
}

static void
left_print(struct cli *cli, json_t *result)
{
	(void)cli;
	rows_print("LEG={id}|COPIES>={counters/copies}|BYTES>={counters/bytes}|"
		   "SENT>={counters/sent}|DROPS={counters/drops:drops}",
		json_object_get(result, "left"));
}

/* The state is the last word of the command. */
static int
flow_admin(struct cli *cli, const struct arguments *arguments)
{
	return command_call(
		cli, arguments, json_pack("{s:s}", "admin", strrchr(cli->command->name, ' ') + 1));
}

static const struct option_spec join_options[] = {
	{"leg", "K=V,...", "receiver of a copy; once for each leg"},
	{"file", "FILE", "the same as FILE; - is standard input"},
	{CHANGE_IF_GENERATION},
	{CHANGE_COMMENT},
	{NULL},
};

static const struct option_spec admin_options[] = {
	{"leg", "LEG", "only this leg of the flow"},
	{CHANGE_IF_GENERATION},
	{CHANGE_COMMENT},
	{NULL},
};

const struct command command_leg_join = {
	.name = "leg join",
	.arguments = "FLOW --leg K=V,... [--leg ...]...\n"
		     "       sluicectl leg join FLOW FILE",
	.summary = "Add legs to a flow, all of them or none",
	.details = flow_args_print_leg_keys,
	.example = "  sluicectl leg join cam1 \\\n"
		   "    --leg id=wall,port=p1,src=203.0.113.1:5004,dst=203.0.113.20:5004",
	.options = join_options,
	.min_words = 1,
	.max_words = 2,
	.changes = true,
	.method = "leg.join",
	.words = "flow",
	.print = cli_ids_print,
	.run = leg_join,
};

const struct command command_leg_leave = {
	.name = "leg leave",
	.arguments = "FLOW LEG...",
	.summary = "Remove legs from a flow and show their final counters",
	.example = "  sluicectl leg leave cam1 wall",
	.options = commit_options,
	.min_words = 2,
	.max_words = UINT32_MAX,
	.changes = true,
	.method = "leg.leave",
	.words = "flow legs...",
	.print = left_print,
};

const struct command command_flow_up = {
	.name = "flow up",
	.arguments = "ID",
	.summary = "Set a flow, or one of its legs, up",
	.example = "  sluicectl flow up cam1",
	.options = admin_options,
	.min_words = 1,
	.max_words = 1,
	.changes = true,
	.method = "flow.admin",
	.words = "flow",
	.says = "{admin} {flow}[ {leg}]",
	.run = flow_admin,
};

const struct command command_flow_down = {
	.name = "flow down",
	.arguments = "ID",
	.summary = "Set a flow, or one of its legs, down",
	.example = "  sluicectl flow down cam1 --leg wall",
	.options = admin_options,
	.min_words = 1,
	.max_words = 1,
	.changes = true,
	.method = "flow.admin",
	.words = "flow",
	.says = "{admin} {flow}[ {leg}]",
	.run = flow_admin,
};
