/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The desired state: every flow that was asked for, found by id and by match, and listed in the
 * order of installation. It does no I/O and knows nothing of how a flow gets into the data plane;
 * it keeps two numbers a flow for those who do (handle, next hops).
 *
 * Everything here is called by the control thread.
 */
#ifndef CTRL_STATE_DESIRED_H
#define CTRL_STATE_DESIRED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A table that cannot grow is a reply to the request, not the end of the process. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "state/flow_spec.h"
#include "state/flow_watch.h"

#define HOP_WANTED UINT16_MAX /* no next hop yet */

struct flow {
	UT_hash_handle by_id; /* its list is the order of installation */
	UT_hash_handle by_match;
	UT_hash_handle by_sequence;
	uint64_t sequence; /* ever growing, never given twice: where a page of a list ended */
	struct flow_spec *spec;
	uint32_t handle; /* of the data plane */
	bool named; /* in the request that is being put together: nobody is named twice */
	uint16_t *hops; /* next hop index of each leg, those of streams too */
	struct flow_watch watch;
};

struct desired {
	struct flow *ids;
	struct flow *matches;
	struct flow *sequences;
	uint64_t last_sequence;
	uint64_t last_number; /* of the ids that we gave */
};

void desired_init(struct desired *desired);

/* Free every flow and its spec. */
void desired_fini(struct desired *desired);

/*
 * Add a flow; an empty id in the spec is filled with a free "flow-N" first. Its hops are
 * HOP_WANTED. The set owns the spec from success on. NULL with *fault set, and nothing changed but
 * perhaps the id, when the id or the match is taken (the message names the other flow) or memory
 * is short. Rules may be alike.
 */
struct flow *desired_add(struct desired *desired, struct flow_spec *spec, struct fault *fault);

/*
 * An id that a flow is about to bring: the numbers given from now on are above its own, if it is a
 * "flow-N" too. Others, "" included, do nothing.
 */
void desired_id_avoid(struct desired *desired, const char *id);

/*
 * Put another spec of the same id and match, or rule, in place of a flow's, and other hops; the
 * old ones are freed. The flow stays where it is in the order.
 */
void desired_swap(struct flow *flow, struct flow_spec *spec, uint16_t *hops);

/* Take a flow out and free it. Returns its spec, which is the caller's again. */
struct flow_spec *desired_remove(struct desired *desired, struct flow *flow);

/* NULL when there is none. */
struct flow *desired_find(const struct desired *desired, const char *id);

size_t desired_count(const struct desired *desired);

/*
 * The first flow installed after the one with that sequence number, which may be gone; 0 starts
 * from the beginning. NULL past the last.
 */
struct flow *desired_after(const struct desired *desired, uint64_t sequence);

/* The next in the order of installation, NULL after the last. */
struct flow *desired_next(const struct flow *flow);

#endif
