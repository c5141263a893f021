/* SPDX-License-Identifier: BSD-3-Clause */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "flow/flow_db.h"
#include "flow_json.h"
#include "flow_live.h"

static struct flow *
added(struct desired *desired, const char *id, int port)
{
	struct fault fault;
	struct flow *flow = flow_live(desired, flow_spec_made(id, port, 9), &fault);

	cr_assert_not_null(flow, "%s", fault.message);
	return flow;
}

static void
refused(struct desired *desired, const char *id, int port, const char *pointer, const char *words)
{
	struct flow_spec *spec = flow_spec_made(id, port, 9);
	const size_t before = desired_count(desired);
	struct fault fault = {0};

	cr_expect_null(flow_live(desired, spec, &fault));
	cr_expect_eq(fault.code, FAULT_CONFLICT);
	cr_expect_str_eq(fault.pointer, pointer);
	cr_expect(strstr(fault.message, words), "%s", fault.message);
	cr_expect_eq(desired_count(desired), before);
	free(spec);
}

Test(desired, found_by_id)
{
	struct desired desired;
	struct flow *a;

	desired_init(&desired, 0);
	cr_expect_null(desired_find(&desired, "a"));
	a = added(&desired, "a", 1);
	added(&desired, "b", 2);
	cr_expect_eq(desired_find(&desired, "a"), a);
	cr_expect_null(desired_find(&desired, "c"));
	cr_expect_eq(desired_count(&desired), 2);
	free(flow_gone(&desired, a));
	cr_expect_null(desired_find(&desired, "a"));
	cr_expect_eq(desired_count(&desired), 1);
	added(&desired, "c", 1); /* the match of a is free again */
	desired_fini(&desired);
}

Test(desired, conflicts_name_the_other)
{
	struct desired desired;

	desired_init(&desired, 0);
	added(&desired, "a", 1);
	refused(&desired, "a", 2, "/id", "found id a");
	refused(&desired, "b", 1, "/match", "flow a");
	refused(&desired, NULL, 1, "/match", "flow a");
	desired_fini(&desired);
}

