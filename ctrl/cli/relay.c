/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * `relay add`, `update` and `del`: all relays that are named, or none. `relay list` and `show`:
 * both sides of each, where they are, what they have sent and what was sent to them. `relay join`,
 * `leave` and `receivers`: who else receives what goes to a side.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/args.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "schema/schema.h"

#define LABEL_INDENT 10

/* The directions of a relay as members of its state, and what they are called. */
static const struct {
	const char *member, *side, *name;
	bool is_rtcp; /* on the ports next to those of the side */
} directions[] = {
	{"a", "a", "a", false},
	{"b", "b", "b", false},
	{"a_rtcp", "a", "a rtcp", true},
	{"b_rtcp", "b", "b rtcp", true},
};

#define N_DIRECTIONS (sizeof(directions) / sizeof(directions[0]))

/* Set a member of a row to what a template makes of the object, if it is one. */
static void
row_set(json_t *row, const char *name, const json_t *object, const char *template)
{
	struct text text;

	json_object_set_new(row, name,
		json_string(json_is_object(object) ? text_members(&text, object, template) : "-"));
}

static void
port_next(json_t *side, const char *member)
{
	const json_t *port = json_object_get(side, member);

	if (port != NULL)
		json_object_set_new(side, member, json_integer(json_integer_value(port) + 1));
}

/* The side of a direction, to be given back; NULL: it is not known. */
static json_t *
direction_side(const json_t *relay, size_t direction)
{
	json_t *side = json_copy(json_object_get(relay, directions[direction].side));

	if (directions[direction].is_rtcp) {
		port_next(side, "local_port");
		port_next(side, "remote_port");
	}
	return side;
}

/*
 * A row for each direction of a relay: of its state, or of the last figures of one that was
 * removed, which say nothing of what it was.
 */
static void
rows_add(json_t *rows, const json_t *state)
{
	json_t *relay = json_object_get(state, "relay");

	for (size_t i = 0; i < N_DIRECTIONS; i++) {
		json_t *direction = json_object_get(state, directions[i].member), *row;
		json_t *side;

		if (direction == NULL)
			continue;
		side = direction_side(relay, i);
		row = json_copy(direction);
		json_object_set_new(row, "name", json_string(directions[i].name));
		json_object_set(row, "id",
			i > 0 ? NULL : json_object_get(relay != NULL ? relay : state, "id"));
		row_set(row, "source", json_object_get(direction, "latched"), "{src:endpoint}");
		row_set(row, "local", side, "{local:endpoint}");
		row_set(row, "signalled", json_object_get(side, "remote") != NULL ? side : NULL,
			"{remote:endpoint}");
		row_set(row, "times_out", json_object_get(direction, "media") != NULL ? side : NULL,
			json_is_true(json_object_get(side, "reopen")) ? "{media_timeout_s} s, opens"
								      : "{media_timeout_s} s");
		row_set(row, "does", side,
			member_is(side, "admin", "down") ? "down, {latch}[ by {latch_by}]"
							 : "{latch}[ by {latch_by}]");
		json_object_update_missing(row, side);
		json_decref(side);
		json_array_append_new(rows, row);
	}
}

/* What else a side says, in words; "" when that is nothing. */
static void
more_describe(json_t *row)
{
	json_t *prefix, *verdict;
	struct text text;
	const char *class;
	size_t i;

	text_clear(&text);
	text_add_members(&text, row, "[pool {pool}, ]");
	json_array_foreach (json_object_get(row, "allow"), i, prefix)
		text_add(&text, "allow %s, ", json_string_value(prefix));
	json_object_foreach (json_object_get(row, "classes"), class, verdict)
		text_add(&text, "%s=%s, ", class, json_string_value(verdict));
	text_add_members(&text, row,
		"[policed to {police:police}, ][datagrams of up to {max_datagram_bytes byte}, ]"
		"[DSCP {dscp}, ][TTL {ttl}, ][mark {mark}, ]");
	json_object_set_new(
		row, "more", json_stringn(text.s, text.length > 2 ? text.length - 2 : 0));
}

