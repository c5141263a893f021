/* SPDX-License-Identifier: BSD-3-Clause */
/* What a plan holds, how it is shown, and how it goes. */
#include "state/plan.h"

#include <stdlib.h>
#include <string.h>

#include "state/flow_diff.h"

struct plan *
plan_create(void)
{
	return calloc(1, sizeof(struct plan));
}

bool
plan_drop(struct plan *plan)
{
	if (plan && plan->n > 0) {
		plan->n--;
		free(plan->entries[plan->n].before);
		free(plan->entries[plan->n].after);
		return true;
	}
	if (plan)
		free(plan->entries);
	free(plan);
	return false;
}

void
plan_destroy(struct plan *plan)
{
	while (plan_drop(plan))
		;
}

static bool
text_equal(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

bool
plan_equal(const struct plan *a, const struct plan *b)
{
	size_t i;

	if (a->n != b->n || a->adopted != b->adopted)
		return false;
	for (i = 0; i < a->n; i++) {
		const struct plan_entry *one = &a->entries[i], *other = &b->entries[i];

		if (strcmp(one->id, other->id) != 0 || !text_equal(one->before, other->before) ||
			!text_equal(one->after, other->after))
			return false;
	}
	return true;
}

json_t *
plan_change_encode(const char *id, const char *before, const char *after)
{
	json_t *old = before ? json_loads(before, 0, NULL) : NULL;
	json_t *new = after ? json_loads(after, 0, NULL) : NULL;
	json_t *change;

	if (old && new)
		change = json_pack(
			"{s:s, s:s, s:o}", "op", "change", "id", id, "fields", flow_diff(old, new));
	else
		change = json_pack("{s:s, s:s, s:O}", "op", new ? "add" : "remove", "id", id,
			"flow", new ? new : old);
	json_decref(old);
	json_decref(new);
	return change;
}

size_t
plan_change_bytes(const char *before, const char *after)
{
	return (before ? strlen(before) : 0) + (after ? strlen(after) : 0);
}

/* *end: one past the last that the page may have, and then that it has. */
static json_t *
changes_encode(const struct plan *plan, size_t after, size_t *end)
{
	json_t *changes = json_array();
	size_t i, bytes = 0;

	for (i = after; i < *end && bytes < PLAN_PAGE_BYTES; i++) {
		const struct plan_entry *entry = &plan->entries[i];

		bytes += plan_change_bytes(entry->before, entry->after);
		json_array_append_new(
			changes, plan_change_encode(entry->id, entry->before, entry->after));
	}
	*end = i;
	return changes;
}

json_t *
plan_encode(const struct plan *plan, size_t after, size_t limit)
{
	size_t end = after + limit < plan->n ? after + limit : plan->n;
	json_t *changes = changes_encode(plan, after, &end);
	json_t *json;

	json = json_pack("{s:I, s:{s:I, s:I, s:I, s:I, s:I, s:I}, s:{s:I, s:I}, s:{s:I, s:I}, s:o}",
		"generation", (json_int_t)plan->generation, "flows", "added",
		(json_int_t)plan->added, "changed", (json_int_t)plan->changed, "removed",
		(json_int_t)plan->removed, "unchanged", (json_int_t)plan->unchanged, "left_alone",
		(json_int_t)plan->left_alone, "adopted", (json_int_t)plan->adopted, "legs", "now",
		(json_int_t)plan->legs_now, "then", (json_int_t)plan->legs_then, "table_bytes",
		"now", (json_int_t)plan->bytes_now, "then", (json_int_t)plan->bytes_then, "changes",
		changes);
	if (end < plan->n)
		json_object_set_new(json, "next", json_integer((json_int_t)end));
	return json;
}