Test(desired, every_field_of_a_match_counts)
{
	static const struct flow_match match = {.port = "p0", .dst = {192, 0, 2, 1}, .family = 4};
	struct flow_match others[8];
	struct desired desired;

	for (size_t i = 0; i < 8; i++)
		others[i] = match;
	others[1].port[1] = '1';
	others[2].dst[3] = 2;
	others[3].dst_port = 1;
	others[4].vlan = 1;
	others[5].any_source = 1;
	others[6].src[0] = 1;
	others[7].src_port = 1;
	desired_init(&desired, 0);
	for (size_t i = 0; i < 8; i++) {
		struct flow_spec *spec = flow_spec_made(NULL, 1, 9);
		struct fault fault;

		spec->match = others[i];
		cr_expect_not_null(flow_live(&desired, spec, &fault), "%zu", i);
	}
	cr_expect_eq(desired_count(&desired), 8);
	desired_fini(&desired);
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

Test(desired, rules_may_be_alike)
{
	struct desired desired;
	struct fault fault;
	struct flow *a;

	desired_init(&desired, 0);
	a = flow_live(&desired, rule_made("a"), &fault);
	cr_assert_not_null(a);
	cr_assert_not_null(flow_live(&desired, rule_made("b"), &fault));
	cr_expect_eq(desired_find(&desired, "a"), a);
	cr_expect_eq(desired_count(&desired), 2);
	free(flow_gone(&desired, a));
	cr_expect_null(desired_find(&desired, "a"));
	cr_expect_not_null(desired_find(&desired, "b"));
	desired_fini(&desired);
}

/* Who is coming holds its id and match, and is met by nobody. */
Test(desired, coming_and_going)
{
	struct desired desired;
	struct fault fault;
	struct flow_spec *spec = flow_spec_made("b", 2, 77);
	struct flow *a, *b;

	desired_init(&desired, 0);
	a = added(&desired, "a", 1);
	b = desired_add(&desired, spec, &fault);
	cr_assert_not_null(b);
	cr_expect_null(desired_find(&desired, "b"));
	cr_expect_eq(desired_seek(&desired, "b"), b);
	cr_expect_null(desired_next(a));
	cr_expect_eq(desired_count(&desired), 1);
	refused(&desired, "b", 3, "/id", "found id b");
	refused(&desired, "c", 2, "/match", "flow b");
	desired_reveal(&desired, b, calloc(1, sizeof(uint16_t)));
	cr_expect_eq(desired_find(&desired, "b"), b);
	cr_expect_eq(desired_next(a), b);
	desired_hide(&desired, a);
	cr_expect_null(desired_find(&desired, "a"));
	cr_expect_eq(desired_after(&desired, 0), b);
	cr_expect_eq(desired_count(&desired), 1);
	refused(&desired, "a", 3, "/id", "found id a");
	free(a->spec);
	desired_withdraw(&desired, a);
	added(&desired, "a", 1);
	desired_fini(&desired);
}

/* The tables hold the id and match of another spec; a match can change hands. */
Test(desired, rekeyed)
{
	struct desired desired;
	struct flow_spec *spec = flow_spec_made("a", 3, 77), *before;
	struct flow *flow, *other;

	desired_init(&desired, 0);
	flow = added(&desired, "a", 1);
	other = added(&desired, "b", 2);
	before = flow->spec;
	desired_match_free(&desired, flow);
	cr_expect_eq(desired_match_take(&desired, flow, spec), 0);
	desired_rekey(flow, spec);
	flow->spec = spec;
	cr_expect_eq(desired_match_seek(&desired, &spec->match), flow);
	cr_expect_null(desired_match_seek(&desired, &before->match));
	free(before);
	cr_expect_eq(desired_find(&desired, "a"), flow);
	cr_expect_eq(desired_next(flow), other);
	refused(&desired, "c", 3, "/match", "flow a");
	added(&desired, "d", 1);
	desired_fini(&desired);
}

Test(desired, ids_are_given)
{
	struct desired desired;

	desired_init(&desired, 0);
	added(&desired, "flow-2", 1);
	cr_expect_str_eq(added(&desired, NULL, 2)->spec->id, "flow-1");
	cr_expect_str_eq(added(&desired, NULL, 3)->spec->id, "flow-3", "flow-2 is taken");
	desired_number_avoid(&desired, desired_id_number("flow-7"));
	desired_number_avoid(&desired, desired_id_number("flow-4"));
	desired_number_avoid(&desired, desired_id_number("other"));
	cr_expect_str_eq(added(&desired, NULL, 4)->spec->id, "flow-8");
	desired_fini(&desired);
}

Test(desired, listed_in_order_of_installation)
{
	struct flow *flows[5];
	struct desired desired;

	desired_init(&desired, 0);
	cr_expect_null(desired_after(&desired, 0));
	for (int i = 0; i < 5; i++)
		flows[i] = added(&desired, NULL, 10 - i);
	cr_expect_eq(desired_after(&desired, 0), flows[0]);
	cr_expect_eq(desired_next(flows[0]), flows[1]);
	cr_expect_eq(desired_after(&desired, flows[1]->sequence), flows[2]);
	cr_expect_null(desired_after(&desired, flows[4]->sequence));
	desired_fini(&desired);
}

/* A page that ended at a flow which is gone goes on where it was, and misses none. */
Test(desired, cursor_outlives_its_flow)
{
	struct flow *flows[5];
	struct desired desired;
	uint64_t sequence;

	desired_init(&desired, 0);
	for (int i = 0; i < 5; i++)
		flows[i] = added(&desired, NULL, 10 + i);
	sequence = flows[2]->sequence;
	free(flow_gone(&desired, flows[0]));
	free(flow_gone(&desired, flows[2]));
	cr_expect_eq(desired_after(&desired, sequence), flows[3]);
	free(flow_gone(&desired, flows[3]));
	cr_expect_eq(desired_after(&desired, sequence), flows[4]);
	free(flow_gone(&desired, flows[4]));
	cr_expect_null(desired_after(&desired, sequence));
	flows[0] = added(&desired, "new", 20);
	cr_expect_eq(desired_after(&desired, sequence), flows[0]);
	desired_fini(&desired);
}

Test(desired, many)
{
	struct desired desired;
	char id[16];

	desired_init(&desired, 0);
	for (int i = 0; i < 20000; i++) {
		snprintf(id, sizeof(id), "f%d", i);
		added(&desired, id, i + 1);
	}
	for (int i = 0; i < 20000; i += 2) {
		snprintf(id, sizeof(id), "f%d", i);
		free(flow_gone(&desired, desired_find(&desired, id)));
	}
	cr_expect_eq(desired_count(&desired), 10000);
	cr_expect_null(desired_find(&desired, "f0"));
	cr_expect_not_null(desired_find(&desired, "f19999"));
	refused(&desired, "x", 20000, "/match", "flow f19999");
	desired_fini(&desired);
}
