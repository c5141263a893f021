/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A disk that fails on request: a layer over SQLite's access to files. It becomes the
 * default of all connections that are opened afterwards.
 */
#ifndef TESTS_UNIT_STORE_FAULTY_VFS_H
#define TESTS_UNIT_STORE_FAULTY_VFS_H

#include <stdbool.h>

enum faulty_kind {
	FAULTY_NONE,
	FAULTY_FULL, /* writes fail, as on a full disk */
	FAULTY_WRITE, /* writes fail */
	FAULTY_SYNC, /* fsync fails; what was written before stays */
	FAULTY_READ, /* reads fail */
	FAULTY_CRASH, /* a write is torn half-way, and nothing after it reaches the disk */
};

/* Once a process. */
void faulty_register(void);

/*
 * After `after` more operations of the kind one fails, or, if `lasting`, all from then on. Of
 * FAULTY_CRASH all that follows always fails. Any thread.
 */
void faulty_set(enum faulty_kind kind, unsigned after, bool lasting);

/* How many have failed since faulty_set(). */
unsigned faulty_count(void);

#endif
