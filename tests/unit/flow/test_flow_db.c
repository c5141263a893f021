/* SPDX-License-Identifier: BSD-3-Clause */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "flow/flow_db.h"
#include "flow_json.h"
#include "flow_live.h"

static struct flow *
added(struct flow_db *db, const char *id, int port)
{
	struct fault fault;
	struct flow *flow = flow_live(db, flow_spec_made(id, port, 9), &fault);

	cr_assert_not_null(flow, "%s", fault.message);
	return flow;
}

static void
refused(struct flow_db *db, const char *id, int port, const char *pointer, const char *words)
{
	struct flow_spec *spec = flow_spec_made(id, port, 9);
	const size_t before = flow_db_count(db);
	struct fault fault = {0};

	cr_expect_null(flow_live(db, spec, &fault));
	cr_expect_eq(fault.code, FAULT_CONFLICT);
	cr_expect_str_eq(fault.pointer, pointer);
	cr_expect(strstr(fault.message, words), "%s", fault.message);
	cr_expect_eq(flow_db_count(db), before);
	free(spec);
}

Test(db, found_by_id)
{
	struct flow_db db;
	struct flow *a;

	flow_db_init(&db, 0);
	cr_expect_null(flow_db_find(&db, "a"));
	a = added(&db, "a", 1);
	added(&db, "b", 2);
	cr_expect_eq(flow_db_find(&db, "a"), a);
	cr_expect_null(flow_db_find(&db, "c"));
	cr_expect_eq(flow_db_count(&db), 2);
	free(flow_gone(&db, a));
	cr_expect_null(flow_db_find(&db, "a"));
	cr_expect_eq(flow_db_count(&db), 1);
	added(&db, "c", 1); /* the match of a is free again */
	flow_db_fini(&db);
}

Test(db, conflicts_name_the_other)
{
	struct flow_db db;

	flow_db_init(&db, 0);
	added(&db, "a", 1);
	refused(&db, "a", 2, "/id", "found id a");
	refused(&db, "b", 1, "/match", "flow a");
	refused(&db, NULL, 1, "/match", "flow a");
	flow_db_fini(&db);
}

Test(db, every_field_of_a_match_counts)
{
	static const struct flow_match match = {
		.port = "p0",
		.key = {.dst = {192, 0, 2, 1}, .family = 4},
	};
	struct flow_match others[8];
	struct flow_db db;

	for (size_t i = 0; i < 8; i++)
		others[i] = match;
	others[1].port[1] = '1';
	others[2].key.dst[3] = 2;
	others[3].key.dst_port = 1;
	others[4].key.vlan = 1;
	others[5].key.any_source = 1;
	others[6].key.src[0] = 1;
	others[7].key.src_port = 1;
	flow_db_init(&db, 0);
	for (size_t i = 0; i < 8; i++) {
		struct flow_spec *spec = flow_spec_made(NULL, 1, 9);
		struct fault fault;

		spec->match = others[i];
		cr_expect_not_null(flow_live(&db, spec, &fault), "%zu", i);
	}
	cr_expect_eq(flow_db_count(&db), 8);
	flow_db_fini(&db);
}

static struct flow_spec *
rule_made(const char *id)
{
	char text[128];
	struct fault fault;
	struct flow_spec *spec;

	snprintf(text, sizeof(text), "{'id':'%s','rule':{'priority':1,'family':4},'action':'drop'}",
		id);
	spec = flow_spec_of_text(text, &fault);
	cr_assert_not_null(spec, "%s", fault.message);
	return spec;
}

Test(db, rules_may_be_alike)
{
	struct flow_db db;
	struct fault fault;
	struct flow *a;

	flow_db_init(&db, 0);
	a = flow_live(&db, rule_made("a"), &fault);
	cr_assert_not_null(a);
	cr_assert_not_null(flow_live(&db, rule_made("b"), &fault));
	cr_expect_eq(flow_db_find(&db, "a"), a);
	cr_expect_eq(flow_db_count(&db), 2);
	free(flow_gone(&db, a));
	cr_expect_null(flow_db_find(&db, "a"));
	cr_expect_not_null(flow_db_find(&db, "b"));
	flow_db_fini(&db);
}

