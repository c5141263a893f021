/* SPDX-License-Identifier: BSD-3-Clause */
/* The flows that a start begins with. Before the workers run; control thread. */
#ifndef CTRL_FLOW_RESTORE_H
#define CTRL_FLOW_RESTORE_H

#include "flow/flows.h"
#include "store/store.h"

/* What a restore found; kept for those who ask later. */
struct restored {
	uint64_t flows;
	uint64_t left_out; /* do not fit this configuration; warned of one by one, and still stored
			    */
};

/*
 * Install what the store holds, and wait for it. A flow that does not fit any more (its port is
 * gone, a table is smaller) is left out rather than the start refused. -1 with *fault set.
 */
int restore_flows(
	struct flows *flows, struct store *store, struct restored *restored, struct fault *fault);

/*
 * Install what the files at `path` declare, all of it or nothing, and wait for it. -1 with *fault
 * set, its message naming file and line.
 */
int restore_files(struct flows *flows, const char *path, struct fault *fault);

#endif
