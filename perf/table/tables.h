/* SPDX-License-Identifier: BSD-3-Clause */
/* The ways to keep flows that are compared. */
#ifndef PERF_TABLE_TABLES_H
#define PERF_TABLE_TABLES_H

#include "bench.h"

extern const struct bench_way bench_keys_alone; /* makes the keys and finds nothing */
extern const struct bench_way bench_sluice4, bench_sluice6; /* dataplane/flow_table.h */
extern const struct bench_way bench_two_tables; /* half of the flows IPv4, half IPv6 */
extern const struct bench_way bench_one_table4; /* IPv4 flows in entries that IPv6 would fit */
extern const struct bench_way bench_one_table; /* such a table, half and half */
extern const struct bench_way bench_three_lines; /* key, rewrite and counters apart */
extern const struct bench_way bench_rte_hash; /* lock-free, RCU, extendable buckets */
extern const struct bench_way bench_rte_hash_plain; /* the same, not extendable */

/* Overflow buckets that chains hold in a bench_sluice4 table. */
uint32_t bench_sluice4_overflow(const void *table);

#endif
