/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The rules of one family in their order of precedence, and what a transaction makes of them. The
 * compiled form that workers search (rules.h) is built aside and swapped in at commit. Control
 * thread only.
 */
#ifndef DATAPLANE_RULE_SET_H
#define DATAPLANE_RULE_SET_H

#include <stdint.h>

#include <dp/flow.h>

#include "flow_table.h"

struct rule_flow {
	struct dp_rule rule;
	uint32_t index; /* of the flow's entry */
	uint64_t age; /* of two equal priorities the lower age wins; replacing keeps it */
};

struct rule_set {
	struct rule_flow *flows; /* in order of precedence */
	unsigned n;
	uint64_t last_age;
	/* Of the open transaction. */
	struct rule_flow *next;
	unsigned n_next;
	struct rules *next_rules;
	bool changing;
};

void rule_set_fini(struct rule_set *set);

/* Note the changes of the open transaction. 0, -ENOMEM, or -ENOSPC: DP_RULES_MAX are there. */
int rule_set_add(struct rule_set *set, const struct dp_rule *rule, uint32_t index);
int rule_set_replace(
	struct rule_set *set, uint32_t old, const struct dp_rule *rule, uint32_t index);
int rule_set_remove(struct rule_set *set, uint32_t index);

/*
 * Compile what the open transaction makes of the set, if it changes it at all, from scratch, in
 * memory of NUMA node `node`, or of another one. 0 or -ENOMEM.
 */
int rule_set_compile(struct rule_set *set, enum dp_family family, int node);

/* Workers of the new view search the new rules, or go on as before where nothing changed. */
void rule_set_offer(const struct rule_set *set, struct flow_table *table);

/*
 * Workers search the new rules from now on. Returns the old ones, which are to be destroyed after
 * a grace period; NULL when there are none or nothing changed.
 */
struct rules *rule_set_publish(struct rule_set *set, struct flow_table *table);

/* Forget the changes of the open transaction. */
void rule_set_abort(struct rule_set *set);

#endif
