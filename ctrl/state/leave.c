/* SPDX-License-Identifier: BSD-3-Clause */
/* flows_leave(): the legs that stay make the new flow, those that leave say their last counters. */
#include <stdlib.h>
#include <string.h>

#include "state/leg_ids.h"
#include "state/legs.h"

struct leave {
	struct flow *flow;
	size_t n;
	uint16_t *leaving; /* [n] numbers of the legs, in the order of the request */
	uint16_t *staying; /* [n_staying] */
	unsigned n_staying;
	struct dp_leg_stats *stats; /* one a leg of the flow as it was */
};

/* All of it has room for n legs of the request and for every leg of the flow. */
static int
leave_init(struct leave *leave, struct flow *flow, size_t n)
{
	const size_t n_legs = flow->spec->n_legs;

	memset(leave, 0, sizeof(*leave));
	leave->flow = flow;
	leave->n = n;
	leave->leaving = calloc(n + 1, sizeof(leave->leaving[0]));
	leave->staying = calloc(n_legs + 1, sizeof(leave->staying[0]));
	leave->stats = calloc(n_legs + 1, sizeof(leave->stats[0]));
	return leave->leaving && leave->staying && leave->stats ? 0 : -1;
}

static void
leave_fini(struct leave *leave)
{
	free(leave->leaving);
	free(leave->staying);
	free(leave->stats);
}

/* Fill in who leaves, each once, and who stays. */
static int
legs_part(struct leave *leave, const char *const *ids, const struct leg_index *index,
	struct fault *fault)
{
	const struct flow_spec *spec = leave->flow->spec;
	bool leaves[DP_FLOW_LEGS_MAX] = {false};
	char pointer[32];
	size_t i;

	for (i = 0; i < leave->n; i++) {
		const int leg = leg_index_find(index, ids[i]);

		snprintf(pointer, sizeof(pointer), "/legs/%zu", i);
		if (leg < 0)
			return fault_set(fault, FAULT_NOT_FOUND, pointer,
				"found %s, expected the id of a leg of flow %s", ids[i], spec->id);
		if (leaves[leg])
			return fault_set(fault, FAULT_INVALID_VALUE, pointer,
				"found %s twice, expected each id once", ids[i]);
		leaves[leg] = true;
		leave->leaving[i] = (uint16_t)leg;
	}
	for (i = 0; i < spec->n_legs; i++) {
		if (!leaves[i])
			leave->staying[leave->n_staying++] = (uint16_t)i;
	}
	return 0;
}

static int
legs_choose(struct leave *leave, const char *const *ids, struct fault *fault)
{
	const struct flow_spec *spec = leave->flow->spec;
	struct leg_index index;
	int rc;

	if (leg_index_init(&index, spec->legs, spec->n_legs) < 0)
		return fault_set(fault, FAULT_NO_ROOM, "", "no memory for %u legs", spec->n_legs);
	rc = legs_part(leave, ids, &index, fault);
	leg_index_fini(&index);
	if (rc < 0)
		return -1;
	if (spec->verdict == DP_FORWARD && leave->n_staying == 0 &&
		spec->n_all_legs == spec->n_legs)
		return fault_set(fault, FAULT_INVALID_VALUE, "/legs",
			"found every leg of flow %s, expected one to stay, as its action is "
			"forward; take the flow down or remove it",
			spec->id);
	return 0;
}

/* The old version of the flow, when no worker counts on it any more. */
static void
replaced_note(void *arg, uint32_t handle, const struct dp_flow_stats *stats,
	const struct dp_leg_stats *legs, unsigned n_legs)
{
	struct leave *leave = arg;

	(void)handle;
	(void)stats;
	memcpy(leave->stats, legs, n_legs * sizeof(legs[0]));
}

static int
leave_commit(struct flows *flows, struct leave *leave, struct fault *fault)
{
	struct flow_spec *spec =
		flow_spec_with_legs(leave->flow->spec, leave->staying, leave->n_staying, NULL, 0);
	struct change_set set = {.replaced = replaced_note, .arg = leave};
	int rc;

	if (!spec)
		return fault_set(fault, FAULT_NO_ROOM, "", "no memory for a copy of the flow");
	rc = legs_swap(flows, leave->flow, spec, leave->staying, &set, fault);
	if (rc < 0)
		free(spec);
	return rc;
}

int
flows_leave(struct flows *flows, const char *id, const char *const *legs, size_t n,
	flows_left_fn left, void *arg, struct fault *fault)
{
	struct flow *flow = legs_flow_find(flows, id, fault);
	struct leave leave;
	size_t i;
	int rc;

	if (!flow)
		return -1;
	rc = leave_init(&leave, flow, n);
	if (rc < 0)
		fault_set(fault, FAULT_NO_ROOM, "/legs", "no memory for %zu legs", n);
	if (rc == 0)
		rc = legs_choose(&leave, legs, fault);
	if (rc == 0)
		rc = leave_commit(flows, &leave, fault);
	for (i = 0; rc == 0 && i < n; i++)
		left(arg, i, legs[i], &leave.stats[leave.leaving[i]]);
	leave_fini(&leave);
	return rc;
}
