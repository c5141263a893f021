/* SPDX-License-Identifier: BSD-3-Clause */
/* What the store holds, as plain data: flows as texts, and generations of changes to them. */
#ifndef CTRL_STORE_TYPES_H
#define CTRL_STORE_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/actor.h"

#define STORE_PATH_MAX 512
#define STORE_REASON_MAX 256
#define STORE_METHOD_MAX 32
#define STORE_COMMENT_MAX 201
#define STORE_TAG_MAX 33

/* What a generation restored; the values are those of the file. */
enum store_return {
	STORE_RETURN_NONE, /* it is a change like others */
	STORE_RETURN_TO, /* all flows are as `returned` left them */
	STORE_RETURN_OF, /* the flows that `returned` changed are as before it; others stay */
};

/* A generation: a number greater than that of every one before it, who, when, and what for. */
struct store_generation {
	uint64_t number;
	uint64_t time_ns; /* CLOCK_REALTIME */
	struct actor actor;
	char method[STORE_METHOD_MAX];
	char comment[STORE_COMMENT_MAX];
	uint64_t added;
	uint64_t changed;
	uint64_t removed;
	enum store_return returns;
	uint64_t returned; /* the generation of which `returns` speaks */
	bool declared; /* a declaration made it */
	char tag[STORE_TAG_MAX]; /* "" = none; not written by store_batch_generation() */
};

/* A generation that holds only if it is confirmed in time. */
struct store_confirm {
	uint64_t generation; /* the unconfirmed one */
	uint64_t previous; /* where to return to */
	uint64_t deadline_ns; /* CLOCK_REALTIME, as it was when the generation was made */
	uint64_t within_ns; /* from then on: no restart waits for longer */
};

struct store_flow {
	const char *id;
	const char *text; /* NULL = the flow does not exist (before a change) */
	size_t bytes; /* of the text, without its final NUL */
	uint64_t last_leg;
	bool declared;
};

/* A local port, and when it was released last. */
struct store_released {
	const char *place; /* a text that says which; the store does not read it */
	uint64_t time_ns; /* CLOCK_REALTIME */
};

/* What store_open() found. */
enum store_condition {
	STORE_FRESH, /* nothing was there; an empty store was made */
	STORE_OK, /* a store that is whole */
	STORE_SALVAGED, /* damaged; all flows of its last generation could be read, history lost */
	STORE_COPY, /* damaged or gone; the flows are those of the checked copy */
	STORE_LOST, /* damaged, and nothing could be read: the store is empty */
};

struct store_report {
	enum store_condition condition;
	unsigned migrated_from; /* older version of the file's layout; 0 = it was ours */
	uint64_t generation; /* the last one that is there */
	/* The highest generation that the damaged store named; 0 = not known, or not damaged. */
	uint64_t damaged_generation;
	char reason[STORE_REASON_MAX]; /* what is damaged; "" = nothing */
	char moved_to[STORE_PATH_MAX]; /* where the damaged store is now; "" = nowhere */
};

#endif
