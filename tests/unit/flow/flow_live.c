/* SPDX-License-Identifier: BSD-3-Clause */
#include "flow_live.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

struct flow *
flow_live(struct flow_db *db, struct flow_spec *spec, struct fault *fault)
{
	struct flow *flow = flow_db_add(db, spec, fault);
	uint16_t *hops;

	if (!flow)
		return NULL;
	hops = reallocarray(NULL, spec->n_all_legs + 1, sizeof(hops[0]));
	cr_assert_not_null(hops);
	memset(hops, 0xff, spec->n_all_legs * sizeof(hops[0]));
	flow_db_activate(db, flow, hops);
	return flow;
}

struct flow_spec *
flow_gone(struct flow_db *db, struct flow *flow)
{
	struct flow_spec *spec = flow->spec;

	flow_db_retire(db, flow);
	flow_db_remove(db, flow);
	return spec;
}
