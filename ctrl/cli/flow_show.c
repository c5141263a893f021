/* SPDX-License-Identifier: BSD-3-Clause */
/* `flow show`: everything about one flow. Lines about what it does not use are left out. */
#include <inttypes.h>

#include "base/escape.h"
#include "cli/commands.h"
#include "cli/flow_legs.h"
#include "cli/quantity.h"
#include "cli/table.h"
#include "cli/text.h"

#define LABEL_INDENT 10

static const struct table_column stream_columns[] = {
	{"STREAM", true},
	{"SSRC", false},
	{"TYPE", true},
	{"ACTION", false},
	{"LEGS", true},
	{"PACKETS", true},
	{"BYTES", true},
};

/* A member that is a word, unless it says what everybody's does. */
static void
line_word(const json_t *flow, const char *label, const char *member, const char *usual)
{
	if (json_object_get(flow, member) != NULL && !member_is(flow, member, usual))
		text_print(stdout, LABEL_INDENT, "%-9s %s", label, member_text(flow, member));
}

/* Who may send: latch, and the prefixes allowed. */
static void
line_sources(const json_t *flow)
{
	const json_t *allow = json_object_get(flow, "allow");
	const bool latches =
		json_object_get(flow, "latch") != NULL && !member_is(flow, "latch", "open");
	struct text text;
	json_t *prefix;
	size_t i;

	if (!latches && json_array_size(allow) == 0)
		return;
	text_clear(&text);
	text_add(&text, "%s", latches ? member_text(flow, "latch") : "any");
	if (member_is(flow, "latch", "follow") &&
		json_object_get(flow, "latch_interval_ms") != NULL)
		text_add(&text, ", %" PRIu64 " ms between moves",
			member_number(flow, "latch_interval_ms"));
	json_array_foreach (allow, i, prefix)
		text_add(&text, "%s %s", i == 0 ? " of" : "", json_string_value(prefix));
	text_print(stdout, LABEL_INDENT, "sources   %s", text.s);
}

static void
line_latched(const json_t *result, const json_t *flow)
{
	const json_t *latched = json_object_get(result, "latched");
	struct text text;

	if (json_is_object(latched))
		text_print(stdout, LABEL_INDENT, "latched   %s, learned %" PRIu64 " time%s",
			text_endpoint(&text, latched, "src"), member_number(latched, "moves"),
			member_number(latched, "moves") == 1 ? "" : "s");
	else if (member_is(flow, "latch", "first") || member_is(flow, "latch", "follow"))
		text_print(stdout, LABEL_INDENT, "latched   to nobody yet");
}

static void
line_classes(const json_t *flow)
{
	struct text text;
	const char *class;
	json_t *verdict;

	text_clear(&text);
	json_object_foreach (json_object_get(flow, "classes"), class, verdict)
		text_add(&text, "%s%s=%s", text.length > 0 ? " " : "", class,
			json_string_value(verdict));
	if (text.length > 0)
		text_print(stdout, LABEL_INDENT, "classes   %s", text.s);
}

static void
lines_limits(const json_t *flow)
{
	const json_t *police = json_object_get(flow, "police");
	struct text text;

	if (police != NULL) {
		text_clear(&text);
		text_add_police(&text, police);
		text_print(stdout, LABEL_INDENT, "policed   to %s", text.s);
	}
	if (json_object_get(flow, "idle_timeout_s") != NULL)
		text_print(stdout, LABEL_INDENT, "removed   when idle for %" PRIu64 " s",
			member_number(flow, "idle_timeout_s"));
	if (json_object_get(flow, "max_datagram_bytes") != NULL)
		text_print(stdout, LABEL_INDENT, "carries   datagrams of up to %" PRIu64 " byte%s",
			member_number(flow, "max_datagram_bytes"),
			plural_s(member_number(flow, "max_datagram_bytes")));
}

static void
lines_counters(const json_t *counters)
{
	struct text drops;

	text_print(stdout, LABEL_INDENT, "received  %" PRIu64 " packet%s, %" PRIu64 " byte%s",
		member_number(counters, "packets"), plural_s(member_number(counters, "packets")),
		member_number(counters, "bytes"), plural_s(member_number(counters, "bytes")));
	text_print(stdout, LABEL_INDENT,
		"          %" PRIu64 " forwarded, %" PRIu64 " punted, drops: %s",
		member_number(counters, "forwarded"), member_number(counters, "punted"),
		text_drops(&drops, json_object_get(counters, "drops")));
}

static void
show_streams(const json_t *streams, const json_t *states)
{
	struct table *table;
	struct text text;
	json_t *stream;
	size_t i;

	if (json_array_size(streams) == 0)
		return;
	table = table_create(stream_columns, sizeof(stream_columns) / sizeof(stream_columns[0]));
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
		table_cell(table, "%" PRIu64, member_number(state, "packets"));
		table_cell(table, "%" PRIu64, member_number(state, "bytes"));
	}
	putchar('\n');
	table_print(table, stdout);
	table_destroy(table);
}

static void
show(const json_t *result)
{
	const json_t *flow = json_object_get(result, "flow");
	struct text match;

	text_print(stdout, LABEL_INDENT, "flow      %s", member_text(flow, "id"));
	text_print(stdout, LABEL_INDENT, "match     %s", text_match(&match, flow));
	line_word(flow, "admin", "admin", "up");
	line_word(flow, "action", "action", "forward");
	line_sources(flow);
	line_latched(result, flow);
	line_classes(flow);
	lines_limits(flow);
	lines_counters(json_object_get(result, "counters"));
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
	if (result == NULL)
		return exit_code;
	if (cli->json)
		cli_print_json(result);
	else
		show(result);
	json_decref(result);
	return CLI_OK;
}

const struct command command_flow_show = {
	.name = "flow show",
	.arguments = "ID",
	.summary = "Show one flow: legs, next hops, counters, drops by reason",
	.example = "  sluicectl flow show cam1",
	.max_words = 1,
	.run = flow_show,
};
