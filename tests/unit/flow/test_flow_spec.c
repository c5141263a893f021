/* SPDX-License-Identifier: BSD-3-Clause */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "flow/flow_spec.h"
#include "flow_json.h"

static struct flow_spec *
spec_of_ids(const char *const ids[], size_t n)
{
	struct flow_spec *spec = flow_spec_made("f", 1, 9), *made;
	struct flow_leg *legs = calloc(n, sizeof(*legs));

	for (size_t i = 0; i < n; i++) {
		legs[i] = spec->legs[0];
		strcpy(legs[i].id, ids[i]);
	}
	made = flow_spec_with_legs(spec, NULL, 0, legs, (unsigned)n);
	free(spec);
	free(legs);
	return made;
}

Test(leg_ids, given_above_all_that_were)
{
	struct flow_spec *spec =
		spec_of_ids((const char *const[]){"", "leg-7", "", "leg-x", "leg-99999999999"}, 5);
	const uint16_t kept[] = {0};
	struct flow_spec *fewer;

	leg_ids_give(spec);
	cr_expect_str_eq(spec->legs[1].id, "leg-7");
	cr_expect_str_neq(spec->legs[0].id, spec->legs[2].id);
	free(spec);
	spec = spec_of_ids((const char *const[]){"", "leg-7", ""}, 3);
	leg_ids_give(spec);
	cr_expect_str_eq(spec->legs[0].id, "leg-8");
	cr_expect_str_eq(spec->legs[2].id, "leg-9");
	fewer = flow_spec_with_legs(spec, kept, 1, NULL, 0);
	free(spec);
	fewer->legs[0].id[0] = '\0';
	leg_ids_give(fewer);
	cr_expect_str_eq(fewer->legs[0].id, "leg-10", "leg-9 has left, and is not another leg");
	free(fewer);
}

Test(leg_ids, found)
{
	static const char *const ids[] = {"m", "b", "", "z", "a", "", "leg-1"};
	struct flow_spec *spec = spec_of_ids(ids, 7);
	struct leg_index index;

	cr_assert_eq(leg_index_init(&index, spec->legs, spec->n_legs, leg_compare_id), 0);
	for (int i = 0; i < 7; i++) {
		if (ids[i][0])
			cr_expect_eq(leg_index_find(&index, ids[i]), i, "%s", ids[i]);
	}
	cr_expect_eq(leg_index_find(&index, "c"), -1);
	cr_expect_eq(leg_index_find(&index, "zz"), -1);
	cr_expect_eq(leg_index_find(&index, "A"), -1);
	leg_index_fini(&index);
	cr_assert_eq(leg_index_init(&index, spec->legs, 0, leg_compare_id), 0);
	cr_expect_eq(leg_index_find(&index, "a"), -1);
	leg_index_fini(&index);
	free(spec);
}

Test(leg_ids, many)
{
	struct flow_spec *one = flow_spec_made("f", 1, 9), *spec;
	struct flow_leg *legs = calloc(DP_FLOW_LEGS_MAX, sizeof(*legs));
	struct leg_index index;
	struct fault fault;

	for (int i = 0; i < DP_FLOW_LEGS_MAX; i++)
		legs[i] = one->legs[0];
	spec = flow_spec_with_legs(one, NULL, 0, legs, DP_FLOW_LEGS_MAX);
	free(one);
	free(legs);
	leg_ids_give(spec);
	cr_expect_eq(leg_ids_check(spec->legs, spec->n_legs, 0, &fault), 0);
	cr_assert_eq(leg_index_init(&index, spec->legs, spec->n_legs, leg_compare_id), 0);
	cr_expect_eq(leg_index_find(&index, "leg-4096"), 4095);
	cr_expect_eq(leg_index_find(&index, "leg-1"), 0);
	leg_index_fini(&index);
	strcpy(spec->legs[4000].id, "leg-12");
	cr_expect_eq(leg_ids_check(spec->legs, spec->n_legs, 0, &fault), -1);
	cr_expect_str_eq(fault.pointer, "/legs/4000/id");
	free(spec);
}

static struct flow_spec *
spec_of_legs(const char *legs)
{
	char text[2048];
	struct fault fault;
	struct flow_spec *spec;

	snprintf(text, sizeof(text),
		"{'id':'f','match':{'port':'p0','dst':'192.0.2.1','dst_port':1},%s}", legs);
	spec = flow_spec_of_text(text, &fault);
	cr_assert_not_null(spec, "%s: %s", fault.pointer, fault.message);
	return spec;
}

#define LEG(members, last) \
	"{" members "'port':'p1','src':'198.51.100.1','src_port':1,'dst':'198.51.100." #last \
	"','dst_port':2}"

