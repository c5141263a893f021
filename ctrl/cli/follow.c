/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * `events` and `punted`: what the daemon keeps in a ring, once or as it comes. Both are read in
 * the same way: what is behind a sequence number, a page at a time. A daemon that goes away while
 * it is followed is waited for; it numbers from 1 again when it is back.
 */
#include <inttypes.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/client.h"
#include "cli/output.h"
#include "schema/schema.h"

/* What differs between the two commands. */
struct ring {
	const char *method;
	const char *member; /* of the result: the entries */
	const char *header;
	void (*print)(json_t *entry, bool dump);
};

struct follow {
	struct cli *cli;
	const struct ring *ring;
	json_t *kinds; /* of entries that are wanted, by their "event"; NULL: all. Borrowed */
	uint64_t after;
	bool dump;
	bool headed; /* the header stands above the entries */
};

static const char *
text_time(struct text *text, uint64_t time_ns)
{
	char moment[MOMENT_TEXT_MAX];

	text_clear(text);
	text_add(text, "%s.%03u", moment_text(time_ns, moment),
		(unsigned)(time_ns / 1000000 % 1000));
	return text->s;
}

#define PUNTED_INDENT 10 /* where the time stands */
#define PAGE_ENTRIES 1000
#define FOLLOW_US 200000

static void
punted_print(json_t *packet, bool dump)
{
	struct text text;

	text_print(stdout, PUNTED_INDENT, "%s%8" PRIu64 "  %s  %-8s  %5" PRIu64 "  %s",
		dump ? "#" : "", member_number(packet, "sequence"),
		text_time(&text, member_number(packet, "time_ns")), member_text(packet, "port"),
		member_number(packet, "frame_bytes"), member_text(packet, "flow"));
	if (dump)
		frame_dump(member_text(packet, "frame"), SIZE_MAX, "");
}

/* Show the entries behind `after`, and move on behind them. */
static int
follow_read(struct follow *follow, struct client_error *error)
{
	json_t *params, *page, *entries, *entry, *kind;
	uint64_t before, lost;
	bool more, wanted;
	size_t i, k;

	do {
		before = follow->after;
		params = json_pack(
			"{s:I, s:i}", "after", (json_int_t)follow->after, "limit", PAGE_ENTRIES);
		page = client_call(&follow->cli->client, follow->ring->method, params, error);
		if (page == NULL)
			return -1;
		if (!follow->cli->json && !follow->dump && !follow->headed)
			printf("%s\n", follow->ring->header);
		follow->headed = true;
		lost = member_number(page, "lost");
		if (lost > 0 && follow->after > 0)
			fprintf(stderr,
				"sluicectl: %" PRIu64 " were overwritten before they were read\n",
				lost);
		entries = json_object_get(page, follow->ring->member);
		json_array_foreach (entries, i, entry) {
			wanted = follow->kinds == NULL;
			json_array_foreach (follow->kinds, k, kind)
				wanted |= json_equal(kind, json_object_get(entry, "event"));
			if (wanted && follow->cli->json) {
				json_dumpf(entry, stdout, JSON_COMPACT);
				putchar('\n');
			} else if (wanted) {
				follow->ring->print(entry, follow->dump);
			}
			follow->after = member_number(entry, "sequence");
		}
		more = json_array_size(entries) == PAGE_ENTRIES;
		json_decref(page);
		if (more && follow->after <= before)
			return client_error_set(error, CLIENT_BROKEN,
				"the reply to %s is wrong: found entries up to %" PRIu64
				", expected some behind %" PRIu64,
				follow->ring->method, follow->after, before);
	} while (more && !ferror(stdout));
	fflush(stdout);
	return 0;
}

/* Until interrupted, or until standard output is closed. */
static void
follow_on(struct follow *follow)
{
	struct client_error error;
	bool lost = false;

	while (!ferror(stdout)) {
		usleep(FOLLOW_US);
		if (follow_read(follow, &error) == 0) {
			if (lost)
				fprintf(stderr, "sluicectl: sluiced is back\n");
			lost = false;
		} else if (!lost) {
			fprintf(stderr, "sluicectl: %s\n", error.text);
			lost = true;
			follow->after = 0;
		}
	}
}

