/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The sources that a flow chooses from, and which of them is active: read and changed by several
 * workers, none of which waits. docs/adr/0024-source-failover.md
 *
 * One word says which source is active, and since when. A worker makes another one active by
 * compare and swap, with the word by which it decided. Each source has a line of its own, as one
 * worker receives it, in the ordinary case. What a worker sees of another one's line is as old as
 * its round at most.
 */
#ifndef DATAPLANE_FAILOVER_H
#define DATAPLANE_FAILOVER_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <rte_branch_prediction.h>
#include <rte_common.h>

#include <dp/flow.h>
#include <dp/stats.h>

#include "latch.h"

/* The word: microseconds of the workers' clock, and in the low byte of the last switch: */
#define FAILOVER_ACTIVE 7u /* index of the active source */
#define FAILOVER_PREVIOUS_SHIFT 3 /* that of the one before */
#define FAILOVER_RETURNED (1u << 6)
#define FAILOVER_TIME_SHIFT 8
#define FAILOVER_NS_PER_US 1000
static_assert(DP_SOURCES_MAX <= FAILOVER_ACTIVE + 1, "an index has three bits");

/* Times of a source; relaxed words, all 0 before its first packet. */
struct failover_seen {
	uint64_t last_ns; /* its last packet */
	uint64_t since_ns; /* the first one after the last gap of the time-out */
} __rte_cache_aligned;

/* A worker's own: packets of each source. */
struct failover_counts {
	uint64_t packets[DP_SOURCES_MAX];
} __rte_cache_aligned;

/* Held by the versions of a flow that have the same sources (shared.h). */
struct failover {
	/* What does not change. */
	struct latch_source sources[DP_SOURCES_MAX]; /* port 0: any */
	uint64_t cookie; /* latch_cookie of the flow */
	unsigned n;
	/* The workers'. */
	uint64_t word __rte_cache_aligned;
	uint64_t switches;
	uint32_t notified; /* as of a latch */
	struct failover_seen seen[DP_SOURCES_MAX];
	struct failover_counts counts[]; /* [worker] */
};

/* How long a source may be silent, and how long a better one has to send before it is active. */
struct failover_times {
	uint64_t timeout_ns;
	uint64_t return_ns; /* 0: it does not come back by itself */
};

/* What becomes of a packet of one of the sources. */
enum failover_pass {
	FAILOVER_ACTIVE_SOURCE,
	FAILOVER_TAKES_OVER, /* it is active now, as the other one is silent */
	FAILOVER_RETURNS, /* it is active now, as it is preferred and is back */
	FAILOVER_STANDBY,
};

/* Memory of n_workers, zero at first. */
static inline size_t
failover_bytes(unsigned n_workers)
{
	return sizeof(struct failover) + n_workers * sizeof(struct failover_counts);
}

/* The index of this source; -1: it is none of them. */
static inline int
failover_find(const struct failover *failover, const struct latch_source *source)
{
	for (unsigned i = 0; i < failover->n; i++) {
		const struct latch_source *at = &failover->sources[i];

		if (at->address[0] == source->address[0] && at->address[1] == source->address[1] &&
			(at->port == 0 || at->port == source->port))
			return (int)i;
	}
	return -1;
}

/* Signed: a worker's clock may be behind that of another one. */
static __rte_always_inline bool
failover_is_past(uint64_t since_ns, uint64_t ns, uint64_t now_ns)
{
	return (int64_t)(now_ns - since_ns) >= (int64_t)ns;
}

/* Note a packet of source i. Returns since when it has sent without a gap. */
static inline uint64_t
failover_note(struct failover *failover, unsigned i, uint64_t timeout_ns, uint64_t now_ns)
{
	struct failover_seen *seen = &failover->seen[i];
	const uint64_t last_ns = __atomic_load_n(&seen->last_ns, __ATOMIC_RELAXED);
	uint64_t since_ns = __atomic_load_n(&seen->since_ns, __ATOMIC_RELAXED);

	if (unlikely(since_ns == 0) || unlikely(failover_is_past(last_ns, timeout_ns, now_ns))) {
		since_ns = now_ns;
		__atomic_store_n(&seen->since_ns, now_ns, __ATOMIC_RELAXED);
	}
	/* Once a round. */
	if (last_ns != now_ns)
		__atomic_store_n(&seen->last_ns, now_ns, __ATOMIC_RELAXED);
	return since_ns;
}

/*
 * The active source has sent nothing for so long. One that never sent is given its time from the
 * first packet of another one on.
 */
