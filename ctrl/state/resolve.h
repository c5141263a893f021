/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The next hops that one request needs from the kernel, each asked for once and all together, so
 * that a request of thousands of legs waits for its neighbours once.
 */
#ifndef CTRL_STATE_RESOLVE_H
#define CTRL_STATE_RESOLVE_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/netlink.h"
#include "schema/fault.h"
#include "state/flow_spec.h"
#include "state/ports.h"

/* What the kernel is asked; hashed as bytes. */
struct hop_request {
	uint32_t ifindex;
	uint16_t vlan;
	uint16_t outer_vlan;
	uint8_t family;
	uint8_t has_gateway;
	uint8_t reserved[2];
	uint8_t dst[16];
	uint8_t gateway[16];
};

static_assert(sizeof(struct hop_request) == 44, "no padding in what is hashed");

struct hop_wanted;

struct resolve {
	struct hop_wanted *wanted;
	struct net_hop *hops;
	size_t n;
	size_t room;
};

void resolve_init(struct resolve *resolve);
void resolve_fini(struct resolve *resolve);

/* What to ask for a leg; false when the leg does not need the kernel (static, or multicast). */
bool hop_request_make(
	const struct flow_leg *leg, const struct ports *ports, struct hop_request *request);

/* Ask for this too, if nobody asked yet. 0 or -ENOMEM. */
int resolve_add(struct resolve *resolve, const struct hop_request *request);

/* Ask the kernel for all of them, and wait at most that long. */
void resolve_run(struct resolve *resolve, struct net *net, unsigned timeout_ms);

/* The answer to a request that was added; borrowed until resolve_fini(). */
const struct net_hop *resolve_find(
	const struct resolve *resolve, const struct hop_request *request);

/* Say why a leg's hop was not resolved, relative to the leg. Always returns -1. */
int resolve_fault(const struct net_hop *hop, const struct flow_leg *leg, struct fault *fault);

#endif
