/* SPDX-License-Identifier: BSD-3-Clause */
/* What the two halves of `top` share: looking (top.c), and living on a terminal (top_live.c). */
#ifndef CTRL_CLI_TOP_H
#define CTRL_CLI_TOP_H

#include "cli/cli.h"
#include "cli/top_record.h"

#define TOP_FILTER_MAX 65

struct top {
	struct cli *cli;
	enum top_view view;
	unsigned sorts[TOP_VIEWS]; /* index for top_sort_name() */
	unsigned interval_ms;
	unsigned n_rows; /* that are wanted */
	char filter[TOP_FILTER_MAX];
	struct top_sample sample; /* the last one */
	json_t *record; /* NULL: there was no look before the last, or the daemon began anew */
};

/* What the view is sorted by. */
const char *top_sort(const struct top *top);

/* Take a look and make the record. 0, or -1 with *error set and nothing changed. */
int top_look(struct top *top, struct client_error *error);

/* Until the user ends it. Returns an enum cli_exit. */
int top_live(struct top *top);

#endif
