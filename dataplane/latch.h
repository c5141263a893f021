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
 * Control opens a latch again by taking the slot out of the word, also by compare and swap. The
 * count of moves stays, so that no word ever comes back: a worker that has read the word before
 * fails to move it, and a reader finds that it has changed. A worker may then write either of its
 * slots, as the word names none; and none but a worker itself makes the word name its slots.
 *
 * Beside the source a slot holds the link layer of the frame: what is sent to the source before
 * control knows its next hop leaves by the same port, to the neighbour that the frame came from.
 *
 * An SSRC that moves the latch is a word of the slot, too. It alone changes in the slot that the
 * word names: by compare and swap, so that it is still that of the same move, whose number it has.
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
#include <rte_ether.h>
#include <rte_prefetch.h>

#include <dp/flow.h>
#include <dp/stats.h>

#include "flow_entry.h"

#define LATCH_SLOTS_A_WORKER 2
#define LATCH_ADOPT_NS (DP_LATCH_ADOPT_MS * UINT64_C(1000000))
#define LATCH_SEEN_NS (LATCH_ADOPT_NS / 4) /* between two notes that the SSRC is still sent */
#define LATCH_TRIES 16 /* a worker's; another one's move costs one */
#define LATCH_READ_TRIES 1024 /* control's */
#define LATCH_SLOT_BITS 8 /* low bits of the word: slot + 1, 0 = nothing learned */
#define LATCH_SSRC_KNOWN (UINT64_C(1) << 63) /* of a slot's SSRC */
#define LATCH_RING 4095 /* notices that a worker may hold for control */
static_assert(DP_WORKERS_MAX * LATCH_SLOTS_A_WORKER < 1 << LATCH_SLOT_BITS, "slots have a number");

/* An IPv4 address is in the first four bytes; what is not used is zero. */
struct latch_source {
	uint64_t address[2];
	uint64_t port; /* network order */
};

/* How a frame came: where its source is, as long as nothing better is known. */
struct latch_link {
	uint8_t src_mac[RTE_ETHER_ADDR_LEN];
	uint8_t dst_mac[RTE_ETHER_ADDR_LEN];
	uint16_t port; /* of ingress */
	uint16_t vlan, outer_vlan; /* VLAN ids, 0 = none */
	uint16_t reserved[3];
};
#define LATCH_LINK_WORDS (sizeof(struct latch_link) / sizeof(uint64_t))

struct latch_slot {
	struct latch_source source;
	uint64_t changed_ns; /* when the flow moved to this source */
	uint64_t link[LATCH_LINK_WORDS]; /* struct latch_link */
	uint64_t ssrc; /* latch_ssrc(); of another move than the word's: none is known */
} __rte_cache_aligned;

/* A worker writes its own lines. */
struct latch_slots {
	struct latch_slot of[LATCH_SLOTS_A_WORKER];
};
static_assert(sizeof(struct latch_slot) == RTE_CACHE_LINE_SIZE, "a slot is a line");

/*
 * A rewrite that was compiled for what the latch held: it does not hold any more when the latch
 * moves. Only *next_hop changes once a worker can see it, and only to NEXT_HOP_STALE.
 */
struct latch_user {
	uint64_t word; /* of the latch, for which it was compiled */
	uint16_t *next_hop; /* in the rewrite */
	/* Control's. */
	uint32_t place; /* in the users of the latch */
};

/*
 * All of them, dense. Control alone writes, and frees the array after a grace period. One that is
 * taken out gives its place to the last one, so that who reads from the last to the first misses
 * none.
 */
struct latch_users {
	uint32_t n;
	uint32_t room;
	struct latch_user *of[];
};

struct latch {
	uint64_t word; /* moves so far, slot + 1 of the last one */
	uint64_t cookie; /* of dp_flow; does not change */
	struct latch_users *users; /* NULL = there was none yet */
	uint32_t notified; /* 1: it is in a ring to control, which has not read it since */
	uint64_t ssrc_seen_ns; /* when the learned source last sent the SSRC, as far as it was noted
				*/
	struct latch_slots slots[]; /* [worker] */
};

/* The frame of a packet, from which latch_move() learns the link layer. */
struct latch_frame {
	const uint8_t *start; /* Ethernet header, then tags: none, one or two */
	uint16_t l2_bytes;
	uint16_t port; /* of ingress */
	bool passive; /* it may neither open nor move the latch */
	bool has_ssrc; /* and none but one of the learned source's SSRC may move it */
	uint32_t ssrc;
};

