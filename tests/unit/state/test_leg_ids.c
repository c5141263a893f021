/* SPDX-License-Identifier: BSD-3-Clause */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "flow_json.h"
#include "state/leg_ids.h"

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

	cr_assert_eq(leg_index_init(&index, spec->legs, spec->n_legs), 0);
	for (int i = 0; i < 7; i++) {
		if (ids[i][0])
			cr_expect_eq(leg_index_find(&index, ids[i]), i, "%s", ids[i]);
	}
	cr_expect_eq(leg_index_find(&index, "c"), -1);
	cr_expect_eq(leg_index_find(&index, "zz"), -1);
	cr_expect_eq(leg_index_find(&index, "A"), -1);
	leg_index_fini(&index);
	cr_assert_eq(leg_index_init(&index, spec->legs, 0), 0);
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
	cr_expect_eq(leg_ids_check(spec->legs, spec->n_legs, &fault), 0);
	cr_assert_eq(leg_index_init(&index, spec->legs, spec->n_legs), 0);
	cr_expect_eq(leg_index_find(&index, "leg-4096"), 4095);
	cr_expect_eq(leg_index_find(&index, "leg-1"), 0);
	leg_index_fini(&index);
	strcpy(spec->legs[4000].id, "leg-12");
	cr_expect_eq(leg_ids_check(spec->legs, spec->n_legs, &fault), -1);
	cr_expect_str_eq(fault.pointer, "/legs/4000/id");
	free(spec);
}
