/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Relays as items of a change: a relay comes, changes and goes as the flows that it consists of
 * (relay_flows.h), all in the change that names it. Control thread.
 */
#ifndef CTRL_FLOW_RELAY_CHANGE_H
#define CTRL_FLOW_RELAY_CHANGE_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "base/fault.h"
#include "flow/change.h"

/*
 * Add the items of a relay that has passed the schema and stands at "/MEMBER/PLACE": OP_INSTALL of
 * one whose id is free, OP_REPLACE of one that is there, or OP_SET of one that is declared. 0, or
 * -1 with *fault set, its pointer relative to the relay.
 */
int relay_change_put(struct change *change, enum op_kind op, const json_t *relay,
	const char *member, uint32_t place, struct fault *fault);

/*
 * Receivers of a request {"id", "side", "receivers"} that join, and of {"id", "side", "names"} that
 * leave, which stands at "/MEMBER/PLACE". 0, or -1 with *fault set, its pointer relative to that.
 */
int relay_change_join(struct change *change, const json_t *params, const char *member,
	uint32_t place, struct fault *fault);
int relay_change_leave(struct change *change, const json_t *params, const char *member,
	uint32_t place, struct fault *fault);

/* The same to remove the relay of that id; its final figures are wanted if `reports`. */
int relay_change_remove(struct change *change, const char *id, bool reports, const char *member,
	uint32_t place, struct fault *fault);

/*
 * Whether flows of a relay, in the order of enum relay_flow and NULL where there is none, are one:
 * all that it has are there, or none, each sends from where the other one receives, and RTCP is on
 * the next ports.
 */
bool relay_specs_fit(const struct flow_spec *const specs[]);

#endif
