/* SPDX-License-Identifier: BSD-3-Clause */
/* The waist has one error for every table that is full; which one it was shows in their fill. */
#include "state/txn_fault.h"
#include "base/escape.h"

#include <errno.h>
#include <string.h>

static int
room_fault(const struct dp *dp, const struct dp_txn *txn, const struct txn_refusal *refusal,
	struct fault *fault)
{
	const enum dp_family family = refusal->spec->match.family == 6 ? DP_IPV6 : DP_IPV4;
	const unsigned flows = dp_txn_flow_count(txn, family);
	const unsigned rules = dp_txn_rule_count(txn, family);
	const unsigned legs = dp_txn_leg_count(txn);

	if (!refusal->replacing && flows >= dp_flow_capacity(dp, family))
		return fault_set(fault, FAULT_NO_ROOM, "",
			"found %zu IPv%d flow%s in all, expected at most %u (tables.ipv%d_flows)",
			flows + refusal->n_flows, (int)family, plural_s(flows + refusal->n_flows),
			dp_flow_capacity(dp, family), (int)family);
	if (!refusal->replacing && refusal->spec->rule && rules >= DP_RULES_MAX)
		return fault_set(fault, FAULT_NO_ROOM, "/rule",
			"found %zu IPv%d rule%s in all, expected at most %d",
			rules + refusal->n_rules, (int)family, plural_s(rules + refusal->n_rules),
			DP_RULES_MAX);
	if (legs + refusal->n_legs > dp_leg_capacity(dp))
		return fault_set(fault, FAULT_NO_ROOM, "/legs",
			"found %zu leg%s in all, expected at most %u (tables.legs)",
			legs + refusal->n_legs, plural_s(legs + refusal->n_legs),
			dp_leg_capacity(dp));
	return fault_set(fault, FAULT_NO_ROOM, "",
		"found %zu IPv%d flows that are added or replaced at once, of which %zu fit beside "
		"those that they replace or that go; do it in several steps",
		refusal->n_together, (int)family, refusal->n_fitting);
}

int
txn_fault(const struct dp *dp, const struct dp_txn *txn, const struct txn_refusal *refusal,
	struct fault *fault)
{
	if (refusal->error == -ENOSPC)
		return room_fault(dp, txn, refusal, fault);
	if (refusal->error == -ENOMEM)
		return fault_set(fault, FAULT_NO_ROOM, "", "no memory for a flow of %u leg%s",
			refusal->spec->n_all_legs, plural_s(refusal->spec->n_all_legs));
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
