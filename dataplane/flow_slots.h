/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The writer's side of the buckets of a flow table: which slot of which chain is whose. What makes
 * a slot visible, and what a worker finds in it, is flow_table.h's. Control thread only.
 */
#ifndef DATAPLANE_FLOW_SLOTS_H
#define DATAPLANE_FLOW_SLOTS_H

#include <stdbool.h>
#include <stdint.h>

#include "flow_table.h"

/* Whether a flow of this key will still be there after the running transaction. */
bool flow_slot_is_taken(const struct flow_table *table, const void *key, uint32_t hash);

/*
 * Reserve a slot for `index` in the chain of `hash`, growing the chain where it is full. 0 or
 * -ENOSPC.
 */
int flow_slot_take(struct flow_table *table, uint32_t hash, uint32_t index);

/* Where `index` stands; it must be in the table. */
struct bucket *flow_slot_find(const struct flow_table *table, uint32_t index, unsigned *slot);

/* A slot that no worker sees is free, and so are overflow buckets that are empty then. */
void flow_slot_give_back(struct flow_table *table, uint32_t index);

#endif
