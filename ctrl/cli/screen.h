/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A terminal that is drawn row by row, by the sequences of ECMA-48 that every terminal has had for
 * decades: the alternate screen, so that what was there comes back, and of each picture only the
 * rows that differ from the picture before, so that nothing flickers and a slow line is enough.
 *
 * The terminal is put back on any end but SIGKILL: by screen_end(), or by the handlers of signals
 * that end or stop the program. One screen a program.
 */
#ifndef CTRL_CLI_SCREEN_H
#define CTRL_CLI_SCREEN_H

#include <stdbool.h>

#define SCREEN_ROWS_MAX 500
#define SCREEN_COLUMNS_MAX 500

enum screen_key {
	SCREEN_KEY_NONE = 0, /* the time is over; or the size has changed: draw again */
	SCREEN_KEY_END = -1, /* no more keys come */
};

/* Take the terminal of standard input and output. -1: there is none, errno says why. */
int screen_begin(void);
void screen_end(void);

/* As it is now; at least 1 x 1. */
void screen_size(int *rows, int *columns);

/* What row `row` (0 at the top) is to show, cut to the width; `marked` stands out. ASCII. */
void screen_row(int row, const char *text, bool marked);

/* Empty the rows from `row` on and show the picture. */
void screen_show(int row);

/* Wait so long for a key, as a byte; or an enum screen_key. */
int screen_key_wait(int milliseconds);

#endif