#define FIGURES \
	"RECEIVED>={received/packets}|BYTES>={received/bytes}|DROPS={received/drops:drops}|" \
	"COPIES>={sent/copies}|BYTES>={sent/bytes}|SENT>={sent/sent}|DROPS={sent/drops:drops}"

static void
relay_print(json_t *result)
{
	json_t *rows = json_array(), *waiting = json_array(), *polled = json_array(), *row;
	json_t *more = json_array(), *hinted = json_array();
	size_t i;

	rows_add(rows, result);
	json_array_foreach (rows, i, row) {
		const json_t *sent = json_object_get(row, "sent");

		if (json_object_get(json_object_get(sent, "next_hop"), "reason") != NULL)
			json_array_append(waiting, row);
		if (json_object_get(row, "hint") != NULL)
			json_array_append(hinted, row);
		more_describe(row);
		if (!member_is(row, "more", ""))
			json_array_append(more, row);
		if (json_object_get(row, "last_packet") != NULL)
			json_array_append(polled, row);
	}
	members_print(LABEL_INDENT, json_object_get(result, "relay"),
		"relay     {id}\n"
		"rtcp      {rtcp?mux}\n"
		"[removed   when idle for {idle_timeout_s} s]");
	rows_print_below("SIDE={name}|PORT={port}|VLAN>={:vlans}|LOCAL={local}|"
			 "SIGNALLED={signalled}|SOURCE={source}|LATCH={does}",
		rows);
	rows_print_below("SIDE={name}|OPTIONS={more}", more);
	rows_print_below("SIDE={name}|" FIGURES, rows);
	rows_print_below("SIDE={name}|MEDIA={media:media}|LAST PACKET={last_packet/time_ns:time}|"
			 "TIME-OUT={times_out}",
		polled);
	rows_print_below("SIDE={name}|NEXT HOP={sent/next_hop/address}|MAC={sent/next_hop/mac}|"
			 "STATE={sent/next_hop/state}|NETDEV={sent/next_hop/netdev}|"
			 "MTU={sent/next_hop/mtu}[ by {sent/next_hop/mtu_from}]",
		rows);
	rows_print_below("SIDE={name}|WHY={sent/next_hop/reason}", waiting);
	rows_print_below("SIDE={name}|HINT={hint}", hinted);
	json_decref(more);
	json_decref(hinted);
	json_decref(rows);
	json_decref(waiting);
	json_decref(polled);
}

#define RECEIVERS_SHOWN 20 /* of a side, by `relay show` */

/* The columns of receivers. */
static void
receivers_rows_print(json_t *receivers)
{
	json_t *rows = json_array(), *state, *row;
	size_t i;

	json_array_foreach (receivers, i, state) {
		json_t *receiver = json_object_get(state, "receiver");

		row = json_copy(state);
		row_set(row, "source", json_object_get(state, "latched"), "{src:endpoint}");
		if (json_object_get(receiver, "remote") != NULL)
			row_set(row, "source", receiver, "{remote:endpoint}");
		row_set(row, "local", receiver, "{local:endpoint}");
		json_object_set(row, "name", json_object_get(receiver, "name"));
		json_array_append_new(rows, row);
	}
	rows_print("RECEIVER={name}|LOCAL={local}|SOURCE={source}|" FIGURES, rows);
	json_decref(rows);
}

static void
receivers_print(struct cli *cli, json_t *result)
{
	(void)cli;
	if (json_array_size(json_object_get(result, "receivers")) > 0)
		receivers_rows_print(json_object_get(result, "receivers"));
	else
		puts("no receivers");
	members_print(0, result, "[next page: --cursor {next_cursor}]");
}

