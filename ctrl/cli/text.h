/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Pieces of replies as people read them. A member that is absent or of another type becomes "-"
 * or 0: an older or newer daemon makes a poorer table, never a crash.
 */
#ifndef CTRL_CLI_TEXT_H
#define CTRL_CLI_TEXT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <jansson.h>

/* Text that is built piece by piece; what does not fit is cut. */
struct text {
	char s[1280];
	size_t length;
};

/* Back to "". */
void text_clear(struct text *text);
void text_add(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Columns that a terminal gives a text in UTF-8, and bytes of its head that so many columns hold.
 */
size_t text_columns(const char *text);
size_t text_fit(const char *text, size_t columns);

/*
 * Print a line, broken at blanks so that it keeps to the columns; what follows a break is indented.
 * There is no break in the first `indent` bytes, nor in a word that is too long.
 */
void text_wrap(FILE *out, size_t columns, unsigned indent, const char *text);

/* Print a line, wrapped where the stream goes to a terminal, and there only. */
void text_print(FILE *out, unsigned indent, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Member of an object. The string is borrowed from it. */
const char *member_text(const json_t *object, const char *name);
uint64_t member_number(const json_t *object, const char *name);

/* Is the member a string, and this one? */
bool member_is(const json_t *object, const char *name, const char *value);

/*
 * These fill *text anew and return text->s.
 * match:  of a flow: "p0 vlan 7 198.51.100.1:5004 > 192.0.2.1:5004", "any" for the source of a
 *	   listener; "rule 10 p0 192.0.2.0/24 > any:5000-5999"
 * vlans:  "300.20" outer and inner, "20", "-" for none
 * endpoint: "192.0.2.1:5004", of the members <name> and <name>_port
 * number: the member's number, or what its absence means
 * drops:  "tx_full=3 no_buffer=1" of an object reason -> count, zeros left out; "-" for none
 */
const char *text_match(struct text *text, const json_t *flow);
const char *text_vlans(struct text *text, const json_t *object);
const char *text_endpoint(struct text *text, const json_t *object, const char *name);
const char *text_number(
	struct text *text, const json_t *object, const char *name, const char *absent);
const char *text_drops(struct text *text, json_t *drops);

#endif
