/* SPDX-License-Identifier: BSD-3-Clause */
/* The room of flows over a fake data plane and a fake kernel, and the state it must be in. */
#ifndef TESTS_STATE_ROOM_H
#define TESTS_STATE_ROOM_H

#include "fake_dp.h"
#include "fake_kernel.h"
#include "flow_json.h"
#include "state/flows.h"

struct room {
	struct dp *dp;
	struct config config; /* p0 is steered */
	struct ports ports;
	struct steering steering;
	struct flows flows;
};

void room_init(struct room *room);
void room_fini(struct room *room);

/* Install flows of one request; the specs are freed when it is refused. */
int room_install(struct room *room, struct flow_spec **specs, size_t n, struct fault *fault);

/*
 * n flows are installed, with that many different neighbours behind their legs, and nothing is
 * left of any other: data plane, steering, neighbours and set agree.
 */
void room_expect(const struct room *room, unsigned n_flows, int n_neighbours);

#endif
