/* SPDX-License-Identifier: BSD-3-Clause */
/* Changes that are read from the store or from files, at a start and to roll back. */
#ifndef CTRL_FLOW_RESTORE_H
#define CTRL_FLOW_RESTORE_H

#include "flow/change.h"
#include "flow/flows.h"
#include "store/store.h"

/* What a restore found; kept for state.get. */
struct restored {
	uint64_t flows;
	uint64_t left_out; /* do not fit this configuration; warned of, and still stored */
};

/* Before the workers run. */

/*
 * Install what the store holds, and wait for it; local ports that were released and are in a pool
 * are in quarantine for as long as they would have been without the restart. A flow that does not
 * fit any more (its port is gone, a table is smaller) is left out rather than the start refused. -1
 * with *fault set.
 */
int restore_flows(
	struct flows *flows, struct store *store, struct restored *restored, struct fault *fault);

/*
 * Install what the files at `path` declare, all of it or nothing, and wait for it. -1 with *fault
 * set, its message naming file and line.
 */
int restore_files(struct flows *flows, const char *path, struct fault *fault);

/* Whether the files at `path` can be declared, as far as they say so. 0, or -1 as above. */
int restore_files_check(const char *path, struct fault *fault);

/*
 * Have the change return to all flows of that generation. Flows and store are borrowed until the
 * change is destroyed. 0, or -1 with *fault set ("/generation").
 */
int rollback_to(struct change *change, const struct flows *flows, struct store *store,
	uint64_t generation, struct fault *fault);

/*
 * Have the change take back what that generation changed; what came later elsewhere stays. Flows
 * that cannot return, as when others have taken their match or their room, are left out and stay as
 * they are. Else as above.
 */
int rollback_of(struct change *change, const struct flows *flows, struct store *store,
	uint64_t generation, struct fault *fault);

#endif