/* The SSRC of packets has a say in where the latch moves. */
static __rte_always_inline bool
latch_is_by_ssrc(enum dp_latch_by by)
{
	return by == DP_LATCH_BY_SSRC || by == DP_LATCH_BY_RTCP_SSRC;
}

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
latch_init(struct latch *latch, unsigned n_workers, uint64_t cookie)
{
	memset(latch, 0, latch_bytes(n_workers));
	latch->cookie = cookie;
}

/* The word of a latch that takes any source. */
static __rte_always_inline bool
latch_word_is_open(uint64_t word)
{
	return (word & ((1u << LATCH_SLOT_BITS) - 1)) == 0;
}

/* What the word, which is not open, names. */
static __rte_always_inline unsigned
latch_word_slot(uint64_t word)
{
	return (unsigned)(word & ((1u << LATCH_SLOT_BITS) - 1)) - 1;
}

/* The slot that the word, which is not open, names. */
static __rte_always_inline const struct latch_slot *
latch_slot_at(const struct latch *latch, uint64_t word)
{
	const unsigned number = latch_word_slot(word);

	return &latch->slots[number / LATCH_SLOTS_A_WORKER].of[number % LATCH_SLOTS_A_WORKER];
}

/* The SSRC that moves a latch whose word is `word`, as its slot has it. */
static inline uint64_t
latch_ssrc(uint64_t word, uint32_t ssrc)
{
	return LATCH_SSRC_KNOWN | word >> LATCH_SLOT_BITS << 33 >> 1 | ssrc;
}

/* Some SSRC is known, and which it is does not matter. */
static inline bool
latch_ssrc_is_known(uint64_t word, uint64_t ssrc)
{
	return ssrc == latch_ssrc(word, (uint32_t)ssrc);
}

static __rte_always_inline void
latch_load_source(const struct latch_slot *slot, struct latch_source *copy)
{
	copy->address[0] = __atomic_load_n(&slot->source.address[0], __ATOMIC_ACQUIRE);
	copy->address[1] = __atomic_load_n(&slot->source.address[1], __ATOMIC_ACQUIRE);
	copy->port = __atomic_load_n(&slot->source.port, __ATOMIC_ACQUIRE);
}

/* What that slot holds. false: the word has moved on meanwhile, the copy is worthless. */
static __rte_always_inline bool
latch_load(const struct latch *latch, uint64_t word, struct latch_slot *copy)
{
	const struct latch_slot *slot = latch_slot_at(latch, word);

	latch_load_source(slot, &copy->source);
	copy->changed_ns = __atomic_load_n(&slot->changed_ns, __ATOMIC_ACQUIRE);
	copy->ssrc = __atomic_load_n(&slot->ssrc, __ATOMIC_ACQUIRE);
	return __atomic_load_n(&latch->word, __ATOMIC_RELAXED) == word;
}

/* The same, and how the frame came by which it was learned. */
static inline bool
latch_load_all(const struct latch *latch, uint64_t word, struct latch_slot *copy)
{
	const struct latch_slot *slot = latch_slot_at(latch, word);

	for (size_t i = 0; i < LATCH_LINK_WORDS; i++)
		copy->link[i] = __atomic_load_n(&slot->link[i], __ATOMIC_ACQUIRE);
	return latch_load(latch, word, copy);
}

/* The id of the tag at `tag`. */
static inline uint16_t
latch_vlan(const uint8_t *tag)
{
	return (uint16_t)((tag[2] << 8 | tag[3]) & 0x0fff);
}

/* The link layer of a frame that the parser has accepted. */
static inline struct latch_link
latch_link_of(const struct latch_frame *frame)
{
	const uint8_t *tag = frame->start + 2 * RTE_ETHER_ADDR_LEN;
	struct latch_link link = {.port = frame->port};

	memcpy(link.dst_mac, frame->start, sizeof(link.dst_mac));
	memcpy(link.src_mac, frame->start + sizeof(link.dst_mac), sizeof(link.src_mac));
	if (frame->l2_bytes == RTE_ETHER_HDR_LEN + 2 * sizeof(struct rte_vlan_hdr)) {
		link.outer_vlan = latch_vlan(tag);
		link.vlan = latch_vlan(tag + sizeof(struct rte_vlan_hdr));
	} else if (frame->l2_bytes == RTE_ETHER_HDR_LEN + sizeof(struct rte_vlan_hdr)) {
		if ((tag[0] << 8 | tag[1]) == RTE_ETHER_TYPE_QINQ)
			link.outer_vlan = latch_vlan(tag);
		else
			link.vlan = latch_vlan(tag);
	}
	return link;
}

