/* SPDX-License-Identifier: BSD-3-Clause */
/* See flow_pages.h. */
#include "cli/flow_pages.h"

#include "cli/progress.h"
#include "cli/text.h"

json_t *
flow_pages_one(struct cli *cli, const char *method, json_t *filter, uint64_t limit, int *exit_code)
{
	json_object_set_new(filter, "limit", json_integer((json_int_t)limit));
	return cli_call(cli, method, filter, exit_code);
}

json_t *
flow_pages_fetch(struct cli *cli, const char *method, json_t *filter, int *exit_code)
{
	json_t *result = NULL, *page, *flows = json_array(), *health = json_array();
	struct progress progress;
	uint64_t before = 0, at;
	const char *cursor;

	progress_begin(&progress, "reading flows", 0);
	do {
		page = flow_pages_one(cli, method, json_copy(filter), FLOW_PAGE_MAX, exit_code);
		json_decref(result);
		result = page;
		if (page == NULL)
			break;
		json_array_extend(flows, json_object_get(page, "flows"));
		if (json_object_get(page, "health") != NULL)
			json_array_extend(health, json_object_get(page, "health"));
		progress.total = member_number(page, "total");
		progress_at(&progress, json_array_size(flows));
		cursor = json_string_value(json_object_get(page, "next_cursor"));
		if (cursor == NULL)
			break;
		if (number_parse(cursor, before + 1, UINT64_MAX, &at) < 0) {
			progress_end(&progress);
			*exit_code = cli_page_repeats(method, "next_cursor");
			json_decref(result);
			result = NULL;
			break;
		}
		before = at;
		json_object_set_new(filter, "cursor", json_string(cursor));
	} while (true);
	progress_end(&progress);
	if (result != NULL)
		json_object_set(result, "flows", flows);
	if (result != NULL && json_object_get(result, "health") != NULL)
		json_object_set(result, "health", health);
	json_decref(flows);
	json_decref(health);
	json_decref(filter);
	return result;
}
