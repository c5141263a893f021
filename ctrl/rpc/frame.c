/* SPDX-License-Identifier: BSD-3-Clause */
/* A state machine that is fed a byte at a time. */
#include "frame.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define ROOM_FIRST 4096 /* bytes of a text to make room for at first */
#define ROOM_KEPT 4096 /* bytes of room to keep from one text to the next */

/* What becomes of the byte that was looked at. */
enum step {
	STEP_TAKE, /* it belongs to the text, which goes on */
	STEP_END, /* it is the text's last */
	STEP_BREAK, /* it is wrong: the last of the text, the rest of the line is passed over */
	STEP_BEFORE, /* the text ended before it */
	STEP_TOO_DEEP, /* it opens one bracket too many */
};

void
frame_init(struct frame *frame, size_t max_bytes, unsigned max_depth)
{
	memset(frame, 0, sizeof(*frame));
	frame->max_bytes = max_bytes;
	frame->max_depth = max_depth;
}

void
frame_fini(struct frame *frame)
{
	free(frame->text);
	frame->text = NULL;
	frame->room = 0;
}

/* In brackets that are too deep any kind of token is taken. */
static bool
expects(const struct frame *frame, enum frame_expect one, enum frame_expect other)
{
	return frame->expect == one || frame->expect == other || frame->depth > frame->max_depth;
}

static bool
expects_value(const struct frame *frame)
{
	return expects(frame, FRAME_VALUE, FRAME_VALUE_OR_END);
}

/* A value has ended. */
static void
value_end(struct frame *frame)
{
	frame->expect = FRAME_COMMA_OR_END;
	frame->state = FRAME_NESTED;
}

static enum step
step_open(struct frame *frame, char c)
{
	if (!expects_value(frame))
		return frame->line_start ? STEP_BEFORE : STEP_BREAK;
	if (frame->depth < frame->max_depth)
		frame->closing[frame->depth] = c == '{' ? '}' : ']';
	frame->depth++;
	frame->expect = c == '{' ? FRAME_NAME_OR_END : FRAME_VALUE_OR_END;
	return frame->depth > frame->max_depth && !frame->skip ? STEP_TOO_DEEP : STEP_TAKE;
}

static enum step
step_close(struct frame *frame, char c)
{
	const bool may_end = frame->expect == FRAME_COMMA_OR_END ||
			     expects(frame, FRAME_NAME_OR_END, FRAME_VALUE_OR_END);

	frame->depth--;
	if (!may_end || (frame->depth < frame->max_depth && frame->closing[frame->depth] != c))
		return STEP_BREAK;
	value_end(frame);
	return frame->depth ? STEP_TAKE : STEP_END;
}

static enum step
step_comma(struct frame *frame)
{
	if (!expects(frame, FRAME_COMMA_OR_END, FRAME_COMMA_OR_END))
		return STEP_BREAK;
	if (frame->depth <= frame->max_depth)
		frame->expect = frame->closing[frame->depth - 1] == '}' ? FRAME_NAME : FRAME_VALUE;
	return STEP_TAKE;
}

static enum step
step_line_feed(struct frame *frame)
{
	if (frame->skip && !frame->many_lines)
		return STEP_END;
	frame->many_lines = true;
	frame->line_start = true;
	return STEP_TAKE;
}

/* The first character of a number, true, false or null. */
static enum step
step_word_begin(struct frame *frame, char c)
{
	static const char *const words[] = {"true", "false", "null"};

	if (!expects_value(frame))
		return STEP_BREAK;
	frame->state = FRAME_WORD;
	frame->word = NULL;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (c == words[i][0])
			frame->word = words[i] + 1;
	}
	if (frame->word)
		return STEP_TAKE;
	frame->state = FRAME_NUMBER;
	frame->number = c == '-' ? FRAME_SIGN : c == '0' ? FRAME_ZERO : FRAME_DIGITS;
	return c == '-' || isdigit((unsigned char)c) ? STEP_TAKE : STEP_BREAK;
}

static enum step
step_quote(struct frame *frame)
{
	frame->is_name = expects(frame, FRAME_NAME, FRAME_NAME_OR_END);
	frame->state = FRAME_STRING;
	return frame->is_name || expects_value(frame) ? STEP_TAKE : STEP_BREAK;
}

