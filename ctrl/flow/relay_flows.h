/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A relay between two sides as the flows that it consists of: one for each direction, and two more
 * when RTCP has UDP ports of its own. A relay is stored as its flows only, which have its id and
 * say all that it says; here each is derived from the other. The flow of a side takes what comes to
 * that side's local address; its one leg sends from the local address of the other side to where
 * the other side's packets come from. A side may leave its local port to a pool: then the match of
 * its flow says so, and the leg of the other flow is without its source (local_port.h). Pure
 * functions, any thread.
 */
#ifndef CTRL_FLOW_RELAY_FLOWS_H
#define CTRL_FLOW_RELAY_FLOWS_H

#include <stddef.h>

#include <jansson.h>

#include "base/fault.h"

enum relay_flow {
	RELAY_A,
	RELAY_B,
	RELAY_A_RTCP,
	RELAY_B_RTCP,
	RELAY_FLOWS, /* at most, and of a relay with rtcp: next */
};

#define RELAY_FLOWS_LEAST 2

/* The flow of the other direction. */
#define RELAY_OTHER(flow) ((enum relay_flow)((flow) ^ 1))

/* "a", "b", "a-rtcp" and "b-rtcp". Static storage. */
const char *relay_flow_name(enum relay_flow flow);

/* The same as members of what is said of a relay: "a_rtcp". */
const char *relay_flow_member(enum relay_flow flow);

/* Write the id of a relay's flow, "RELAY:a-rtcp", with its end in at most `size` bytes. */
void relay_flow_id(const char *relay, enum relay_flow flow, char *id, size_t size);

/* Which flow of the relay has that id; RELAY_FLOWS: none. */
enum relay_flow relay_flow_find(const char *relay, size_t relay_bytes, const char *id);

/*
 * A side may have receivers, to which goes what goes to that side. Each is a flow more, of the id
 * "RELAY:b.NAME", which takes what the receiver sends. The leg of the other side's flow that sends
 * to it is made of that flow alone whenever it is needed (receivers.h), and never stored.
 */

/* The side that the flow of that id is a receiver of, RELAY_A or RELAY_B; RELAY_FLOWS: of none. */
enum relay_flow relay_receiver_side(const char *id, size_t relay_bytes);

/* Write the id of a receiver's flow, as relay_flow_id(). */
void relay_receiver_id(
	const char *relay, enum relay_flow side, const char *name, char *id, size_t size);

/* What follows the side in the id of a receiver's flow. */
const char *relay_receiver_name(const char *id, size_t relay_bytes);

/*
 * The flow of a receiver, a new reference: `side` is the flow of the side that it is one of, with
 * its first leg, of which it takes what the receiver does not say. NULL with *fault set, its
 * pointer relative to the receiver.
 */
json_t *relay_receiver_expand(const json_t *side, const json_t *receiver, struct fault *fault);

/* The receiver that has this flow, a new reference; NULL without memory. */
json_t *relay_receiver_collapse(const json_t *flow);

/* Make the pointer of a fault in a receiver's flow one into the receiver. */
void relay_receiver_fault_place(struct fault *fault);

/*
 * The flows of a relay that has passed the schema, without those of receivers, as new
 * references: flows[RELAY_A_RTCP] and the next are NULL unless RTCP is on the next port. 0; or -1
 * with *fault set, its pointer relative to the relay, and no flows.
 */
int relay_expand(const json_t *relay, json_t *flows[RELAY_FLOWS], struct fault *fault);

/*
 * The relay that has these flows, in the order of enum relay_flow (those of RTCP may be NULL); a
 * new reference, NULL without memory.
 */
json_t *relay_collapse(const json_t *const flows[RELAY_FLOWS]);

/*
 * Make the pointer of a fault in a relay's flow one into the relay: "/legs/0/dst" to "/b/remote".
 * RELAY_FLOWS, which is no flow of a relay: it stays.
 */
void relay_fault_place(enum relay_flow flow, struct fault *fault);

#endif
