/* SPDX-License-Identifier: BSD-3-Clause */
/* A state machine that is fed a byte at a time: the grammar is the table `rules`. */
#include "frame.h"

#include <stdlib.h>
#include <string.h>

#define ROOM_FIRST 4096 /* bytes of a text to make room for at first */
#define ROOM_KEPT 4096 /* bytes of room to keep from one text to the next */

/* What becomes of a byte. */
enum step {
	STEP_TAKE, /* it belongs to the text, which goes on */
	STEP_END, /* it is the text's last */
	STEP_BREAK, /* it is wrong: the last of the text, the rest of the line is passed over */
	STEP_BEFORE, /* the text ended before it */
	STEP_TOO_DEEP, /* it opens one bracket too many */
};

void
frame_fini(struct frame *frame)
{
	free(frame->text);
	frame->text = NULL;
	frame->room = 0;
}

/* What may come next, or what the text is in the middle of. */
enum state {
	BETWEEN, /* texts */
	LINE, /* in a text that ends with its line */
	VALUE,
	VALUE_OR_END,
	NAME,
	NAME_OR_END,
	COLON,
	COMMA_OR_END,
	ANY, /* token, as in brackets that are too deep */
	STRING,
	ESCAPE,
	HEX_4, /* digits that have to follow */
	HEX_3,
	HEX_2,
	HEX_1,
	WORD, /* true, false or null: frame->rest has to follow */
	SIGN, /* the last character of a number so far */
	ZERO, /* that begins it */
	DIGITS,
	POINT,
	FRACTION,
	E,
	E_SIGN,
	EXPONENT,
	/* Not states, but what is to be done. */
	OPEN,
	CLOSE,
	COMMA,
	STRING_END,
	WRONG,
};

#define DIGIT "0123456789"
#define HEX_DIGIT "0123456789abcdefABCDEF"

/* Which bytes lead from a state to which other. Where a value may come, VALUE's count as well. */
static const struct {
	const char *bytes;
	uint8_t next;
} rules[][7] = {
	[VALUE] = {{"\"", STRING}, {"{[", OPEN}, {"-", SIGN}, {"0", ZERO}, {"123456789", DIGITS},
		{"tfn", WORD}},
	[VALUE_OR_END] = {{"}]", CLOSE}},
	[NAME] = {{"\"", STRING}},
	[NAME_OR_END] = {{"\"", STRING}, {"}]", CLOSE}},
	[COLON] = {{":", VALUE}},
	[COMMA_OR_END] = {{",", COMMA}, {"}]", CLOSE}},
	[ANY] = {{"}]", CLOSE}, {",:", ANY}},
	[STRING] = {{"\"", STRING_END}, {"\\", ESCAPE}},
	[ESCAPE] = {{"\"\\/bfnrt", STRING}, {"u", HEX_4}},
	[HEX_4] = {{HEX_DIGIT, HEX_3}},
	[HEX_3] = {{HEX_DIGIT, HEX_2}},
	[HEX_2] = {{HEX_DIGIT, HEX_1}},
	[HEX_1] = {{HEX_DIGIT, STRING}},
	[SIGN] = {{"0", ZERO}, {"123456789", DIGITS}},
	[ZERO] = {{".", POINT}, {"eE", E}},
	[DIGITS] = {{DIGIT, DIGITS}, {".", POINT}, {"eE", E}},
	[POINT] = {{DIGIT, FRACTION}},
	[FRACTION] = {{DIGIT, FRACTION}, {"eE", E}},
	[E] = {{DIGIT, EXPONENT}, {"+-", E_SIGN}},
	[E_SIGN] = {{DIGIT, EXPONENT}},
	[EXPONENT] = {{DIGIT, EXPONENT}},
};

static uint8_t next_state[OPEN][256]; /* the rules, by state and byte */

static void
next_state_fill(enum state state, enum state like)
{
	for (size_t i = 0; rules[like][i].bytes; i++)
		for (const char *byte = rules[like][i].bytes; *byte; byte++)
			next_state[state][(uint8_t)*byte] = rules[like][i].next;
}

