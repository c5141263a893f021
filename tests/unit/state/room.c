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
}

void
room_fini(struct room *room)
{
	flows_fini(&room->flows);
	cr_expect_eq(fake_steer()->n_keys, 0, "steering keys are left");
	cr_expect_eq(fake_steer()->n_ranges, 0, "steering ranges are left");
	steering_fini(&room->steering);
}

int
room_install(struct room *room, struct flow_spec **specs, size_t n, struct fault *fault)
{
	int rc = flows_install(&room->flows, specs, n, fault);

	for (size_t i = 0; rc < 0 && i < n; i++)
		free(specs[i]);
	return rc;
}

void
room_expect(const struct room *room, unsigned n_flows, int n_neighbours)
{
	cr_expect_eq(desired_count(&room->flows.desired), n_flows, "set");
	cr_expect_eq(fake_dp_live(room->dp), n_flows, "data plane");
	cr_expect_eq(fake_steer()->n_keys + fake_steer()->n_ranges, n_flows, "steering");
	cr_expect_eq(fake_net()->n_kept, n_neighbours, "neighbours");
	cr_expect_null(room->dp->txn, "a transaction is open");
}
