/* SPDX-License-Identifier: BSD-3-Clause */
/* See diff.h. A line is made in memory first, so that it can be broken where it is too long. */
#include "cli/diff.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "cli/cli.h"
#include "cli/endpoint.h"
#include "cli/paint.h"
#include "cli/quantity.h"
#include "cli/text.h"
#include "cli/yaml_text.h"

#define COLUMNS_IN_PIPE 80
#define FIELD_INDENT 4

/* A line that is being made. */
struct line {
	FILE *stream;
	char *text;
	size_t length;
};

static FILE *
line_begin(struct line *line)
{
	line->stream = open_memstream(&line->text, &line->length);
	if (line->stream == NULL)
		cli_out_of_memory();
	return line->stream;
}

/*
 * Where to break a text that has no room: at the last blank that fits, of those that are not
 * between a key and its value if it can be.
 */
static size_t
break_at(const char *text, size_t room)
{
	size_t any = 0;

	for (size_t i = room; i > 0; i--) {
		if (text[i] != ' ')
			continue;
		if (text[i - 1] != ':')
			return i;
		any = any > 0 ? any : i;
	}
	return any > 0 ? any : strcspn(text, " ");
}

/* Print it indented, broken where it is too long, what follows a break indented more. */
static void
line_end(struct line *line, unsigned indent, bool colour, char mark, FILE *out)
{
	const size_t columns = paint_columns(out, COLUMNS_IN_PIPE);
	char *rest;

	if (fclose(line->stream) != 0)
		cli_out_of_memory();
	for (rest = line->text; *rest != '\0';) {
		const size_t room = columns - indent;
		size_t length = strlen(rest);

		if (length > room)
			length = break_at(rest, room);
		fprintf(out, "%*s%s%.*s%s\n", (int)indent, "", paint_begin(colour, mark),
			(int)length, rest, paint_end(colour));
		indent += rest == line->text ? FIELD_INDENT : 0;
		rest += length + strspn(rest + length, " ");
	}
	free(line->text);
}

static bool
is_leg(const json_t *value)
{
	return json_is_string(json_object_get(value, "port")) &&
	       json_is_string(json_object_get(value, "src")) &&
	       json_is_integer(json_object_get(value, "dst_port"));
}

/* "p1 203.0.113.1:5004 > 203.0.113.9:5004 {id: wall, dscp: 34}" */
static void
leg_print(FILE *out, json_t *leg)
{
	static const char *const told[] = {
		"port", "src", "src_port", "dst", "dst_port", "vlan", "outer_vlan"};
	json_t *rest = json_copy(leg);
	struct text text;

	fprintf(out, "%s ", member_text(leg, "port"));
	if (strcmp(text_vlans(&text, leg), "-") != 0)
		fprintf(out, "vlan %s ", text.s);
	fprintf(out, "%s", text_endpoint(&text, leg, "src"));
	fprintf(out, " > %s", text_endpoint(&text, leg, "dst"));
	for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++)
		json_object_del(rest, told[i]);
	if (json_object_size(rest) > 0) {
		fputc(' ', out);
		yaml_text_print(out, rest);
	}
	json_decref(rest);
}

static void
value_print(FILE *out, json_t *value)
{
	if (is_leg(value))
		leg_print(out, value);
	else
		yaml_text_print(out, value);
}

static void
header_print(json_t *change, char mark, bool colour, FILE *out)
{
	json_t *flow = json_object_get(change, "flow");
	struct line line;
	struct text text;
	FILE *stream = line_begin(&line);

	fprintf(stream, "%c %s", mark, member_text(change, "id"));
	if (flow != NULL)
		fprintf(stream, "  %s", text_match(&text, flow));
	line_end(&line, 0, colour, mark, out);
}

/* What a new flow has besides id and match: a line a leg, and a line for each other member. */
static void
flow_print(json_t *flow, bool colour, FILE *out)
{
	const char *key;
	json_t *value, *leg;
	struct line line;
	size_t i;

	json_object_foreach (flow, key, value) {
		if (strcmp(key, "id") == 0 || strcmp(key, "match") == 0 ||
			strcmp(key, "rule") == 0 || strcmp(key, "legs") == 0)
			continue;
		fprintf(line_begin(&line), "%s: ", key);
		yaml_text_print(line.stream, value);
		line_end(&line, FIELD_INDENT, colour, '+', out);
	}
	json_array_foreach (json_object_get(flow, "legs"), i, leg) {
		fprintf(line_begin(&line), "leg ");
		leg_print(line.stream, leg);
		line_end(&line, FIELD_INDENT, colour, '+', out);
	}
}

