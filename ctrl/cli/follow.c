/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * `events` and `punted`: what the daemon keeps in a ring, once or as it comes. Both are read in
 * the same way: what is behind a sequence number, a page at a time. A daemon that goes away while
 * it is followed is waited for; it numbers from 1 again when it is back.
 */
#include "cli/follow.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/frame_text.h"
#include "cli/reply.h"

#define PUNTED_INDENT 10 /* where the time stands */
#define PAGE_ENTRIES 1000
#define FOLLOW_US 200000

const char *
text_time(struct text *text, uint64_t time_ns)
{
	const time_t seconds = (time_t)(time_ns / 1000000000);
	struct tm local;

	localtime_r(&seconds, &local);
	text->length = strftime(text->s, sizeof(text->s), "%Y-%m-%d %H:%M:%S", &local);
	text_add(text, ".%03u", (unsigned)(time_ns / 1000000 % 1000));
	return text->s;
}

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

static bool
is_wanted(const struct follow *follow, const json_t *entry)
{
	json_t *kind;
	size_t i;

	json_array_foreach (follow->kinds, i, kind) {
		if (json_equal(kind, json_object_get(entry, "event")))
			return true;
	}
	return follow->kinds == NULL;
}

void
follow_show(struct follow *follow, json_t *entry)
{
	if (follow->cli->json) {
		json_dumpf(entry, stdout, JSON_COMPACT);
		putchar('\n');
	} else {
		follow->ring->print(entry, follow->dump);
	}
}

/* Show the entries of a page and move on behind them. Returns whether there may be another. */
static bool
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
		if (is_wanted(follow, entry))
			follow_show(follow, entry);
		follow->after = member_number(entry, "sequence");
	}
	return json_array_size(entries) == PAGE_ENTRIES;
}

int
follow_read(struct follow *follow, struct client_error *error)
{
	json_t *params, *page;
	uint64_t before;
	bool more;

	do {
		before = follow->after;
		params = json_pack(
			"{s:I, s:i}", "after", (json_int_t)follow->after, "limit", PAGE_ENTRIES);
		page = client_call(&follow->cli->client, follow->ring->method, params, error);
		json_decref(params);
		if (page == NULL)
			return -1;
		more = page_show(follow, page);
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

/* Until interrupted, or until nobody reads our output any more. */
static void
follow_on(struct follow *follow)
{
	struct client_error error;
	bool lost = false;

	while (!ferror(stdout)) {
		if (lost && follow_read(follow, &error) == 0) {
			fprintf(stderr, "sluicectl: sluiced is back\n");
			lost = false;
		} else if (!lost && follow->ring->next(follow, &error) < 0) {
			fprintf(stderr, "sluicectl: %s\n", error.text);
			lost = true;
			follow->after = 0;
		}
		usleep(FOLLOW_US);
	}
}

int
follow_run(
	struct cli *cli, const struct arguments *arguments, const struct ring *ring, json_t *kinds)
{
	const char *after = arguments_value(arguments, "after");
	struct follow follow = {.cli = cli,
		.ring = ring,
		.kinds = kinds,
		.dump = arguments_value(arguments, "hex") != NULL};
	struct client_error error;

	if (after != NULL && number_parse(after, 0, INT64_MAX, &follow.after) < 0)
		return cli_usage(cli, "--after: \"%s\" is not a number", after);
	if (follow_read(&follow, &error) < 0) {
		fprintf(stderr, "sluicectl: %s\n", error.text);
		return (int)error.status;
	}
	if (arguments_value(arguments, "follow") != NULL)
		follow_on(&follow);
	return CLI_OK;
}

static int
punted(struct cli *cli, const struct arguments *arguments)
{
	static const struct ring ring = {"punt.list", "packets",
		"SEQUENCE  TIME                     PORT      BYTES  FLOW", punted_print,
		follow_read};

	return follow_run(cli, arguments, &ring, NULL);
}

static const struct option_spec punted_options[] = {
	{"follow", NULL, "go on with what comes, until interrupted"},
	{"after", "SEQUENCE", "only what came after that one (0)"},
	{"hex", NULL, "the first 256 bytes too, in a form that text2pcap reads"},
	{NULL},
};

const struct command command_punted = {
	.name = "punted",
	.arguments = "[--follow] [--after SEQUENCE] [--hex]",
	.summary = "Show the latest packets that flows and ports handed to control",
	.example = "  sluicectl punted --hex | text2pcap - punted.pcap",
	.options = punted_options,
	.run = punted,
};
