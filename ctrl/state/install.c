/* SPDX-License-Identifier: BSD-3-Clause */
/* flows_install(): checked, named and admitted to the desired state, then committed (changes.c). */
#include <stdlib.h>
#include <string.h>

#include "state/changes.h"
#include "state/compile.h"
#include "state/leg_ids.h"

/* Ids that the request brings are noted before any is given, wherever in it they stand. */
static int
specs_check(struct flows *flows, struct flow_spec *const *specs, size_t n, struct fault *fault)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (flow_ports_check(specs[i], flows->ports, fault) < 0) {
			fault_prefix(fault, "/flows/%zu", i);
			return -1;
		}
		desired_id_avoid(&flows->desired, specs[i]->id);
		leg_ids_give(specs[i]);
	}
	return 0;
}

/* Admit one spec after the other; returns how many were. */
static size_t
specs_admit(struct flows *flows, struct flow_spec *const *specs, size_t n, struct change *changes,
	struct fault *fault)
{
	size_t i;

	for (i = 0; i < n; i++) {
		struct flow *flow = desired_add(&flows->desired, specs[i], fault);

		if (!flow) {
			fault_prefix(fault, "/flows/%zu", i);
			return i;
		}
		changes[i] = (struct change){.flow = flow, .spec = specs[i], .hops = flow->hops};
	}
	return n;
}

static int
specs_commit(struct flows *flows, struct flow_spec *const *specs, struct change_set *set,
	struct fault *fault)
{
	size_t admitted = specs_admit(flows, specs, set->n, set->list, fault);

	if (admitted == set->n && changes_commit(set, fault) == 0)
		return 0;
	while (admitted-- > 0)
		desired_remove(&flows->desired, set->list[admitted].flow);
	return -1;
}

int
flows_install(struct flows *flows, struct flow_spec *const *specs, size_t n, struct fault *fault)
{
	struct change_set set = {.flows = flows, .n = n, .member = "flows"};
	int rc;

	set.list = calloc(n, sizeof(set.list[0]));
	if (!set.list)
		return fault_set(fault, FAULT_NO_ROOM, "/flows", "no memory for %zu flows", n);
	rc = specs_check(flows, specs, n, fault);
	if (rc == 0)
		rc = specs_commit(flows, specs, &set, fault);
	free(set.list);
	return rc;
}