static inline bool
failover_is_silent(struct failover *failover, unsigned active, uint64_t timeout_ns, uint64_t now_ns)
{
	uint64_t last_ns = __atomic_load_n(&failover->seen[active].last_ns, __ATOMIC_RELAXED);

	if (unlikely(last_ns == 0))
		return !__atomic_compare_exchange_n(&failover->seen[active].last_ns, &last_ns,
			       now_ns, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED) &&
		       failover_is_past(last_ns, timeout_ns, now_ns);
	return failover_is_past(last_ns, timeout_ns, now_ns);
}

/* A packet of source i, which is not the active one of `word`, and has sent since since_ns. */
static __rte_noinline enum failover_pass
failover_switch(struct failover *failover, uint64_t word, unsigned i, uint64_t since_ns,
	const struct failover_times *times, uint64_t now_ns)
{
	const unsigned active = word & FAILOVER_ACTIVE;
	enum failover_pass pass = FAILOVER_STANDBY;
	uint64_t next = now_ns / FAILOVER_NS_PER_US << FAILOVER_TIME_SHIFT |
			active << FAILOVER_PREVIOUS_SHIFT | i;

	if (failover_is_silent(failover, active, times->timeout_ns, now_ns)) {
		pass = FAILOVER_TAKES_OVER;
	} else if (i < active && times->return_ns != 0 &&
		   failover_is_past(since_ns, times->return_ns, now_ns)) {
		pass = FAILOVER_RETURNS;
		next |= FAILOVER_RETURNED;
	}
	if (pass == FAILOVER_STANDBY)
		return pass;
	if (!__atomic_compare_exchange_n(
		    &failover->word, &word, next, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
		return (word & FAILOVER_ACTIVE) == i ? FAILOVER_ACTIVE_SOURCE : FAILOVER_STANDBY;
	__atomic_fetch_add(&failover->switches, 1, __ATOMIC_RELEASE);
	return pass;
}

/* Whether a packet of source i, that worker `worker` has received, passes. */
static inline enum failover_pass
failover_accept(struct failover *failover, unsigned worker, unsigned i,
	const struct failover_times *times, uint64_t now_ns)
{
	uint64_t *packets = &failover->counts[worker].packets[i];
	const uint64_t since_ns = failover_note(failover, i, times->timeout_ns, now_ns);
	const uint64_t word = __atomic_load_n(&failover->word, __ATOMIC_ACQUIRE);

	__atomic_store_n(packets, *packets + 1, __ATOMIC_RELAXED);
	if (likely((word & FAILOVER_ACTIVE) == i))
		return FAILOVER_ACTIVE_SOURCE;
	return failover_switch(failover, word, i, since_ns, times, now_ns);
}

/* Time since then; 0 where the caller's clock is behind that of a worker. */
static inline uint64_t
failover_age(uint64_t since_ns, uint64_t now_ns)
{
	return failover_is_past(since_ns, 0, now_ns) ? now_ns - since_ns : 0;
}

/* What control is told, by the workers' clock. Any thread, at any time. */
static inline void
failover_read(const struct failover *failover, unsigned n_workers, uint64_t now_ns,
	struct dp_sources *out)
{
	/* In this order: a switch that is counted is in the word. */
	const uint64_t switches = __atomic_load_n(&failover->switches, __ATOMIC_ACQUIRE);
	const uint64_t word = __atomic_load_n(&failover->word, __ATOMIC_ACQUIRE);

	memset(out, 0, sizeof(*out));
	out->switches = switches;
	out->active = word & FAILOVER_ACTIVE;
	out->previous = word >> FAILOVER_PREVIOUS_SHIFT & FAILOVER_ACTIVE;
	out->returned = (word & FAILOVER_RETURNED) != 0;
	if (word != 0)
		out->active_ns =
			failover_age((word >> FAILOVER_TIME_SHIFT) * FAILOVER_NS_PER_US, now_ns);
	out->n = (uint8_t)failover->n;
	for (unsigned i = 0; i < failover->n; i++) {
		for (unsigned w = 0; w < n_workers; w++)
			out->of[i].packets +=
				__atomic_load_n(&failover->counts[w].packets[i], __ATOMIC_RELAXED);
		if (out->of[i].packets > 0)
			out->of[i].silent_ns = failover_age(
				__atomic_load_n(&failover->seen[i].last_ns, __ATOMIC_RELAXED),
				now_ns);
	}
}

#endif
