/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A bar on stderr for work that takes longer than a second, at a terminal only. It is redrawn in
 * place ten times a second at most, and gone when the work ends.
 */
#ifndef CTRL_CLI_PROGRESS_H
#define CTRL_CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#define PROGRESS_TEXT_MAX 96

struct progress {
	const char *what; /* "sending flows"; borrowed */
	uint64_t total;
	int64_t begun_ms;
	int64_t drawn_ms; /* 0: not yet */
	bool terminal;
};

void progress_begin(struct progress *progress, const char *what, uint64_t total);

/* So much of the total is done. */
void progress_at(struct progress *progress, uint64_t done);

/* Nobody knows how much is done; show for how long it has been going on. */
void progress_wait(struct progress *progress);

/* Take the bar away. To be called before anything else is printed, also when the work failed. */
void progress_end(struct progress *progress);

/* The bar as text, at most 79 columns: "sending flows [#####     ]  50%  500 of 1000" */
void progress_text(char *text, const char *what, uint64_t done, uint64_t total);

#endif