static enum step
step_colon(struct frame *frame)
{
	if (!expects(frame, FRAME_COLON, FRAME_COLON))
		return STEP_BREAK;
	frame->expect = FRAME_VALUE;
	return STEP_TAKE;
}

static enum step
step_token(struct frame *frame, char c)
{
	switch (c) {
	case '{':
	case '[':
		return step_open(frame, c);
	case '}':
	case ']':
		return step_close(frame, c);
	case '"':
		return step_quote(frame);
	case ',':
		return step_comma(frame);
	case ':':
		return step_colon(frame);
	default:
		return step_word_begin(frame, c);
	}
}

static enum step
step_nested(struct frame *frame, char c)
{
	enum step step;

	if (c == ' ' || c == '\t' || c == '\r')
		return STEP_TAKE;
	if (c == '\n')
		return step_line_feed(frame);
	step = step_token(frame, c);
	frame->line_start = false;
	return step;
}

/* A number goes on with c. False: it does not, whether it is complete or not. */
static bool
number_goes_on(struct frame *frame, char c)
{
	static const enum frame_number behind_digit[] = {
		[FRAME_SIGN] = FRAME_DIGITS,
		[FRAME_DIGITS] = FRAME_DIGITS,
		[FRAME_POINT] = FRAME_FRACTION,
		[FRAME_FRACTION] = FRAME_FRACTION,
		[FRAME_E] = FRAME_EXPONENT,
		[FRAME_E_SIGN] = FRAME_EXPONENT,
		[FRAME_EXPONENT] = FRAME_EXPONENT,
	};
	const enum frame_number number = frame->number;
	const bool is_whole = number == FRAME_ZERO || number == FRAME_DIGITS;

	if (isdigit((unsigned char)c) && number != FRAME_ZERO)
		frame->number =
			number == FRAME_SIGN && c == '0' ? FRAME_ZERO : behind_digit[number];
	else if (c == '.' && is_whole)
		frame->number = FRAME_POINT;
	else if ((c == 'e' || c == 'E') && (is_whole || number == FRAME_FRACTION))
		frame->number = FRAME_E;
	else if ((c == '+' || c == '-') && number == FRAME_E)
		frame->number = FRAME_E_SIGN;
	else
		return false;
	return true;
}

/* Behind the last character of a number, true, false or null comes another token. */
static enum step
step_scalar(struct frame *frame, char c)
{
	const enum frame_number number = frame->number;
	bool is_complete;

	if (frame->state == FRAME_WORD) {
		is_complete = !*frame->word;
		if (!is_complete && *frame->word++ == c)
			return STEP_TAKE;
	} else {
		if (number_goes_on(frame, c))
			return STEP_TAKE;
		is_complete = number == FRAME_ZERO || number == FRAME_DIGITS ||
			      number == FRAME_FRACTION || number == FRAME_EXPONENT;
	}
	if (!is_complete)
		return c == '\n' ? STEP_END : STEP_BREAK;
	value_end(frame);
	return step_nested(frame, c);
}

/* Behind a backslash: one character, or u and four digits. */
static enum step
step_escape(struct frame *frame, char c)
{
	if (frame->n_hex > 0) {
		frame->n_hex--;
		if (frame->n_hex == 0)
			frame->state = FRAME_STRING;
		return isxdigit((unsigned char)c) ? STEP_TAKE : STEP_BREAK;
	}
	if (c == 'u')
		frame->n_hex = 4;
	else
		frame->state = FRAME_STRING;
	return c && strchr("\"\\/bfnrtu", c) ? STEP_TAKE : STEP_BREAK;
}

static enum step
step_string(struct frame *frame, char c)
{
	if (c == '\n')
		return STEP_END;
	if ((unsigned char)c < ' ')
		return STEP_BREAK;
	if (frame->state == FRAME_ESCAPE)
		return step_escape(frame, c);
	if (c == '\\') {
		frame->state = FRAME_ESCAPE;
	} else if (c == '"' && frame->is_name) {
		frame->expect = FRAME_COLON;
		frame->state = FRAME_NESTED;
	} else if (c == '"') {
		value_end(frame);
	}
	return STEP_TAKE;
}

static enum step
step_take(struct frame *frame, char c)
{
	if (frame->state == FRAME_LINE)
		return c == '\n' ? STEP_BEFORE : STEP_TAKE;
	if (frame->state == FRAME_NESTED)
		return step_nested(frame, c);
	if (frame->state == FRAME_WORD || frame->state == FRAME_NUMBER)
		return step_scalar(frame, c);
	return step_string(frame, c);
}

