/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Colour, for people at a terminal only: not into files and pipes, not where NO_COLOR is set
 * (no-color.org) or the terminal is a dumb one.
 */
#ifndef CTRL_CLI_PAINT_H
#define CTRL_CLI_PAINT_H

#include <stdbool.h>
#include <stdio.h>

/* Should what goes to this stream have colour? */
bool paint_wanted(FILE *out);

/* Sequences for the mark of a change, '+', '~' or '-', and back; "" when colour is not wanted. */
const char *paint_begin(bool colour, char mark);
const char *paint_end(bool colour);

#endif
