/* SPDX-License-Identifier: BSD-3-Clause */
#include "room.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

void
room_init(struct room *room)
{
	room_init_on(room, NULL);
}

void
room_init_on(struct room *room, struct event_base *base)
{
	struct fault fault;

	memset(room, 0, sizeof(*room));
	fake_kernel_reset();
	room->dp = fake_dp_reset();
	strcpy(room->config.steered[0], "veth0");
	cr_assert_eq(ports_init(&room->ports, room->dp), 0);
	cr_assert_eq(steering_init(&room->steering, &room->config, &room->ports, &fault), 0);
	cr_assert_eq(
		flows_init(&room->flows, room->dp, &room->ports, &room->steering, base, &fault), 0);
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

struct change_item *
item_put(struct change *change, enum op_kind op, const char *id, size_t n_legs, const char *member)
{
	const uint32_t place = member ? (uint32_t)change->n_items : UINT32_MAX;
	struct fault fault;
	struct change_item *item =
		change_add(change, op, id, (unsigned)n_legs, member, place, &fault);

	cr_assert_not_null(item);
	return item;
}

void
item_put_spec(struct change *change, enum op_kind op, struct flow_spec *spec, const char *member)
{
	const uint32_t place = member ? (uint32_t)change->n_items : UINT32_MAX;
	struct fault fault;

	cr_assert_not_null(change_add_spec(change, op, spec, member, place, &fault));
}

void
item_leg_ids_set(struct change_item *item, const char *const *ids)
{
	for (unsigned i = 0; i < item->n_legs; i++)
		strcpy(item->leg_ids[i], ids[i]);
}

/* The result of a request; `read` copies what its test needs. */
struct reported {
	int rc;
	struct fault *fault;
	void (*read)(struct reported *reported, const struct change *change);
	room_removed_fn removed;
	room_left_fn left;
	struct flow_leg *legs;
	void *arg;
	unsigned n_calls;
};

static void
done(void *arg, struct change *change, const struct fault *fault)
{
	struct reported *reported = arg;

	reported->n_calls++;
	reported->rc = fault ? -1 : 0;
	if (fault)
		*reported->fault = *fault;
	else if (reported->read)
		reported->read(reported, change);
}

static struct change *
change_made(struct reported *reported)
{
	return change_create(NULL, "test", NULL, done, reported);
}

static int
asked(struct room *room, struct change *change, const struct reported *reported)
{
	commits_submit(room->flows.commits, change);
	cr_assert_eq(reported->n_calls, 1, "called exactly once");
	return reported->rc;
}

static int
specs_asked(struct room *room, enum op_kind op, struct flow_spec *const *specs, size_t n,
	struct fault *fault)
{
	struct reported reported = {.fault = fault};
	struct change *change = change_made(&reported);

	for (size_t i = 0; i < n; i++)
		item_put_spec(change, op, specs[i], "flows");
	return asked(room, change, &reported);
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
removed_read(struct reported *reported, const struct change *change)
{
	for (size_t i = 0; i < change->n_items; i++) {
		const struct change_item *item = item_outcome(change->items[i]);

		reported->removed(
			reported->arg, i, item->old_spec, &item->last->flow, item->last->legs);
	}
}

int
room_remove(struct room *room, const char *const *ids, size_t n, room_removed_fn removed, void *arg,
	struct fault *fault)
{
	struct reported reported = {
		.fault = fault, .read = removed_read, .removed = removed, .arg = arg};
	struct change *change = change_made(&reported);

	for (size_t i = 0; i < n; i++)
		item_put(change, OP_REMOVE, ids[i], 0, "ids")->reports = true;
	return asked(room, change, &reported);
}

static void
joined_read(struct reported *reported, const struct change *change)
{
	const struct change_item *item = change->items[0];

	for (unsigned i = 0; i < item->n_legs; i++)
		memcpy(reported->legs[i].id, item->legs[i].id, sizeof(item->legs[i].id));
}

int
room_join(struct room *room, const char *id, struct flow_leg *legs, size_t n, struct fault *fault)
{
	struct reported reported = {.fault = fault, .read = joined_read, .legs = legs};
	struct change *change = change_made(&reported);

	memcpy(item_put(change, OP_JOIN, id, n, NULL)->legs, legs, n * sizeof(*legs));
	return asked(room, change, &reported);
}

static void
left_read(struct reported *reported, const struct change *change)
{
	const struct change_item *item = change->items[0];

	for (unsigned i = 0; i < item->n_legs; i++)
		reported->left(
			reported->arg, i, item->leg_ids[i], &item->last->legs[item->left[i]]);
}

int
room_leave(struct room *room, const char *id, const char *const *legs, size_t n, room_left_fn left,
	void *arg, struct fault *fault)
{
	struct reported reported = {.fault = fault, .read = left_read, .left = left, .arg = arg};
	struct change *change = change_made(&reported);

	item_leg_ids_set(item_put(change, OP_LEAVE, id, n, NULL), legs);
	return asked(room, change, &reported);
}

int
room_admin(struct room *room, const char *id, const char *leg, bool down, struct fault *fault)
{
	struct reported reported = {.fault = fault};
	struct change *change = change_made(&reported);
	struct change_item *item = item_put(change, OP_ADMIN, id, leg != NULL, NULL);

	item->down = down;
	item_leg_ids_set(item, &leg);
	return asked(room, change, &reported);
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
