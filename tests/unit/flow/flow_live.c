/* SPDX-License-Identifier: BSD-3-Clause */
#include "flow_live.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

struct flow *
flow_live(struct desired *desired, struct flow_spec *spec, struct fault *fault)
{
	struct flow *flow = desired_add(desired, spec, fault);
	uint16_t *hops;

	if (!flow)
		return NULL;
	hops = reallocarray(NULL, spec->n_all_legs + 1, sizeof(hops[0]));
	cr_assert_not_null(hops);
	memset(hops, 0xff, spec->n_all_legs * sizeof(hops[0]));
	desired_reveal(desired, flow, hops);
	return flow;
}

struct flow_spec *
flow_gone(struct desired *desired, struct flow *flow)
{
	struct flow_spec *spec = flow->spec;

	desired_hide(desired, flow);
	desired_withdraw(desired, flow);
	return spec;
}
