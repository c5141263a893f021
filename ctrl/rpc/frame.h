/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Cuts a stream of bytes into JSON texts: one a line, or back to back, or over several lines. It
 * follows the grammar (RFC 8259) but for UTF-8; whether a text is JSON is for the parser to say.
 *
 * A text that begins with { or [ ends with the bracket that closes it. Anything else (a bare
 * scalar, or noise) is a text that ends with its line. At the first byte with which the text cannot
 * become JSON any more it ends, for the parser to refuse, and the next one begins on the next line;
 * if that byte is a { or [ at the start of a line, the next text begins with it.
 *
 * A text beyond a limit is reported once and then passed over. It ends where it would
 * have ended, or with its line if it had held no line feed so far.
 */
#ifndef CTRL_RPC_FRAME_H
#define CTRL_RPC_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_DEPTH_MAX 512

enum frame_event {
	FRAME_MORE, /* all input is used up, no text is complete */
	FRAME_TEXT, /* a text is complete: frame->text, frame->n_text bytes */
	FRAME_TOO_LONG, /* more than max_bytes */
	FRAME_TOO_DEEP, /* more than max_depth open brackets */
	FRAME_NO_MEMORY, /* no memory for a text; it is passed over */
};

struct frame {
	size_t max_bytes;
	unsigned max_depth;
	uint8_t state; /* see frame.c */
	bool skip; /* pass over what is left of this text */
	bool is_name; /* the string is a member's name */
	bool line_start; /* nothing but blanks on this line of the text so far */
	bool many_lines; /* the text has a line feed in it */
	const char *rest; /* of a word, that has to follow */
	size_t depth; /* open brackets */
	char *text; /* not NUL-terminated; valid until the next call */
	size_t n_text; /* bytes */
	size_t room; /* bytes allocated */
	char closing[FRAME_DEPTH_MAX]; /* the bracket that closes each open one */
};

/* max_bytes at least 1, max_depth 1..FRAME_DEPTH_MAX. Allocates nothing yet. */
void frame_init(struct frame *frame, size_t max_bytes, unsigned max_depth);

void frame_fini(struct frame *frame);

/*
 * Take bytes of the stream, up to the first event. Returns how many were used, which may be none;
 * call again with the rest, though it be empty, until the event is FRAME_MORE.
 */
size_t frame_feed(struct frame *frame, const char *data, size_t bytes, enum frame_event *event);

/* Pass over what is left of a text that is not complete, and free its room. */
void frame_discard(struct frame *frame);

/* The stream has ended: FRAME_TEXT when it broke off inside a text, FRAME_MORE otherwise. */
enum frame_event frame_end(struct frame *frame);

#endif
