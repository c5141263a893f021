/* SPDX-License-Identifier: BSD-3-Clause */
/* See transaction.h. */
#include "cli/transaction.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/escape.h"
#include "cli/args.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "schema/flow_files.h"

bool
change_asks(const struct arguments *arguments)
{
	return arguments_value(arguments, "yes") == NULL && isatty(STDIN_FILENO);
}

bool
change_agreed(const char *question)
{
	char answer[16];

	fprintf(stderr, "%s [y/N] ", question);
	if (fgets(answer, sizeof(answer), stdin) != NULL &&
		(strcmp(answer, "y\n") == 0 || strcmp(answer, "yes\n") == 0))
		return true;
	fprintf(stderr, "Nothing was changed.\n");
	return false;
}

void
change_print_confirm(const struct cli *cli, const json_t *entry)
{
	const struct client *client = &cli->client;
	const bool remote = client->target.endpoint != NULL;
	const bool usual = !remote && strcmp(client->path, CLI_SOCKET_DEFAULT) == 0;

	printf("  sluicectl%s%s confirm %" PRIu64 "\n",
		usual	 ? ""
		: remote ? " --connect "
			 : " --socket ",
		usual ? "" : client->path, member_number(entry, "generation"));
}

int
change_end(struct cli *cli, json_t *result, int exit_code)
{
	if (cli_shows(cli, result)) {
		members_print(2, result,
			"Generation {#generation}: {#added} added, {#changed} changed, {#removed} "
			"removed.\n"
			"[Unless confirmed, the previous flows are restored at "
			"{confirm_by_ns:time}. To confirm:]");
		if (member_number(result, "confirm_by_ns") != 0)
			change_print_confirm(cli, result);
	}
	return cli_end(cli, result, exit_code);
}

/* Small enough that the daemon answers others between two of them. */
#define PUT_BYTES (256u << 10)
#define PUT_ITEMS 1000
#define MESSAGE_ITEMS 10000 /* flow.install takes no more */
#define DECLARE_RELAYS "declare_relays"
#define ENVELOPE_BYTES 512 /* of a request without its items */
#define MESSAGE_BYTES_LEAST 1024 /* the least that a daemon may be configured to take */
#define CHANGES_A_MS 10 /* a large commit is waited for longer */

static size_t
json_bytes(const json_t *value)
{
	return json_dumpb(value, NULL, 0, JSON_COMPACT | JSON_ENCODE_ANY);
}

/* Bytes that the daemon takes in one message. */
static uint64_t
message_bytes(struct cli *cli)
{
	struct client_error error;
	json_t *info;
	uint64_t bytes;

	info = client_call(&cli->client, "system.info", json_object(), &error);
	bytes = member_number(json_object_get(info, "limits"), "message_bytes");
	json_decref(info);
	return bytes > MESSAGE_BYTES_LEAST ? bytes : MESSAGE_BYTES_LEAST;
}

/* How many of the items from `first` on go into one message. */
static size_t
put_length(const json_t *items, size_t first, uint64_t limit)
{
	const size_t n = json_array_size(items);
	uint64_t bytes = ENVELOPE_BYTES;
	size_t i = first;

	do
		bytes += json_bytes(json_array_get(items, i++)) + 1;
	while (i < n && i - first < PUT_ITEMS &&
		bytes + json_bytes(json_array_get(items, i)) < limit);
	return i - first;
}

/* Files have relays, too. */
static bool
is_relay(const struct batch *batch, size_t index)
{
	return batch->files != NULL && flow_files_is_relay(json_array_get(batch->items, index));
}

/*
 * Say what the daemon has against an item, or against the whole. A pointer to an item is
 * "/messages/3/declare/7/id" in a plan or commit, "/declare/7/id" in a put of the items from
 * `first` on; of relays "/declare_relays/7/id".
 */