void
frame_init(struct frame *frame, size_t max_bytes, unsigned max_depth)
{
	memset(frame, 0, sizeof(*frame));
	frame->max_bytes = max_bytes;
	frame->max_depth = max_depth;
	if (next_state[VALUE]['"'] == STRING)
		return;
	memset(next_state, WRONG, sizeof(next_state));
	next_state_fill(VALUE_OR_END, VALUE);
	next_state_fill(ANY, VALUE);
	for (enum state state = VALUE; state < OPEN; state++)
		next_state_fill(state, state);
}

/* A value has ended. */
static void
value_end(struct frame *frame)
{
	frame->state = frame->depth > frame->max_depth ? ANY : COMMA_OR_END;
}

static enum step
step_open(struct frame *frame, char c)
{
	frame->state = c == '{' ? NAME_OR_END : VALUE_OR_END;
	if (frame->depth < frame->max_depth)
		frame->closing[frame->depth] = c == '{' ? '}' : ']';
	if (++frame->depth <= frame->max_depth)
		return STEP_TAKE;
	frame->state = ANY;
	return frame->skip ? STEP_TAKE : STEP_TOO_DEEP;
}

static enum step
step_close(struct frame *frame, char c)
{
	frame->depth--;
	if (frame->depth < frame->max_depth && frame->closing[frame->depth] != c)
		return STEP_BREAK;
	value_end(frame);
	return frame->depth ? STEP_TAKE : STEP_END;
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

static enum step
step_wrong(const struct frame *frame, char c)
{
	if (c == '\n')
		return STEP_END;
	return frame->line_start && (c == '{' || c == '[') ? STEP_BEFORE : STEP_BREAK;
}

static enum step
step_take(struct frame *frame, char c)
{
	const enum state state = frame->state;
	enum state next;

	if (state == LINE)
		return c == '\n' ? STEP_BEFORE : STEP_TAKE;
	if (state == WORD && c == *frame->rest) {
		if (!*++frame->rest)
			value_end(frame);
		return STEP_TAKE;
	}
	if (state == STRING && (unsigned char)c >= ' ' && c != '"' && c != '\\')
		return STEP_TAKE;
	if (state <= ANY && (c == ' ' || c == '\t' || c == '\r'))
		return STEP_TAKE;
	if (state <= ANY && c == '\n')
		return step_line_feed(frame);
	next = next_state[state][(uint8_t)c];
	if (next == WRONG &&
		(state == ZERO || state == DIGITS || state == FRACTION || state == EXPONENT)) {
		value_end(frame); /* c is the next token */
		return step_take(frame, c);
	}
	if (next == WRONG)
		return step_wrong(frame, c);
	frame->line_start = false;
	switch (next) {
	case OPEN:
		return step_open(frame, c);
	case CLOSE:
		return step_close(frame, c);
	case COMMA:
		frame->state = frame->closing[frame->depth - 1] == '}' ? NAME : VALUE;
		return STEP_TAKE;
	case STRING_END:
		value_end(frame);
		if (frame->is_name)
			frame->state = COLON;
		return STEP_TAKE;
	case WORD:
		frame->rest = c == 't' ? "rue" : c == 'f' ? "alse" : "ull";
		frame->state = WORD;
		return STEP_TAKE;
	default:
		if (state <= ANY)
			frame->is_name = state == NAME || state == NAME_OR_END;
		frame->state = next;
		return STEP_TAKE;
	}
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
	frame->line_start = false;
	frame->many_lines = false;
	frame->state = c == '{' || c == '[' ? VALUE : LINE;
}

/* End the text; what is left to pass over begins in the state given. */
static enum frame_event
text_end(struct frame *frame, enum state next)
{
	bool reported = frame->skip;

	frame->state = next;
	frame->skip = next != BETWEEN;
	return reported ? FRAME_MORE : FRAME_TEXT;
}

/*
 * How many bytes to read before the limit is checked: one more than fit. Where a text becomes
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
		ended = text_end(frame, LINE);
	else if (step == STEP_END || step == STEP_BEFORE)
		ended = text_end(frame, BETWEEN);
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
	if (frame->state == BETWEEN && frame->room > ROOM_KEPT)
		frame_fini(frame);
	while (used < bytes && *event == FRAME_MORE) {
		if (frame->state == BETWEEN) {
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
	bool broken_off = frame->state != BETWEEN && !frame->skip;

	frame->state = BETWEEN;
	frame->skip = false;
	return broken_off ? FRAME_TEXT : FRAME_MORE;
}
