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

/* {"p0": {"no_flow": 1}} */
static int
drops_decode(struct golden_case *c, json_t *drops, json_error_t *at)
{
	const char *port_name, *drop_name;
	json_t *of_port, *count;

	json_object_foreach (drops, port_name, of_port) {
		int port = case_port_index(port_name);

		json_object_foreach (of_port, drop_name, count) {
			int reason = case_drop_index(drop_name);

			if (port < 0 || reason < 0) {
				snprintf(at->text, sizeof(at->text), "no drop %s of %s", drop_name,
					port_name);
				return -1;
			}
			c->ports[port].drops[reason] = (uint64_t)json_integer_value(count);
		}
	}
	return 0;
}

/* {"p0": {"forwarded": 1, "punted": 0, "copies": 2}} */
static int
ports_decode(struct golden_case *c, json_t *ports, json_error_t *at)
{
	const char *name;
	json_t *item;

	json_object_foreach (ports, name, item) {
		int port = case_port_index(name);
		json_int_t forwarded, punted, copies;

		if (port < 0 ||
			json_unpack_ex(item, at, JSON_STRICT, "{s:I, s:I, s:I}", "forwarded",
				&forwarded, "punted", &punted, "copies", &copies) < 0)
			return -1;
		c->ports[port].forwarded = (uint64_t)forwarded;
		c->ports[port].punted = (uint64_t)punted;
		c->ports[port].copies = (uint64_t)copies;
	}
	return 0;
}

/* ["p0"]: the ports of which something is true; bit 1 << port each. */
static int
port_set_decode(const json_t *list, unsigned *set)
{
	*set = 0;
	for (size_t i = 0; i < json_array_size(list); i++) {
		int port = case_port_index(json_string_value(json_array_get(list, i)));

		if (port < 0)
			return -1;
		*set |= 1u << port;
	}
	return 0;
}

static int
flows_decode(struct golden_case *c, const json_t *flows, json_error_t *at)
{
	size_t n_items = json_array_size(flows);

	c->flows = calloc(n_items + 1, sizeof(*c->flows));
	if (c->flows == NULL)
		return -1;
	while (c->n_flows < n_items) {
		json_t *item = json_array_get(flows, c->n_flows);

		if (case_flow_decode(c, item, &c->flows[c->n_flows++], at) < 0)
			return -1;
	}
	return 0;
}

static int
all_counts_decode(struct golden_case *c, json_t *counters, json_error_t *at)
{
	const char *id;
	json_t *item;

	c->counts = calloc(json_object_size(counters) + 1, sizeof(*c->counts));
	if (c->counts == NULL)
		return -1;
	json_object_foreach (counters, id, item) {
		if (case_counts_decode(id, item, &c->counts[c->n_counts++], at) < 0)
			return -1;
	}
	return 0;
}

/* What kind of case it is. Whether a document is cited at all is seen to here. */
static int
head_decode(struct golden_case *c, json_t *head, json_error_t *at)
{
	int corrupt, step, clock, one_worker, tx_ring, packet_buffers, punt_ring, punt_rate;
	json_t *punt_unmatched, *down = NULL, *kernel = NULL;
	unsigned punting, downs, paths;
	const char *rfc;

	if (json_unpack_ex(head, at, JSON_STRICT,
		    "{s:s, s:s, s:s, s:b, s:b, s:b, s:b, s:i, s:i, s:i, s:i, s:o, s?:o, s?:o}",
		    "name", &c->name, "why", &c->why, "rfc", &rfc, "corrupt", &corrupt, "step",
		    &step, "clock", &clock, "one_worker", &one_worker, "tx_ring", &tx_ring,
		    "packet_buffers", &packet_buffers, "punt_ring", &punt_ring, "punt_rate",
		    &punt_rate, "punt_unmatched", &punt_unmatched, "down", &down, "kernel",
		    &kernel) < 0 ||
		port_set_decode(punt_unmatched, &punting) < 0 ||
		port_set_decode(down, &downs) < 0 || port_set_decode(kernel, &paths) < 0)
		return -1;
	c->corrupt = corrupt != 0;
	c->step = step != 0;
	c->clock = clock != 0;
	c->one_worker = one_worker != 0;
	c->tx_ring = (unsigned)tx_ring;
	c->packet_buffers = (unsigned)packet_buffers;
	c->punt_ring = (unsigned)punt_ring;
	c->punt_rate = (unsigned)punt_rate;
	for (unsigned p = 0; p < CASE_PORTS; p++) {
		c->ports[p].punt_unmatched = (punting & 1u << p) != 0;
		c->ports[p].down = (downs & 1u << p) != 0;
		c->ports[p].kernel_path = (paths & 1u << p) != 0;
	}
	return 0;
}

static int
case_decode(struct golden_case *c, json_error_t *at)
{
	json_t *head, *flows, *script, *out, *punted, *drops, *ports, *counters;
	int chained;

	if (json_unpack_ex(c->root, at, JSON_STRICT,
		    "{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:i, s:o}", "case", &head, "flows", &flows,
		    "script", &script, "out", &out, "punted", &punted, "drops", &drops, "ports",
		    &ports, "chained", &chained, "flow_counters", &counters) < 0)
		return -1;
	c->n_chained = (size_t)chained;
	snprintf(at->text, sizeof(at->text), "a value is wrong");
	if (head_decode(c, head, at) < 0 || flows_decode(c, flows, at) < 0 ||
		case_script_decode(c, script, at) < 0 || case_frames_decode(out, &c->out, at) < 0 ||
		case_frames_decode(punted, &c->punted, at) < 0)
		return -1;
	if (drops_decode(c, drops, at) < 0 || ports_decode(c, ports, at) < 0)
		return -1;
	return all_counts_decode(c, counters, at);
}

int
case_init(struct golden_case *c, const char *path, char *error, size_t error_size)
{
	json_error_t at = {0};

	memset(c, 0, sizeof(*c));
	c->root = json_load_file(path, JSON_REJECT_DUPLICATES, &at);
	if (c->root != NULL && case_decode(c, &at) == 0)
		return 0;
	snprintf(error, error_size, "line %d: %s", at.line, at.text);
	return -1;
}

void
case_fini(struct golden_case *c)
{
	for (size_t i = 0; i < c->n_flows; i++)
		case_flow_fini(&c->flows[i]);
	free(c->flows);
	free(c->hops);
	free(c->names);
	case_script_fini(c);
	case_frames_fini(&c->out);
	case_frames_fini(&c->punted);
	for (size_t i = 0; i < c->n_counts; i++)
		case_counts_fini(&c->counts[i]);
	free(c->counts);
	json_decref(c->root);
	memset(c, 0, sizeof(*c));
}