static __rte_always_inline bool
latch_source_equal(const struct latch_source *a, const struct latch_source *b)
{
	return a->address[0] == b->address[0] && a->address[1] == b->address[1] &&
	       a->port == b->port;
}

/* Have fetched what latch_holds() is about to read. */
static __rte_always_inline void
latch_prefetch(const struct latch *latch)
{
	const uint64_t word = __atomic_load_n(&latch->word, __ATOMIC_RELAXED);

	if (likely(!latch_word_is_open(word)))
		rte_prefetch0(latch_slot_at(latch, word));
}

/* Whether it has learned this source; false as well when it moves meanwhile. */
static __rte_always_inline bool
latch_holds(const struct latch *latch, const struct latch_source *source)
{
	const uint64_t word = __atomic_load_n(&latch->word, __ATOMIC_ACQUIRE);
	struct latch_source learned;

	if (unlikely(latch_word_is_open(word)))
		return false;
	latch_load_source(latch_slot_at(latch, word), &learned);
	return latch_source_equal(&learned, source) &&
	       likely(__atomic_load_n(&latch->word, __ATOMIC_RELAXED) == word);
}

/*
 * The learned source has sent a packet of this SSRC, and that is to be noted: `known`, what its
 * slot has, was not noted for LATCH_SEEN_NS; or it has not been sent for LATCH_ADOPT_NS, and this
 * one takes its place. So a stranger who forges the address of a source that sends cannot have an
 * SSRC of his own adopted.
 */
static __rte_always_inline bool
latch_ssrc_is_due(const struct latch *latch, uint64_t word, uint64_t known, uint64_t changed_ns,
	uint32_t ssrc, uint64_t now_ns)
{
	uint64_t seen_ns = __atomic_load_n(&latch->ssrc_seen_ns, __ATOMIC_RELAXED);

	if (likely(known == latch_ssrc(word, ssrc)))
		return (int64_t)(now_ns - seen_ns) >= (int64_t)LATCH_SEEN_NS;
	if ((int64_t)(changed_ns - seen_ns) > 0)
		seen_ns = changed_ns;
	return !latch_ssrc_is_known(word, known) ||
	       (int64_t)(now_ns - seen_ns) >= (int64_t)LATCH_ADOPT_NS;
}

/* A packet of this SSRC from the learned source has nothing that is to be noted. */
static __rte_always_inline bool
latch_keeps_ssrc(const struct latch *latch, uint32_t ssrc, uint64_t now_ns)
{
	const uint64_t word = __atomic_load_n(&latch->word, __ATOMIC_ACQUIRE);
	const struct latch_slot *slot = latch_slot_at(latch, word);

	return !latch_word_is_open(word) &&
	       !latch_ssrc_is_due(latch, word, __atomic_load_n(&slot->ssrc, __ATOMIC_ACQUIRE),
		       __atomic_load_n(&slot->changed_ns, __ATOMIC_ACQUIRE), ssrc, now_ns);
}

/* One that is stale already stays so, and is not written, as all workers may be reading it. */
static __rte_always_inline void
latch_user_make_stale(const struct latch_user *user)
{
	if (__atomic_load_n(user->next_hop, __ATOMIC_RELAXED) != NEXT_HOP_STALE)
		__atomic_store_n(user->next_hop, NEXT_HOP_STALE, __ATOMIC_RELEASE);
}

/*
 * After the word has become `word`: whatever was compiled for a former one does not hold any more.
 * Users of a later one are left alone, which control may have added meanwhile. Of what is open and
 * what is learned by the same number of moves, the open word is the later one.
 *
 * Control adds a user and then reads the word by a read-modify-write. In the order of changes of
 * the word that is after the move, and then control finds the new word; or before, and then whoever
 * moved the word finds the user, as the exchange that moved it has acquired what control released.
 */
static __rte_noinline void
latch_users_make_stale(const struct latch *latch, uint64_t word)
{
	const struct latch_users *users = __atomic_load_n(&latch->users, __ATOMIC_ACQUIRE);
	const bool is_open = latch_word_is_open(word);

	if (users == NULL)
		return;
	for (uint32_t i = __atomic_load_n(&users->n, __ATOMIC_ACQUIRE); i-- > 0;) {
		const struct latch_user *user = __atomic_load_n(&users->of[i], __ATOMIC_ACQUIRE);
		const uint64_t moves = user->word >> LATCH_SLOT_BITS;

		if (moves < word >> LATCH_SLOT_BITS ||
			(is_open && moves == word >> LATCH_SLOT_BITS && user->word != word))
			latch_user_make_stale(user);
	}
}

