/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A batch in memory: operations one behind the other in a few chunks, as the writer will read them.
 * Filled by the control thread, read by the writer; never by both at a time.
 */
#ifndef CTRL_STORE_BATCH_H
#define CTRL_STORE_BATCH_H

#include "store/ledger.h"
#include "store/store.h"

enum batch_kind {
	BATCH_GENERATION,
	BATCH_PUT,
	BATCH_REMOVE,
	BATCH_CONFIRM,
	BATCH_CLEAR,
	BATCH_TAG, /* id is the tag, number the generation */
};

/* One operation. What follows it is a generation, a confirm, or id and text, NUL after each. */
struct batch_op {
	enum batch_kind kind;
	bool declared;
	size_t bytes; /* of all that follows */
	size_t id_bytes;
	size_t text_bytes;
	uint64_t last_leg;
	uint64_t number;
	char data[];
};

struct batch_chunk {
	struct batch_chunk *next;
	size_t size; /* with this header */
	size_t used; /* of data */
	char data[] __attribute__((aligned(8)));
};

struct store_batch {
	struct store *store;
	struct batch_chunk *first;
	struct batch_chunk *last;
	size_t bytes;
	bool out_of_memory;
	/* From here on the writer's, once it is submitted. */
	struct store_batch *next; /* in the queue, then among those that are done */
	store_done_fn done;
	void *arg;
	bool failed;
	struct fault fault; /* if failed */
	struct ledger after; /* the store with this batch in it, if not failed */
};

static inline const struct store_generation *
batch_op_generation(const struct batch_op *op)
{
	return (const struct store_generation *)(const void *)op->data;
}

static inline const struct store_confirm *
batch_op_confirm(const struct batch_op *op)
{
	return (const struct store_confirm *)(const void *)op->data;
}

static inline const char *
batch_op_id(const struct batch_op *op)
{
	return op->data;
}

static inline const char *
batch_op_text(const struct batch_op *op)
{
	return op->data + op->id_bytes + 1;
}

/* Where a walk over the operations of a batch is. */
struct batch_walk {
	const struct batch_chunk *chunk;
	size_t at;
};

static inline struct batch_walk
batch_walk_begin(const struct store_batch *batch)
{
	return (struct batch_walk){.chunk = batch->first};
}

/* NULL at the end. */
const struct batch_op *batch_walk_next(struct batch_walk *walk);

/* Give back the operations, and keep what became of them. Those of a large batch take a while. */
void batch_empty(struct store_batch *batch);

#endif
