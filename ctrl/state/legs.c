/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Legs of a flow that runs: join, admin, and what these and leaving (leave.c) share. Each makes a
 * copy of the flow with other legs and has it take the flow's place.
 */
#include "state/legs.h"

#include <stdlib.h>
#include <string.h>

#include "state/compile.h"
#include "state/leg_ids.h"

struct flow *
legs_flow_find(struct flows *flows, const char *id, struct fault *fault)
{
	struct flow *flow = desired_find(&flows->desired, id);

	if (!flow)
		fault_set(fault, FAULT_NOT_FOUND, "/flow",
			"found %s, expected the id of an installed flow", id);
	return flow;
}

int
legs_swap(struct flows *flows, struct flow *flow, struct flow_spec *spec, const uint16_t *from,
	struct change_set *set, struct fault *fault)
{
	struct change change;
	int rc;

	if (change_init(&change, flow, spec, from) < 0)
		return fault_set(fault, FAULT_NO_ROOM, "", "no memory for a flow of %u legs",
			spec->n_all_legs);
	change.first_leg = flow->spec->n_legs;
	set->flows = flows;
	set->list = &change;
	set->n = 1;
	rc = changes_commit(set, fault);
	change_fini(&change, rc == 0);
	return rc;
}

/* Every leg of the flow goes on, and n more are new. NULL without memory. */
static uint16_t *
from_all(const struct flow_spec *spec, size_t n)
{
	uint16_t *from = reallocarray(NULL, spec->n_legs + n + 1, sizeof(from[0]));
	size_t i;

	for (i = 0; from && i < spec->n_legs + n; i++)
		from[i] = i < spec->n_legs ? (uint16_t)i : DP_LEG_NEW;
	return from;
}

/* Ids that the new legs bring must be free, there and among themselves. */
static int
join_ids_check(
	const struct flow_spec *spec, const struct flow_leg *legs, size_t n, struct fault *fault)
{
	struct leg_index index;
	char pointer[32];
	size_t i;
	int rc = leg_ids_check(legs, n, fault);

	if (rc < 0)
		return -1;
	if (leg_index_init(&index, spec->legs, spec->n_legs) < 0)
		return fault_set(fault, FAULT_NO_ROOM, "", "no memory for %zu legs", n);
	for (i = 0; rc == 0 && i < n; i++) {
		if (legs[i].id[0] == '\0' || leg_index_find(&index, legs[i].id) < 0)
			continue;
		snprintf(pointer, sizeof(pointer), "/legs/%zu/id", i);
		rc = fault_set(fault, FAULT_CONFLICT, pointer,
			"found id %s, which another leg of the flow has, expected a free one",
			legs[i].id);
	}
	leg_index_fini(&index);
	return rc;
}

static int
join_check(const struct flows *flows, const struct flow_spec *spec, const struct flow_leg *legs,
	size_t n, struct fault *fault)
{
	if (n > DP_FLOW_LEGS_MAX || spec->n_legs + n > DP_FLOW_LEGS_MAX)
		return fault_set(fault, FAULT_NO_ROOM, "/legs",
			"found %zu legs beside %u, expected at most %d in one flow", n,
			spec->n_legs, DP_FLOW_LEGS_MAX);
	if (join_ids_check(spec, legs, n, fault) < 0)
		return -1;
	return legs_ports_check(legs, n, flows->ports, fault);
}

int
flows_join(
	struct flows *flows, const char *id, struct flow_leg *legs, size_t n, struct fault *fault)
{
	struct flow *flow = legs_flow_find(flows, id, fault);
	struct change_set set = {0};
	struct flow_spec *spec;
	uint16_t *from;
	size_t i;
	int rc;

	if (!flow || join_check(flows, flow->spec, legs, n, fault) < 0)
		return -1;
	from = from_all(flow->spec, n);
	spec = from ? flow_spec_with_legs(flow->spec, from, flow->spec->n_legs, legs, (unsigned)n)
		    : NULL;
	if (!spec) {
		free(from);
		return fault_set(fault, FAULT_NO_ROOM, "/legs", "no memory for %zu legs", n);
	}
	leg_ids_give(spec);
	for (i = 0; i < n; i++)
		memcpy(legs[i].id, spec->legs[spec->n_legs - n + i].id, sizeof(legs[i].id));
	rc = legs_swap(flows, flow, spec, from, &set, fault);
	if (rc < 0)
		free(spec);
	free(from);
	return rc;
}

/* Number of a leg by its id; looked for once, so without an index. */
static int
leg_find(const struct flow_spec *spec, const char *id, struct fault *fault)
{
	unsigned i;

	for (i = 0; i < spec->n_legs; i++) {
		if (strcmp(spec->legs[i].id, id) == 0)
			return (int)i;
	}
	return fault_set(fault, FAULT_NOT_FOUND, "/leg",
		"found %s, expected the id of a leg of flow %s", id, spec->id);
}

int
flows_admin(struct flows *flows, const char *id, const char *leg, bool down, struct fault *fault)
{
	struct flow *flow = legs_flow_find(flows, id, fault);
	struct change_set set = {0};
	struct flow_spec *spec;
	uint16_t *from;
	int at = 0, rc;

	if (!flow || (leg && (at = leg_find(flow->spec, leg, fault)) < 0))
		return -1;
	if ((leg ? flow->spec->legs[at].down : flow->spec->down) == down)
		return 0;
	from = from_all(flow->spec, 0);
	spec = from ? flow_spec_with_legs(flow->spec, from, flow->spec->n_legs, NULL, 0) : NULL;
	if (!spec) {
		free(from);
		return fault_set(fault, FAULT_NO_ROOM, "", "no memory for a copy of flow %s", id);
	}
	*(leg ? &spec->legs[at].down : &spec->down) = down;
	rc = legs_swap(flows, flow, spec, from, &set, fault);
	if (rc < 0)
		free(spec);
	free(from);
	return rc;
}
