/* SPDX-License-Identifier: BSD-3-Clause */
/* flows_replace(): which flow each spec is for, which of its legs goes on as which, then commit. */
#include <stdlib.h>
#include <string.h>

#include "state/changes.h"
#include "state/compile.h"
#include "state/leg_ids.h"

/* What is told apart by a flow's match stays; all else may change. */
static int
classifier_check(const struct flow_spec *before, const struct flow_spec *spec, struct fault *fault)
{
	const char *const pointer = spec->rule ? "/rule" : "/match";

	if (!before->rule != !spec->rule)
		return fault_set(fault, FAULT_INVALID_VALUE, pointer,
			"found a %s, expected a %s as flow %s has", spec->rule ? "rule" : "match",
			before->rule ? "rule" : "match", spec->id);
	if (before->match.family != spec->match.family && spec->rule)
		return fault_set(fault, FAULT_INVALID_VALUE, pointer,
			"found IPv%u, expected IPv%u as flow %s has", spec->match.family,
			before->match.family, spec->id);
	if (memcmp(&before->match, &spec->match, sizeof(spec->match)) != 0)
		return fault_set(fault, FAULT_INVALID_VALUE, pointer,
			"found another match than flow %s has, expected the same; "
			"remove the flow and install it with the other",
			spec->id);
	return 0;
}

static struct flow *
flow_find(struct flows *flows, const struct flow_spec *spec, struct fault *fault)
{
	struct flow *flow;

	if (spec->id[0] == '\0') {
		fault_set(fault, FAULT_INVALID_VALUE, "/id",
			"found none, expected the id of the flow to replace");
		return NULL;
	}
	flow = desired_find(&flows->desired, spec->id);
	if (!flow)
		fault_set(fault, FAULT_NOT_FOUND, "/id",
			"found %s, expected the id of an installed flow", spec->id);
	if (flow && flow->named) {
		fault_set(fault, FAULT_INVALID_VALUE, "/id",
			"found %s twice, expected each id once", spec->id);
		return NULL;
	}
	return flow;
}

/* Legs go on by id; those without one are new, under a number that the flow never gave before. */
static int
legs_trace(const struct flow_spec *before, struct flow_spec *spec, uint16_t *from)
{
	struct leg_index index;
	unsigned i;

	if (leg_index_init(&index, before->legs, before->n_legs) < 0)
		return -1;
	for (i = 0; i < spec->n_legs; i++) {
		int leg = spec->legs[i].id[0] ? leg_index_find(&index, spec->legs[i].id) : -1;

		from[i] = leg < 0 ? DP_LEG_NEW : (uint16_t)leg;
	}
	leg_index_fini(&index);
	spec->last_leg_number = before->last_leg_number;
	leg_ids_give(spec);
	return 0;
}

static int
change_make(struct change *change, struct flow *flow, struct flow_spec *spec, struct fault *fault)
{
	uint16_t *from = reallocarray(NULL, spec->n_legs + 1, sizeof(from[0]));
	int rc = -1;

	if (from && legs_trace(flow->spec, spec, from) == 0)
		rc = change_init(change, flow, spec, from);
	free(from);
	if (rc < 0)
		return fault_set(fault, FAULT_NO_ROOM, "", "no memory for a flow of %u legs",
			spec->n_all_legs);
	return 0;
}

static int
spec_admit(struct flows *flows, struct flow_spec *spec, struct change *change, struct fault *fault)
{
	struct flow *flow = flow_find(flows, spec, fault);

	if (!flow || classifier_check(flow->spec, spec, fault) < 0 ||
		flow_ports_check(spec, flows->ports, fault) < 0 ||
		change_make(change, flow, spec, fault) < 0)
		return -1;
	flow->named = true;
	return 0;
}

int
flows_replace(struct flows *flows, struct flow_spec *const *specs, size_t n, struct fault *fault)
{
	struct change_set set = {.flows = flows, .member = "flows"};
	int rc = 0;

	set.list = calloc(n, sizeof(set.list[0]));
	if (!set.list)
		return fault_set(fault, FAULT_NO_ROOM, "/flows", "no memory for %zu flows", n);
	for (; rc == 0 && set.n < n; set.n += rc == 0) {
		rc = spec_admit(flows, specs[set.n], &set.list[set.n], fault);
		if (rc < 0)
			fault_prefix(fault, "/flows/%zu", set.n);
	}
	if (rc == 0)
		rc = changes_commit(&set, fault);
	while (set.n-- > 0) {
		set.list[set.n].flow->named = false;
		change_fini(&set.list[set.n], rc == 0);
	}
	free(set.list);
	return rc;
}
