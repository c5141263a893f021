/* SPDX-License-Identifier: BSD-3-Clause */
/* See batch.h. */
#include "cli/batch.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/progress.h"
#include "cli/text.h"
#include "schema/flow_files.h"

/* Small enough that the daemon answers others between two of them. */
#define PUT_BYTES (256u << 10)
#define PUT_ITEMS 1000
#define MESSAGE_ITEMS 10000 /* flow.install takes no more */
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
	json_t *params = json_object(), *info;
	uint64_t bytes;

	info = client_call(&cli->client, "system.info", params, &error);
	bytes = member_number(json_object_get(info, "limits"), "message_bytes");
	json_decref(params);
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

/* The first item of a message of ours. */
static size_t
message_first(const struct batch *batch, unsigned long message)
{
	size_t first = 0;

	while (message-- > 0 && first < json_array_size(batch->items))
		first += put_length(batch->items, first, batch->put_bytes);
	return first;
}

/*
 * Which item a pointer is about, and what is behind that in it: "/messages/3/declare/7/id" of a
 * plan or commit, "/declare/7/id" of a put whose items are those from `first` on. Returns false
 * when it is about no item.
 */
static bool
pointer_read(const struct batch *batch, const char *pointer, size_t first, size_t *index,
	const char **rest)
{
	unsigned long message, number;
	char member[16];
	int length = 0;

	if (sscanf(pointer, "/messages/%lu%n", &message, &length) == 1) {
		first = message_first(batch, message);
		pointer += length;
	}
	if (sscanf(pointer, "/%15[a-z]/%lu%n", member, &number, &length) != 2 ||
		strcmp(member, batch->member) != 0)
		return false;
	*index = first + number;
	*rest = pointer + length;
	return *index < json_array_size(batch->items);
}

/* The message without the "flow ID: " that the file's line tells, too. */
static const char *
message_of_flow(const struct client_error *error, const json_t *flow)
{
	const char *id = json_string_value(json_object_get(flow, "id"));
	const size_t length = id != NULL ? strlen(id) : 0;

	if (id != NULL && strncmp(error->message, "flow ", 5) == 0 &&
		strncmp(error->message + 5, id, length) == 0 &&
		strncmp(error->message + 5 + length, ": ", 2) == 0)
		return error->message + 5 + length + 2;
	return error->message;
}

/* Say what the daemon has against an item, or against the whole. */
static int
batch_refused(const struct batch *batch, const struct client_error *error, size_t first)
{
	struct client_error located;
	struct fault fault;
	const char *rest;
	size_t index;

	if (!pointer_read(batch, error->pointer, first, &index, &rest))
		return cli_refused(batch->cli, error);
	if (batch->files == NULL) {
		struct client_error item = *error;

		snprintf(item.pointer, sizeof(item.pointer), "/flows/%zu%.200s", index, rest);
		return cli_refused(batch->cli, &item);
	}
	fault_set(&fault, FAULT_INVALID_VALUE, rest, "%s",
		message_of_flow(error, json_array_get(batch->items, index)));
	flow_files_locate(batch->files, index, &fault);
	located = *error;
	located.pointer[0] = '\0';
	snprintf(located.message, sizeof(located.message), "%s", fault.message);
	return cli_refused(batch->cli, &located);
}

static void
batch_waits(void *arg)
{
	progress_wait(arg);
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
	bool is_change;

	if (params == NULL)
		cli_out_of_memory();
	progress_begin(&progress, "waiting for sluiced", 0);
	client->waits = batch_waits;
	client->waits_arg = &progress;
	client->timeout_ms += (unsigned)(changes / CHANGES_A_MS);
	is_change = cli_change_sent(method, params);
	result = client_call(client, method, params, &error);
	client->timeout_ms = usual_ms;
	client->waits = NULL;
	progress_end(&progress);
	json_decref(params);
	if (result != NULL) {
		if (is_change)
			cli_change_answered(result, &error);
		return result;
	}
	*exit_code = (int)error.status;
	batch->plan_is_old =
		strcmp(error.name, "STALE") == 0 && strcmp(error.pointer, "/if_plan") == 0;
	if (!batch->plan_is_old)
		batch_refused(batch, &error, 0);
	if (is_change)
		cli_change_answered(NULL, &error);
	if (batch->plan_is_old)
		return NULL;
	if (strcmp(error.name, "STALE") == 0)
		fprintf(stderr, "The flows have changed meanwhile: look at 'sluicectl history', "
				"then run 'sluicectl plan' again.\n");
	return NULL;
}

int
batch_begin(struct batch *batch, struct cli *cli, const struct flow_files *files, json_t *options)
{
	json_t *result;
	int exit_code;

	*batch = (struct batch){.cli = cli, .files = files, .member = ""};
	result = batch_call(batch, "txn.begin", options, 0, &exit_code);
	if (result == NULL)
		return exit_code;
	snprintf(batch->txn, sizeof(batch->txn), "%s", member_text(result, "txn"));
	json_decref(result);
	return CLI_OK;
}

static int
put_send(struct batch *batch, size_t first, size_t n)
{
	json_t *params, *part = json_array(), *result;
	struct client_error error;

	for (size_t i = first; i < first + n; i++)
		json_array_append(part, json_array_get(batch->items, i));
	params = json_pack("{s:s, s:o}", "txn", batch->txn, batch->member, part);
	if (params == NULL)
		cli_out_of_memory();
	result = client_call(&batch->cli->client, "txn.put", params, &error);
	json_decref(params);
	if (result == NULL)
		return batch_refused(batch, &error, first);
	json_decref(result);
	return CLI_OK;
}

int
batch_put(struct batch *batch, const char *member, const json_t *items)
{
	const uint64_t limit = message_bytes(batch->cli);
	const size_t n = json_array_size(items);
	struct progress progress;
	int exit_code = CLI_OK;

	batch->member = member;
	batch->items = items;
	batch->put_bytes = limit < PUT_BYTES ? limit : PUT_BYTES;
	progress_begin(&progress, "sending flows", n);
	for (size_t first = 0, part; first < n && exit_code == CLI_OK; first += part) {
		part = put_length(items, first, batch->put_bytes);
		exit_code = put_send(batch, first, part);
		if (exit_code == CLI_OK)
			progress_at(&progress, first + part);
		else
			progress_end(&progress);
	}
	progress_end(&progress);
	return exit_code;
}

json_t *
batch_plan(struct batch *batch, bool prune, uint64_t after, uint64_t limit, int *exit_code)
{
	json_t *params = json_pack("{s:s, s:b, s:I, s:I}", "txn", batch->txn, "prune", prune,
		"after", (json_int_t)after, "limit", (json_int_t)limit);

	return batch_call(batch, "txn.plan", params, json_array_size(batch->items), exit_code);
}

json_t *
batch_commit(struct batch *batch, json_t *options, uint64_t changes, int *exit_code)
{
	json_object_set_new(options, "txn", json_string(batch->txn));
	return batch_call(batch, "txn.commit", options, changes, exit_code);
}

void
batch_abort(struct batch *batch)
{
	json_t *params = json_pack("{s:s}", "txn", batch->txn), *result;
	struct client_error error;

	result = client_call(&batch->cli->client, "txn.abort", params, &error);
	json_decref(params);
	json_decref(result);
}

bool
batch_needed(struct cli *cli, const json_t *items)
{
	const size_t bytes = json_bytes(items) + ENVELOPE_BYTES;

	if (bytes <= MESSAGE_BYTES_LEAST)
		return false;
	return json_array_size(items) > MESSAGE_ITEMS || bytes > message_bytes(cli);
}