/* Make `source` of `frame` the one. false: the word is not `word` any more. */
static __rte_noinline bool
latch_move(struct latch *latch, uint64_t word, uint8_t worker, const struct latch_source *source,
	const struct latch_frame *frame, uint64_t now_ns)
{
	const struct latch_link link = latch_link_of(frame);
	const unsigned first = worker * LATCH_SLOTS_A_WORKER;
	const unsigned which = latch_word_slot(word) == first ? 1 : 0;
	const uint64_t moves = (word >> LATCH_SLOT_BITS) + 1;
	struct latch_slot *slot = &latch->slots[worker].of[which];
	const uint64_t moved = moves << LATCH_SLOT_BITS | (first + which + 1);
	uint64_t words[LATCH_LINK_WORDS];

	memcpy(words, &link, sizeof(words));
	for (size_t i = 0; i < LATCH_LINK_WORDS; i++)
		__atomic_store_n(&slot->link[i], words[i], __ATOMIC_RELEASE);
	__atomic_store_n(&slot->source.address[0], source->address[0], __ATOMIC_RELEASE);
	__atomic_store_n(&slot->source.address[1], source->address[1], __ATOMIC_RELEASE);
	__atomic_store_n(&slot->source.port, source->port, __ATOMIC_RELEASE);
	__atomic_store_n(&slot->changed_ns, now_ns, __ATOMIC_RELEASE);
	__atomic_store_n(&slot->ssrc, frame->has_ssrc ? latch_ssrc(moved, frame->ssrc) : 0,
		__ATOMIC_RELEASE);
	if (!__atomic_compare_exchange_n(
		    &latch->word, &word, moved, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
		return false;
	latch_users_make_stale(latch, moved);
	return true;
}

/* What becomes of a packet; 0 is the one that it does not pass. */
enum latch_pass {
	LATCH_REFUSED,
	LATCH_SAME, /* it is from the learned source */
	LATCH_MOVED, /* its source is learned now */
};

/* What latch_ssrc_is_due() says is noted: from now on packets of this SSRC move the latch. */
static __rte_noinline void
latch_note_ssrc(struct latch *latch, uint64_t word, uint64_t known, uint32_t ssrc, uint64_t now_ns)
{
	struct latch_slot *slot = (struct latch_slot *)(uintptr_t)latch_slot_at(latch, word);

	__atomic_store_n(&latch->ssrc_seen_ns, now_ns, __ATOMIC_RELAXED);
	if (known != latch_ssrc(word, ssrc))
		__atomic_compare_exchange_n(&slot->ssrc, &known, latch_ssrc(word, ssrc), false,
			__ATOMIC_RELEASE, __ATOMIC_RELAXED);
}

/* The frame of another source than that in `learned`, which the word names, may move the latch. */
static inline bool
latch_may_move(uint64_t word, const struct latch_slot *learned, const struct latch_frame *frame,
	enum dp_latch mode, uint64_t interval_ns, uint64_t now_ns)
{
	/* Signed: a worker's clock may be behind that of the one that moved it. */
	return mode != DP_LATCH_FIRST && !frame->passive &&
	       (!frame->has_ssrc || learned->ssrc == latch_ssrc(word, frame->ssrc)) &&
	       (int64_t)(now_ns - learned->changed_ns) >= (int64_t)interval_ns;
}

/*
 * Whether a packet from `source` passes: it is the learned source, or becomes it. With
 * DP_LATCH_FIRST only the first one does, with DP_LATCH_FOLLOW any that comes interval_ns or more
 * after the last change; and only one that is not passive, and has the learned source's SSRC if it
 * has one. Refused, too, when others moved it LATCH_TRIES times in the meantime. `worker` is the
 * calling one: no two threads may give the same.
 */
static inline enum latch_pass
latch_accept(struct latch *latch, uint8_t worker, const struct latch_source *source,
	const struct latch_frame *frame, enum dp_latch mode, uint64_t interval_ns, uint64_t now_ns)
{
	for (unsigned i = 0; i < LATCH_TRIES; i++) {
		const uint64_t word = __atomic_load_n(&latch->word, __ATOMIC_ACQUIRE);
		struct latch_slot learned;

		if (likely(!latch_word_is_open(word))) {
			if (unlikely(!latch_load(latch, word, &learned)))
				continue;
			if (likely(latch_source_equal(&learned.source, source))) {
				if (frame->has_ssrc &&
					latch_ssrc_is_due(latch, word, learned.ssrc,
						learned.changed_ns, frame->ssrc, now_ns))
					latch_note_ssrc(
						latch, word, learned.ssrc, frame->ssrc, now_ns);
				return LATCH_SAME;
			}
			if (!latch_may_move(word, &learned, frame, mode, interval_ns, now_ns))
				return LATCH_REFUSED;
		} else if (frame->passive) {
			return LATCH_REFUSED;
		}
		if (latch_move(latch, word, worker, source, frame, now_ns))
			return LATCH_MOVED;
	}
	return LATCH_REFUSED;
}

/*
 * A latch is in the rings to control once, however often it moves: the worker that marks it puts it
 * there, and control takes the mark away before it reads the source. Both are exchanges, so that
 * one who finds the mark set has moved the word before control reads it. The sources that a flow
 * chooses from (failover.h) have such a mark, too.
 */

/* After a move, by its worker. Whether it is to go into the ring to control. */
static inline bool
latch_mark(uint32_t *notified)
{
	return __atomic_exchange_n(notified, 1, __ATOMIC_ACQ_REL) == 0;
}

/* Before control reads it. */
static inline void
latch_unmark(uint32_t *notified)
{
	__atomic_exchange_n(notified, 0, __ATOMIC_ACQ_REL);
}

/* What control is told of a latch whose word is `word`; `slot` NULL: it is open. */
static inline void
latch_tell(uint64_t word, const struct latch_slot *slot, struct dp_latched *latched)
{
	struct latch_link link;

	memset(latched, 0, sizeof(*latched));
	latched->moves = (uint32_t)(word >> LATCH_SLOT_BITS);
	latched->state = word;
	if (slot == NULL)
		return;
	memcpy(latched->src, slot->source.address, sizeof(latched->src));
	latched->src_port = (rte_be16_t)slot->source.port;
	latched->valid = 1;
	memcpy(&link, slot->link, sizeof(link));
	memcpy(latched->mac, link.src_mac, sizeof(latched->mac));
	latched->port = link.port;
	latched->vlan = link.vlan;
	latched->outer_vlan = link.outer_vlan;
	if (latch_ssrc_is_known(word, slot->ssrc)) {
		latched->has_ssrc = 1;
		latched->ssrc = (uint32_t)slot->ssrc;
	}
}

/*
 * What is learned, for control, at any time. Not valid when nothing is; or when it moves faster
 * than it can be read, LATCH_READ_TRIES times in a row.
 */
static inline void
latch_read(const struct latch *latch, struct dp_latched *latched)
{
	for (unsigned i = 0; i < LATCH_READ_TRIES; i++) {
		const uint64_t word = __atomic_load_n(&latch->word, __ATOMIC_ACQUIRE);
		struct latch_slot learned;

		latch_tell(word, NULL, latched);
		if (latch_word_is_open(word))
			return;
		if (!latch_load_all(latch, word, &learned))
			continue;
		latch_tell(word, &learned, latched);
		return;
	}
}

/* The same for a flow, which is moved by `by`: an SSRC of a former one has no say any more. */
static inline void
latch_tell_flow(struct dp_latched *latched, enum dp_latch_by by)
{
	if (!latch_is_by_ssrc(by))
		latched->has_ssrc = latched->ssrc = 0;
}

/*
 * Take any source again. *forgotten is what was learned, as latch_read() says; when workers moved
 * it LATCH_READ_TRIES times in the meantime it is forgotten unread. Control thread.
 */
static inline void
latch_forget(struct latch *latch, struct dp_latched *forgotten)
{
	const uint64_t slot_bits = (1u << LATCH_SLOT_BITS) - 1;

	for (unsigned i = 0; i < LATCH_READ_TRIES; i++) {
		uint64_t word = __atomic_load_n(&latch->word, __ATOMIC_ACQUIRE);
		struct latch_slot learned;

		latch_tell(word, NULL, forgotten);
		if (latch_word_is_open(word))
			return;
		if (!latch_load_all(latch, word, &learned) ||
			!__atomic_compare_exchange_n(&latch->word, &word, word & ~slot_bits, false,
				__ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
			continue;
		latch_tell(word, &learned, forgotten);
		latch_users_make_stale(latch, word & ~slot_bits);
		return;
	}
	latch_users_make_stale(
		latch, __atomic_and_fetch(&latch->word, ~slot_bits, __ATOMIC_ACQ_REL));
}

#endif
