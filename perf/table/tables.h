/* SPDX-License-Identifier: BSD-3-Clause */
/* The ways to keep flows that are compared. */
#ifndef PERF_TABLE_TABLES_H
#define PERF_TABLE_TABLES_H

#include "bench.h"

extern const struct bench_way bench_keys_alone; /* makes the keys and finds nothing */
extern const struct bench_way bench_sluice4, bench_sluice6; /* dataplane/flow_table.h */
extern const struct bench_way bench_rte_hash; /* lock-free, RCU, extendable buckets */
extern const struct bench_way bench_rte_hash_plain; /* the same, not extendable */

/* Overflow buckets that chains hold in a bench_sluice4 table. */
uint32_t bench_sluice4_overflow(const void *table);

#endif
