/* SPDX-License-Identifier: BSD-3-Clause */
/* Legs to the receivers of a side, made of their flows. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flow/flow_codec.h"
#include "flow/receivers.h"
#include "flow_json.h"

static struct flow_spec *
spec_of(const char *text)
{
	json_t *json = json_of_text(text);
	struct fault fault;
	struct flow_spec *spec = flow_spec_decode(json, &fault);

	cr_assert_not_null(spec, "%s: %s", fault.pointer, fault.message);
	json_decref(json);
	return spec;
}

#define SIDE \
	"{'id':'r:a','relay':'r','match':{'port':'p0','dst':'192.0.2.1','dst_port':6000}," \
	"'latch':'first','legs':[{'id':'leg-1','port':'p1','src':'198.51.100.1','src_port':6000," \
	"'learned':'r:b','dscp':46}]}"
#define RECEIVER(name, match, latch) \
	"{'id':'r:b." name \
	"','relay':'r','match':{'port':'p1','vlan':7,'dst':'198.51.100.1'," match "}," latch \
	"'action':'drop'}"

/* The version after that change, in place of `spec`, which is freed. */
static struct flow_spec *
changed(struct flow_spec *spec, const struct receiver_link *links, size_t n)
{
	struct fault fault;
	struct flow_spec *version = receivers_change(spec, links, n, &fault);

	cr_assert_not_null(version, "%s", fault.message);
	free(spec);
	return version;
}

Test(receivers, each_has_a_leg)
{
	struct flow_spec *x = spec_of(RECEIVER("x", "'dst_port':7001", "'latch':'first',"));
	struct flow_spec *y =
		spec_of(RECEIVER("y", "'dst_port':6000,'src':'198.51.100.9','src_port':5004", ""));
	const struct receiver_link both[] = {{x->id, x}, {y->id, y}},
				   first_goes[] = {{x->id, NULL}};
	const struct flow_leg *legs;
	struct flow_spec *side = changed(spec_of(SIDE), both, 2), *update;
	char id[FLOW_ID_MAX], *text;

	legs = side->legs;
	cr_assert_eq(side->n_legs, 3);
	cr_expect_eq(side->n_receivers, 2);
	cr_expect_str_eq(legs[1].id, "b.x");
	cr_expect_str_eq(legs[1].learned, "r:b.x");
	cr_expect_eq(legs[1].from, DP_LEG_NEW);
	cr_expect_eq(legs[1].dp.vlan, 7);
	cr_expect_eq(legs[1].dp.src_port, htons(7001));
	cr_expect_eq(legs[1].dp.dscp, 46);
	cr_expect_not(leg_is_signalled(&legs[1]));
	cr_expect_str_eq(legs[2].learned, "");
	cr_expect_eq(legs[2].dp.dst_port, htons(5004));
	receivers_flow_id(side, &legs[2], id);
	cr_expect_str_eq(id, "r:b.y");
	text = flow_text_encode(side, NULL);
	cr_expect_null(strstr(text, "b.x"), "it is stored: %s", text);
	free(text);

	side = changed(side, first_goes, 1);
	cr_assert_eq(side->n_legs, 2);
	cr_expect_str_eq(side->legs[1].id, "b.y");
	cr_expect_eq(side->legs[1].from, 2, "it carries on another leg");

	update = spec_of(SIDE);
	update->legs[0].dp.dscp = 0;
	x = changed(x, NULL, 0); /* without receivers it stays as it is */
	cr_expect_eq(x->n_legs, 0);
	free(x);
	x = receivers_keep(update, side);
	cr_assert_eq(x->n_legs, 2);
	cr_expect_eq(x->legs[1].dp.dscp, 0);
	receivers_strip(x);
	cr_expect_eq(x->n_all_legs, 1);
	free(x);
	free(y);
	free(update);
	free(side);
}

Test(receivers, as_many_as_a_flow_has_legs)
{
	static char ids[DP_FLOW_LEGS_MAX][FLOW_ID_MAX];
	static struct receiver_link links[DP_FLOW_LEGS_MAX];
	struct flow_spec *x = spec_of(RECEIVER("x", "'dst_port':7001", "'latch':'first',"));
	struct flow_spec *side = spec_of(SIDE);
	struct fault fault;

	for (unsigned i = 0; i < DP_FLOW_LEGS_MAX; i++) {
		snprintf(ids[i], sizeof(ids[i]), "r:b.%04u", i);
		links[i] = (struct receiver_link){ids[i], x};
	}
	cr_expect_null(receivers_change(side, links, DP_FLOW_LEGS_MAX, &fault));
	cr_expect_eq(fault.code, FAULT_NO_ROOM);
	cr_expect_not_null(strstr(fault.message, "at most 4095 for one side"), "%s", fault.message);
	side = changed(side, links, DP_FLOW_LEGS_MAX - 1);
	cr_expect_eq(side->n_receivers, DP_FLOW_LEGS_MAX - 1);
	cr_expect_null(receivers_change(side, links + DP_FLOW_LEGS_MAX - 1, 1, &fault));
	free(side);
	free(x);
}
