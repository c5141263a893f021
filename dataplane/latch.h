/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The source that a flow has learned, read and moved by several workers, none of which waits.
 *
 * One word says which slot holds the source, and how often it has moved. Every worker has two
 * slots of its own: it writes the one that the word does not name, then moves the word there by
 * compare and swap, which only one of several workers succeeds with. A reader reads the word,
 * copies the slot, and reads the word again: as a slot is written only while the word names
 * another one, a copy is whole if the word is still the same.
 *
 * A slot's words are stored with release and loaded with acquire: a reader that sees anything of a
 * new source also sees that the word has moved on. On x86-64 these are plain instructions, and
 * unlike fences the thread sanitizer understands them.
 */
#ifndef DATAPLANE_LATCH_H
#define DATAPLANE_LATCH_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <rte_branch_prediction.h>
#include <rte_byteorder.h>
#include <rte_common.h>

#include <dp/flow.h>
#include <dp/stats.h>

#define LATCH_SLOTS_A_WORKER 2
#define LATCH_TRIES 16 /* a worker's; another one's move costs one */
#define LATCH_READ_TRIES 1024 /* control's */
#define LATCH_SLOT_BITS 8 /* low bits of the word: slot + 1, 0 = nothing learned */
static_assert(DP_WORKERS_MAX * LATCH_SLOTS_A_WORKER < 1 << LATCH_SLOT_BITS, "slots have a number");

/* An IPv4 address is in the first four bytes; what is not used is zero. */
struct latch_source {
	uint64_t address[2];
	uint64_t port; /* network order */
};

struct latch_slot {
	struct latch_source source;
	uint64_t changed_ns; /* when the flow moved to this source */
};

/* A worker writes its own line. */
struct latch_slots {
	struct latch_slot of[LATCH_SLOTS_A_WORKER];
} __rte_cache_aligned;
static_assert(sizeof(struct latch_slots) == RTE_CACHE_LINE_SIZE, "two slots are a line");

struct latch {
	uint64_t word; /* moves so far, slot + 1 of the last one */
	struct latch_slots slots[]; /* [worker] */
};

/* `address` has `bytes` bytes, 4 or 16; port in network order. */
static __rte_always_inline void
latch_source_set(struct latch_source *source, const uint8_t *address, size_t bytes, rte_be16_t port)
{
	*source = (struct latch_source){.port = port};
	memcpy(source->address, address, bytes);
}

/* Memory of a latch, which is to be aligned to a cache line. n_workers: 1..DP_WORKERS_MAX. */
static inline size_t
latch_bytes(unsigned n_workers)
{
	return sizeof(struct latch) + n_workers * sizeof(struct latch_slots);
}

/* Nothing learned. Control thread, before workers see it. */
static inline void
latch_init(struct latch *latch, unsigned n_workers)
{
	memset(latch, 0, latch_bytes(n_workers));
}

static __rte_always_inline unsigned
latch_word_slot(uint64_t word)
{
	return (unsigned)(word & ((1u << LATCH_SLOT_BITS) - 1)) - 1;
}

/* What the word, which is not 0, names. false: it has moved on meanwhile, the copy is worthless. */
static __rte_always_inline bool
latch_load(const struct latch *latch, uint64_t word, struct latch_slot *copy)
{
	const unsigned number = latch_word_slot(word);
	const struct latch_slot *slot =
		&latch->slots[number / LATCH_SLOTS_A_WORKER].of[number % LATCH_SLOTS_A_WORKER];

	copy->source.address[0] = __atomic_load_n(&slot->source.address[0], __ATOMIC_ACQUIRE);
	copy->source.address[1] = __atomic_load_n(&slot->source.address[1], __ATOMIC_ACQUIRE);
	copy->source.port = __atomic_load_n(&slot->source.port, __ATOMIC_ACQUIRE);
	copy->changed_ns = __atomic_load_n(&slot->changed_ns, __ATOMIC_ACQUIRE);
	return __atomic_load_n(&latch->word, __ATOMIC_RELAXED) == word;
}

static __rte_always_inline bool
latch_source_equal(const struct latch_source *a, const struct latch_source *b)
{
	return a->address[0] == b->address[0] && a->address[1] == b->address[1] &&
	       a->port == b->port;
}

/* Make `source` the one. false: the word is not `word` any more. */
static __rte_noinline bool
latch_move(struct latch *latch, uint64_t word, uint8_t worker, const struct latch_source *source,
	uint64_t now_ns)
{
	const unsigned first = worker * LATCH_SLOTS_A_WORKER;
	const unsigned which = latch_word_slot(word) == first ? 1 : 0;
	const uint64_t moves = (word >> LATCH_SLOT_BITS) + 1;
	struct latch_slot *slot = &latch->slots[worker].of[which];

	__atomic_store_n(&slot->source.address[0], source->address[0], __ATOMIC_RELEASE);
	__atomic_store_n(&slot->source.address[1], source->address[1], __ATOMIC_RELEASE);
	__atomic_store_n(&slot->source.port, source->port, __ATOMIC_RELEASE);
	__atomic_store_n(&slot->changed_ns, now_ns, __ATOMIC_RELEASE);
	return __atomic_compare_exchange_n(&latch->word, &word,
		moves << LATCH_SLOT_BITS | (first + which + 1), false, __ATOMIC_ACQ_REL,
		__ATOMIC_RELAXED);
}

/*
 * Whether a packet from `source` passes: it is the learned source, or becomes it. With
 * DP_LATCH_FIRST only the first one does, with DP_LATCH_FOLLOW any that comes interval_ns or more
 * after the last change. false, too, when others moved it LATCH_TRIES times in the meantime.
 * `worker` is the calling one: no two threads may give the same.
 */
static inline bool
latch_accept(struct latch *latch, uint8_t worker, const struct latch_source *source,
	enum dp_latch mode, uint64_t interval_ns, uint64_t now_ns)
{
	for (unsigned i = 0; i < LATCH_TRIES; i++) {
		const uint64_t word = __atomic_load_n(&latch->word, __ATOMIC_ACQUIRE);
		struct latch_slot learned;

		if (likely(word != 0)) {
			if (unlikely(!latch_load(latch, word, &learned)))
				continue;
			if (likely(latch_source_equal(&learned.source, source)))
				return true;
			/* Signed: a worker's clock may be behind that of the one that moved it. */
			if (mode == DP_LATCH_FIRST ||
				(int64_t)(now_ns - learned.changed_ns) < (int64_t)interval_ns)
				return false;
		}
		if (latch_move(latch, word, worker, source, now_ns))
			return true;
	}
	return false;
}

/*
 * What is learned, for control, at any time. Not valid when nothing is yet; or when it moves faster
 * than it can be read, LATCH_READ_TRIES times in a row.
 */
static inline void
latch_read(const struct latch *latch, struct dp_latched *latched)
{
	memset(latched, 0, sizeof(*latched));
	for (unsigned i = 0; i < LATCH_READ_TRIES; i++) {
		const uint64_t word = __atomic_load_n(&latch->word, __ATOMIC_ACQUIRE);
		struct latch_slot learned;

		latched->moves = (uint32_t)(word >> LATCH_SLOT_BITS);
		if (word == 0)
			return;
		if (!latch_load(latch, word, &learned))
			continue;
		memcpy(latched->src, learned.source.address, sizeof(latched->src));
		latched->src_port = (rte_be16_t)learned.source.port;
		latched->valid = 1;
		return;
	}
}

#endif
