/* SPDX-License-Identifier: BSD-3-Clause */
/* Clocks in nanoseconds, and a timer wheel. */
#ifndef CTRL_BASE_CLOCK_H
#define CTRL_BASE_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <time.h>

#define NS_PER_S UINT64_C(1000000000)

static inline uint64_t
clock_read_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

/*
 * The wheel: entries that are due at some time within the next minute, found without a scan of the
 * others. Pure: it knows no clock, times are given. An entry that is due further ahead than
 * WHEEL_AHEAD_NS_MAX expires early; its owner then inserts it again. Control thread.
 */
#define WHEEL_SLOTS 512 /* power of two */
#define WHEEL_SLOT_NS UINT64_C(125000000)
#define WHEEL_AHEAD_NS_MAX ((WHEEL_SLOTS - 2) * WHEEL_SLOT_NS)

/* All zero: in no wheel. */
struct wheel_entry {
	LIST_ENTRY(wheel_entry) links;
	uint64_t slot; /* number of the slot since time 0 */
};

struct wheel {
	LIST_HEAD(, wheel_entry) slots[WHEEL_SLOTS];
	uint64_t at; /* number of the first slot that may hold entries */
	unsigned n;
};

static inline bool
wheel_holds(const struct wheel_entry *entry)
{
	return entry->links.le_prev != NULL;
}

void wheel_init(struct wheel *wheel, uint64_t now_ns);

/* Insert an entry that is in no wheel, due at a time: never earlier, at most a slot later. */
void wheel_add(struct wheel *wheel, struct wheel_entry *entry, uint64_t due_ns, uint64_t now_ns);

/* Remove the entry, if it is in the wheel. */
void wheel_remove(struct wheel *wheel, struct wheel_entry *entry);

/* Remove an entry that is due; NULL: there is none. */
struct wheel_entry *wheel_take(struct wheel *wheel, uint64_t now_ns);

/* When wheel_take() has something next, which may be past; UINT64_MAX for an empty wheel. */
uint64_t wheel_next_ns(const struct wheel *wheel);

#endif
