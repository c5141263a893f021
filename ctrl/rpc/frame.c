/* SPDX-License-Identifier: BSD-3-Clause */
/* A state machine that is fed a byte at a time. */
#include "frame.h"

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

static enum step
step_open(struct frame *frame, char c)
{
	if (frame->value)
		return frame->line_start ? STEP_BEFORE : STEP_BREAK;
	if (frame->depth < frame->max_depth)
		frame->closing[frame->depth] = c == '{' ? '}' : ']';
	frame->depth++;
	return frame->depth > frame->max_depth && !frame->skip ? STEP_TOO_DEEP : STEP_TAKE;
}

static enum step
step_close(struct frame *frame, char c)
{
	frame->depth--;
	if (frame->depth < frame->max_depth && frame->closing[frame->depth] != c)
		return STEP_BREAK;
	frame->value = true;
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
step_nested(struct frame *frame, char c)
{
	enum step step = STEP_TAKE;

	switch (c) {
	case ' ':
	case '\t':
	case '\r':
		return STEP_TAKE;
	case '\n':
		return step_line_feed(frame);
	case '{':
	case '[':
		step = step_open(frame, c);
		break;
	case '}':
	case ']':
		step = step_close(frame, c);
		break;
	case '"':
		if (frame->value)
			step = STEP_BREAK;
		frame->state = FRAME_STRING;
		break;
	case ',':
	case ':':
		frame->value = false;
		break;
	default:
		frame->value = true;
	}
	frame->line_start = false;
	return step;
}

static enum step
step_string(struct frame *frame, char c)
{
	if (c == '\n')
		return STEP_END;
	if (frame->state == FRAME_ESCAPE) {
		frame->state = FRAME_STRING;
	} else if (c == '\\') {
		frame->state = FRAME_ESCAPE;
	} else if (c == '"') {
		frame->state = FRAME_NESTED;
		frame->value = true;
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
	frame->value = false;
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
frame_give_up(struct frame *frame)
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
