/* SPDX-License-Identifier: BSD-3-Clause */
/* What a plan holds, how it is shown, and how it goes. */
#include "flow/plan.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flow/flow_codec.h"

#define POINTER_MAX 256

struct diff {
	json_t *fields;
	char pointer[POINTER_MAX];
};

static void value_compare(struct diff *diff, size_t end, json_t *before, json_t *after);

static void
field_add(struct diff *diff, json_t *before, json_t *after)
{
	json_array_append_new(diff->fields, json_pack("{s:s, s:O*, s:O*}", "pointer", diff->pointer,
						    "before", before, "after", after));
}

/* Compare a member of the value whose pointer ends at `end`. */
static void
member_compare(struct diff *diff, size_t end, const char *member, json_t *before, json_t *after)
{
	const int n = snprintf(diff->pointer + end, sizeof(diff->pointer) - end, "/%s", member);

	if (n > 0 && end + (size_t)n < sizeof(diff->pointer))
		value_compare(diff, end + (size_t)n, before, after);
	diff->pointer[end] = '\0';
}

static void
object_compare(struct diff *diff, size_t end, json_t *before, json_t *after)
{
	const char *member;
	json_t *value;

	json_object_foreach (before, member, value)
		member_compare(diff, end, member, value, json_object_get(after, member));
	json_object_foreach (after, member, value) {
		if (!json_object_get(before, member))
			member_compare(diff, end, member, NULL, value);
	}
}

static const char *
id_of(const json_t *leg)
{
	return json_string_value(json_object_get(leg, "id"));
}

/* Most legs stand where they stood; -1 when there is none of that id. */
static int
leg_find(const json_t *legs, const char *id, size_t guess)
{
	const char *there = id_of(json_array_get(legs, guess));
	const json_t *leg;
	size_t i;

	if (there && strcmp(there, id) == 0)
		return (int)guess;
	json_array_foreach (legs, i, leg) {
		if (id_of(leg) && strcmp(id_of(leg), id) == 0)
			return (int)i;
	}
	return -1;
}

static bool
legs_have_ids(const json_t *legs)
{
	return json_array_size(legs) == 0 || id_of(json_array_get(legs, 0)) != NULL;
}

static void
legs_compare(struct diff *diff, size_t end, json_t *before, json_t *after)
{
	char index[24];
	json_t *leg;
	size_t i;

	json_array_foreach (before, i, leg) {
		if (leg_find(after, id_of(leg), i) >= 0)
			continue;
		snprintf(index, sizeof(index), "%zu", i);
		member_compare(diff, end, index, leg, NULL);
	}
	json_array_foreach (after, i, leg) {
		const int old = leg_find(before, id_of(leg), i);

		snprintf(index, sizeof(index), "%zu", i);
		member_compare(diff, end, index,
			old < 0 ? NULL : json_array_get(before, (size_t)old), leg);
	}
}

static void
value_compare(struct diff *diff, size_t end, json_t *before, json_t *after)
{
	if (before && after && json_equal(before, after))
		return;
	if (json_is_object(before) && json_is_object(after))
		object_compare(diff, end, before, after);
	else if (strcmp(diff->pointer, "/legs") == 0 && before && after && legs_have_ids(before) &&
		 legs_have_ids(after))
		legs_compare(diff, end, before, after);
	else
		field_add(diff, before, after);
}

json_t *
flow_diff(json_t *before, json_t *after)
{
	struct diff diff = {.fields = json_array(), .pointer = ""};

	if (diff.fields)
		value_compare(&diff, 0, before, after);
	return diff.fields;
}

/* Texts rather than specs: the flows may have changed by the next page. */

/* What a flow takes in the data plane: key, entry and its share of buckets; docs/control.md. */
#define FLOW_BYTES_IPV4 128
#define FLOW_BYTES_IPV6 192
#define LEG_BYTES 128

static uint64_t
spec_bytes(const struct flow_spec *spec)
{
	const bool plain = spec->n_all_legs == 1 && spec->n_streams == 0;

	return (spec->match.key.family == 6 ? FLOW_BYTES_IPV6 : FLOW_BYTES_IPV4) +
	       (plain ? 0 : (uint64_t)spec->n_all_legs * LEG_BYTES);
}

struct plan *
plan_create(uint64_t generation, size_t n)
{
	struct plan *plan = calloc(1, sizeof(*plan));

	if (!plan)
		return NULL;
	plan->generation = generation;
	plan->entries = calloc(n + 1, sizeof(plan->entries[0]));
	if (plan->entries)
		return plan;
	free(plan);
	return NULL;
}

void
plan_flow_count(struct plan *plan, const struct flow_spec *spec)
{
	plan->legs_now += spec->n_all_legs;
	plan->legs_then += spec->n_all_legs;
	plan->bytes_now += spec_bytes(spec);
	plan->bytes_then += spec_bytes(spec);
}

static char *
text_of(const struct flow_spec *spec, bool *failed)
{
	char *text = spec ? flow_text_encode(spec, NULL) : NULL;

	*failed |= spec && !text;
	return text;
}

static bool
text_equal(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

int
plan_add(struct plan *plan, const struct flow_spec *before, const struct flow_spec *after)
{
	struct plan_entry *entry = &plan->entries[plan->n];
	bool failed = false;

	if (!before && !after)
		return 0;
	memcpy(entry->id, (after ? after : before)->id, sizeof(entry->id));
	entry->before = text_of(before, &failed);
	entry->after = text_of(after, &failed);
	if (before && after && before->n_receivers + after->n_receivers > 0 &&
		text_equal(entry->before, entry->after)) {
		/* Only receivers came or went, which have changes of their own. */
		free(entry->before);
		free(entry->after);
		*entry = (struct plan_entry){0};
		plan->unchanged++;
	} else {
		plan->n++;
		plan->added += !before;
		plan->removed += !after;
		plan->changed += before && after;
	}
	if (before) {
		plan->legs_then -= before->n_all_legs;
		plan->bytes_then -= spec_bytes(before);
	}
	if (after) {
		plan->legs_then += after->n_all_legs;
		plan->bytes_then += spec_bytes(after);
	}
	return failed ? -1 : 0;
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

bool
plan_equal_at(const struct plan *a, const struct plan *b, size_t i)
{
	if (i >= a->n || i >= b->n)
		return a->n == b->n && a->set_declared == b->set_declared;
	return strcmp(a->entries[i].id, b->entries[i].id) == 0 &&
	       text_equal(a->entries[i].before, b->entries[i].before) &&
	       text_equal(a->entries[i].after, b->entries[i].after);
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
		(json_int_t)plan->left_alone, "adopted", (json_int_t)plan->set_declared, "legs",
		"now", (json_int_t)plan->legs_now, "then", (json_int_t)plan->legs_then,
		"table_bytes", "now", (json_int_t)plan->bytes_now, "then",
		(json_int_t)plan->bytes_then, "changes", changes);
	if (end < plan->n)
		json_object_set_new(json, "next", json_integer((json_int_t)end));
	return json;
}
