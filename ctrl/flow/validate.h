/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rules that join several flows, or a flow and its ports, beyond what flow_db.h finds (ids and
 * matches that are taken twice): rules no packet reaches, legs that lead back to where they came
 * from, legs out of ports that are too narrow.
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
#include "flow/flow_spec.h"

struct endpoints;
struct validate;

/* An empty index for about so many flows; NULL without memory. */
struct validate *validate_create(size_t n_expected);

/* The index of where flows receive. */
const struct endpoints *validate_endpoints(const struct validate *validate);

/* Forgets all that was put. NULL is allowed. */
void validate_destroy(struct validate *validate);

/*
 * Put a flow into the index. The spec is borrowed and must not change until it is taken out.
 * `sequence` is the flow's place in the order of installation (struct flow), which a flow keeps
 * when it is replaced: of two rules of one priority the data plane asks the older one first. Specs
 * with one sequence count as put, in that order. 0 or -ENOMEM, and then it was not put.
 */
int validate_insert(struct validate *validate, const struct flow_spec *spec, uint64_t sequence);

/* Take a spec out, the same pointer that was put. One that was not put is ignored. */
void validate_remove(struct validate *validate, const struct flow_spec *spec);

/*
 * Check a spec that was put against all others and its ports, which exist (flow_ports_check()). 0,
 * or -1 with *fault set relative to the flow: FAULT_CONFLICT at "/rule" or "/match" (shadowed, or
 * shadowing), at "/legs/N/dst" or "/streams/S/legs/N/dst" (a loop); FAULT_INVALID_VALUE at
 * ".../legs/N/port" (MTU). Well under a microsecond for a flow of one leg.
 */
int validate_check(struct validate *validate, const struct flow_spec *spec,
	const struct ports *ports, struct fault *fault);

#endif
