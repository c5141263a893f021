/* SPDX-License-Identifier: BSD-3-Clause */
/* What a new version of a flow keeps of the one before: counters by leg, and next hops. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "state/changes.h"
#include "state/leg_hops.h"

/* The next hop of an old leg, when the new one would be handed to the same. */
static uint16_t
hop_kept(const struct flow *flow, unsigned old, const struct flow_leg *leg)
{
	return leg_hops_same(&flow->spec->legs[old], leg) ? flow->hops[old] : HOP_WANTED;
}

static void
hops_keep(
	const struct flow *flow, const struct flow_spec *spec, const uint16_t *from, uint16_t *hops)
{
	const struct flow_spec *before = flow->spec;
	unsigned leg, old = before->n_legs;

	for (leg = 0; leg < spec->n_legs; leg++)
		hops[leg] = from[leg] == DP_LEG_NEW ? HOP_WANTED
						    : hop_kept(flow, from[leg], &spec->legs[leg]);
	for (; leg < spec->n_all_legs; leg++, old++)
		hops[leg] = old < before->n_all_legs ? hop_kept(flow, old, &spec->legs[leg])
						     : HOP_WANTED;
}

int
change_init(struct change *change, struct flow *flow, struct flow_spec *spec, const uint16_t *from)
{
	memset(change, 0, sizeof(*change));
	change->flow = flow;
	change->spec = spec;
	change->from = reallocarray(NULL, spec->n_legs + 1, sizeof(change->from[0]));
	change->hops = reallocarray(NULL, spec->n_all_legs + 1, sizeof(change->hops[0]));
	if (!change->from || !change->hops) {
		free(change->from);
		free(change->hops);
		return -ENOMEM;
	}
	memcpy(change->from, from, spec->n_legs * sizeof(from[0]));
	hops_keep(flow, spec, from, change->hops);
	return 0;
}

void
change_fini(struct change *change, bool committed)
{
	free(change->from);
	if (!committed)
		free(change->hops);
}
