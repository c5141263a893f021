/* SPDX-License-Identifier: BSD-3-Clause */
#include "rule_set.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_memory.h>

#include "rules.h"

void
rule_set_fini(struct rule_set *set)
{
	rule_set_abort(set);
	free(set->flows);
	memset(set, 0, sizeof(*set));
}

/* Begin to change: on a copy that has room for one more each time it is asked. */
static int
rule_set_change(struct rule_set *set)
{
	const unsigned n = set->changing ? set->n_next : set->n;
	struct rule_flow *grown = reallocarray(set->next, n + 1, sizeof(*grown));

	if (grown == NULL)
		return -ENOMEM;
	set->next = grown;
	if (set->changing)
		return 0;
	if (n > 0)
		memcpy(grown, set->flows, n * sizeof(*grown));
	set->n_next = n;
	set->changing = true;
	return 0;
}

static struct rule_flow *
rule_set_find(struct rule_set *set, uint32_t index)
{
	for (unsigned i = 0; i < set->n_next; i++) {
		if (set->next[i].index == index)
			return &set->next[i];
	}
	return NULL;
}

int
rule_set_add(struct rule_set *set, const struct dp_rule *rule, uint32_t index)
{
	int ret = rule_set_change(set);

	if (ret < 0)
		return ret;
	if (set->n_next >= DP_RULES_MAX)
		return -ENOSPC;
	set->next[set->n_next++] = (struct rule_flow){
		.rule = *rule,
		.index = index,
		.age = ++set->last_age,
	};
	return 0;
}

int
rule_set_replace(struct rule_set *set, uint32_t old, const struct dp_rule *rule, uint32_t index)
{
	int ret = rule_set_change(set);
	struct rule_flow *entry = ret < 0 ? NULL : rule_set_find(set, old);

	if (entry == NULL)
		return ret < 0 ? ret : -ENOENT;
	entry->rule = *rule;
	entry->index = index;
	return 0;
}

int
rule_set_remove(struct rule_set *set, uint32_t index)
{
	int ret = rule_set_change(set);
	struct rule_flow *entry = ret < 0 ? NULL : rule_set_find(set, index);

	if (entry == NULL)
		return ret < 0 ? ret : -ENOENT;
	*entry = set->next[--set->n_next];
	return 0;
}

/* The greatest priority first, then the oldest. */
static int
rule_flow_compare(const void *a, const void *b)
{
	const struct rule_flow *x = a, *y = b;

	if (x->rule.priority != y->rule.priority)
		return x->rule.priority > y->rule.priority ? -1 : 1;
	return x->age < y->age ? -1 : x->age > y->age;
}

int
rule_set_compile(struct rule_set *set, enum dp_family family, int node)
{
	struct rule_entry *entries;

	rules_destroy(set->next_rules);
	set->next_rules = NULL;
	if (!set->changing || set->n_next == 0)
		return 0;
	qsort(set->next, set->n_next, sizeof(*set->next), rule_flow_compare);
	entries = calloc(set->n_next, sizeof(*entries));
	if (entries == NULL)
		return -ENOMEM;
	for (unsigned i = 0; i < set->n_next; i++) {
		entries[i].rule = set->next[i].rule;
		entries[i].index = set->next[i].index;
	}
	set->next_rules = rules_build(family, entries, set->n_next, node);
	if (set->next_rules == NULL)
		set->next_rules = rules_build(family, entries, set->n_next, SOCKET_ID_ANY);
	free(entries);
	return set->next_rules == NULL ? -ENOMEM : 0;
}

void
rule_set_offer(const struct rule_set *set, struct flow_table *table)
{
	__atomic_store_n(&table->next_rules, set->changing ? set->next_rules : table->rules,
		__ATOMIC_RELEASE);
}

struct rules *
rule_set_publish(struct rule_set *set, struct flow_table *table)
{
	struct rules *old = NULL;

	if (set->changing) {
		old = table->rules;
		__atomic_store_n(&table->rules, set->next_rules, __ATOMIC_RELEASE);
		free(set->flows);
		set->flows = set->next;
		set->n = set->n_next;
		set->next = NULL;
		set->next_rules = NULL;
		set->changing = false;
	}
	return old;
}

void
rule_set_abort(struct rule_set *set)
{
	rules_destroy(set->next_rules);
	free(set->next);
	set->next = NULL;
	set->next_rules = NULL;
	set->n_next = 0;
	set->changing = false;
}