static int
room_make(struct frame *frame, size_t bytes)
{
	size_t room = frame->room ? frame->room : ROOM_FIRST;
	char *text;

	if (bytes <= frame->room)
		return 0;
	while (room < bytes)
		room *= 2; /* bytes is at most max_bytes */
	text = realloc(frame->text, room);
	if (!text)
		return -1;
	frame->text = text;
	frame->room = room;
	return 0;
}

static enum frame_event
text_append(struct frame *frame, const char *data, size_t bytes)
{
	if (frame->skip || !bytes)
		return FRAME_MORE;
	if (bytes > frame->max_bytes - frame->n_text)
		return FRAME_TOO_LONG;
	if (room_make(frame, frame->n_text + bytes))
		return FRAME_NO_MEMORY;
	memcpy(frame->text + frame->n_text, data, bytes);
	frame->n_text += bytes;
	return FRAME_MORE;
}

/* Begin the text whose first byte is c. */
static void
text_begin(struct frame *frame, char c)
{
	frame->n_text = 0;
	frame->depth = 0;
	frame->expect = FRAME_VALUE;
	frame->n_hex = 0;
	frame->line_start = false;
	frame->many_lines = false;
	frame->state = c == '{' || c == '[' ? FRAME_NESTED : FRAME_LINE;
}

/* End the text; what is left to pass over begins in the state given. */
static enum frame_event
text_end(struct frame *frame, enum frame_state next)
{
	bool reported = frame->skip;

	frame->state = next;
	frame->skip = next != FRAME_BETWEEN;
	return reported ? FRAME_MORE : FRAME_TEXT;
}

/*
 * How many bytes to look at before the limit has a word: one more than fit. Where a text becomes
 * too long must not depend on how the stream was cut into chunks.
 */
static size_t
bytes_at_once(const struct frame *frame, size_t bytes)
{
	size_t left = frame->max_bytes - frame->n_text;

	return frame->skip || bytes <= left ? bytes : left + 1;
}

/* Feed bytes that lie inside one text; returns how many of them do. */
static size_t
text_feed(struct frame *frame, const char *data, size_t bytes, enum frame_event *event)
{
	enum frame_event ended = FRAME_MORE;
	enum step step = STEP_TAKE;
	size_t used = 0;

	bytes = bytes_at_once(frame, bytes);
	while (used < bytes && step == STEP_TAKE)
		step = step_take(frame, data[used++]);
	if (step == STEP_BEFORE)
		used--;
	*event = text_append(frame, data, used);
	if (*event == FRAME_MORE && step == STEP_TOO_DEEP)
		*event = FRAME_TOO_DEEP;
	if (*event != FRAME_MORE)
		frame->skip = true;
	if (step == STEP_BREAK)
		ended = text_end(frame, FRAME_LINE);
	else if (step == STEP_END || step == STEP_BEFORE)
		ended = text_end(frame, FRAME_BETWEEN);
	if (*event == FRAME_MORE)
		*event = ended;
	return used;
}

static size_t
blanks_count(const char *data, size_t bytes)
{
	size_t n = 0;

	while (n < bytes && strchr(" \t\r\n", data[n]) && data[n])
		n++;
	return n;
}

size_t
frame_feed(struct frame *frame, const char *data, size_t bytes, enum frame_event *event)
{
	size_t used = 0;

	*event = FRAME_MORE;
	if (frame->state == FRAME_BETWEEN && frame->room > ROOM_KEPT)
		frame_fini(frame);
	while (used < bytes && *event == FRAME_MORE) {
		if (frame->state == FRAME_BETWEEN) {
			used += blanks_count(data + used, bytes - used);
			if (used == bytes)
				break;
			text_begin(frame, data[used]);
		}
		used += text_feed(frame, data + used, bytes - used, event);
	}
	return used;
}

void
frame_discard(struct frame *frame)
{
	frame->skip = true;
	frame_fini(frame);
}

enum frame_event
frame_end(struct frame *frame)
{
	bool broken_off = frame->state != FRAME_BETWEEN && !frame->skip;

	frame->state = FRAME_BETWEEN;
	frame->skip = false;
	return broken_off ? FRAME_TEXT : FRAME_MORE;
}
