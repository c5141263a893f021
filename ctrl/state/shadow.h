/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rules that no packet reaches, since something that is asked before them takes every packet of
 * theirs: a rule that goes first and is at least as wide, or an exact flow or listener. Only one
 * that covers a rule by itself is found, not several that do together. Pure, one thread.
 */
#ifndef CTRL_STATE_SHADOW_H
#define CTRL_STATE_SHADOW_H

#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "state/endpoints.h"
#include "state/flow_spec.h"

struct shadow_rule;

/* The rules, in no order. Zeros are an empty set. */
struct shadows {
	struct shadow_rule *rules;
	size_t n;
	size_t room;
	uint64_t last_put;
};

void shadows_fini(struct shadows *shadows);

/* As validate_put() and validate_take(); flows without a rule are ignored. */
int shadows_put(struct shadows *shadows, const struct flow_spec *spec, uint64_t sequence);
void shadows_take(struct shadows *shadows, const struct flow_spec *spec);

/*
 * A spec that was put: that nothing covers it, and that it covers no rule. 0, or -1 with *fault
 * set: FAULT_CONFLICT at "/rule" or "/match". Looks at every rule when the spec has one.
 */
int shadow_check(const struct shadows *shadows, const struct endpoints *endpoints,
	const struct flow_spec *spec, struct fault *fault);

#endif
