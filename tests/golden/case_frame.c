/* SPDX-License-Identifier: BSD-3-Clause */
/* Frames of a case: hex texts, and tables of many that differ in a few bytes. */
#include "case.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Bytes of a hex text, allocated also when there is none. NULL: not hex. */
static uint8_t *
hex_decode(const char *hex, unsigned *n_bytes)
{
	size_t n = strlen(hex);
	uint8_t *bytes = malloc(n / 2 + 1);

	for (size_t i = 0; bytes != NULL && i < n; i += 2) {
		int high = hex_digit(hex[i]), low = hex_digit(hex[i + 1]);

		if (high < 0 || low < 0) {
			free(bytes);
			return NULL;
		}
		bytes[i / 2] = (uint8_t)(high << 4 | low);
	}
	*n_bytes = (unsigned)(n / 2);
	return bytes;
}

static int
frame_fill(struct case_frame *frame, const char *port, const char *hex, json_error_t *at)
{
	int index = case_port_index(port);

	frame->drop = DP_DROP_COUNT;
	frame->bytes = hex_decode(hex, &frame->n_bytes);
	if (index >= 0 && frame->bytes != NULL) {
		frame->port = (unsigned)index;
		return 0;
	}
	snprintf(at->text, sizeof(at->text), "frame: port %s or its hex is wrong", port);
	return -1;
}

int
case_frame_decode(json_t *item, struct case_frame *frame, json_error_t *at)
{
	const char *port, *hex, *drop = NULL;
	int split = 0, reason = DP_DROP_COUNT;

	if (json_unpack_ex(item, at, JSON_STRICT, "{s:s, s:s, s?:s, s?:i, s?:s}", "port", &port,
		    "hex", &hex, "drop", &drop, "split", &split, "flow", &frame->flow) < 0 ||
		frame_fill(frame, port, hex, at) < 0)
		return -1;
	if (drop != NULL)
		reason = case_drop_index(drop);
	if (reason < 0 || split < 0 || (unsigned)split > frame->n_bytes) {
		snprintf(at->text, sizeof(at->text), "frame: drop %s or split %d is wrong",
			drop != NULL ? drop : "none", split);
		return -1;
	}
	frame->drop = (unsigned)reason;
	frame->split = (unsigned)split;
	return 0;
}

static int
frames_grow(struct case_frames *frames, size_t n_more)
{
	struct case_frame *grown =
		reallocarray(frames->of, frames->n + n_more + 1, sizeof(*frames->of));

	if (grown == NULL)
		return -1;
	memset(grown + frames->n, 0, (n_more + 1) * sizeof(*grown));
	frames->of = grown;
	return 0;
}

/* The next frame of a table: its base with the bytes of one row in their places. */
static int
row_append(struct case_frames *frames, const struct case_frame *base, const json_t *places,
	const uint8_t *row)
{
	struct case_frame *frame = &frames->of[frames->n++];

	*frame = *base;
	frame->bytes = malloc(base->n_bytes);
	if (frame->bytes == NULL)
		return -1;
	memcpy(frame->bytes, base->bytes, base->n_bytes);
	for (size_t i = 0; i < json_array_size(places); i++) {
		size_t place = (size_t)json_integer_value(json_array_get(places, i));

		if (place >= base->n_bytes)
			return -1;
		frame->bytes[place] = row[i];
	}
	return 0;
}

/* {"port", "hex", "at": [offsets], "rows": hex}: a frame for each row of as many bytes as "at" */
static int
table_decode(json_t *item, struct case_frames *frames, json_error_t *at)
{
	const char *port, *hex, *rows_hex;
	struct case_frame base = {0};
	uint8_t *rows = NULL;
	unsigned n_bytes = 0;
	json_t *places;
	size_t width;
	int ret = -1;

	if (json_unpack_ex(item, at, JSON_STRICT, "{s:s, s:s, s:o, s:s}", "port", &port, "hex",
		    &hex, "at", &places, "rows", &rows_hex) < 0)
		return -1;
	width = json_array_size(places);
	if (frame_fill(&base, port, hex, at) == 0)
		rows = hex_decode(rows_hex, &n_bytes);
	if (rows != NULL && width > 0 && frames_grow(frames, n_bytes / width) == 0)
		ret = 0;
	for (size_t i = 0; ret == 0 && i + width <= n_bytes; i += width)
		ret = row_append(frames, &base, places, rows + i);
	free(rows);
	free(base.bytes);
	return ret;
}

int
case_frames_decode(const json_t *list, struct case_frames *frames, json_error_t *at)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		json_t *item = json_array_get(list, i);
		int ret;

		if (json_object_get(item, "rows") != NULL) {
			ret = table_decode(item, frames, at);
		} else {
			ret = frames_grow(frames, 1);
			if (ret == 0)
				ret = case_frame_decode(item, &frames->of[frames->n++], at);
		}
		if (ret < 0)
			return -1;
	}
	return 0;
}

void
case_frames_fini(struct case_frames *frames)
{
	for (size_t i = 0; i < frames->n; i++)
		free(frames->of[i].bytes);
	free(frames->of);
}