static void
field_print(json_t *field, bool colour, FILE *out)
{
	json_t *before = json_object_get(field, "before"), *after = json_object_get(field, "after");
	const char mark = before == NULL ? '+' : after == NULL ? '-' : '~';
	struct line line;
	FILE *stream = line_begin(&line);

	fprintf(stream, "%c %s: ", mark, member_text(field, "pointer"));
	if (before != NULL)
		value_print(stream, before);
	if (before != NULL && after != NULL)
		fputs(" -> ", stream);
	if (after != NULL)
		value_print(stream, after);
	line_end(&line, FIELD_INDENT, colour, mark, out);
}

void
diff_change_print(json_t *change, bool colour, FILE *out)
{
	const char mark = member_is(change, "op", "add")      ? '+'
			  : member_is(change, "op", "remove") ? '-'
							      : '~';
	json_t *field;
	size_t i;

	header_print(change, mark, colour, out);
	if (mark == '+')
		flow_print(json_object_get(change, "flow"), colour, out);
	if (mark == '~' && json_array_size(json_object_get(change, "fields")) == 0)
		fprintf(out, "%*sbecomes declared, and stays as it is\n", FIELD_INDENT, "");
	json_array_foreach (json_object_get(change, "fields"), i, field)
		field_print(field, colour, out);
}

uint64_t
diff_size(const json_t *plan)
{
	const json_t *flows = json_object_get(plan, "flows");

	return member_number(flows, "added") + member_number(flows, "changed") +
	       member_number(flows, "removed") + member_number(flows, "adopted");
}

static uint64_t
flows_now(const json_t *flows)
{
	return member_number(flows, "changed") + member_number(flows, "removed") +
	       member_number(flows, "unchanged") + member_number(flows, "adopted") +
	       member_number(flows, "left_alone");
}

static void
bytes_print(FILE *out, uint64_t bytes)
{
	if (bytes < 10000)
		fprintf(out, "%" PRIu64 " byte%s", bytes, plural_s(bytes));
	else if (bytes < 10000000)
		fprintf(out, "%.1f kB", (double)bytes / 1e3);
	else
		fprintf(out, "%.1f MB", (double)bytes / 1e6);
}

static void
sizes_print(const json_t *plan, FILE *out)
{
	const json_t *flows = json_object_get(plan, "flows"), *legs = json_object_get(plan, "legs");
	const json_t *bytes = json_object_get(plan, "table_bytes");
	const uint64_t now = flows_now(flows);
	struct line line;
	FILE *stream = line_begin(&line);

	fprintf(stream,
		"  flows %" PRIu64 " -> %" PRIu64 ", legs %" PRIu64 " -> %" PRIu64 ", table ", now,
		now + member_number(flows, "added") - member_number(flows, "removed"),
		member_number(legs, "now"), member_number(legs, "then"));
	bytes_print(stream, member_number(bytes, "now"));
	fputs(" -> ", stream);
	bytes_print(stream, member_number(bytes, "then"));
	line_end(&line, 0, false, ' ', out);
}

void
diff_summary_print(const json_t *plan, FILE *out)
{
	const json_t *flows = json_object_get(plan, "flows");
	const uint64_t alone = member_number(flows, "left_alone");
	const uint64_t adopted = member_number(flows, "adopted");
	const uint64_t stay = member_number(flows, "unchanged") + adopted;
	struct line line;
	FILE *stream = line_begin(&line);

	if (diff_size(plan) == 0)
		fprintf(stream, "No changes to generation %" PRIu64 ": ",
			member_number(plan, "generation"));
	else
		fprintf(stream,
			"Plan for generation %" PRIu64 ": %" PRIu64 " to add, %" PRIu64
			" to change, %" PRIu64 " to remove, ",
			member_number(plan, "generation"), member_number(flows, "added"),
			member_number(flows, "changed"), member_number(flows, "removed"));
	fprintf(stream, "%" PRIu64 " stay%s", stay, stay == 1 ? "s" : "");
	line_end(&line, 0, false, ' ', out);
	if (adopted > 0)
		fprintf(out, "  %" PRIu64 " of those that stay become%s declared\n", adopted,
			adopted == 1 ? "s" : "");
	if (alone > 0)
		text_print(out, FIELD_INDENT,
			"  %" PRIu64 " left alone: not declared, installed otherwise; --prune "
			"removes %s",
			alone, alone == 1 ? "it" : "them");
	sizes_print(plan, out);
}
