/* SPDX-License-Identifier: BSD-3-Clause */
/* What `events` and `punted` share: a ring of the daemon that is read by sequence numbers. */
#ifndef CTRL_CLI_FOLLOW_H
#define CTRL_CLI_FOLLOW_H

#include "cli/cli.h"
#include "cli/text.h"

struct follow;

/* What tells the two commands apart. */
struct ring {
	const char *method;
	const char *member; /* of the result: the entries */
	const char *header;
	void (*print)(json_t *entry, bool dump);
	/* Show what comes next. 0, or -1 with *error set. */
	int (*next)(struct follow *follow, struct client_error *error);
};

struct follow {
	struct cli *cli;
	const struct ring *ring;
	json_t *kinds; /* of entries that are wanted, by their "event"; NULL: all. Borrowed */
	uint64_t after;
	bool dump;
	bool headed; /* the header stands above the entries */
};

/* "2026-11-23 00:35:08.123" of local time, in *text. */
const char *text_time(struct text *text, uint64_t time_ns);

void follow_show(struct follow *follow, json_t *entry);

/* Show all that there is by now. Returns 0, or -1 with *error set. */
int follow_read(struct follow *follow, struct client_error *error);

/* Once, or with --follow until interrupted. Returns an enum cli_exit. */
int follow_run(
	struct cli *cli, const struct arguments *arguments, const struct ring *ring, json_t *kinds);

#endif
