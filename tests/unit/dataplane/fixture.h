/* SPDX-License-Identifier: BSD-3-Clause */
/* What tests of the data plane share: an EAL without privileges, and flows distinguished by number.
 */
#ifndef DATAPLANE_FIXTURE_H
#define DATAPLANE_FIXTURE_H

#include <dp/dp.h>

/* EAL on ordinary pages, workers on CPU 1, then 0. Aborts the test on failure. */
void fixture_eal(unsigned n_workers);

/*
 * Flow number `n`, below 2^24, of a family: the number stands in the last byte of the local
 * address and in the local UDP port. n_legs legs through next hop 0; `legs` (room for n_legs) backs
 * the flow.
 */
struct dp_flow fixture_flow(
	enum dp_family family, uint32_t n, struct dp_leg *legs, unsigned n_legs);

#endif