/* The ids that the legs get, joined, when they take the place of those of `before`. */
static void
taken_over(const char *before, const char *after, const char *expected)
{
	struct flow_spec *old = spec_of_legs(before), *spec = spec_of_legs(after);
	char ids[256] = "";

	leg_ids_give(old);
	spec->last_leg_number = old->last_leg_number;
	cr_assert_eq(leg_ids_take_over(old, spec), 0);
	leg_ids_give(spec);
	for (unsigned i = 0; i < spec->n_legs; i++) {
		strcat(strcat(ids, i > 0 ? " " : ""), spec->legs[i].id);
	}
	cr_expect_str_eq(ids, expected, "%s then %s", before, after);
	free(old);
	free(spec);
}

Test(leg_ids, go_on_by_place_then_by_order)
{
	const char *three = "'legs':[" LEG("", 1) "," LEG("", 2) "," LEG("", 3) "]";

	taken_over(three, three, "leg-1 leg-2 leg-3");
	taken_over(three, "'legs':[" LEG("", 3) "," LEG("", 1) "," LEG("", 2) "]",
		"leg-3 leg-1 leg-2");
	taken_over(three, "'legs':[" LEG("", 3) "]", "leg-3");
	taken_over(three, "'legs':[" LEG("", 9) "," LEG("", 1) "," LEG("", 8) "," LEG("", 7) "]",
		"leg-2 leg-1 leg-3 leg-4");
	taken_over(three, "'legs':[" LEG("'id':'leg-2',", 9) "," LEG("", 2) "]", "leg-2 leg-1");
	taken_over(
		three, "'legs':[" LEG("'vlan':5,", 2) "," LEG("'dscp':9,", 1) "]", "leg-2 leg-1");
}

/* A name that the operator chose is not given to another receiver. */
Test(leg_ids, chosen_ones_stay_with_their_place)
{
	const char *named = "'legs':[" LEG("'id':'wall',", 1) "," LEG("", 2) "]";

	taken_over(named, "'legs':[" LEG("", 1) "]", "wall");
	taken_over(named, "'legs':[" LEG("", 8) "," LEG("", 9) "]", "leg-1 leg-2");
	taken_over(named, "'legs':[" LEG("'id':'desk',", 1) "," LEG("", 1) "]", "desk wall");
}

/* The source of one flow is one place, whatever the leg does until there is one. */
Test(leg_ids, learned_places)
{
	const char *two = "'legs':[" LEG("'learned':'a',", 1) "," LEG("'learned':'b',", 1) "]";

	taken_over(two, "'legs':[" LEG("'learned':'b',", 7) "," LEG("'learned':'a',", 8) "]",
		"leg-2 leg-1");
	taken_over(two, "'legs':[" LEG("", 1) "," LEG("'learned':'b',", 1) "]", "leg-1 leg-2");
}

static void
apart(const char *legs, const char *pointer, const char *named)
{
	struct flow_spec *spec = spec_of_legs(legs);
	struct fault fault = {0};

	cr_expect_eq(
		flow_legs_apart(spec, &fault), pointer ? -1 : 0, "%s: %s", legs, fault.message);
	if (pointer) {
		cr_expect_eq(fault.code, FAULT_INVALID_VALUE);
		cr_expect_str_eq(fault.pointer, pointer, "%s", legs);
		cr_expect_not_null(strstr(fault.message, named), "%s", fault.message);
	}
	free(spec);
}

Test(leg_ids, each_leg_sends_elsewhere)
{
	apart("'legs':[" LEG("", 1) "," LEG("", 2) "," LEG("", 1) "]", "/legs/2", "leg number 1 ");
	apart("'legs':[" LEG("'id':'wall',", 1) "," LEG("'id':'desk','dscp':46,'one_in':9,", 1) "]",
		"/legs/1", "leg wall ");
	apart("'legs':[" LEG("", 1) "],'streams':[{'ssrc':1,'legs':[" LEG("", 1) "," LEG(
		      "", 2) "]}"
			     ",{'ssrc':2,'legs':[" LEG("", 1) "," LEG("", 1) "]}]",
		"/streams/1/legs/1", "leg number 1 ");
	apart("'legs':[" LEG("'learned':'a',", 1) "," LEG("'learned':'b',", 1) "," LEG(
		      "'learned':'a','vlan':5,", 2) "]",
		"/legs/2", "source of flow a, which leg number 1 ");
	apart("'legs':[" LEG("'learned':'a',", 1) "," LEG("'learned':'b',", 1) "]", NULL, NULL);
	/* Other ways to the same receiver are what ST 2022-7 asks for. */
	apart("'legs':[" LEG("", 1) "," LEG("'vlan':5,", 1) "," LEG(
		      "'outer_vlan':5,'vlan':5,", 1) "," LEG("'next_hop':'198.51.100.7',",
		      1) "," LEG("'next_hop':'198.51.100.8',",
		      1) "," LEG("'mac':'02:00:00:00:00:01',", 1) "]",
		NULL, NULL);
	apart("'legs':[{'port':'p1','src':'198.51.100.1','src_port':1,'dst':'233.252.0.1',"
	      "'dst_port':2},{'port':'p1','src':'198.51.100.2','src_port':1,'dst':'233.252.0.1',"
	      "'dst_port':2}]",
		NULL, NULL);
}
