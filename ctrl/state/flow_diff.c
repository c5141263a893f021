/* SPDX-License-Identifier: BSD-3-Clause */
#include "state/flow_diff.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

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
