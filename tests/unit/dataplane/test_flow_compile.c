/* SPDX-License-Identifier: BSD-3-Clause */
/* Which flows the data plane refuses, and what a key becomes. */
#include <criterion/criterion.h>

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "fixture.h"
#include "flow_compile.h"

static struct dp_leg legs[DP_FLOW_LEGS_MAX];

static struct dp_flow
good_flow(void)
{
	return fixture_flow(DP_IPV4, 1, legs, 2);
}

Test(compile, accepts_the_edges_of_every_range)
{
	struct dp_flow flow = fixture_flow(DP_IPV4, 1, legs, DP_FLOW_LEGS_MAX);

	flow.key.vlan = 4094;
	legs[0].vlan = 4094;
	legs[0].dscp = 63;
	legs[0].ttl = 255;
	legs[63].next_hop = DP_NEXT_HOPS_MAX - 1;
	cr_expect_eq(flow_check(&flow, DP_IPV4), 0);
}

Test(compile, refuses_the_other_family)
{
	struct dp_flow flow = good_flow();

	cr_expect_eq(flow_check(&flow, DP_IPV6), -EINVAL);
	flow.key.family = 0;
	cr_expect_eq(flow_check(&flow, DP_IPV4), -EINVAL);
}

Test(compile, refuses_a_key_out_of_range)
{
	struct dp_flow flow = good_flow();

	flow.key.vlan = 4095;
	cr_expect_eq(flow_check(&flow, DP_IPV4), -EINVAL);
	flow = good_flow();
	flow.key.outer_vlan = 4095;
	cr_expect_eq(flow_check(&flow, DP_IPV4), -EINVAL);
}

Test(compile, refuses_too_many_legs)
{
	struct dp_flow flow = good_flow();

	flow.n_legs = DP_FLOW_LEGS_MAX + 1;
	cr_expect_eq(flow_check(&flow, DP_IPV4), -EINVAL);
}

Test(compile, refuses_a_leg_out_of_range_wherever_it_stands)
{
	struct dp_flow flow = good_flow();

	legs[1].vlan = 4095;
	cr_expect_eq(flow_check(&flow, DP_IPV4), -EINVAL);
	flow = good_flow();
	legs[1].dscp = 64;
	cr_expect_eq(flow_check(&flow, DP_IPV4), -EINVAL);
	flow = good_flow();
	legs[1].next_hop = DP_NEXT_HOPS_MAX;
	cr_expect_eq(flow_check(&flow, DP_IPV4), -EINVAL);
}

Test(compile, a_key_keeps_the_order_of_the_wire)
{
	struct dp_flow flow = good_flow();
	struct flow_key4 key;
	struct flow_key6 key6;

	flow.key.port = 3;
	flow.key.vlan = 77;
	flow.key.outer_vlan = 88;
	flow_compile_key(&flow.key, &key, DP_IPV4);
	cr_expect_eq(memcmp(&key.src, flow.key.src, 4), 0);
	cr_expect_eq(memcmp(&key.dst, flow.key.dst, 4), 0);
	cr_expect_eq(key.src_port, flow.key.src_port);
	cr_expect_eq(key.dst_port, flow.key.dst_port);
	cr_expect_eq(key.domain, flow_domain(3, 77, 88));

	flow = fixture_flow(DP_IPV6, 1, legs, 1);
	flow_compile_key(&flow.key, &key6, DP_IPV6);
	cr_expect_eq(memcmp(key6.src, flow.key.src, 16), 0);
	cr_expect_eq(memcmp(key6.dst, flow.key.dst, 16), 0);
	cr_expect_eq(key6.dst_port, flow.key.dst_port);
}

/* Whatever stands in the source fields of a listener, its key is one and the same. */
Test(compile, a_listener_has_no_source)
{
	struct dp_flow flow = good_flow();
	struct flow_key4 bare, filled;

	flow.key.any_source = 1;
	flow_compile_key(&flow.key, &filled, DP_IPV4);
	memset(flow.key.src, 0, sizeof(flow.key.src));
	flow.key.src_port = 0;
	flow_compile_key(&flow.key, &bare, DP_IPV4);
	cr_expect_eq(memcmp(&filled, &bare, sizeof(bare)), 0);
	cr_expect_eq(bare.src, 0);
	cr_expect_eq(bare.src_port, 0);
}

Test(compile, a_rewrite_carries_the_settings_of_its_leg)
{
	struct dp_flow flow = good_flow();
	struct rewrite4 rewrite;

	legs[0].vlan = 0x123;
	legs[0].dscp = 46;
	legs[0].ttl = 9;
	legs[0].next_hop = 7;
	flow_compile_rewrite(&flow, &legs[0], &rewrite);
	cr_expect_eq(rewrite.tail.vlan_tci, htons(0x123));
	cr_expect_eq(rewrite.tail.tos, 46 << 2);
	cr_expect_eq(rewrite.tail.ttl, 9);
	cr_expect_eq(rewrite.tail.next_hop, 7);
	cr_expect_eq(rewrite.tail.flags, REWRITE_SET_DSCP | REWRITE_SET_TTL);
	cr_expect_eq(rewrite.tail.owner, 0);
	flow.key.any_source = 1;
	legs[0].dscp = DP_DSCP_KEEP;
	flow_compile_rewrite(&flow, &legs[0], &rewrite);
	cr_expect_eq(rewrite.tail.flags, REWRITE_ANY_SOURCE | REWRITE_SET_TTL);
}
