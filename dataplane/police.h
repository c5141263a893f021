/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A token bucket, kept as the time when it will be full again (GCRA): a packet moves that time by
 * what its bytes take at the rate, and is refused when it would then lie further ahead than the
 * burst takes. Time is counted in 2^-12 ns in 64 bits, which wrap after 52 days; differences are
 * what counts. A bucket that would be full later than its burst explains has been idle for so long
 * that the clock came round, and is full.
 *
 * Precision: the time of a byte has 8 bits more than the clock (error below 3e-5 at 400 Gbit/s);
 * that of a packet is rounded down to 2^-12 ns, which at 400 Gbit/s is 5e-4 of the least datagram.
 *
 * The first worker that meets a bucket owns it and updates full_at with plain loads and stores.
 * Another worker that meets it marks it as shared, for ever, and copies full_at to shared_full_at,
 * which all workers update by compare and swap from then on. What the owner has in its pipeline
 * when the bucket is marked may be missing from the copy: some packets, once in the life of the
 * bucket, however long either worker is held up.
 */
#ifndef DATAPLANE_POLICE_H
#define DATAPLANE_POLICE_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#include <rte_branch_prediction.h>
#include <rte_byteorder.h>
#include <rte_common.h>

#include <dp/flow.h>

#define POLICE_TIME_BITS 12 /* a unit of time is 2^-12 ns */
#define POLICE_COST_BITS 8 /* the time of a byte has so many bits more */
#define POLICE_TRIES 64 /* a failed one means that another worker took tokens */

/* How far the clocks of two workers may be apart, and one may go back: 2^30 ns, about 1 s. */
#define POLICE_SLACK (UINT64_C(1) << (30 + POLICE_TIME_BITS))

struct police {
	uint64_t full_at; /* until the bucket is shared; the owner writes it */
	uint64_t burst; /* time that an empty bucket takes to fill; below 2^61 */
	uint64_t cost; /* time of a byte, with POLICE_COST_BITS of fraction */
	union {
		struct {
			/* worker + 1 that met the bucket first, 0 = none yet; written once */
			uint8_t owner;
			uint8_t shared; /* 1: several workers have met it; written once */
		};
		uint16_t owner_shared; /* both: that of an owner alone is its own number */
	};
	uint8_t reserved[6];
	uint64_t shared_full_at; /* once it is shared; any worker writes it; 0 = no copy yet */
};
static_assert(sizeof(struct police) == 40, "one line with what policer.h adds");

/*
 * A full bucket. rate_bps is not 0. Within the ranges of struct dp_police nothing overflows: the
 * deepest burst takes 540,000 s, below 2^49 ns and so 2^61 units, and the longest datagram at the
 * lowest rate 66 s. Control thread, before workers see it.
 */
static inline void
police_init(struct police *police, const struct dp_police *config)
{
	static_assert(DP_BURST_PER_BPS_MAX * UINT64_C(8000000000) < UINT64_C(1) << 49,
		"the time of a burst fits");
	const uint64_t second = UINT64_C(8000000000) << (POLICE_TIME_BITS + POLICE_COST_BITS);
	const uint64_t cost = (second + config->rate_bps / 2) / config->rate_bps;
	const unsigned __int128 burst = (unsigned __int128)config->burst_bytes * cost;

	*police = (struct police){
		.cost = cost,
		/* Down, as packets are: those that add up to the burst pass. */
		.burst = (uint64_t)(burst >> POLICE_COST_BITS),
	};
}

/* Whether `bytes` are there at `now`; *full_at becomes what it is without them. */
static __rte_always_inline bool
police_spend(const struct police *police, uint64_t now, uint32_t bytes, uint64_t *full_at)
{
	const uint64_t time = (bytes * police->cost) >> POLICE_COST_BITS;
	uint64_t missing = *full_at - now; /* until it is full */

	/* Unsigned: what lies in the past is far ahead. */
	if (missing > police->burst + POLICE_SLACK)
		missing = 0;
	*full_at = now + missing + time;
	return missing + time <= police->burst;
}

/* As shared_full_at, where 0 has another meaning; the unit of time before it is as good. */
static inline uint64_t
police_shared_time(uint64_t full_at)
{
	return full_at != 0 ? full_at : UINT64_MAX;
}