static int
batch_refused(const struct batch *batch, const struct client_error *error, size_t first)
{
	const char *rest = error->pointer, *message = error->message, *id;
	struct client_error located = *error;
	unsigned long part, number;
	char member[16], *prefix;
	struct fault fault;
	int length = 0;
	bool relay;

	if (sscanf(rest, "/messages/%lu%n", &part, &length) == 1) {
		for (first = 0; part > 0 && first < json_array_size(batch->items); part--)
			first += put_length(batch->items, first, batch->put_bytes);
		rest += length;
	}
	if (sscanf(rest, "/%15[a-z_]/%lu%n", member, &number, &length) != 2 ||
		(strcmp(member, batch->member) != 0 && strcmp(member, DECLARE_RELAYS) != 0))
		return cli_refused(batch->cli, error);
	relay = strcmp(member, DECLARE_RELAYS) == 0;
	while (first < json_array_size(batch->items) &&
		(is_relay(batch, first) != relay || number-- > 0))
		first++;
	if (first == json_array_size(batch->items))
		return cli_refused(batch->cli, error);
	rest += length;
	if (batch->files == NULL) {
		snprintf(located.pointer, sizeof(located.pointer), "/flows/%zu%.200s", first, rest);
		return cli_refused(batch->cli, &located);
	}
	/* The message without the "flow ID: " that the file's line has, too. */
	id = json_string_value(json_object_get(json_array_get(batch->items, first), "id"));
	prefix = text_format("%s %s: ", relay ? "relay" : "flow", id != NULL ? id : "");
	if (id != NULL && strncmp(message, prefix, strlen(prefix)) == 0)
		message += strlen(prefix);
	free(prefix);
	fault_set(&fault, FAULT_INVALID_VALUE, rest, "%s", message);
	flow_files_locate(batch->files, first, &fault);
	located.pointer[0] = '\0';
	snprintf(located.message, sizeof(located.message), "%s", fault.message);
	return cli_refused(batch->cli, &located);
}

/*
 * A call whose params are taken over; NULL with the fault said. What takes the daemon longer the
 * more changes there are is waited for longer.
 */
static json_t *
batch_call(
	struct batch *batch, const char *method, json_t *params, uint64_t changes, int *exit_code)
{
	struct client *client = &batch->cli->client;
	const unsigned usual_ms = client->timeout_ms;
	struct client_error error;
	struct progress progress;
	json_t *result;
	bool stale;

	progress_begin(&progress, "waiting for sluiced", 0);
	client->progress = &progress;
	client->timeout_ms += (unsigned)(changes / CHANGES_A_MS);
	result = cli_send(batch->cli, method, params, &error);
	client->timeout_ms = usual_ms;
	client->progress = NULL;
	progress_end(&progress);
	stale = result == NULL && strcmp(error.name, "STALE") == 0;
	batch->plan_is_old = stale && strcmp(error.pointer, "/if_plan") == 0;
	if (result == NULL && !batch->plan_is_old)
		batch_refused(batch, &error, 0);
	if (result != NULL)
		return result;
	*exit_code = (int)error.status;
	if (stale && !batch->plan_is_old)
		fprintf(stderr, "The flows have changed meanwhile; see 'sluicectl history', "
				"and run 'sluicectl plan' again.\n");
	return NULL;
}

int
batch_begin(struct batch *batch, struct cli *cli, const struct flow_files *files,
	const char *member, const json_t *items, json_t *options)
{
	const size_t n = json_array_size(items);
	struct client_error error;
	struct progress progress;
	json_t *params, *result;
	int exit_code = CLI_OK;
	uint64_t limit;

	*batch = (struct batch){.cli = cli, .files = files, .member = member, .items = items};
	result = batch_call(batch, "txn.begin", options, 0, &exit_code);
	if (result == NULL)
		return exit_code;
	snprintf(batch->txn, sizeof(batch->txn), "%s", member_text(result, "txn"));
	json_decref(result);
	limit = message_bytes(cli);
	batch->put_bytes = limit < PUT_BYTES ? limit : PUT_BYTES;
	progress_begin(&progress, "sending flows", n);
	for (size_t first = 0, end; first < n && exit_code == CLI_OK; first = end) {
		json_t *flows = json_array(), *relays = json_array(), *item;

		end = first + put_length(items, first, batch->put_bytes);
		for (size_t i = first; i < end; i++) {
			item = json_array_get(items, i);
			json_array_append(is_relay(batch, i) ? relays : flows, item);
		}
		params = json_pack("{s:s, s:o}", "txn", batch->txn, member, flows);
		if (params == NULL)
			cli_out_of_memory();
		if (json_array_size(relays) > 0)
			json_object_set(params, DECLARE_RELAYS, relays);
		json_decref(relays);
		result = client_call(&cli->client, "txn.put", params, &error);
		progress_at(&progress, end);
		if (result == NULL) {
			progress_end(&progress);
			exit_code = batch_refused(batch, &error, first);
		}
		json_decref(result);
	}
	progress_end(&progress);
	return exit_code;
}

json_t *
batch_plan_params(const struct batch *batch)
{
	return json_pack("{s:s, s:b}", "txn", batch->txn, "prune", batch->prune);
}

json_t *
batch_commit(struct batch *batch, json_t *options, uint64_t changes, int *exit_code)
{
	json_object_set_new(options, "txn", json_string(batch->txn));
	return batch_call(batch, "txn.commit", options, changes, exit_code);
}