/* The first receivers of a side, if it has any. */
static int
receivers_show(struct cli *cli, const json_t *state, const char *side)
{
	const json_t *id = json_object_get(json_object_get(state, "relay"), "id");
	const uint64_t n = member_number(json_object_get(state, side), "receivers");
	int exit_code = CLI_OK;
	json_t *page;

	if (n == 0)
		return CLI_OK;
	page = cli_call(cli, "relay.receivers",
		json_pack("{s:s, s:s, s:i}", "id", json_string_value(id), "side", side, "limit",
			RECEIVERS_SHOWN),
		&exit_code);
	if (page == NULL)
		return exit_code;
	printf("\n%" PRIu64 " receiver%s of side %s%s\n", n, n == 1 ? "" : "s", side,
		n > RECEIVERS_SHOWN ? ", see relay receivers; the first:" : ":");
	receivers_rows_print(json_object_get(page, "receivers"));
	json_decref(page);
	return CLI_OK;
}

static int
relay_show(struct cli *cli, const struct arguments *arguments)
{
	int exit_code;
	json_t *result = cli_call(
		cli, "relay.get", json_pack("{s:s}", "id", arguments->words[0]), &exit_code);

	if (!cli_shows(cli, result))
		return cli_end(cli, result, exit_code);
	relay_print(result);
	exit_code = receivers_show(cli, result, "a");
	if (exit_code == CLI_OK)
		exit_code = receivers_show(cli, result, "b");
	json_decref(result);
	return exit_code;
}

static int
relay_list(struct cli *cli, const struct arguments *arguments)
{
	json_t *filter = json_object(), *result, *rows, *state;
	int exit_code = params_add(cli, arguments, "relay.list", filter);
	size_t i;

	if (exit_code != CLI_OK) {
		json_decref(filter);
		return exit_code;
	}
	result = json_object_get(filter, "limit") != NULL
			 ? cli_call(cli, "relay.list", filter, &exit_code)
			 : flow_pages_fetch(cli, "relay.list", filter, &exit_code);
	if (!cli_shows(cli, result))
		return cli_end(cli, result, exit_code);
	rows = json_array();
	json_array_foreach (json_object_get(result, "relays"), i, state)
		rows_add(rows, state);
	if (json_array_size(rows) > 0)
		rows_print("RELAY={id?}|SIDE={name}|PORT={port}|VLAN>={:vlans}|LOCAL={local}|"
			   "SOURCE={source}|RECEIVED>={received/packets}|SENT>={sent/sent}|"
			   "MEDIA={media:media}",
			rows);
	else
		puts("no relays");
	members_print(0, result, "[next page: --cursor {next_cursor}]");
	json_decref(rows);
	return cli_end(cli, result, exit_code);
}

/* The relays that the arguments name, as an array, or NULL with the fault said. */
static json_t *
relays_given(struct cli *cli, const struct arguments *arguments)
{
	const bool by_options = arguments_value(arguments, "a") || arguments_value(arguments, "b");
	json_t *schema = schema_component(schema_rpc_document(), "relay"), *relay;
	char error[ARGS_ERROR_MAX];
	const char *file;

	if (cli_file_given(cli, arguments, 0, &file) != CLI_OK)
		return NULL;
	if (file != NULL && (by_options || arguments_value(arguments, "id")))
		return cli_usage(cli, "--id, --a and --b cannot be combined with a FILE"), NULL;
	if (file != NULL)
		return cli_file_load(cli, file, "relays");
	if (!by_options)
		return cli_usage(cli, "expected --id, --a and --b, or a FILE"), NULL;
	relay = json_object();
	if (options_set(arguments, cli->command->options, schema, relay, error) == 0)
		return json_pack("[o]", relay);
	json_decref(relay);
	return cli_usage(cli, "%s", error), NULL;
}

static int
relay_put(struct cli *cli, const struct arguments *arguments)
{
	json_t *relays = relays_given(cli, arguments);

	if (relays == NULL)
		return CLI_USAGE;
	return command_call(cli, arguments, json_pack("{s:o}", "relays", relays));
}

