/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a call is about, in few words. It is read from the parameters as they came, for calls that
 * are refused before these are checked too, so nothing is taken for granted and everything bounded.
 */
#include <stdbool.h>
#include <string.h>

#include "rpc/audit.h"

#define TEXT_BYTES_MAX 200

/* Lists of params whose members are flows, or ids of flows. */
static const char *const lists[] = {"flows", "ids", "install", "replace", "remove", "declare"};

/* Lists whose members name a flow and have legs. */
static const char *const changes[] = {"join", "leave"};

/* Members of params that are told as they are. */
static const char *const told[] = {"comment", "flow", "leg", "admin", "txn", "generation", "tag",
	"plan", "prune", "confirm_within_s", "if_generation", "if_plan"};

/* A text cut to its bound, between characters. */
static json_t *
text_cut(const json_t *text)
{
	const char *value = json_string_value(text);
	size_t bytes = json_string_length(text);

	if (bytes > TEXT_BYTES_MAX) {
		bytes = TEXT_BYTES_MAX;
		while (bytes && (value[bytes] & 0xc0) == 0x80)
			bytes--;
	}
	return json_stringn(value, bytes);
}

static void
id_add(json_t *ids, const json_t *id)
{
	if (json_is_string(id) && json_array_size(ids) < AUDIT_IDS_MAX)
		json_array_append_new(ids, text_cut(id));
}

struct sums {
	json_t *ids;
	json_int_t flows;
	json_int_t legs;
};

static void
flows_sum(const json_t *list, struct sums *sums)
{
	const json_t *flow;
	size_t i;

	json_array_foreach (list, i, flow) {
		id_add(sums->ids, json_is_object(flow) ? json_object_get(flow, "id") : flow);
		sums->legs += (json_int_t)json_array_size(json_object_get(flow, "legs"));
	}
	sums->flows += (json_int_t)i;
}

static void
changes_sum(const json_t *list, struct sums *sums)
{
	const json_t *change;
	size_t i;

	json_array_foreach (list, i, change) {
		id_add(sums->ids, json_object_get(change, "flow"));
		sums->legs += (json_int_t)json_array_size(json_object_get(change, "legs"));
	}
	sums->flows += (json_int_t)i;
}

static void
told_add(json_t *what, const json_t *params)
{
	for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++) {
		json_t *value = json_object_get(params, told[i]);

		if (json_is_string(value))
			json_object_set_new(what, told[i], text_cut(value));
		else if (json_is_number(value) || json_is_boolean(value))
			json_object_set(what, told[i], value);
	}
}

json_t *
audit_what(const json_t *params)
{
	struct sums sums = {.ids = json_array()};
	json_t *what = json_object();

	told_add(what, params);
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		flows_sum(json_object_get(params, lists[i]), &sums);
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++)
		changes_sum(json_object_get(params, changes[i]), &sums);
	sums.legs += (json_int_t)json_array_size(json_object_get(params, "legs"));
	if (json_array_size(sums.ids))
		json_object_set(what, "ids", sums.ids);
	if (sums.flows)
		json_object_set_new(what, "flows", json_integer(sums.flows));
	if (sums.legs)
		json_object_set_new(what, "legs", json_integer(sums.legs));
	json_decref(sums.ids);
	return what;
}
