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

#include "cli/commands.h"
#include "cli/frame_text.h"
#include "cli/text.h"

#define PAGE_ENTRIES 1000
#define FOLLOW_US 200000

/* What tells the two commands apart. */
struct ring {
	const char *method;
	const char *member; /* of the result: the entries */
	const char *header;
	void (*print)(json_t *entry, bool dump);
};

struct follow {
	struct cli *cli;
	const struct ring *ring;
	uint64_t after;
	bool dump;
	bool headed; /* the header stands above the entries */
};

/* "2026-11-23 00:35:08.123" of local time, in *text. */
static const char *
text_time(struct text *text, uint64_t time_ns)
{
	const time_t seconds = (time_t)(time_ns / 1000000000);
	struct tm local;

	localtime_r(&seconds, &local);
	text->length = strftime(text->s, sizeof(text->s), "%Y-%m-%d %H:%M:%S", &local);
	text_add(text, ".%03u", (unsigned)(time_ns / 1000000 % 1000));
	return text->s;
}

/* All that the event says beyond what every event does, as NAME=VALUE. */
static void
event_print(json_t *event, bool dump)
{
	struct text text, drops;
	const char *name;
	json_t *value;

	(void)dump;
	printf("%8" PRIu64 "  %s  %-13s  %s", member_number(event, "sequence"),
		text_time(&text, member_number(event, "time_ns")), member_text(event, "event"),
		member_text(event, "flow"));
	text_clear(&text);
	json_object_foreach (event, name, value) {
		if (strcmp(name, "sequence") == 0 || strcmp(name, "time_ns") == 0 ||
			strcmp(name, "event") == 0 || strcmp(name, "flow") == 0)
			continue;
		if (json_is_string(value))
			text_add(&text, " %s=%s", name, json_string_value(value));
		else if (json_is_integer(value))
			text_add(&text, " %s=%" JSON_INTEGER_FORMAT, name,
				json_integer_value(value));
		else if (json_object_size(value) > 0)
			text_add(&text, " %s", text_drops(&drops, value));
	}
	printf("%s\n", text.length > 0 ? text.s : "");
}

static void
punted_print(json_t *packet, bool dump)
{
	struct text text;

	printf("%s%8" PRIu64 "  %s  %-8s  %5" PRIu64 "  %s\n", dump ? "#" : "",
		member_number(packet, "sequence"),
		text_time(&text, member_number(packet, "time_ns")), member_text(packet, "port"),
		member_number(packet, "frame_bytes"), member_text(packet, "flow"));
	if (dump)
		frame_dump(member_text(packet, "frame"), SIZE_MAX, "");
}

/* Show the entries of a page and move on behind them. Returns how many there were. */
static size_t
page_show(struct follow *follow, const json_t *page)
{
	const json_t *entries = json_object_get(page, follow->ring->member);
	const uint64_t lost = member_number(page, "lost");
	json_t *entry;
	size_t i;

	if (!follow->cli->json && !follow->dump && !follow->headed)
		printf("%s\n", follow->ring->header);
	follow->headed = true;
	if (lost > 0 && follow->after > 0)
		fprintf(stderr, "sluicectl: %" PRIu64 " were overwritten before they were read\n",
			lost);
	json_array_foreach (entries, i, entry) {
		if (follow->cli->json) {
			json_dumpf(entry, stdout, JSON_COMPACT);
			putchar('\n');
		} else {
			follow->ring->print(entry, follow->dump);
		}
		follow->after = member_number(entry, "sequence");
	}
	return json_array_size(entries);
}

/* Show all that there is by now. Returns 0, or -1 with *error set. */
static int
follow_read(struct follow *follow, struct client_error *error)
{
	json_t *params, *page;
	size_t n;

	do {
		params = json_pack(
			"{s:I, s:i}", "after", (json_int_t)follow->after, "limit", PAGE_ENTRIES);
		page = client_call(&follow->cli->client, follow->ring->method, params, error);
		json_decref(params);
		if (page == NULL)
			return -1;
		n = page_show(follow, page);
		json_decref(page);
	} while (n == PAGE_ENTRIES && !ferror(stdout));
	fflush(stdout);
	return 0;
}

/* Until interrupted, or until nobody reads our output any more. */
static void
follow_run(struct follow *follow)
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

static int
follow(struct cli *cli, const struct arguments *arguments, const struct ring *ring)
{
	const char *after = arguments_value(arguments, "after");
	struct follow follow = {
		.cli = cli, .ring = ring, .dump = arguments_value(arguments, "hex") != NULL};
	struct client_error error;

	if (after != NULL && number_parse(after, 0, INT64_MAX, &follow.after) < 0)
		return cli_usage(cli, "--after: \"%s\" is not a number", after);
	if (follow_read(&follow, &error) < 0) {
		fprintf(stderr, "sluicectl: %s\n", error.text);
		return (int)error.status;
	}
	if (arguments_value(arguments, "follow") != NULL)
		follow_run(&follow);
	return CLI_OK;
}

static int
events(struct cli *cli, const struct arguments *arguments)
{
	static const struct ring ring = {"event.list", "events",
		"SEQUENCE  TIME                     EVENT          FLOW", event_print};

	return follow(cli, arguments, &ring);
}

static int
punted(struct cli *cli, const struct arguments *arguments)
{
	static const struct ring ring = {"punt.list", "packets",
		"SEQUENCE  TIME                     PORT      BYTES  FLOW", punted_print};

	return follow(cli, arguments, &ring);
}

static const struct option_spec events_options[] = {
	{"follow", NULL, "go on with what comes, until interrupted"},
	{"after", "SEQUENCE", "only what came after that one (0)"},
	{NULL},
};

static const struct option_spec punted_options[] = {
	{"follow", NULL, "go on with what comes, until interrupted"},
	{"after", "SEQUENCE", "only what came after that one (0)"},
	{"hex", NULL, "the first 256 bytes too, in a form that text2pcap reads"},
	{NULL},
};

const struct command command_events = {
	.name = "events",
	.arguments = "[--follow] [--after SEQUENCE]",
	.summary = "Show events: flows that expired, sources learned",
	.example = "  sluicectl events --follow",
	.options = events_options,
	.run = events,
};

const struct command command_punted = {
	.name = "punted",
	.arguments = "[--follow] [--after SEQUENCE] [--hex]",
	.summary = "Show the latest packets that flows and ports handed to control",
	.example = "  sluicectl punted --hex | text2pcap - punted.pcap",
	.options = punted_options,
	.run = punted,
};
