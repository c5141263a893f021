/* SPDX-License-Identifier: BSD-3-Clause */
/* struct flow_spec back to JSON: what says no more than its default stays out, but for VLANs. */
#include "state/flow_parts.h"

static int
members_encode(json_t *flow, const struct flow_spec *spec)
{
	int rc = json_object_set_new(flow, "id", json_string(spec->id));

	if (spec->rule)
		rc |= json_object_set_new(flow, "rule", flow_rule_encode(spec->rule));
	else
		rc |= json_object_set_new(flow, "match", flow_match_encode(&spec->match));
	rc |= flow_policy_encode(flow, spec);
	if (spec->n_streams > 0)
		rc |= json_object_set_new(flow, "streams", flow_streams_encode(spec));
	return rc | json_object_set_new(flow, "legs", flow_legs_encode(spec->legs, spec->n_legs));
}

json_t *
flow_spec_encode(const struct flow_spec *spec)
{
	json_t *flow = json_object();

	if (members_encode(flow, spec) == 0)
		return flow;
	json_decref(flow);
	return NULL;
}
