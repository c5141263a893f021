/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rules that join several flows, or a flow and its ports, beyond what flow_db.h finds (ids and
 * matches that are taken twice): rules that no packet reaches, legs that lead back to where they
 * came from, legs out of ports that are too narrow, legs to the source of a flow that learns none.
 * docs/validation.md has them in full.
 *
 * What is, or would be, installed stands in an index that check only reads. Pure: no I/O, no EAL.
 * One thread at a time.
 */
#ifndef CTRL_FLOW_VALIDATE_H
#define CTRL_FLOW_VALIDATE_H

#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "config/ports.h"
#include "flow/flow_refs.h"
#include "flow/flow_spec.h"

struct validate;

/* The flow of that id as it is, or would be, installed; NULL: there is none. */
typedef const struct flow_spec *(*flow_spec_find_fn)(const void *arg, const char *id);

/*
 * An empty index for about so many flows; more make its chains longer. `find` is called by checks,
 * for flows that legs refer to. NULL without memory.
 */
struct validate *validate_create(size_t n_expected, flow_spec_find_fn find, const void *arg);

/* NULL is allowed. */
void validate_destroy(struct validate *validate);

/*
 * Insert a flow into the index. The spec is borrowed and must not change until it is removed.
 * `sequence` is the flow's place in the order of installation (struct flow), which a flow keeps
 * when it is replaced: of two rules of one priority the data plane takes the older one. No two have
 * the same. 0 or -ENOMEM, and then it was not inserted.
 */
int validate_insert(struct validate *validate, const struct flow_spec *spec, uint64_t sequence);

/* Remove a spec, by the pointer that was inserted; others are ignored. */
void validate_remove(struct validate *validate, const struct flow_spec *spec);

/*
 * Check an inserted spec against all others and its ports, which exist (flow_ports_check()). 0,
 * or -1 with *fault set relative to the flow: FAULT_CONFLICT at "/rule" or "/match" (it is covered,
 * or covers another), at "/legs/N/dst" or "/streams/S/legs/N/dst" (a loop), or .../learned (its
 * packets would come back to its source); FAULT_INVALID_VALUE at ".../legs/N/port" (MTU) and
 * ".../legs/N/learned" (it is itself, or learns no source, or one of another family);
 * FAULT_NOT_FOUND there. Well under a microsecond for a flow of one leg.
 */
int validate_check(struct validate *validate, const struct flow_spec *spec,
	const struct ports *ports, struct fault *fault);

/*
 * Check that legs that send to the source of the flow `id` can do so when that flow is `spec`, or
 * NULL: is gone. 0, or -1 with *fault set relative to the flow, which names a flow of such a leg:
 * FAULT_CONFLICT at "" (it is gone) or "/match" or "/rule" (its family), FAULT_INVALID_VALUE at
 * "/latch".
 */
int validate_referred_check(const struct validate *validate, const char *id,
	const struct flow_spec *spec, struct fault *fault);

/* The legs that refer to other flows. */
const struct flow_refs *validate_refs(const struct validate *validate);

/*
 * Every port that the flow names must exist, and a leg must be able to find its next hop there: a
 * port without kernel interface has no neighbours. 0, or -1 with *fault set relative to the flow.
 */
int flow_ports_check(const struct flow_spec *spec, const struct ports *ports, struct fault *fault);

/* The same for n legs; *fault points to "/legs/N/...". */
int legs_ports_check(
	const struct flow_leg *legs, size_t n, const struct ports *ports, struct fault *fault);

/*
 * The addresses and UDP ports that inserted flows take packets at, whichever port and VLAN these
 * come in by. Exact flows are found by both ends, listeners by the local one, rules that name one
 * local address by that address.
 */
enum endpoint_kind { ENDPOINT_EXACT, ENDPOINT_LISTENER, ENDPOINT_RULE, ENDPOINT_KINDS };

struct endpoint {
	struct endpoint *next; /* of the bucket */
	const struct flow_spec *spec;
	uint32_t hash;
	uint32_t seen; /* the last round of a search that visited it */
	uint32_t n_signalled; /* legs of the spec that have a destination of their own */
};

/*
 * The first, and the next, endpoint of a kind that has the ends of this datagram (the key's
 * addresses, UDP ports and family); NULL: no more. Rules are found by the local address alone: the
 * caller checks the rest.
 */
struct endpoint *endpoints_first(
	const struct validate *validate, enum endpoint_kind kind, const struct dp_flow_key *ends);
struct endpoint *endpoints_next(
	struct endpoint *endpoint, enum endpoint_kind kind, const struct dp_flow_key *ends);

#endif
