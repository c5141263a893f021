/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Chunks double in size up to 1 MiB; the large ones are mapped, so that the memory of a large batch
 * goes back to the kernel with it rather than to an allocator that keeps it.
 */
#include "store/batch.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define CHUNK_BYTES_MIN ((size_t)2048)
#define CHUNK_BYTES_MAX ((size_t)1 << 20)
#define CHUNK_MAPPED ((size_t)128 << 10) /* from this size on */

static size_t
align8(size_t bytes)
{
	return (bytes + 7) & ~(size_t)7;
}

static struct batch_chunk *
chunk_create(size_t size)
{
	struct batch_chunk *chunk;

	if (size < CHUNK_MAPPED) {
		chunk = malloc(size);
		if (!chunk)
			return NULL;
	} else {
		chunk = mmap(
			NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (chunk == MAP_FAILED)
			return NULL;
	}
	chunk->next = NULL;
	chunk->size = size;
	chunk->used = 0;
	return chunk;
}

static void
chunk_destroy(struct batch_chunk *chunk)
{
	if (chunk->size < CHUNK_MAPPED)
		free(chunk);
	else
		munmap(chunk, chunk->size);
}

/* A chunk at the end of the batch that has room for so many bytes. */
static struct batch_chunk *
chunk_with_room(struct store_batch *batch, size_t bytes)
{
	struct batch_chunk *chunk = batch->last;
	size_t size = chunk ? 2 * chunk->size : CHUNK_BYTES_MIN;

	if (chunk && chunk->size - sizeof(*chunk) - chunk->used >= bytes)
		return chunk;
	if (size > CHUNK_BYTES_MAX)
		size = CHUNK_BYTES_MAX;
	if (size < sizeof(*chunk) + bytes)
		size = sizeof(*chunk) + bytes;
	chunk = chunk_create(size);
	if (!chunk)
		return NULL;
	if (batch->last)
		batch->last->next = chunk;
	else
		batch->first = chunk;
	batch->last = chunk;
	return chunk;
}

/* The operation is not filled in but for its kind and size; NULL without memory. */
static struct batch_op *
op_add(struct store_batch *batch, enum batch_kind kind, size_t bytes)
{
	const size_t size = align8(sizeof(struct batch_op) + bytes);
	struct batch_chunk *chunk;
	struct batch_op *op;

	chunk = batch->out_of_memory ? NULL : chunk_with_room(batch, size);
	if (!chunk) {
		batch->out_of_memory = true;
		return NULL;
	}
	op = (struct batch_op *)(void *)(chunk->data + chunk->used);
	*op = (struct batch_op){.kind = kind, .bytes = bytes};
	chunk->used += size;
	batch->bytes += size;
	return op;
}

const struct batch_op *
batch_walk_next(struct batch_walk *walk)
{
	const struct batch_op *op;

	while (walk->chunk && walk->at == walk->chunk->used)
		*walk = (struct batch_walk){.chunk = walk->chunk->next};
	if (!walk->chunk)
		return NULL;
	op = (const struct batch_op *)(const void *)(walk->chunk->data + walk->at);
	walk->at += align8(sizeof(*op) + op->bytes);
	return op;
}

struct store_batch *
store_batch_create(struct store *store)
{
	struct store_batch *batch = calloc(1, sizeof(*batch));

	if (batch)
		batch->store = store;
	return batch;
}

void
batch_empty(struct store_batch *batch)
{
	struct batch_chunk *chunk, *next;

	for (chunk = batch->first; chunk; chunk = next) {
		next = chunk->next;
		chunk_destroy(chunk);
	}
	batch->first = NULL;
	batch->last = NULL;
}

void
store_batch_destroy(struct store_batch *batch)
{
	if (!batch)
		return;
	batch_empty(batch);
	free(batch);
}

void
store_batch_generation(struct store_batch *batch, const struct store_generation *generation)
{
	struct batch_op *op = op_add(batch, BATCH_GENERATION, sizeof(*generation));

	if (op)
		memcpy(op->data, generation, sizeof(*generation));
}

static struct batch_op *
flow_op_add(struct store_batch *batch, enum batch_kind kind, const char *id, const char *text,
	size_t bytes)
{
	const size_t id_bytes = strlen(id);
	struct batch_op *op = op_add(batch, kind, id_bytes + 1 + bytes + 1);

	if (!op)
		return NULL;
	op->id_bytes = id_bytes;
	op->text_bytes = bytes;
	memcpy(op->data, id, id_bytes + 1);
	memcpy(op->data + id_bytes + 1, text, bytes);
	op->data[id_bytes + 1 + bytes] = '\0';
	return op;
}

void
store_batch_put(struct store_batch *batch, const char *id, const char *text, size_t bytes,
	uint64_t last_leg, bool declared)
{
	struct batch_op *op = flow_op_add(batch, BATCH_PUT, id, text, bytes);

	if (op) {
		op->last_leg = last_leg;
		op->declared = declared;
	}
}

void
store_batch_remove(struct store_batch *batch, const char *id)
{
	flow_op_add(batch, BATCH_REMOVE, id, "", 0);
}

void
store_batch_confirm(struct store_batch *batch, const struct store_confirm *confirm)
{
	struct batch_op *op;

	if (!confirm) {
		op_add(batch, BATCH_CLEAR, 0);
		return;
	}
	op = op_add(batch, BATCH_CONFIRM, sizeof(*confirm));
	if (op)
		memcpy(op->data, confirm, sizeof(*confirm));
}

void
store_batch_tag(struct store_batch *batch, uint64_t generation, const char *tag)
{
	struct batch_op *op = flow_op_add(batch, BATCH_TAG, tag, "", 0);

	if (op)
		op->number = generation;
}

size_t
store_batch_bytes(const struct store_batch *batch)
{
	return batch->bytes;
}
