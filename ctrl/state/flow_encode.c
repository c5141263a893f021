/* SPDX-License-Identifier: BSD-3-Clause */
/* struct flow_spec back to JSON: what says no more than its default stays out, but for VLANs. */
#include <stdlib.h>

#include "base/json.h"
#include "state/flow_parts.h"
#include "state/flow_text.h"

void
flow_spec_write(struct json_writer *out, const struct flow_spec *spec)
{
	json_write_open(out, '{');
	json_write_string_member(out, "id", spec->id);
	json_write_name(out, spec->rule ? "rule" : "match");
	if (spec->rule)
		flow_rule_write(out, spec->rule);
	else
		flow_match_write(out, &spec->match);
	flow_policy_write(out, spec);
	flow_streams_write(out, spec);
	flow_legs_write(out, spec->legs, spec->n_legs);
	json_write_close(out, '}');
}

json_t *
flow_spec_encode(const struct flow_spec *spec)
{
	json_error_t error;
	json_t *flow;
	size_t bytes;
	char *text = flow_text_encode(spec, &bytes);

	if (!text)
		return NULL;
	flow = json_text_load(text, bytes, &error);
	free(text);
	return flow;
}