/* The last figures of receivers that left. */
static void
receivers_figures_print(json_t *receivers)
{
	json_t *receiver;
	size_t i;

	json_array_foreach (receivers, i, receiver)
		row_set(receiver, "source", json_object_get(receiver, "latched"), "{src:endpoint}");
	rows_print("RECEIVER={name}|SOURCE={source}|" FIGURES, receivers);
}

#define REMOVED "RELAY={id?}|SIDE={name}|SOURCE={source}|" FIGURES

static void
removed_print(struct cli *cli, json_t *result)
{
	json_t *rows = json_array(), *relay, *row;
	bool polled = false;
	size_t i;

	(void)cli;
	json_array_foreach (json_object_get(result, "removed"), i, relay)
		rows_add(rows, relay);
	json_array_foreach (rows, i, row)
		polled |= json_object_get(row, "last_packet") != NULL;
	rows_print(polled ? REMOVED "|LAST PACKET={last_packet/time_ns:time}" : REMOVED, rows);
	json_array_foreach (json_object_get(result, "removed"), i, relay) {
		if (json_object_get(relay, "receivers") == NULL)
			continue;
		members_print(0, relay, "\nreceivers of {id}");
		receivers_figures_print(json_object_get(relay, "receivers"));
		members_print(0, relay, "[and {receivers_left_out} more]");
	}
	json_decref(rows);
}

static int
relay_join(struct cli *cli, const struct arguments *arguments)
{
	const char *file;
	json_t *receivers;

	if (cli_file_given(cli, arguments, 1, &file) != CLI_OK)
		return CLI_USAGE;
	if ((file != NULL) == (arguments_value(arguments, "receiver") != NULL))
		return cli_usage(cli, "expected --receiver or a FILE");
	if (file == NULL)
		return command_call(cli, arguments, json_object());
	receivers = cli_file_load(cli, file, "receivers");
	if (receivers == NULL)
		return CLI_USAGE;
	return command_call(cli, arguments, json_pack("{s:o}", "receivers", receivers));
}

static void
joined_print(struct cli *cli, json_t *result)
{
	json_t *receiver;
	size_t i;

	(void)cli;
	json_array_foreach (json_object_get(result, "joined"), i, receiver)
		members_print(0, receiver, "joined {name} at {local:endpoint}");
}

static void
left_print(struct cli *cli, json_t *result)
{
	(void)cli;
	receivers_figures_print(json_object_get(result, "left"));
}

static const struct option_spec put_options[] = {
	{"id", "NAME", "id of the relay"},
	{"a", "K=V,...", "one side"},
	{"b", "K=V,...", "the other side"},
	{"rtcp", "mux|next", "UDP ports of RTCP: the same, or the next ones (mux)"},
	{"idle-timeout", "TIME", "remove the relay when it was idle for TIME"},
	{"file", "FILE", "the same as FILE; - is standard input"},
	{CHANGE_IF_GENERATION},
	{CHANGE_COMMENT},
	{NULL},
};

static const struct option_spec del_options[] = {
	{CHANGE_IF_GENERATION},
	{CHANGE_COMMENT},
	{NULL},
};

static const struct option_spec join_options[] = {
	{"side", "a|b", "side that they receive as (b)"},
	{"receiver", "K=V,...", "a receiver; once for each"},
	{"file", "FILE", "the same as FILE; - is standard input"},
	{CHANGE_IF_GENERATION},
	{CHANGE_COMMENT},
	{NULL},
};

static const struct option_spec leave_options[] = {
	{"side", "a|b", "side that they receive as (b)"},
	{CHANGE_IF_GENERATION},
	{CHANGE_COMMENT},
	{NULL},
};

static const struct option_spec receivers_options[] = {
	{"side", "a|b", "side that they receive as (b)"},
	{"limit", "N", "receivers of a page (100)"},
	{"cursor", "CURSOR", "begin after the previous page"},
	{"declared", NULL, "only declared receivers"},
	{NULL},
};

