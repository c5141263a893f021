/* SPDX-License-Identifier: BSD-3-Clause */
#include "flow_table_bench_keys.h"

#include <stdbool.h>

/* The waist's form of a key; key6 and key4 have their fields in the same order. */
static void
key_to_waist(const void *key, bool is_ipv4, struct dp_flow_key *out)
{
	const size_t address_bytes = is_ipv4 ? 4 : 16;
	const uint8_t *bytes = key;

	memset(out, 0, sizeof(*out));
	memcpy(out->src, bytes, address_bytes);
	memcpy(out->dst, bytes + address_bytes, address_bytes);
	memcpy(&out->src_port, bytes + 2 * address_bytes, sizeof(out->src_port));
	memcpy(&out->dst_port, bytes + 2 * address_bytes + 2, sizeof(out->dst_port));
	out->family = is_ipv4 ? DP_IPV4 : DP_IPV6;
}

void
bench_flow_make(struct bench_flow *flow, enum bench_shape shape, uint32_t number)
{
	const bool half = shape == BENCH_HALF || shape == BENCH_HALF_MAPPED;
	const bool is_ipv6 = shape == BENCH_IPV6 || (half && number % 2 == 1);
	const bool is_mapped = !is_ipv6 && (shape == BENCH_MAPPED || shape == BENCH_HALF_MAPPED);
	union flow_key key;

	memset(flow, 0, sizeof(*flow));
	flow->number = number;
	if (is_ipv6)
		bench_key6(number, &key.v6);
	else if (is_mapped)
		bench_key_mapped(number, &key.v6);
	else
		bench_key4(number, &key.v4);
	key_to_waist(&key, !is_ipv6 && !is_mapped, &flow->flow.key);
	memcpy(flow->leg.src, flow->flow.key.dst, sizeof(flow->leg.src));
	memcpy(flow->leg.dst, flow->flow.key.src, sizeof(flow->leg.dst));
	flow->leg.src_port = flow->flow.key.dst_port;
	flow->leg.dst_port = flow->flow.key.src_port;
	flow->leg.family = flow->flow.key.family;
	flow->leg.dscp = DP_DSCP_KEEP;
	flow->flow.n_legs = 1;
	flow->flow.legs = &flow->leg;
}
