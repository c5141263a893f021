/* SPDX-License-Identifier: BSD-3-Clause */
/* The parameters `after` and `limit` of methods that read a ring (monitor/events.h). */
#ifndef CTRL_RPC_SEQUENCE_PAGE_H
#define CTRL_RPC_SEQUENCE_PAGE_H

#include <stdint.h>

#include <jansson.h>

#include "base/fault.h"

struct sequence_page {
	uint64_t first;
	uint64_t end; /* one past the last */
	uint64_t lost; /* before the first */
};

/*
 * Which entries to answer with, out of a ring of `size` whose newest is `last`. -1 with *fault set
 * when `after` is of no entry that ever was: the reader has outlived a restart.
 */
int sequence_page_read(const json_t *params, uint64_t last, unsigned size,
	struct sequence_page *page, struct fault *fault);

#endif
