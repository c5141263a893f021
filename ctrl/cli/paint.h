/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a terminal is given: its width, and colour, for people at a terminal only: not into files
 * and pipes, not where NO_COLOR is set (no-color.org) or the terminal is a dumb one.
 */
#ifndef CTRL_CLI_PAINT_H
#define CTRL_CLI_PAINT_H

#include <stdbool.h>
#include <stdio.h>

/* Should what goes to this stream have colour? */
bool paint_wanted(FILE *out);

/*
 * Columns of the terminal that this stream goes to: what COLUMNS says (POSIX, XBD 8.3), else its
 * own, else 80. `otherwise` when it is no terminal.
 */
size_t paint_columns(FILE *out, size_t otherwise);

/* Sequences for the mark of a change, '+', '~' or '-', and back; "" when colour is not wanted. */
const char *paint_begin(bool colour, char mark);
const char *paint_end(bool colour);

#endif
