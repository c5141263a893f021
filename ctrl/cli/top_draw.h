/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A record of top_record.h as lines of text, none longer than the width. Columns have their places
 * whatever is in them, so that nothing jumps; what the width leaves over is for the names. Pure.
 */
#ifndef CTRL_CLI_TOP_DRAW_H
#define CTRL_CLI_TOP_DRAW_H

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "cli/text.h"

#define TOP_WIDTH_MIN 72 /* below, whoever shows the lines has to cut them */

/* "0".."9999", "12.3k", "1.50M": 6 characters at most. `text` has room for 8. */
void top_number(uint64_t number, char *text);

/* The width that shows all names of a record whole. */
size_t top_draw_width(const json_t *record);

/* All fill *line anew. What is in and out, all in all. */
void top_draw_totals(struct text *line, const json_t *record);
/* Titles of the columns; the one that rows are sorted by has a mark. */
void top_draw_header(struct text *line, const json_t *record, size_t width);
/* Row i of the record. */
void top_draw_row(struct text *line, const json_t *record, size_t i, size_t width);

#endif