/* Both list and subscription take "after"; only subscriptions have "kinds". */
static int
follow_run(struct cli *cli, const struct arguments *arguments, const char *method,
	const struct ring *ring)
{
	json_t *params = json_object();
	int exit_code = params_add(cli, arguments, method, params);
	struct follow follow = {.cli = cli,
		.ring = ring,
		.kinds = json_object_get(params, "kinds"),
		.after = member_number(params, "after"),
		.dump = arguments_value(arguments, "hex") != NULL};
	struct client_error error;

	if (exit_code == CLI_OK && follow_read(&follow, &error) < 0) {
		fprintf(stderr, "sluicectl: %s\n", error.text);
		exit_code = (int)error.status;
	}
	if (exit_code == CLI_OK && arguments_value(arguments, "follow") != NULL)
		follow_on(&follow);
	json_decref(params);
	return exit_code;
}

static int
punted(struct cli *cli, const struct arguments *arguments)
{
	static const struct ring ring = {"punt.list", "packets",
		"SEQUENCE  TIME                     PORT      BYTES  FLOW", punted_print};

	return follow_run(cli, arguments, "punt.list", &ring);
}

static const struct option_spec punted_options[] = {
	{"follow", NULL, "continue until interrupted"},
	{"after", "SEQUENCE", "only entries after this one (0)"},
	{"hex", NULL, "the first 256 bytes, in the format of text2pcap"},
	{NULL},
};

const struct command command_punted = {
	.name = "punted",
	.arguments = "",
	.summary = "Show the latest packets that were punted to control",
	.example = "  sluicectl punted --hex | text2pcap - punted.pcap",
	.options = punted_options,
	.run = punted,
};

#define EVENT_INDENT 10 /* where the time stands */

/* A member of an event as " NAME=VALUE"; who did it as " by NAME"; drops as their reasons. */
static void
text_add_member(struct text *text, const char *name, json_t *value)
{
	struct text drops;
	json_t *item;
	size_t i;

	if (json_is_string(value))
		text_add(text, " %s=%s", name, json_string_value(value));
	else if (json_is_integer(value))
		text_add(text, " %s=%" JSON_INTEGER_FORMAT, name, json_integer_value(value));
	else if (json_is_real(value))
		text_add(text, " %s=%.3f", name, json_real_value(value));
	else if (json_is_boolean(value))
		text_add(text, " %s=%s", name, json_is_true(value) ? "yes" : "no");
	else if (json_array_size(value) > 0)
		json_array_foreach (value, i, item)
			text_add(text, "%s%s%s%s", i > 0 ? "," : " ", i > 0 ? "" : name,
				i > 0 ? "" : "=", json_string_value(item));
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

/* The names of all kinds, as the contract has them: of the first parameter of events.subscribe. */
static const json_t *
kinds_known(void)
{
	const json_t *method = schema_method_find(schema_rpc_document(), "events.subscribe");
	const json_t *param = json_array_get(json_object_get(method, "params"), 0);
	const json_t *schema = json_object_get(param, "schema");

	return json_object_get(json_object_get(schema, "items"), "enum");
}

static int
events(struct cli *cli, const struct arguments *arguments)
{
	static const struct ring ring = {
		"event.list", "events", "SEQUENCE  TIME                     EVENT", event_print};

	return follow_run(cli, arguments, "events.subscribe", &ring);
}

static void
events_details(FILE *out)
{
	json_t *kind;
	size_t i;

	fprintf(out, "Kinds of events:\n");
	json_array_foreach (kinds_known(), i, kind)
		fprintf(out, "  %s\n", json_string_value(kind));
}

static const struct option_spec events_options[] = {
	{"follow", NULL, "continue until interrupted"},
	{"after", "SEQUENCE", "only entries after this one (0)"},
	{"kinds", "KIND,...", "only events of these kinds"},
	{NULL},
};

const struct command command_events = {
	.name = "events",
	.arguments = "",
	.summary = "Show events of flows, ports, neighbours, pools and commits",
	.details = events_details,
	.example = "  sluicectl events --follow --kinds port_down,neighbour_lost,overload",
	.options = events_options,
	.run = events,
};
