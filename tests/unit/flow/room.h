/* SPDX-License-Identifier: BSD-3-Clause */
/* The room of flows over a fake data plane and a fake kernel, and the state it must be in. */
#ifndef TESTS_FLOW_ROOM_H
#define TESTS_FLOW_ROOM_H

#include "fake_dp.h"
#include "fake_kernel.h"
#include "flow/commit.h"
#include "flow_json.h"

struct room {
	struct dp *dp;
	struct config config; /* p0 is steered */
	struct ports ports;
	struct steering steering;
	struct flows flows;
};

void room_init(struct room *room);
void room_init_on(struct room *room, struct event_base *base); /* its timers are due there */
void room_fini(struct room *room);

/* Add an item to a change at "/MEMBER/N"; NULL: it is all of the request. */
struct change_item *item_put(
	struct change *change, enum op_kind op, const char *id, size_t n_legs, const char *member);
void item_put_spec(
	struct change *change, enum op_kind op, struct flow_spec *spec, const char *member);
void item_leg_ids_set(struct change_item *item, const char *const *ids);

/*
 * Requests, done when they return: 0, or -1 with *fault set, its pointer relative to the request.
 * Specs are taken over, also when they are refused; those that were installed stay to be read.
 */
int room_install(struct room *room, struct flow_spec **specs, size_t n, struct fault *fault);
int room_replace(struct room *room, struct flow_spec *const *specs, size_t n, struct fault *fault);

/* What was removed, the i-th of the request. */
typedef void (*room_removed_fn)(void *arg, size_t i, const struct flow_spec *spec,
	const struct dp_flow_stats *stats, const struct dp_leg_stats *legs);
int room_remove(struct room *room, const char *const *ids, size_t n, room_removed_fn removed,
	void *arg, struct fault *fault);

/* The ids that were given are filled in. */
int room_join(
	struct room *room, const char *id, struct flow_leg *legs, size_t n, struct fault *fault);
typedef void (*room_left_fn)(void *arg, size_t i, const char *id, const struct dp_leg_stats *stats);
int room_leave(struct room *room, const char *id, const char *const *legs, size_t n,
	room_left_fn left, void *arg, struct fault *fault);
int room_admin(struct room *room, const char *id, const char *leg, bool down, struct fault *fault);

/*
 * n flows are installed, with that many different neighbours behind their legs, and nothing is
 * left of any other: data plane, steering, neighbours and set agree.
 */
void room_expect(const struct room *room, unsigned n_flows, int n_neighbours);

#endif
