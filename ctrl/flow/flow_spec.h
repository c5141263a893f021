/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A flow as it is desired, in plain C: names of ports, addresses as bytes, and how each leg finds
 * its next hop. Decoding checks the rules that join two fields of one flow; the schema has checked
 * single fields before.
 *
 * A spec is one piece of memory, whatever it holds, and is given to free(). The legs of streams
 * stand behind the flow's own in one array, stream by stream, so that whoever walks over all legs
 * (next hops, ports) needs one loop.
 *
 * Addresses and UDP ports are in network order; an IPv4 address stands in the first four bytes.
 */
#ifndef CTRL_FLOW_FLOW_SPEC_H
#define CTRL_FLOW_FLOW_SPEC_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <dp/dp.h>

#include "base/fault.h"

#define FLOW_ID_MAX 65 /* 64 characters and the end */

/*
 * Compared and hashed as bytes: names are padded with zeros, absent fields are zero. A flow that
 * is matched by rule has nothing here but the family.
 */
struct flow_match {
	char port[DP_NAME_MAX];
	struct dp_flow_key key; /* all but the port's index, which is 0 here */
};

static_assert(sizeof(struct flow_match) == 76, "no padding in what is hashed");

struct flow_rule {
	char port[DP_NAME_MAX]; /* "" = any */
	struct dp_rule rule; /* all but the port's index, which is DP_RULE_ANY here */
};

/* The pool that gives a match its local address and UDP port, and what it may choose. */
struct flow_pool {
	char name[DP_NAME_MAX];
	char rtcp_of[FLOW_ID_MAX]; /* the flow that has the even port of the pair; "" = none */
	bool address_named; /* by the request, which leaves the port to the pool */
	bool chosen; /* the match was filled in by the pool, not by the request */
};

enum flow_hop {
	FLOW_HOP_ROUTE, /* as the kernel routes dst out of that port */
	FLOW_HOP_GATEWAY, /* the neighbour that the operator named */
	FLOW_HOP_MAC, /* a link-layer address that the operator named */
};

struct flow_leg {
	char id[FLOW_ID_MAX]; /* "" = one is to be given; always of a stream's leg */
	uint32_t mark; /* FLOW_HOP_ROUTE: that policy rules see (fwmark); 0 = none */
	char learned[FLOW_ID_MAX]; /* id of the flow whose source it sends to; "" = none */
	char port[DP_NAME_MAX];
	char backup_port[DP_NAME_MAX]; /* used while its own way is lost; "" = port */
	uint8_t backup_next_hop[16]; /* the neighbour on it; zero = as the kernel routes dst */
	uint8_t next_hop[16]; /* FLOW_HOP_GATEWAY */
	uint8_t mac[6]; /* FLOW_HOP_MAC */
	uint8_t hop; /* enum flow_hop */
	bool carried; /* while it is committed: it is as that leg, and has its next hop and source
		       */
	uint16_t from; /* while it is staged: the running leg that it carries on, or DP_LEG_NEW */
	/*
	 * All but next_hop and what is known of a learned source, which are zero here. `learned` is
	 * filled in when the flow is committed. A learned leg may have no dst: both are zero then.
	 */
	struct dp_leg dp;
};

/* Whether it has a destination of its own: all have one but some that are learned. */
static inline bool
leg_is_signalled(const struct flow_leg *leg)
{
	static const uint8_t none[16];

	return memcmp(leg->dp.dst, none, sizeof(none)) != 0;
}

/* Whether there is another way for it, in backup_port and backup_next_hop. */
static inline bool
leg_has_backup(const struct flow_leg *leg)
{
	static const uint8_t none[16];

	return leg->backup_port[0] != '\0' || memcmp(leg->backup_next_hop, none, sizeof(none)) != 0;
}

struct flow_stream {
	struct dp_stream dp; /* all but legs, which is NULL here */
	uint32_t first_leg; /* in the legs of the spec */
};

