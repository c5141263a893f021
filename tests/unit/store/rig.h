/* SPDX-License-Identifier: BSD-3-Clause */
/* A store in a directory of its own, and short ways to fill it and to look at it. */
#ifndef TESTS_UNIT_STORE_RIG_H
#define TESTS_UNIT_STORE_RIG_H

#include "store/read.h"

struct rig {
	struct event_base *base;
	struct store *store;
	struct store_report report;
	struct fault fault; /* of the last thing that failed */
	char directory[64];
	char path[96]; /* "" = in memory */
	bool done; /* the last batch submitted through here */
	bool failed; /* that one */
};

/* Makes the directory, opens nothing. */
void rig_init(struct rig *rig);
/* Closes the store if it is open, removes the directory. */
void rig_fini(struct rig *rig);

/* Open and close; rig_open() expects to succeed. rig_try() returns what store_open() says. */
void rig_open(struct rig *rig);
bool rig_try(struct rig *rig);
void rig_close(struct rig *rig);

/* A batch that begins generation `number`. */
struct store_batch *rig_batch(uint64_t number);
void rig_put(struct store_batch *batch, const char *id, const char *text);

/* Submit and run the loop until it is done: true when it is durable. */
bool rig_submit(struct rig *rig, struct store_batch *batch);

/* One generation that puts, or with text NULL removes, one flow. Expects to succeed. */
void rig_commit(struct rig *rig, uint64_t number, const char *id, const char *text);

/* Give a generation a tag, "" for none: true when that is durable. */
bool rig_tag(struct rig *rig, uint64_t number, const char *tag);

/* Expect these flows in this order, as "id=text id=text". */
void rig_expect_flows(struct rig *rig, const char *expected);

/* Expect what a rollback to the generation would do, as "id=text id-" (gone). */
void rig_expect_rollback(struct rig *rig, uint64_t generation, const char *expected);

/* PATH plus a suffix. Static storage. */
const char *rig_file(const struct rig *rig, const char *suffix);

/* Whether a file of that name in the directory begins so. */
bool rig_has_file(const struct rig *rig, const char *beginning);

#endif
