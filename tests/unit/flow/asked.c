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
reported(void *arg, struct change *change, const struct fault *fault)
{
	struct asked *asked = arg;

	asked->n_called++;
	asked->rc = fault ? -1 : 0;
	if (fault)
		asked->fault = *fault;
	asked->generation = change->generation.number;
	asked->added = change->generation.added;
	asked->changed = change->generation.changed;
	asked->removed = change->generation.removed;
	asked->left_out = change->left_out;
}

struct change *
change_made(struct asked *asked)
{
	memset(asked, 0, sizeof(*asked));
	return change_create(NULL, "test", NULL, reported, asked);
}

void
spec_put(struct change *change, enum op_kind op, const char *id, int port, int last)
{
	item_put_spec(change, op, flow_spec_made(id, port, last), "flows");
}

struct change *
installing(struct asked *asked, const char *id, int port)
{
	struct change *change = change_made(asked);

	spec_put(change, OP_INSTALL, id, port, 7);
	return change;
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
submit_and_write(struct change *change)
{
	commits_submit(commits, change);
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
