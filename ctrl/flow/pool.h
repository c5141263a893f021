/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Pools of local UDP ports, which are given to whoever needs one: of those that are free the one
 * that was released least recently, and none before its quarantine is over, so that late packets
 * of one call never reach the next.
 *
 * A pool has the same range of ports at each of its addresses. Its places are single ports, or
 * pairs of an even port and the odd one above it (RTP and RTCP, RFC 3550, 11), which are given and
 * released together. Whoever has a place is its owner, named by a text: the id of a flow. A place
 * is held once for each flow, or version of a flow, that uses it, and is free when no hold is left.
 * A port that a flow names without the pool is not given to others as long as it is held.
 *
 * Nothing here does I/O or reads a clock. All times are ns of CLOCK_MONOTONIC. Each call takes a
 * constant time, whatever the size of the pools; addresses of one pool and pools of one address,
 * which are few, are walked over. Control thread.
 */
#ifndef CTRL_FLOW_POOL_H
#define CTRL_FLOW_POOL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/fault.h"
#include "config/pool_config.h"

#define POOL_OWNER_MAX 72 /* an id with a prefix, and the end */
#define POOL_PLACE_TEXT_MAX (ADDRESS_TEXT_MAX + 6)
#define POOL_QUARANTINE_S_MAX 86400 /* as the schema of the configuration has it */

struct pools;

struct pool_place {
	uint8_t family; /* 4 or 6 */
	uint8_t address[16]; /* network order; IPv4 in the first four bytes */
	uint16_t port; /* network order */
};

/* In places: ports, or pairs. */
struct pool_usage {
	const struct pool_config *config;
	uint32_t size;
	uint32_t given; /* to owners that named the pool */
	uint32_t named; /* held by flows that name the port without the pool */
	uint32_t quarantined;
	uint32_t free;
};

/* The configurations are borrowed. NULL without memory. */
struct pools *pools_create(const struct pool_config *configs, unsigned n);

/* NULL is allowed. */
void pools_destroy(struct pools *pools);

/* How many pools there are; pools NULL: none. */
unsigned pools_count(const struct pools *pools);

/* The configuration of the pool of that name; NULL: there is none. pools NULL is allowed. */
const struct pool_config *pools_find(const struct pools *pools, const char *name);

/* Usage of pool number i. */
void pools_usage_get(struct pools *pools, unsigned i, uint64_t now_ns, struct pool_usage *usage);

/*
 * Give a free place of a pool to `owner`, and hold it once. *place says what is wanted: family 0
 * anything, else a place at that address and, if the port is not 0, that port if it is free. It is
 * filled in; of a pair, port is the even one. The owner is copied, cut to POOL_OWNER_MAX. 0, or -1
 * with *fault set, its pointer "": FAULT_NOT_FOUND (no such pool, or it does not have that
 * address), FAULT_NO_ROOM (exhausted).
 */
int pools_take(struct pools *pools, const char *name, const char *owner, uint64_t now_ns,
	struct pool_place *place, struct fault *fault);

/*
 * Hold a place that is named, in quarantine or not: of the pool of that name, or with name NULL of
 * whichever pool it is in, if any. The odd port of a pair stands for the pair. Refused if the place
 * has another owner, unless all holds of it are leaving; flows that do not name the pool may hold a
 * place together. With `restores` a place that is not in the pool, or has another owner, is no
 * fault: who has it got it before the configuration was what it is now. 0, or -1 with *fault set,
 * its pointer "": FAULT_NOT_FOUND (as above), FAULT_INVALID_VALUE (not in its range),
 * FAULT_CONFLICT. What is in no pool is not held, and ignored by the functions below.
 */
int pools_reserve(struct pools *pools, const char *name, const char *owner, bool restores,
	const struct pool_place *place, struct fault *fault);

/*
 * Write the text by which pools_released() knows the place in a later run; the odd port of a pair
 * stands for the pair. False: it is in no pool, or pools is NULL.
 */
bool pools_format(
	const struct pools *pools, const struct pool_place *place, char text[POOL_PLACE_TEXT_MAX]);

/*
 * A place was released `ago_ns` ago, in an earlier run: it is in quarantine for what is left of
 * that, and given after those that were released before. To be called for the one first that has
 * been so for longest, before any place is held. False, and nothing was done: the text is of no
 * place of the pools; pools NULL is allowed.
 */
bool pools_released(struct pools *pools, const char *text, uint64_t ago_ns, uint64_t now_ns);

/*
 * Give back a hold of an owner that named the pool (`given`) or did not. `used`: packets may have
 * been received there, so that the place is in quarantine once no hold is left; if it never was
 * used it returns to where it was, and is the first to be given.
 */
void pools_release(struct pools *pools, const struct pool_place *place, bool given, bool used,
	uint64_t now_ns);

/*
 * A hold is to be released if the change that is being made is committed, so that the change may
 * reserve the place for another owner, or take it if the pool has no quarantine; if it is not
 * committed, it stays with the owner that it had; if it is, the hold is given back.
 */
void pools_leave(struct pools *pools, const struct pool_place *place);
void pools_stay(struct pools *pools, const struct pool_place *place, const char *owner);
void pools_left(struct pools *pools, const struct pool_place *place, bool given, uint64_t now_ns);

#endif
