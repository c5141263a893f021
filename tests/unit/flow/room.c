/* SPDX-License-Identifier: BSD-3-Clause */
#include "room.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

void
room_init(struct room *room)
{
	struct fault fault;

	memset(room, 0, sizeof(*room));
	fake_kernel_reset();
	room->dp = fake_dp_reset();
	strcpy(room->config.steered[0], "veth0");
	cr_assert_eq(ports_init(&room->ports, room->dp), 0);
	cr_assert_eq(steering_init(&room->steering, &room->config, &room->ports, &fault), 0);
	cr_assert_eq(
		flows_init(&room->flows, room->dp, &room->ports, &room->steering, NULL, &fault), 0);
	room->flows.commits = commits_create(&room->flows, NULL, NULL, 0);
	cr_assert_not_null(room->flows.commits);
}

void
room_fini(struct room *room)
{
	commits_destroy(room->flows.commits);
	flows_fini(&room->flows);
	cr_expect_eq(fake_steer()->n_keys, 0, "steering keys are left");
	cr_expect_eq(fake_steer()->n_sources, 0, "steering sources are left");
	cr_expect_eq(fake_steer()->n_ranges, 0, "steering ranges are left");
	steering_fini(&room->steering);
}

/* What a request is told when it is done; what it wants to know is asked for in `tell`. */
struct reported {
	int rc;
	struct fault *fault;
	void (*tell)(struct reported *reported, const struct proposal *proposal);
	room_removed_fn removed;
	room_left_fn left;
	struct flow_leg *legs;
	void *arg;
	unsigned n_calls;
};

static void
done(void *arg, struct proposal *proposal, const struct fault *fault)
{
	struct reported *reported = arg;

	reported->n_calls++;
	reported->rc = fault ? -1 : 0;
	if (fault)
		*reported->fault = *fault;
	else if (reported->tell)
		reported->tell(reported, proposal);
}

static int
asked(struct room *room, struct op *const *ops, size_t n, const char *member,
	struct reported *reported)
{
	struct proposal *proposal = proposal_create(NULL, "test", NULL, done, reported);

	for (size_t i = 0; i < n; i++)
		cr_assert_eq(proposal_add(proposal, ops[i], member,
				     member ? (uint32_t)i : UINT32_MAX, reported->fault),
			0);
	commits_submit(room->flows.commits, proposal);
	cr_assert_eq(reported->n_calls, 1, "told exactly once");
	return reported->rc;
}

static int
specs_asked(struct room *room, enum op_kind kind, struct flow_spec *const *specs, size_t n,
	struct fault *fault)
{
	struct reported reported = {.fault = fault};
	struct op **ops = calloc(n, sizeof(struct op *));
	int rc;

	for (size_t i = 0; i < n; i++)
		ops[i] = op_create_spec(kind, specs[i]);
	rc = asked(room, ops, n, "flows", &reported);
	free(ops);
	return rc;
}

int
room_install(struct room *room, struct flow_spec **specs, size_t n, struct fault *fault)
{
	return specs_asked(room, OP_INSTALL, specs, n, fault);
}

int
room_replace(struct room *room, struct flow_spec *const *specs, size_t n, struct fault *fault)
{
	return specs_asked(room, OP_REPLACE, specs, n, fault);
}

static void
removed_tell(struct reported *reported, const struct proposal *proposal)
{
	for (size_t i = 0; i < proposal->n_ops; i++) {
		const struct change *change = proposal->ops[i]->change;

		reported->removed(
			reported->arg, i, change->old_spec, &change->last, change->last_legs);
	}
}

int
room_remove(struct room *room, const char *const *ids, size_t n, room_removed_fn removed, void *arg,
	struct fault *fault)
{
	struct reported reported = {
		.fault = fault, .tell = removed_tell, .removed = removed, .arg = arg};
	struct op **ops = calloc(n, sizeof(struct op *));
	int rc;

	for (size_t i = 0; i < n; i++) {
		ops[i] = op_create_remove(ids[i]);
		ops[i]->reports = true;
	}
	rc = asked(room, ops, n, "ids", &reported);
	free(ops);
	return rc;
}

static void
joined_tell(struct reported *reported, const struct proposal *proposal)
{
	const struct op *op = proposal->ops[0];

	for (unsigned i = 0; i < op->n_legs; i++)
		memcpy(reported->legs[i].id, op->legs[i].id, sizeof(op->legs[i].id));
}

int
room_join(struct room *room, const char *id, struct flow_leg *legs, size_t n, struct fault *fault)
{
	struct reported reported = {.fault = fault, .tell = joined_tell, .legs = legs};
	struct flow_leg *copy = calloc(n, sizeof(*copy));
	struct op *op;

	memcpy(copy, legs, n * sizeof(*copy));
	op = op_create_join(id, copy, (unsigned)n);
	return asked(room, &op, 1, NULL, &reported);
}

static void
left_tell(struct reported *reported, const struct proposal *proposal)
{
	const struct op *op = proposal->ops[0];

	for (unsigned i = 0; i < op->n_legs; i++)
		reported->left(
			reported->arg, i, op->leg_ids[i], &op->change->last_legs[op->left[i]]);
}

int
room_leave(struct room *room, const char *id, const char *const *legs, size_t n, room_left_fn left,
	void *arg, struct fault *fault)
{
	struct reported reported = {.fault = fault, .tell = left_tell, .left = left, .arg = arg};
	struct op *op = op_create_leave(id, legs, (unsigned)n);

	return asked(room, &op, 1, NULL, &reported);
}

int
room_admin(struct room *room, const char *id, const char *leg, bool down, struct fault *fault)
{
	struct reported reported = {.fault = fault};
	struct op *op = op_create_admin(id, leg, down);

	return asked(room, &op, 1, NULL, &reported);
}

void
room_expect(const struct room *room, unsigned n_flows, int n_neighbours)
{
	cr_expect_eq(flow_db_count(&room->flows.db), n_flows, "set");
	cr_expect_eq(fake_dp_live(room->dp), n_flows, "data plane");
	cr_expect_eq(fake_steer()->n_keys + fake_steer()->n_ranges, n_flows, "steering");
	cr_expect_eq(fake_net()->n_kept, n_neighbours, "neighbours");
	cr_expect_null(room->dp->txn, "a transaction is open");
}
