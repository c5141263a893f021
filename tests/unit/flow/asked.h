/* SPDX-License-Identifier: BSD-3-Clause */
/* The room of flows with a store and an event loop, and proposals that say what became of them. */
#ifndef TESTS_FLOW_ASKED_H
#define TESTS_FLOW_ASKED_H

#include "fake_store.h"
#include "room.h"

struct asked {
	unsigned n_told;
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

/* A proposal without operations, told into *asked. */
struct proposal *proposal_made(struct asked *asked);
void op_put(struct proposal *proposal, struct op *op);
void spec_put(struct proposal *proposal, enum op_kind kind, const char *id, int port, int last);
struct proposal *installing(struct asked *asked, const char *id, int port);

/* Let the loop go round once, and until the store is asked or nothing is left to do. */
void round_once(void);
void rounds(void);

void submit_and_write(struct proposal *proposal);
void installed(const char *id, int port);

#endif
