/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Cuts a stream of bytes into JSON texts: one a line, or back to back, or over several lines. It
 * follows brackets and strings only; whether a text is JSON is for the parser to say.
 *
 * A text that begins with { or [ ends with the bracket that closes it. Anything else (a bare
 * scalar, or noise) is a text that ends with its line. When brackets cannot be right any more (a
 * wrong closing one, a line feed inside a string, a value right behind a value) the text ends
 * there, for the parser to refuse, and the next one begins on the next line; if a { or [ at the
 * start of a line was the surprise, the next text begins with it.
 *
 * A text beyond a limit is reported once and then passed over, not kept. It ends where it would
 * have ended, or with its line if it had held no line feed so far.
 */
#ifndef CTRL_RPC_FRAME_H
#define CTRL_RPC_FRAME_H

#include <stdbool.h>
#include <stddef.h>

#define FRAME_DEPTH_MAX 512

enum frame_event {
	FRAME_MORE, /* all input is used up, no text is complete */
	FRAME_TEXT, /* a text is complete: frame->text, frame->n_text bytes */
	FRAME_TOO_LONG, /* more than max_bytes */
	FRAME_TOO_DEEP, /* more than max_depth open brackets */
	FRAME_NO_MEMORY, /* no memory for a text; it is passed over */
};

enum frame_state {
	FRAME_BETWEEN, /* texts */
	FRAME_LINE, /* in a text that ends with its line */
	FRAME_NESTED, /* in brackets, outside strings */
	FRAME_STRING,
	FRAME_ESCAPE, /* behind a backslash in a string */
};

struct frame {
	size_t max_bytes;
	unsigned max_depth;
	enum frame_state state;
	bool skip; /* pass over what is left of this text */
	bool value; /* the last token was a value or the end of one */
	bool line_start; /* nothing but blanks on this line of the text so far */
	bool many_lines; /* the text has a line feed in it */
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

/* Pass over what is left of a text that is not complete, and give its room back. */
void frame_give_up(struct frame *frame);

/* The stream has ended: FRAME_TEXT when it broke off inside a text, FRAME_MORE otherwise. */
enum frame_event frame_end(struct frame *frame);

#endif
