/* SPDX-License-Identifier: BSD-3-Clause */
/* See flow_legs.h. */
#include "cli/flow_legs.h"

#include <inttypes.h>
#include <stdio.h>

#include "cli/pending.h"
#include "cli/quantity.h"
#include "cli/table.h"

static const struct table_column leg_columns[] = {
	{"LEG", false},
	{"PORT", false},
	{"VLAN", true},
	{"FROM", false},
	{"TO", false},
	{"DSCP", true},
	{"TTL", true},
	{"STATE", false},
};

static const struct table_column hop_columns[] = {
	{"LEG", false},
	{"NEXT HOP", false},
	{"MAC", false},
	{"STATE", false},
	{"NETDEV", false},
};

static const struct table_column why_columns[] = {
	{"LEG", false},
	{"WHY", false},
};

static const struct table_column count_columns[] = {
	{"LEG", false},
	{"COPIES", true},
	{"BYTES", true},
	{"SENT", true},
	{"DROPS", false},
};

#define TABLE(columns) table_create(columns, sizeof(columns) / sizeof(columns[0]))

struct leg_tables {
	struct table *legs;
	struct table *hops;
	struct table *whys; /* of hops that have a reason */
	struct table *counts;
	size_t n_whys;
};

/* "up", "down", "port down", "up, 1 in 10, 2.5 Mbit/s" */
static const char *
text_state(struct text *text, const json_t *leg, const json_t *state)
{
	const json_t *police = json_object_get(leg, "police");
	const uint64_t one_in = member_number(leg, "one_in");

	text_clear(text);
	if (member_is(leg, "admin", "down"))
		text_add(text, "down");
	else
		text_add(text,
			json_is_false(json_object_get(state, "link_up")) ? "port down" : "up");
	if (one_in > 1)
		text_add(text, ", 1 in %" PRIu64, one_in);
	if (police != NULL) {
		text_add(text, ", ");
		text_add_police(text, police);
	}
	return text->s;
}

static void
add_leg(struct table *table, const char *name, const json_t *leg, const json_t *state)
{
	struct text text;

	table_cell(table, "%s", name);
	table_cell(table, "%s", member_text(leg, "port"));
	table_cell(table, "%s", text_vlans(&text, leg));
	table_cell(table, "%s", text_endpoint(&text, leg, "src"));
	table_cell(table, "%s", text_endpoint(&text, leg, "dst"));
	table_cell(table, "%s", text_number(&text, leg, "dscp", "keep"));
	table_cell(table, "%s", text_number(&text, leg, "ttl", "less 1"));
	table_cell(table, "%s", text_state(&text, leg, state));
}

static void
add_hop(struct table *table, const char *name, const json_t *hop)
{
	table_cell(table, "%s", name);
	table_cell(table, "%s", member_text(hop, "address"));
	table_cell(table, "%s", member_text(hop, "mac"));
	table_cell(table, "%s", member_text(hop, "state"));
	table_cell(table, "%s", member_text(hop, "netdev"));
}

static void
add_why(struct leg_tables *tables, const char *name, const json_t *leg, const json_t *hop)
{
	struct text text;

	if (json_object_get(hop, "reason") == NULL)
		return;
	table_cell(tables->whys, "%s", name);
	table_cell(tables->whys, "%s", pending_text(&text, leg, hop));
	tables->n_whys++;
}

static void
add_counts(struct table *table, const char *name, const json_t *state)
{
	struct text text;

	table_cell(table, "%s", name);
	table_cell(table, "%" PRIu64, member_number(state, "copies"));
	table_cell(table, "%" PRIu64, member_number(state, "bytes"));
	table_cell(table, "%" PRIu64, member_number(state, "sent"));
	table_cell(table, "%s", text_drops(&text, json_object_get(state, "drops")));
}

/* Legs and their states, which stand side by side in flow.get. stream: -1 for the flow's own. */
static size_t
add_legs(struct leg_tables *tables, const json_t *legs, const json_t *states, int stream)
{
	struct text name;
	json_t *leg;
	size_t i;

	json_array_foreach (legs, i, leg) {
		const json_t *state = json_array_get(states, i);

		text_clear(&name);
		if (stream < 0)
			text_add(&name, "%s", member_text(leg, "id"));
		else
			text_add(&name, "%d/%zu", stream, i + 1);
		add_leg(tables->legs, name.s, leg, state);
		add_hop(tables->hops, name.s, json_object_get(state, "next_hop"));
		add_why(tables, name.s, leg, json_object_get(state, "next_hop"));
		add_counts(tables->counts, name.s, state);
	}
	return json_array_size(legs);
}

static void
table_finish(struct table *table, bool print)
{
	if (print) {
		putchar('\n');
		table_print(table, stdout);
	}
	table_destroy(table);
}

void
flow_legs_print(const json_t *result)
{
	struct leg_tables tables = {TABLE(leg_columns), TABLE(hop_columns), TABLE(why_columns),
		TABLE(count_columns), 0};
	const json_t *flow = json_object_get(result, "flow"), *states;
	json_t *stream;
	size_t i, n;

	n = add_legs(&tables, json_object_get(flow, "legs"), json_object_get(result, "legs"), -1);
	json_array_foreach (json_object_get(flow, "streams"), i, stream) {
		states = json_array_get(json_object_get(result, "streams"), i);
		n += add_legs(&tables, json_object_get(stream, "legs"),
			json_object_get(states, "legs"), (int)i + 1);
	}
	table_finish(tables.legs, n > 0);
	table_finish(tables.hops, n > 0);
	table_finish(tables.whys, tables.n_whys > 0);
	table_finish(tables.counts, n > 0);
}
