/* SPDX-License-Identifier: BSD-3-Clause */
/* A match is a key on its own port; a rule is one on its port, or on all of them. */
#include "state/flow_steering.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "net/xdp_steer.h"
#include "state/compile.h"

static int
rule_steer(struct flows *flows, const struct flow_rule *rule, struct fault *fault)
{
	struct dp_rule compiled;
	int rc;

	flow_rule_compile(rule, flows->ports, &compiled);
	rc = steering_add_rule(flows->steering, compiled.port, &compiled);
	if (rc == 0)
		return 0;
	return fault_set(fault, rc == -ENOSPC ? FAULT_NO_ROOM : FAULT_INTERNAL, "/rule",
		"%s%s cannot be asked for its packets: %s", rule->port[0] ? "port " : "the ports",
		rule->port, strerror(-rc));
}

int
flow_steer(struct flows *flows, const struct flow_spec *spec, struct fault *fault)
{
	const struct flow_match *match = &spec->match;
	int rc;

	if (spec->rule)
		return rule_steer(flows, spec->rule, fault);
	rc = steering_add(flows->steering, (unsigned)ports_find(flows->ports, match->port), match);
	if (rc == 0)
		return 0;
	return fault_set(fault, rc == -ENOSPC ? FAULT_NO_ROOM : FAULT_INTERNAL, "/match/dst",
		"port %s cannot be asked for its packets: %s", match->port, strerror(-rc));
}

void
flow_unsteer(struct flows *flows, const struct flow_spec *spec, const struct steer_end *only)
{
	const struct flow_match *match = &spec->match;
	struct dp_rule compiled;

	if (spec->rule) {
		flow_rule_compile(spec->rule, flows->ports, &compiled);
		steering_del_rule(flows->steering, compiled.port, &compiled);
		return;
	}
	steering_del(flows->steering, (unsigned)ports_find(flows->ports, match->port), match, only);
}

/* Classes are looked at before the latch: what is punted may come from anywhere, as STUN does. */
static bool
others_are_refused(const struct flow_spec *spec)
{
	unsigned i;

	for (i = 0; i < DP_CLASS_COUNT; i++) {
		if (spec->class_verdict[i] == DP_PUNT)
			return false;
	}
	return spec->latch == DP_LATCH_FIRST && !spec->rule;
}

void
flow_narrow(struct flows *flows, struct flow *flow, const struct dp_latched *source)
{
	const struct flow_spec *spec = flow->spec;
	struct steer_end *only;

	/* What is being changed is steered for its new version, too, and looked at again later. */
	if (flow->only || flow->change || !others_are_refused(spec))
		return;
	only = malloc(sizeof(*only));
	if (only && steering_narrow(flows->steering,
			    (unsigned)ports_find(flows->ports, spec->match.port), &spec->match,
			    source, only) == 0)
		flow->only = only;
	else
		free(only);
}

void
flow_widen(struct flow *flow)
{
	free(flow->only);
	flow->only = NULL;
}

int
flow_steer_want(const struct flows *flows, const struct flow_spec *spec, size_t n_changes,
	struct steering_wants *wants, struct fault *fault)
{
	const unsigned port = spec->rule ? 0 : (unsigned)ports_find(flows->ports, spec->match.port);
	struct dp_rule compiled;
	int rc = 0;

	if (spec->rule) {
		flow_rule_compile(spec->rule, flows->ports, &compiled);
		rc = steering_want_rule(flows->steering, wants, compiled.port, &compiled);
	} else if (!steering_has_room(flows->steering, port, n_changes)) {
		rc = steering_want(flows->steering, wants, port, &spec->match);
	}
	if (rc == 0)
		return 0;
	return fault_set(fault, rc == -ENOMEM ? FAULT_NO_ROOM : FAULT_INTERNAL, "",
		"the steering of packets was not counted: %s", strerror(-rc));
}
