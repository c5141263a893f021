/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * flows_remove(): the data plane lets go first and reports the last counters; only then the kernel
 * is told that nobody wants the packets, next hops lose their references, and the flows are freed.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "state/flow_steering.h"
#include "state/leg_hops.h"
#include "state/txn_fault.h"

struct leaving {
	struct flow *flow;
	size_t i; /* place in the request */
};

struct removal {
	struct leaving *list; /* by handle, once begun */
	size_t n;
	flows_removed_fn removed;
	void *arg;
	bool graced; /* no worker can hold anything of them any more */
};

/* Note each flow once; the mark on it finds the id that is named twice. */
static int
flows_mark(struct flows *flows, const char *const *ids, size_t n, struct removal *removal,
	struct fault *fault)
{
	char pointer[32];

	for (; removal->n < n; removal->n++) {
		const size_t i = removal->n;
		struct flow *flow = desired_find(&flows->desired, ids[i]);

		snprintf(pointer, sizeof(pointer), "/ids/%zu", i);
		if (!flow)
			return fault_set(fault, FAULT_NOT_FOUND, pointer,
				"found %s, expected the id of an installed flow", ids[i]);
		if (flow->named)
			return fault_set(fault, FAULT_INVALID_VALUE, pointer,
				"found %s twice, expected each id once", ids[i]);
		flow->named = true;
		removal->list[i] = (struct leaving){.flow = flow, .i = i};
	}
	return 0;
}

static int
handle_compare(const void *a, const void *b)
{
	const uint32_t left = ((const struct leaving *)a)->flow->handle;
	const uint32_t right = ((const struct leaving *)b)->flow->handle;

	return (left > right) - (left < right);
}

static void
removed_report(void *arg, uint32_t handle, const struct dp_flow_stats *stats,
	const struct dp_leg_stats *legs, unsigned n_legs)
{
	const struct removal *removal = arg;
	struct flow wanted = {.handle = handle};
	const struct leaving key = {.flow = &wanted};
	const struct leaving *found;

	(void)n_legs;
	found = bsearch(&key, removal->list, removal->n, sizeof(key), handle_compare);
	if (found)
		removal->removed(removal->arg, found->i, found->flow->spec, stats, legs);
}

static int
txn_run(struct flows *flows, struct removal *removal, struct fault *fault)
{
	struct dp_txn *txn = dp_txn_begin(flows->dp);
	size_t i;
	int rc;

	if (!txn)
		return fault_set(fault, FAULT_NO_ROOM, "", "no memory for a transaction");
	qsort(removal->list, removal->n, sizeof(removal->list[0]), handle_compare);
	dp_txn_on_removed(txn, removed_report, removal);
	for (i = 0; i < removal->n; i++) {
		const struct flow *flow = removal->list[i].flow;

		rc = dp_txn_remove(txn, flow->handle);
		if (rc < 0) {
			dp_txn_abort(txn);
			return fault_set(fault, FAULT_INTERNAL, "",
				"the data plane keeps flow %s: %s", flow->spec->id, strerror(-rc));
		}
	}
	rc = dp_txn_commit(txn);
	if (rc < 0 && rc != -ETIMEDOUT)
		return txn_commit_fault(rc, fault);
	removal->graced = rc == 0; /* late or not, the flows are out of the table */
	return 0;
}

static void
flow_forget(struct flows *flows, struct flow *flow)
{
	flow_unsteer(flows, flow->spec);
	leg_hops_put(flows, flow->spec, flow->hops, true);
	flows_changed(flows, NULL, flow);
	free(desired_remove(&flows->desired, flow));
}

int
flows_remove(struct flows *flows, const char *const *ids, size_t n, flows_removed_fn removed,
	void *arg, struct fault *fault)
{
	struct removal removal = {.removed = removed, .arg = arg};
	size_t i;
	int rc;

	removal.list = calloc(n, sizeof(removal.list[0]));
	if (!removal.list)
		return fault_set(fault, FAULT_NO_ROOM, "/ids", "no memory for %zu ids", n);
	rc = flows_mark(flows, ids, n, &removal, fault);
	if (rc == 0)
		rc = txn_run(flows, &removal, fault);
	for (i = 0; i < removal.n; i++) {
		if (rc == 0)
			flow_forget(flows, removal.list[i].flow);
		else
			removal.list[i].flow->named = false;
	}
	if (removal.graced)
		next_hops_reclaim(flows->hops);
	free(removal.list);
	return rc;
}
