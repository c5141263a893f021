/* SPDX-License-Identifier: BSD-3-Clause */
/* The room of flows with a store and an event loop, and changes that say what became of them. */
#ifndef TESTS_FLOW_ASKED_H
#define TESTS_FLOW_ASKED_H

#include "fake_store.h"
#include "room.h"

struct asked {
	unsigned n_called;
	int rc;
	struct fault fault;
	uint64_t generation, added, changed, removed, left_out;
};

extern struct room room;
extern struct commits *commits;
extern struct store *store;

/* Of each test. With SLICED in the environment a slice is over after each piece of work. */
void asked_setup(void);
void asked_teardown(void);

/* A change without items, whose outcome goes to *asked. */
struct change *change_made(struct asked *asked);
void spec_put(struct change *change, enum op_kind op, const char *id, int port, int last);
struct change *installing(struct asked *asked, const char *id, int port);

/* Let the loop go round once, and until the store is asked or nothing is left to do. */
void round_once(void);
void rounds(void);

void submit_and_write(struct change *change);
void installed(const char *id, int port);

#endif