static const struct option_spec list_options[] = {
	{"limit", "N", "one page of N relays (1..1000) instead of all"},
	{"cursor", "CURSOR", "begin after the previous page"},
	{"declared", NULL, "only declared relays"},
	{NULL},
};

const struct command command_relay_add = {
	.name = "relay add",
	.arguments = "--id NAME --a K=V,... --b K=V,... [OPTION]...\n"
		     "       sluicectl relay add FILE",
	.summary = "Set up relays between two sides, all of them or none",
	.details = relay_args_print_keys,
	.example = "  sluicectl relay add --id call1 --a port=p0,local=192.0.2.1:6000 \\\n"
		   "    --b port=p1,local=203.0.113.1:6000,remote=203.0.113.9:5004,dscp=46",
	.options = put_options,
	.max_words = 1,
	.changes = true,
	.method = "relay.add",
	.print = cli_ids_print,
	.run = relay_put,
};

const struct command command_relay_update = {
	.name = "relay update",
	.arguments = "--id NAME --a K=V,... --b K=V,... [OPTION]...\n"
		     "       sluicectl relay update FILE",
	.summary = "Replace relays, as by a re-invite, all of them or none",
	.details = relay_args_print_keys,
	.example = "  sluicectl relay update --id call1 --a port=p0,local=192.0.2.1:6000 \\\n"
		   "    --b port=p1,local=203.0.113.1:6000,admin=down",
	.options = put_options,
	.max_words = 1,
	.changes = true,
	.method = "relay.update",
	.print = cli_ids_print,
	.run = relay_put,
};

const struct command command_relay_del = {
	.name = "relay del",
	.arguments = "RELAY...",
	.summary = "Remove relays and show the final figures of both sides",
	.example = "  sluicectl relay del call1",
	.options = del_options,
	.min_words = 1,
	.max_words = UINT32_MAX,
	.changes = true,
	.method = "relay.remove",
	.words = "ids...",
	.print = removed_print,
};

const struct command command_relay_list = {
	.name = "relay list",
	.arguments = "",
	.summary = "List the relays, both sides of each",
	.example = "  sluicectl relay list",
	.options = list_options,
	.run = relay_list,
};

const struct command command_relay_show = {
	.name = "relay show",
	.arguments = "RELAY",
	.summary = "Show one relay: both directions side by side",
	.example = "  sluicectl relay show call1",
	.min_words = 1,
	.max_words = 1,
	.words = "id",
	.run = relay_show,
};

const struct command command_relay_join = {
	.name = "relay join",
	.arguments = "RELAY --receiver K=V,... [--receiver ...]... [OPTION]...\n"
		     "       sluicectl relay join RELAY FILE",
	.summary = "Add receivers to a side of a relay, all of them or none",
	.details = relay_args_print_receiver_keys,
	.example = "  sluicectl relay join cam1 --receiver name=anna,local=7001",
	.options = join_options,
	.min_words = 1,
	.max_words = 2,
	.changes = true,
	.method = "relay.join",
	.words = "id",
	.print = joined_print,
	.run = relay_join,
};

const struct command command_relay_leave = {
	.name = "relay leave",
	.arguments = "RELAY RECEIVER...",
	.summary = "Remove receivers from a relay and show their final figures",
	.example = "  sluicectl relay leave cam1 anna",
	.options = leave_options,
	.min_words = 2,
	.max_words = UINT32_MAX,
	.changes = true,
	.method = "relay.leave",
	.words = "id names...",
	.print = left_print,
};

const struct command command_relay_receivers = {
	.name = "relay receivers",
	.arguments = "RELAY",
	.summary = "List the receivers of a side of a relay, a page at a time",
	.example = "  sluicectl relay receivers cam1 --limit 20",
	.options = receivers_options,
	.min_words = 1,
	.max_words = 1,
	.method = "relay.receivers",
	.words = "id",
	.print = receivers_print,
};
