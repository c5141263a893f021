/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rules that no packet reaches, since something that is asked before them takes every packet of
 * theirs: a rule that goes first and is at least as wide, or an exact flow or listener. Only one
 * that covers a rule by itself is found, not several that do together. Pure, one thread.
 */
#ifndef CTRL_FLOW_OVERLAP_H
#define CTRL_FLOW_OVERLAP_H

#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "flow/flow_spec.h"

/*
 * The addresses and UDP ports that flows take packets at, whichever port and VLAN these come in
 * by: which flows would a datagram meet that is sent there? Exact flows are found by both ends,
 * listeners by the local one, rules that name one local address by that address.
 *
 * The hash has as many buckets as it is made for and never grows, so that no single flow waits for
 * a million to move. Pure, one thread.
 */

enum endpoint_kind { ENDPOINT_EXACT, ENDPOINT_LISTENER, ENDPOINT_RULE, ENDPOINT_KINDS };

struct endpoint {
	struct endpoint *next; /* of the bucket */
	const struct flow_spec *spec;
	uint32_t hash;
	uint32_t seen; /* the last round of a walk that visited it */
};

struct endpoints {
	struct endpoint **buckets;
	size_t n_buckets; /* a power of two */
	size_t n_kind[ENDPOINT_KINDS];
};

/* Both ends of a datagram. Ports in network order. */
struct endpoint_pair {
	const uint8_t *src;
	const uint8_t *dst;
	uint16_t src_port;
	uint16_t dst_port;
	uint8_t family;
};

/* An empty set for about so many flows; more make its chains longer. 0 or -ENOMEM. */
int endpoints_init(struct endpoints *endpoints, size_t n_expected);

/* Frees what was inserted. */
void endpoints_fini(struct endpoints *endpoints);

/* The spec is borrowed. A rule for more than one local address is left out. 0 or -ENOMEM. */
int endpoints_insert(struct endpoints *endpoints, const struct flow_spec *spec);

/* The same pointer that was put; others are ignored. */
void endpoints_remove(struct endpoints *endpoints, const struct flow_spec *spec);

/*
 * The first, and the next, endpoint of a kind that has these ends; NULL: no more. Rules are found
 * by the local address alone: whether the rest fits is the caller's to see.
 */
struct endpoint *endpoints_first(const struct endpoints *endpoints, enum endpoint_kind kind,
	const struct endpoint_pair *pair);
struct endpoint *endpoints_next(
	struct endpoint *endpoint, enum endpoint_kind kind, const struct endpoint_pair *pair);

struct overlap_rule;

/* The rules, in no order. Zeros are an empty set. */
struct overlaps {
	struct overlap_rule *rules;
	size_t n;
	size_t room;
	uint64_t last_put;
};

void overlaps_fini(struct overlaps *overlaps);

/* As validate_insert() and validate_remove(); flows without a rule are ignored. */
int overlaps_insert(struct overlaps *overlaps, const struct flow_spec *spec, uint64_t sequence);
void overlaps_remove(struct overlaps *overlaps, const struct flow_spec *spec);

/*
 * A spec that was put: that nothing covers it, and that it covers no rule. 0, or -1 with *fault
 * set: FAULT_CONFLICT at "/rule" or "/match". Visits every rule when the spec has one.
 */
int overlap_check(const struct overlaps *overlaps, const struct endpoints *endpoints,
	const struct flow_spec *spec, struct fault *fault);

#endif
