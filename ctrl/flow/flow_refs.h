/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which flows have legs that send to the source that another flow has learned: from the id of that
 * flow to the specs of those. What is, or would be, installed stands in it, as in the index of
 * validate.h.
 *
 * One thread at a time.
 */
#ifndef CTRL_FLOW_FLOW_REFS_H
#define CTRL_FLOW_FLOW_REFS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "flow/flow_spec.h"

/* One leg that refers to a flow. */
struct flow_ref {
	LIST_ENTRY(flow_ref) link; /* of the bucket */
	const struct flow_spec *spec; /* whose leg it is, */
	uint32_t leg; /* with this number; those of streams too */
	uint32_t hash;
};

LIST_HEAD(flow_ref_list, flow_ref);
LIST_HEAD(flow_ref_holder_list, flow_ref_holder);

struct flow_refs {
	struct flow_ref_list *buckets; /* by the id that they refer to */
	struct flow_ref_holder_list *holders; /* by the spec that refers */
	size_t n_buckets; /* of each; a power of two. They never grow, as in validate.c */
};

/* 0, or -ENOMEM and nothing to give back. */
int flow_refs_init(struct flow_refs *refs, size_t n_buckets);
void flow_refs_fini(struct flow_refs *refs);

/*
 * Insert the legs of a spec that refer to flows. It is borrowed and must not change until it is
 * removed. 0 or -ENOMEM, and then none is inserted.
 */
int flow_refs_insert(struct flow_refs *refs, const struct flow_spec *spec);

/* Remove them, by the pointer that was inserted; others are ignored. */
void flow_refs_remove(struct flow_refs *refs, const struct flow_spec *spec);

/* The first, and the next, leg that refers to the flow of that id; NULL: no more. */
const struct flow_ref *flow_refs_first(const struct flow_refs *refs, const char *id);
const struct flow_ref *flow_refs_next(const struct flow_ref *ref, const char *id);

#endif
