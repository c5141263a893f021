/* SPDX-License-Identifier: BSD-3-Clause */
/* What the requests share that change the legs of one flow. Control thread. */
#ifndef CTRL_STATE_LEGS_H
#define CTRL_STATE_LEGS_H

#include "state/changes.h"

/* NULL with *fault set at "/flow" when there is none. */
struct flow *legs_flow_find(struct flows *flows, const char *id, struct fault *fault);

/*
 * Have spec take the place of the flow's own, its leg i carrying on from[i] of it. What the set
 * holds of listening stays; the rest is filled in. On success 0 and the flow owns the spec. On
 * failure -1 with *fault set; what concerns new legs at "/legs/N", counted from the first of them.
 */
int legs_swap(struct flows *flows, struct flow *flow, struct flow_spec *spec, const uint16_t *from,
	struct change_set *set, struct fault *fault);

#endif
