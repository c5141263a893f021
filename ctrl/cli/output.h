/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What sluicectl prints: pieces of replies as people read them, lines and tables that keep to the
 * width of the terminal, YAML, the bytes of frames, and the progress of work that takes long.
 */
#ifndef CTRL_CLI_OUTPUT_H
#define CTRL_CLI_OUTPUT_H

#include <netinet/in.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <jansson.h>

#include "base/clock.h"

/* CLOCK_MONOTONIC. */
static inline int64_t
now_ms(void)
{
	return (int64_t)(clock_read_ns(CLOCK_MONOTONIC) / 1000000);
}

/* Memory is gone: say so and abort(). */
void cli_out_of_memory(void) __attribute__((noreturn));

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
 * Print a line, broken at blanks so that it keeps to the columns, not between `key:` and its value
 * if it can be; what follows a break is indented. There is no break in the first `indent` bytes,
 * nor in a word that is too long. colour: the sequence that begins it, "" for none.
 */
void text_wrap(FILE *out, size_t columns, unsigned indent, const char *colour, const char *text);

/* asprintf(); out of memory ends the program. */
char *text_vformat(const char *format, va_list args) __attribute__((format(printf, 1, 0)));
char *text_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Print a line, wrapped where the stream goes to a terminal, and there only. */
void text_print(FILE *out, unsigned indent, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Member of an object. The string is borrowed from it. */
const char *member_text(const json_t *object, const char *name);
uint64_t member_number(const json_t *object, const char *name);

/* Is the member a string, and this one? */
bool member_is(const json_t *object, const char *name, const char *value);

/* "tx_full=3 no_buffer=1" of an object reason -> count, zeros left out; "-" for none. */
const char *text_drops(struct text *text, json_t *drops);

/*
 * A template is a text in which these stand for members of an object:
 *	{name}		its text or number, "-" for none; {legs/now} is a member of a member
 *	{#name}		a number, 0 for none
 *	{name packet}	"1 packet", "2 packets"
 *	{name?keep}	as {name}, but "keep" for none
 *	{src:endpoint}	"192.0.2.1:5004" of src and src_port
 *	{name:time}	nanoseconds since 1970 as "2026-11-23 03:10:00", local time; "-" for none
 *	{name:drops}	as text_drops()
 *	{name:node}	a NUMA node, "-" for -1
 *	{name:percent}	"12.5%" of 0.125
 *	{name:short}	"9999", "12.3k", "1.50M"
 *	{name:up}	"up" for true, "down"
 *	{name:police}	"64 kbit/s, burst 3000 bytes" of a member, or with no name of the object
 *	{name:pending}	why a leg's next hop is not resolved, and which command shows more
 *	{media:media}	"flowing", "none since 2026-11-23 03:10:00" of media and last_packet
 *	{:match}	what a flow takes: "p0 vlan 7 any > 192.0.2.1:5004", "rule 10 any > any"
 *	{:vlans}	"300.20" outer and inner, "20", "-" for none
 *	[, {name}]	left out if a member in it is none, false, "" or 0; {#name} may be 0
 */

/* Append what a template makes of the object. */
void text_add_members(struct text *text, const json_t *object, const char *template);

/* The same for a text that is cleared before. Returns text->s. */
const char *text_members(struct text *text, const json_t *object, const char *template);

/* Print each line of a template, as text_print(), but not those that are empty. */
void members_print(unsigned indent, const json_t *object, const char *template);

#define MOMENT_TEXT_MAX 32

/* Nanoseconds since 1970 in local time, "2026-11-23 03:10:00"; `text` has MOMENT_TEXT_MAX. */
const char *moment_text(uint64_t time_ns, char *text);

#define ENDPOINT_TEXT_MAX (INET6_ADDRSTRLEN + 8)

/* Write it as people do; `text` has room for ENDPOINT_TEXT_MAX. Any address text is taken. */
void endpoint_format(const char *address, uint16_t port, char *text);

/* Should what goes to this stream have colour? */
bool paint_wanted(FILE *out);

/*
 * Columns of the terminal that this stream goes to: what COLUMNS says (POSIX, XBD 8.3), else its
 * own, else 80. `otherwise` when it is no terminal.
 */
size_t paint_columns(FILE *out, size_t otherwise);

/*
 * Print a table with a row for each object of an array. `columns` holds titles and the templates of
 * their cells: "FLOW={id}|PACKETS>={packets}|COMMENT~={comment?}". > aligns to the right, ~ is text
 * that may be cut. Columns are no wider than their longest cell, with two blanks between them.
 * Lines keep to `width`: what may be cut gets the room that the others leave, and columns without
 * room go on in a line below, indented.
 */
void rows_print_within(const char *columns, const json_t *rows, size_t width, FILE *out);

/*
 * The same on stdout, in the width of a terminal; rows_print_below() below an empty line, and
 * nothing when there is no row.
 */
void rows_print(const char *columns, const json_t *rows);
void rows_print_below(const char *columns, const json_t *rows);

/*
 * `flows` is an array of {"id", "legs": [...]} with the flow's counters beside them or in a
 * "counters" object. A line a leg, and one of its own for a flow that has punted or dropped
 * packets or has no leg.
 */
void flow_counters_print(const json_t *flows);

/* "sending flows: 50%, 500 of 1000" on a terminal, for work that takes long. */
struct progress {
	const char *what; /* "sending flows"; borrowed */
	uint64_t total;
	int64_t begun_ms;
	int64_t drawn_ms; /* 0: not yet */
	bool terminal;
};

void progress_begin(struct progress *progress, const char *what, uint64_t total);

/* So much of the total is done; with a total of 0 it shows for how long it has been going on. */
void progress_at(struct progress *progress, uint64_t done);

/* Take it away. To be called before anything else is printed, also when the work failed. */
void progress_end(struct progress *progress);

/* A value as a document in YAML; objects and arrays that hold no others take one line. */
void yaml_print(FILE *out, json_t *value);

/* The whole of it as one line, `{port: p0, dst: 192.0.2.1}`, to be freed. NULL is "". */
char *yaml_line(json_t *value);

/*
 * Append "192.0.2.1:5004 > 198.51.100.1:6000" and "ttl 63, dscp 46, vlan 300.20, 12 bytes of
 * payload" of a UDP frame to *endpoints and *fields. false, and nothing appended: it is not one.
 */
bool frame_describe(
	const uint8_t *frame, size_t bytes, struct text *endpoints, struct text *fields);

/*
 * Print hexadecimal digits as lines of an offset and 16 bytes, which text2pcap(1) reads, each
 * behind `indent`; at most max_bytes, then how many more there are.
 */
void frame_dump(const char *hex, size_t max_bytes, const char *indent);

#endif