/* A flow in a draft holds its id and match, and is not found by readers. */
Test(db, coming_and_going)
{
	struct flow_db db;
	struct fault fault;
	struct flow_spec *spec = flow_spec_made("b", 2, 77);
	struct flow *a, *b;

	flow_db_init(&db, 0);
	a = added(&db, "a", 1);
	b = flow_db_add(&db, spec, &fault);
	cr_assert_not_null(b);
	cr_expect_null(flow_db_find(&db, "b"));
	cr_expect_eq(flow_db_seek(&db, "b"), b);
	cr_expect_null(flow_db_next(a));
	cr_expect_eq(flow_db_count(&db), 1);
	refused(&db, "b", 3, "/id", "found id b");
	refused(&db, "c", 2, "/match", "flow b");
	flow_db_activate(&db, b, calloc(1, sizeof(uint16_t)));
	cr_expect_eq(flow_db_find(&db, "b"), b);
	cr_expect_eq(flow_db_next(a), b);
	flow_db_retire(&db, a);
	cr_expect_null(flow_db_find(&db, "a"));
	cr_expect_eq(flow_db_after(&db, 0), b);
	cr_expect_eq(flow_db_count(&db), 1);
	refused(&db, "a", 3, "/id", "found id a");
	free(a->spec);
	flow_db_remove(&db, a);
	added(&db, "a", 1);
	flow_db_fini(&db);
}

/* The tables hold the id and match of another spec; a match can change hands. */
Test(db, rekeyed)
{
	struct flow_db db;
	struct flow_spec *spec = flow_spec_made("a", 3, 77), *before;
	struct flow *flow, *other;

	flow_db_init(&db, 0);
	flow = added(&db, "a", 1);
	other = added(&db, "b", 2);
	before = flow->spec;
	flow_db_match_remove(&db, flow);
	cr_expect_eq(flow_db_match_insert(&db, flow, spec), 0);
	flow_db_rekey(flow, spec);
	flow->spec = spec;
	cr_expect_eq(flow_db_match_seek(&db, &spec->match), flow);
	cr_expect_null(flow_db_match_seek(&db, &before->match));
	free(before);
	cr_expect_eq(flow_db_find(&db, "a"), flow);
	cr_expect_eq(flow_db_next(flow), other);
	refused(&db, "c", 3, "/match", "flow a");
	added(&db, "d", 1);
	flow_db_fini(&db);
}

Test(db, ids_are_given)
{
	struct flow_db db;

	flow_db_init(&db, 0);
	added(&db, "flow-2", 1);
	cr_expect_str_eq(added(&db, NULL, 2)->spec->id, "flow-1");
	cr_expect_str_eq(added(&db, NULL, 3)->spec->id, "flow-3", "flow-2 is taken");
	flow_db_number_avoid(&db, flow_db_id_number("flow-7"));
	flow_db_number_avoid(&db, flow_db_id_number("flow-4"));
	flow_db_number_avoid(&db, flow_db_id_number("other"));
	cr_expect_str_eq(added(&db, NULL, 4)->spec->id, "flow-8");
	flow_db_fini(&db);
}

Test(db, listed_in_order_of_installation)
{
	struct flow *flows[5];
	struct flow_db db;

	flow_db_init(&db, 0);
	cr_expect_null(flow_db_after(&db, 0));
	for (int i = 0; i < 5; i++)
		flows[i] = added(&db, NULL, 10 - i);
	cr_expect_eq(flow_db_after(&db, 0), flows[0]);
	cr_expect_eq(flow_db_next(flows[0]), flows[1]);
	cr_expect_eq(flow_db_after(&db, flows[1]->sequence), flows[2]);
	cr_expect_null(flow_db_after(&db, flows[4]->sequence));
	flow_db_fini(&db);
}

/* A page that ended at a flow which is gone goes on where it was, and misses none. */
Test(db, cursor_outlives_its_flow)
{
	struct flow *flows[5];
	struct flow_db db;
	uint64_t sequence;

	flow_db_init(&db, 0);
	for (int i = 0; i < 5; i++)
		flows[i] = added(&db, NULL, 10 + i);
	sequence = flows[2]->sequence;
	free(flow_gone(&db, flows[0]));
	free(flow_gone(&db, flows[2]));
	cr_expect_eq(flow_db_after(&db, sequence), flows[3]);
	free(flow_gone(&db, flows[3]));
	cr_expect_eq(flow_db_after(&db, sequence), flows[4]);
	free(flow_gone(&db, flows[4]));
	cr_expect_null(flow_db_after(&db, sequence));
	flows[0] = added(&db, "new", 20);
	cr_expect_eq(flow_db_after(&db, sequence), flows[0]);
	flow_db_fini(&db);
}

Test(db, many)
{
	struct flow_db db;
	char id[16];

	flow_db_init(&db, 0);
	for (int i = 0; i < 20000; i++) {
		snprintf(id, sizeof(id), "f%d", i);
		added(&db, id, i + 1);
	}
	for (int i = 0; i < 20000; i += 2) {
		snprintf(id, sizeof(id), "f%d", i);
		free(flow_gone(&db, flow_db_find(&db, id)));
	}
	cr_expect_eq(flow_db_count(&db), 10000);
	cr_expect_null(flow_db_find(&db, "f0"));
	cr_expect_not_null(flow_db_find(&db, "f19999"));
	refused(&db, "x", 20000, "/match", "flow f19999");
	flow_db_fini(&db);
}
