/* SPDX-License-Identifier: BSD-3-Clause */
#include "case.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
case_port_mac(unsigned port, uint8_t mac[6])
{
	const uint8_t bytes[6] = {0x02, 0, 0, 0, 0x10, (uint8_t)port};

	memcpy(mac, bytes, sizeof(bytes));
}

int
case_port_index(const char *name)
{
	if (name[0] != 'p' || name[1] < '0' || name[1] >= '0' + CASE_PORTS || name[2] != '\0')
		return -1;
	return name[1] - '0';
}

int
case_drop_index(const char *name)
{
	for (unsigned i = 0; i < DP_DROP_COUNT; i++) {
		if (strcmp(dp_drop_name((enum dp_drop)i), name) == 0)
			return (int)i;
	}
	return -1;
}

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
frame_decode(const json_t *item, struct case_frame *frame, char *error, size_t error_size)
{
	const char *port, *hex, *drop = NULL;
	int index, split = 0, reason = DP_DROP_COUNT;
	json_error_t at;

	if (json_unpack_ex((json_t *)(uintptr_t)item, &at, JSON_STRICT, "{s:s, s:s, s?:s, s?:i}",
		    "port", &port, "hex", &hex, "drop", &drop, "split", &split) < 0) {
		snprintf(error, error_size, "frame: %s", at.text);
		return -1;
	}
	index = case_port_index(port);
	if (drop != NULL)
		reason = case_drop_index(drop);
	frame->bytes = hex_decode(hex, &frame->n_bytes);
	if (index < 0 || reason < 0 || frame->bytes == NULL || split < 0 ||
		(unsigned)split > frame->n_bytes) {
		snprintf(error, error_size,
			"frame: port %s, drop %s, split %d, or its hex is wrong", port,
			drop != NULL ? drop : "none", split);
		return -1;
	}
	frame->port = (unsigned)index;
	frame->drop = (unsigned)reason;
	frame->split = (unsigned)split;
	return 0;
}

/* Allocates *frames; *n counts those begun. */
static int
frames_decode(
	const json_t *list, struct case_frame **frames, size_t *n, char *error, size_t error_size)
{
	size_t n_items = json_array_size(list);

	*frames = calloc(n_items + 1, sizeof(**frames));
	if (*frames == NULL)
		return -1;
	for (*n = 0; *n < n_items;) {
		const json_t *item = json_array_get(list, *n);

		if (frame_decode(item, &(*frames)[(*n)++], error, error_size) < 0)
			return -1;
	}
	return 0;
}

/* {"p0": {"no_flow": 1}} */
static int
drops_decode(struct golden_case *c, json_t *drops, char *error, size_t error_size)
{
	const char *port_name, *drop_name;
	json_t *of_port, *count;

	json_object_foreach (drops, port_name, of_port) {
		int port = case_port_index(port_name);

		json_object_foreach (of_port, drop_name, count) {
			int reason = case_drop_index(drop_name);

			if (port < 0 || reason < 0) {
				snprintf(error, error_size, "drops: %s of %s is not known",
					drop_name, port_name);
				return -1;
			}
			c->drops[port][reason] = (uint64_t)json_integer_value(count);
		}
	}
	return 0;
}

static int
case_decode(struct golden_case *c, char *error, size_t error_size)
{
	json_t *rfc, *flows, *in, *out, *drops, *counters;
	int corrupt, step, tx_ring, packet_buffers, chained;
	json_error_t at;

	if (json_unpack_ex(c->root, &at, JSON_STRICT,
		    "{s:s, s:s, s:o, s:b, s:b, s:i, s:i, s:o, s:o, s:o, s:o, s:i, s:o}", "name",
		    &c->name, "why", &c->why, "rfc", &rfc, "corrupt", &corrupt, "step", &step,
		    "tx_ring", &tx_ring, "packet_buffers", &packet_buffers, "flows", &flows, "in",
		    &in, "out", &out, "drops", &drops, "chained", &chained, "flow_counters",
		    &counters) < 0) {
		snprintf(error, error_size, "%s", at.text);
		return -1;
	}
	c->corrupt = corrupt != 0;
	c->step = step != 0;
	c->tx_ring = (unsigned)tx_ring;
	c->packet_buffers = (unsigned)packet_buffers;
	c->n_chained = (size_t)chained;
	if (drops_decode(c, drops, error, error_size) < 0 ||
		frames_decode(in, &c->in, &c->n_in, error, error_size) < 0 ||
		frames_decode(out, &c->out, &c->n_out, error, error_size) < 0)
		return -1;
	return case_flows_decode(c, flows, counters, error, error_size);
}

int
case_init(struct golden_case *c, const char *path, char *error, size_t error_size)
{
	json_error_t at;

	memset(c, 0, sizeof(*c));
	c->root = json_load_file(path, JSON_REJECT_DUPLICATES, &at);
	if (c->root == NULL) {
		snprintf(error, error_size, "line %d: %s", at.line, at.text);
		return -1;
	}
	return case_decode(c, error, error_size);
}

static void
frames_fini(struct case_frame *frames, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(frames[i].bytes);
	free(frames);
}

void
case_fini(struct golden_case *c)
{
	frames_fini(c->in, c->n_in);
	frames_fini(c->out, c->n_out);
	case_flows_fini(c);
	json_decref(c->root);
	memset(c, 0, sizeof(*c));
}
