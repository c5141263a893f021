/* SPDX-License-Identifier: BSD-3-Clause */
/* The waist has one error for every table that is full; which one it was shows in their fill. */
#include "state/txn_fault.h"

#include <errno.h>
#include <string.h>

static int
room_fault(const struct dp *dp, const struct txn_refusal *refusal, struct fault *fault)
{
	const struct flow_spec *spec = refusal->spec;
	const enum dp_family family = spec->match.family == 6 ? DP_IPV6 : DP_IPV4;
	const unsigned legs_left = dp_leg_capacity(dp) - dp_leg_count(dp);

	if (!refusal->replacing &&
		dp_flow_count(dp, family) + refusal->n_pending >= dp_flow_capacity(dp, family))
		return fault_set(fault, FAULT_NO_ROOM, "",
			"found one flow more than the IPv%d table holds, expected at most %u",
			(int)family, dp_flow_capacity(dp, family));
	if (legs_left < spec->n_all_legs)
		return fault_set(fault, FAULT_NO_ROOM, "/legs",
			"found %u legs, expected at most the %u that are left of tables.legs (%u)",
			spec->n_all_legs, legs_left, dp_leg_capacity(dp));
	if (spec->rule && !refusal->replacing)
		return fault_set(fault, FAULT_NO_ROOM, "/rule",
			"found one IPv%d rule more than fit, expected at most %d", (int)family,
			DP_RULES_MAX);
	return fault_set(fault, FAULT_NO_ROOM, "",
		"the IPv%d table has no place for %s now, expected fewer flows at once",
		(int)family, refusal->replacing ? "another version of the flow" : "the flow");
}

int
txn_fault(const struct dp *dp, const struct txn_refusal *refusal, struct fault *fault)
{
	if (refusal->error == -ENOSPC)
		return room_fault(dp, refusal, fault);
	if (refusal->error == -ENOMEM)
		return fault_set(fault, FAULT_NO_ROOM, "", "no memory for a flow of %u legs",
			refusal->spec->n_all_legs);
	return fault_set(fault, FAULT_INTERNAL, "", "the data plane refused flow %s: %s",
		refusal->spec->id, strerror(-refusal->error));
}

int
txn_commit_fault(int error, struct fault *fault)
{
	if (error == -ENOMEM)
		return fault_set(fault, FAULT_NO_ROOM, "", "no memory to compile the rules");
	return fault_set(fault, FAULT_INTERNAL, "", "the data plane refused to commit: %s",
		strerror(-error));
}
