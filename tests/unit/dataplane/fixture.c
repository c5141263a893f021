/* SPDX-License-Identifier: BSD-3-Clause */
#include "fixture.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MEMORY_MB 256

void
fixture_eal(unsigned n_workers)
{
	const struct dp_eal_config config = {
		.program = "test",
		.file_prefix = "test",
		.n_workers = n_workers,
		.worker_cores = {1, 0},
		.memory_mb = MEMORY_MB,
		.no_huge = true,
		.log_level = "error",
	};
	char error[256] = "";

	if (dp_eal_init(&config, error, sizeof(error)) == 0)
		return;
	fprintf(stderr, "%s\n", error);
	abort();
}

/* The family's address of `base` with `n` in its last byte. */
static void
address_fill(
	enum dp_family family, const char *base4, const char *base6, uint8_t n, uint8_t address[16])
{
	memset(address, 0, 16);
	inet_pton(
		family == DP_IPV4 ? AF_INET : AF_INET6, family == DP_IPV4 ? base4 : base6, address);
	address[family == DP_IPV4 ? 3 : 15] = n;
}

struct dp_flow
fixture_flow(enum dp_family family, uint32_t n, struct dp_leg *legs, unsigned n_legs)
{
	struct dp_flow flow = {
		.key = {.family = (uint8_t)family,
			.src_port = htons(5004),
			.dst_port = htons((uint16_t)n)},
		.n_legs = (uint16_t)n_legs,
		.legs = legs,
	};

	address_fill(family, "192.0.2.0", "2001:db8:1::", 10, flow.key.src);
	address_fill(family, "192.0.2.0", "2001:db8:2::", (uint8_t)(n >> 16), flow.key.dst);
	memset(legs, 0, n_legs * sizeof(*legs));
	for (unsigned i = 0; i < n_legs; i++) {
		address_fill(family, "198.51.100.0", "2001:db8:3::", 1, legs[i].src);
		address_fill(family, "203.0.113.0", "2001:db8:4::", (uint8_t)i, legs[i].dst);
		legs[i].src_port = htons(40000);
		legs[i].dst_port = htons((uint16_t)(6000 + i));
		legs[i].dscp = DP_DSCP_KEEP;
		legs[i].family = (uint8_t)family;
	}
	return flow;
}
