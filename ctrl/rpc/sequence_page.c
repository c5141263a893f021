/* SPDX-License-Identifier: BSD-3-Clause */
#include "rpc/sequence_page.h"

#include <inttypes.h>

#include "monitor/events.h"

int
sequence_page_read(const json_t *params, uint64_t last, unsigned size, struct sequence_page *page,
	struct fault *fault)
{
	const uint64_t after = (uint64_t)json_integer_value(json_object_get(params, "after"));
	const uint64_t limit = (uint64_t)json_integer_value(json_object_get(params, "limit"));

	if (after > last)
		return fault_set(fault, FAULT_NOT_FOUND, "/after",
			"found %" PRIu64 ", expected at most %" PRIu64
			", the last since sluiced started; begin again with 0",
			after, last);
	page->first = sequence_first(last, size, after, &page->lost);
	page->end = last - page->first + 1 > limit ? page->first + limit : last + 1;
	return 0;
}