/* The same for a bucket that other workers take from meanwhile. */
static __rte_noinline bool
police_take_shared(struct police *police, uint64_t now, uint32_t bytes)
{
	uint64_t before = __atomic_load_n(&police->shared_full_at, __ATOMIC_RELAXED);

	if (before == 0) {
		const uint64_t copy =
			police_shared_time(__atomic_load_n(&police->full_at, __ATOMIC_RELAXED));

		if (__atomic_compare_exchange_n(&police->shared_full_at, &before, copy, false,
			    __ATOMIC_RELAXED, __ATOMIC_RELAXED))
			before = copy;
	}
	for (unsigned i = 0; i < POLICE_TRIES; i++) {
		uint64_t after = before;

		if (!police_spend(police, now, bytes, &after))
			return false;
		if (__atomic_compare_exchange_n(&police->shared_full_at, &before,
			    police_shared_time(after), false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
			return true;
	}
	return false; /* as many others have just been served */
}

/* A worker meets a bucket that is not its alone: it becomes the owner, or the bucket is shared. */
static __rte_noinline bool
police_is_own(struct police *police, uint64_t now, uint8_t owner)
{
	uint8_t none = 0;

	if (__atomic_load_n(&police->owner, __ATOMIC_RELAXED) == 0 &&
		__atomic_compare_exchange_n(
			&police->owner, &none, owner, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
		/* Full from now on: the time was not known until now. */
		__atomic_store_n(&police->full_at, now, __ATOMIC_RELAXED);
		return true;
	}
	/* The mark before the copy, or the owner goes on taking from what has been copied. */
	if (__atomic_load_n(&police->shared, __ATOMIC_ACQUIRE) == 0)
		__atomic_exchange_n(&police->shared, 1, __ATOMIC_ACQ_REL);
	return false;
}

/*
 * Take `bytes` tokens, if so many are there at now_ns. false: they are not, and none is taken.
 * `owner` is the calling worker + 1. now_ns is a clock that all workers share; each may be late by
 * a second. Any worker.
 */
static __rte_always_inline bool
police_take(struct police *police, uint64_t now_ns, uint32_t bytes, uint8_t owner)
{
	const uint64_t now = now_ns << POLICE_TIME_BITS;
	uint64_t full_at;

	static_assert(RTE_BYTE_ORDER == RTE_LITTLE_ENDIAN, "the owner is the low byte");
	if (unlikely(__atomic_load_n(&police->owner_shared, __ATOMIC_ACQUIRE) != owner) &&
		!police_is_own(police, now, owner))
		return police_take_shared(police, now, bytes);
	full_at = __atomic_load_n(&police->full_at, __ATOMIC_RELAXED);
	if (!police_spend(police, now, bytes, &full_at))
		return false;
	__atomic_store_n(&police->full_at, full_at, __ATOMIC_RELAXED);
	return true;
}

/*
 * The bucket as it is at this moment, in a copy that belongs to `owner` alone: to see what it would
 * say to a packet. Any thread.
 */
static inline void
police_peek(const struct police *police, uint8_t owner, struct police *copy)
{
	const uint64_t shared = __atomic_load_n(&police->shared_full_at, __ATOMIC_RELAXED);

	*copy = (struct police){
		.full_at =
			shared != 0 ? shared : __atomic_load_n(&police->full_at, __ATOMIC_RELAXED),
		.burst = police->burst,
		.cost = police->cost,
		.owner = __atomic_load_n(&police->owner, __ATOMIC_RELAXED) == 0 ? 0 : owner,
	};
}

/* Bytes that are there at now_ns, in a bucket that is not taken from meanwhile. */
static inline uint64_t
police_left_bytes(const struct police *police, uint64_t now_ns)
{
	uint64_t missing = police->full_at - (now_ns << POLICE_TIME_BITS);

	if (police->owner == 0 || missing > police->burst + POLICE_SLACK)
		missing = 0;
	if (missing >= police->burst)
		return 0;
	return (uint64_t)(((unsigned __int128)(police->burst - missing) << POLICE_COST_BITS) /
			  police->cost);
}

#endif
