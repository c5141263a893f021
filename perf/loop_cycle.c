/* SPDX-License-Identifier: BSD-3-Clause */
#include "loop_cycle.h"

#include <stdlib.h>

#include "loop_flow.h"

#define SEED 1 /* the same cycle in every run */
/* One unit in so many renews the TTL, which starts at 255 and loses at most two a unit. */
#define UNITS_A_RENEWAL 120

/* One random cycle (Sattolo) through all units of a strand, so that none is left out. */
static unsigned *
cycle_make(unsigned units, unsigned strands)
{
	unsigned *next = calloc(units, sizeof(*next));

	if (next == NULL)
		return NULL;
	for (unsigned i = 0; i < units; i++)
		next[i] = i;
	srandom(SEED);
	for (unsigned i = units - 1; i >= strands; i--) {
		/* A lower unit of the same strand: i, i - strands, ... */
		unsigned below = i / strands;
		unsigned j = i % strands + strands * ((unsigned)random() % below);
		unsigned swap = next[i];

		next[i] = next[j];
		next[j] = swap;
	}
	return next;
}

struct loop_step *
loop_steps_make(const struct loop_options *o)
{
	const unsigned units = loop_units(o), strands = loop_strands(o);
	unsigned *cycle = cycle_make(units, strands);
	struct loop_step *steps = calloc(o->flows, sizeof(*steps));

	for (unsigned s = 0; s < strands && cycle != NULL && steps != NULL; s++) {
		unsigned u = s, n = 0;

		do {
			steps[u].renews = n++ % UNITS_A_RENEWAL == 0;
			steps[u].next = o->translate ? units + u : cycle[u];
			if (o->translate)
				steps[units + u].next = cycle[u];
			u = cycle[u];
		} while (u != s);
	}
	if (cycle == NULL) {
		free(steps);
		steps = NULL;
	}
	free(cycle);
	return steps;
}
