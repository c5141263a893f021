/* SPDX-License-Identifier: BSD-3-Clause */
#include "asked.h"

#include <criterion/criterion.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "flow/commit.h"

struct room room;
struct commits *commits;
struct store *store;
static struct event_base *base;

void
asked_setup(void)
{
	room_init(&room);
	base = event_base_new();
	commits_destroy(room.flows.commits);
	store = fake_store_reset();
	commits = commits_create(&room.flows, store, base, 0);
	room.flows.commits = commits;
	if (getenv("SLICED"))
		commits_slice_set(commits, 0);
}

void
asked_teardown(void)
{
	room_fini(&room);
	event_base_free(base);
}

static void
reported(void *arg, struct proposal *proposal, const struct fault *fault)
{
	struct asked *asked = arg;

	asked->n_told++;
	asked->rc = fault ? -1 : 0;
	if (fault)
		asked->fault = *fault;
	asked->generation = proposal->generation;
	asked->added = proposal->added;
	asked->changed = proposal->changed;
	asked->removed = proposal->removed;
	asked->left_out = proposal->left_out;
}

struct proposal *
proposal_made(struct asked *asked)
{
	memset(asked, 0, sizeof(*asked));
	return proposal_create(NULL, "test", NULL, reported, asked);
}

void
op_put(struct proposal *proposal, struct op *op)
{
	struct fault fault;

	cr_assert_eq(proposal_add(proposal, op, "flows", (uint32_t)proposal->n_ops, &fault), 0);
}

void
spec_put(struct proposal *proposal, enum op_kind kind, const char *id, int port, int last)
{
	op_put(proposal, op_create_spec(kind, flow_spec_made(id, port, last)));
}

struct proposal *
installing(struct asked *asked, const char *id, int port)
{
	struct proposal *proposal = proposal_made(asked);

	spec_put(proposal, OP_INSTALL, id, port, 7);
	return proposal;
}

void
round_once(void)
{
	event_base_loop(base, EVLOOP_NONBLOCK);
}

void
rounds(void)
{
	for (unsigned i = 0; i < 1000 && fake_store_waiting() == 0; i++)
		round_once();
}

void
submit_and_write(struct proposal *proposal)
{
	commits_submit(commits, proposal);
	rounds();
	fake_store_answer(NULL);
	rounds();
}

void
installed(const char *id, int port)
{
	struct asked asked;

	submit_and_write(installing(&asked, id, port));
	cr_assert_eq(asked.rc, 0, "%s", asked.fault.message);
}