bool
batch_needed(struct cli *cli, const json_t *items)
{
	const size_t bytes = json_bytes(items) + ENVELOPE_BYTES;

	if (bytes <= MESSAGE_BYTES_LEAST)
		return false;
	return json_array_size(items) > MESSAGE_ITEMS || bytes > message_bytes(cli);
}

#define COLUMNS_IN_PIPE 80
#define FIELD_INDENT 4

/* A line in the colour of its mark, ECMA-48 section 8.3.117, or without: 0. */
static void __attribute__((format(printf, 4, 5)))
line_print(FILE *out, unsigned indent, char mark, const char *format, ...)
{
	const char *colour = mark == 0	   ? ""
			     : mark == '+' ? "\033[32m"
			     : mark == '-' ? "\033[31m"
					   : "\033[33m";
	va_list args;
	char *text;

	va_start(args, format);
	text = text_vformat(format, args);
	va_end(args);
	text_wrap(out, paint_columns(out, COLUMNS_IN_PIPE), indent, colour, text);
	free(text);
}

/* "p1 203.0.113.1:5004 > 203.0.113.9:5004 {id: wall, dscp: 34}" of a leg, else YAML. To be freed.
 */
static char *
value_text(json_t *value)
{
	static const char *const shown_above[] = {
		"port", "src", "src_port", "dst", "dst_port", "vlan", "outer_vlan"};
	struct text leg;
	json_t *rest;
	char *more, *text;

	if (!json_is_string(json_object_get(value, "port")) ||
		!json_is_string(json_object_get(value, "src")) ||
		!json_is_integer(json_object_get(value, "dst_port")))
		return yaml_line(value);
	text_members(&leg, value, "{port} ");
	if (member_number(value, "vlan") != 0 || member_number(value, "outer_vlan") != 0)
		text_add_members(&leg, value, "vlan {:vlans} ");
	text_add_members(&leg, value, "{src:endpoint} > {dst:endpoint}");
	rest = json_copy(value);
	for (size_t i = 0; i < sizeof(shown_above) / sizeof(shown_above[0]); i++)
		json_object_del(rest, shown_above[i]);
	more = yaml_line(rest);
	text = text_format("%s%s%s", leg.s, json_object_size(rest) > 0 ? " " : "",
		json_object_size(rest) > 0 ? more : "");
	json_decref(rest);
	free(more);
	return text;
}

void
diff_change_print(json_t *change, bool colour, FILE *out)
{
	const char mark = member_is(change, "op", "add")      ? '+'
			  : member_is(change, "op", "remove") ? '-'
							      : '~';
	json_t *flow = json_object_get(change, "flow"), *fields = json_object_get(change, "fields");
	json_t *value, *field;
	struct text match;
	const char *key;
	char *text;
	size_t i;

	line_print(out, FIELD_INDENT, colour ? mark : 0, "%c %s%s%s", mark,
		member_text(change, "id"), flow != NULL ? "  " : "",
		flow != NULL ? text_members(&match, flow, "{:match}") : "");
	if (mark == '~' && json_array_size(fields) == 0)
		fprintf(out, "%*sbecomes declared, otherwise unchanged\n", FIELD_INDENT, "");
	/* A new flow: a line a member besides id and match, and a line a leg. */
	json_object_foreach (mark == '+' ? flow : NULL, key, value) {
		if (strcmp(key, "id") == 0 || strcmp(key, "match") == 0 ||
			strcmp(key, "rule") == 0 || strcmp(key, "legs") == 0)
			continue;
		text = yaml_line(value);
		line_print(out, 2 * FIELD_INDENT, colour ? mark : 0, "    %s: %s", key, text);
		free(text);
	}
	json_array_foreach (mark == '+' ? json_object_get(flow, "legs") : NULL, i, value) {
		text = value_text(value);
		line_print(out, 2 * FIELD_INDENT, colour ? mark : 0, "    leg %s", text);
		free(text);
	}
	json_array_foreach (fields, i, field) {
		json_t *before = json_object_get(field, "before");
		json_t *after = json_object_get(field, "after");
		char *was = value_text(before), *is = value_text(after);
		const char sign = before == NULL ? '+' : after == NULL ? '-' : '~';

		line_print(out, 2 * FIELD_INDENT, colour ? sign : 0, "    %c %s: %s%s%s", sign,
			member_text(field, "pointer"), was,
			before != NULL && after != NULL ? " -> " : "", is);
		free(was);
		free(is);
	}
}