struct flow_spec {
	char id[FLOW_ID_MAX]; /* "" = one is to be given */
	uint8_t n_allow;
	uint8_t declared; /* ours: a declaration brought it, and may take it away */
	uint8_t reopen; /* its latch, at the media time-out */
	uint8_t relay_bytes; /* so much of its id is that of the relay it is of; 0: of none */
	struct flow_match match;
	struct dp_flow
		dp; /* verdicts, state, latch and policer; flow_compile() fills in the rest */
	uint32_t idle_timeout_s; /* 0 = never */
	uint32_t media_timeout_s; /* 0 = never */
	uint32_t max_datagram_bytes; /* IP header included; 0 = as the ingress port's MTU */
	uint32_t last_leg_number; /* of the leg ids that we gave */
	uint32_t n_all_legs; /* with those of streams */
	uint16_t n_legs;
	uint16_t n_streams;
	uint16_t n_receivers; /* the last so many of n_legs are to receivers, see receivers.h */
	struct flow_leg *legs; /* n_all_legs */
	struct flow_stream *streams;
	struct dp_prefix *allow;
	struct dp_source *sources; /* dp.n_sources */
	struct flow_rule *rule; /* NULL: the match says what belongs to the flow */
	struct flow_pool *pool; /* NULL: the flow names its local port itself */
};

/* A spec with room for that much, zero but for its counts. NULL without memory. */
struct flow_room {
	size_t n_legs;
	size_t n_all_legs;
	size_t n_streams;
	size_t n_allow;
	size_t n_sources;
	bool rule;
	bool pool;
};
struct flow_spec *flow_spec_create(const struct flow_room *room);

/*
 * No two legs of a flow, nor of one of its streams, may send the same packet to the same place, see
 * legs_apart(). -1 with *fault set. Any thread.
 */
int flow_legs_apart(const struct flow_spec *spec, struct fault *fault);

/*
 * A new spec like `spec` but for its own legs: those of the n_kept numbers in `kept` (NULL: the
 * first n_kept), then the n_added. Streams, their legs and all else are the same. NULL without
 * memory. Any thread.
 */
struct flow_spec *flow_spec_with_legs(const struct flow_spec *spec, const uint16_t *kept,
	unsigned n_kept, const struct flow_leg *added, unsigned n_added);

/*
 * Set `carried` of the own legs of a version: those that are as the leg of `before` that they carry
 * on, of a flow that takes the same packets. Of NULL: none are. Any thread.
 */
void legs_carry(struct flow_spec *spec, const struct flow_spec *before);

/*
 * Put "/legs/N", or "/streams/S/legs/N", before the pointer of a fault of the spec's leg number
 * `leg`, as they are counted with those of streams.
 */
void leg_path_prefix(const struct flow_spec *spec, unsigned leg, struct fault *fault);

/* Identity of the legs of a flow: ids, given where there are none, and where they send. */

/*
 * No two of n legs may have the same id. The first n_old are not counted: -1 with *fault set
 * ("/legs/N/id").
 */
int leg_ids_check(const struct flow_leg *legs, size_t n, unsigned n_old, struct fault *fault);

/*
 * Fill in "leg-N" for each of the spec's own legs that has no id. N is above that of every leg
 * that the flow ever had, so that a leg is never taken for one that left.
 */
void leg_ids_give(struct flow_spec *spec);

/*
 * The spec's own legs without an id take those of the legs of `before` that they continue: first
 * each the id of the leg that sends to the same place, then, in order, the ids "leg-N" that are
 * left. An id that the operator chose stays with its place. 0 or -ENOMEM.
 */
int leg_ids_take_over(const struct flow_spec *before, struct flow_spec *spec);

/*
 * No two of n legs may send the same packet to the same place: by one port and VLAN to one address
 * and UDP port, through one next hop, and to one multicast group from one source; nor to the source
 * that one flow has learned, whatever they are to do until there is one. The first n_old
 * are not compared with each other, and are not counted: -1 with *fault set ("/legs/N").
 */
int legs_apart(const struct flow_leg *legs, unsigned n, unsigned n_old, struct fault *fault);

typedef int (*leg_compare_fn)(const struct flow_leg *a, const struct flow_leg *b);

int leg_compare_id(const struct flow_leg *a, const struct flow_leg *b);

/* The legs of a spec in an order, for many look-ups. Borrows the spec. Any thread. */
struct leg_index {
	const struct flow_leg *legs;
	const struct flow_leg **order; /* sorted */
	size_t n;
};

/* 0 or -ENOMEM. */
int leg_index_init(
	struct leg_index *index, const struct flow_leg *legs, size_t n, leg_compare_fn compare);
void leg_index_fini(struct leg_index *index);

/* Number of the leg of that id, -1 when there is none. The order is leg_compare_id. */
int leg_index_find(const struct leg_index *index, const char *id);

#endif