uint64_t
diff_size(const json_t *plan)
{
	const json_t *flows = json_object_get(plan, "flows");

	flows = flows != NULL ? flows : plan;
	return member_number(flows, "added") + member_number(flows, "changed") +
	       member_number(flows, "removed") + member_number(flows, "adopted");
}

void
diff_summary_print(const json_t *plan, FILE *out)
{
	const json_t *flows = json_object_get(plan, "flows");
	const uint64_t added = member_number(flows, "added");
	const uint64_t removed = member_number(flows, "removed");
	const uint64_t alone = member_number(flows, "left_alone");
	const uint64_t adopted = member_number(flows, "adopted");
	const uint64_t stay = member_number(flows, "unchanged") + adopted;
	const uint64_t now = member_number(flows, "changed") + removed + stay + alone;
	struct text text;

	text_members(&text, plan,
		diff_size(plan) == 0
			? "No changes to generation {#generation}: "
			: "Plan against generation {#generation}: {#flows/added} to add, "
			  "{#flows/changed} to change, {#flows/removed} to remove, ");
	line_print(
		out, FIELD_INDENT, 0, "%s%" PRIu64 " stay%s", text.s, stay, stay == 1 ? "s" : "");
	if (adopted > 0)
		fprintf(out, "  %" PRIu64 " of those that stay become%s declared\n", adopted,
			adopted == 1 ? "s" : "");
	if (alone > 0)
		text_print(out, FIELD_INDENT,
			"  %" PRIu64 " not affected: installed otherwise, not declared; "
			"--prune removes %s",
			alone, alone == 1 ? "it" : "them");
	text_clear(&text);
	text_add(&text, "  flows %" PRIu64 " -> %" PRIu64, now, now + added - removed);
	text_add_members(&text, plan,
		", legs {#legs/now} -> {#legs/then}, "
		"table {table_bytes/now byte} -> {table_bytes/then byte}");
	line_print(out, FIELD_INDENT, 0, "%s", text.s);
}

int
plan_limit(const struct cli *cli, const struct arguments *arguments, uint64_t on_terminal,
	uint64_t in_pipe, uint64_t *limit)
{
	*limit = isatty(STDOUT_FILENO) && !cli->json ? on_terminal : in_pipe;
	return option_number(cli, arguments, "limit", 0, UINT32_MAX, limit);
}

json_t *
changes_show(struct cli *cli, struct batch *batch, const char *method, json_t *params,
	void (*head)(json_t *), uint64_t limit, int *exit_code)
{
	json_t *first = NULL, *page, *changes, *change;
	uint64_t after = 0, next, shown = 0, all;
	size_t i;

	do {
		const uint64_t room = limit - shown < PLAN_PAGE ? limit - shown : PLAN_PAGE;

		json_object_set_new(params, "after", json_integer((json_int_t)after));
		json_object_set_new(params, "limit", json_integer(room > 0 ? (json_int_t)room : 1));
		page = batch != NULL ? batch_call(batch, method, json_copy(params),
					       json_array_size(batch->items), exit_code)
				     : cli_call(cli, method, json_copy(params), exit_code);
		next = member_number(page, "next");
		if (page != NULL && next > 0 && next <= after) {
			*exit_code = cli_page_repeats("the request for changes", "next");
			json_decref(page);
			page = NULL;
		}
		if (page == NULL) {
			json_decref(first);
			first = NULL;
			break;
		}
		changes = json_object_get(page, "changes");
		while (json_array_size(changes) > room)
			json_array_remove(changes, json_array_size(changes) - 1);
		shown += json_array_size(changes);
		if (first == NULL && head != NULL && !cli->json)
			head(page);
		json_array_foreach (cli->json ? NULL : changes, i, change)
			diff_change_print(change, paint_wanted(stdout), stdout);
		if (first != NULL && cli->json)
			json_array_extend(json_object_get(first, "changes"), changes);
		if (first == NULL)
			first = json_incref(page);
		json_decref(page);
		after = next;
	} while (after > 0 && shown < limit);
	json_decref(params);
	json_object_del(first, "next");
	all = diff_size(first);
	if (cli_shows(cli, first) && shown > 0 && shown < all)
		printf("... and %" PRIu64 " more; --limit %" PRIu64 " shows them all\n",
			all - shown, all);
	return first;
}

json_t *
plan_show(struct cli *cli, struct batch *batch, const char *method, json_t *params, uint64_t limit,
	int *exit_code)
{
	json_t *plan = changes_show(cli, batch, method, params, NULL, limit, exit_code);

	if (!cli_shows(cli, plan))
		return plan;
	if (json_array_size(json_object_get(plan, "changes")) > 0)
		putchar('\n');
	diff_summary_print(plan, stdout);
	fflush(stdout);
	return plan;
}
