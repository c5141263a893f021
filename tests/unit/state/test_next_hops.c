/* SPDX-License-Identifier: BSD-3-Clause */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "fake_dp.h"
#include "fake_kernel.h"
#include "state/next_hops.h"

static const uint8_t address_a[16] = {198, 51, 100, 9};
static const uint8_t address_b[16] = {198, 51, 100, 10};
static const uint8_t mac_a[6] = {2, 0, 0, 0, 0, 0xa};
static const uint8_t mac_b[6] = {2, 0, 0, 0, 0, 0xb};

static struct dp *dp;
static struct ports ports;
static struct next_hops *hops;

static void
setup(void)
{
	dp = fake_dp_reset();
	fake_kernel_reset();
	ports_init(&ports, dp);
	hops = next_hops_create(dp, &ports, fake_net());
}

static void
teardown(void)
{
	next_hops_destroy(hops);
}

TestSuite(next_hops, .init = setup, .fini = teardown);

Test(next_hops, written_whole)
{
	int index = next_hops_get_neighbour(hops, 1, 11, 4, address_a, mac_a);
	const struct dp_next_hop expected = {
		.dst_mac = {2, 0, 0, 0, 0, 0xa},
		.src_mac = {2, 0, 0, 0, 0, 0xa1},
		.port = 1,
		.mtu = 1500,
	};

	cr_assert_geq(index, 0);
	cr_expect_arr_eq(&dp->next_hops[index], &expected, sizeof(expected));
	cr_expect_eq(fake_net()->n_kept, 1);
}

Test(next_hops, shared_and_counted)
{
	int index = next_hops_get_neighbour(hops, 1, 11, 4, address_a, mac_a);

	cr_expect_eq(next_hops_get_neighbour(hops, 1, 11, 4, address_a, mac_a), index);
	cr_expect_eq(fake_net()->n_kept, 1);
	cr_expect_neq(next_hops_get_neighbour(hops, 1, 11, 4, address_b, mac_b), index);
	cr_expect_neq(next_hops_get_neighbour(hops, 1, 111, 4, address_a, mac_a), index, "VLAN");
	cr_expect_neq(next_hops_get_neighbour(hops, 0, 11, 4, address_a, mac_a), index, "port");
	cr_expect_neq(next_hops_get_static(hops, 1, mac_a), index);
	cr_expect_eq(fake_net()->n_kept, 4, "static ones are not the kernel's");
	next_hops_put(hops, (unsigned)index, false);
	cr_expect_eq(fake_net()->n_kept, 4);
	next_hops_put(hops, (unsigned)index, false);
	cr_expect_eq(fake_net()->n_kept, 3);
}

Test(next_hops, index_waits_for_grace)
{
	int index = next_hops_get_static(hops, 2, mac_a);
	int other;

	next_hops_put(hops, (unsigned)index, true);
	other = next_hops_get_static(hops, 2, mac_b);
	cr_expect_neq(other, index, "a worker may still hold a packet for it");
	next_hops_put(hops, (unsigned)other, false);
	next_hops_reclaim(hops);
	cr_expect_eq(next_hops_get_static(hops, 2, mac_b), index);
}

Test(next_hops, neighbour_moves_and_goes)
{
	unsigned index = (unsigned)next_hops_get_neighbour(hops, 1, 11, 4, address_a, mac_a);
	struct next_hop_info info;

	next_hops_changed(hops, 11, 4, address_a, mac_b);
	cr_expect_arr_eq(dp->next_hops[index].dst_mac, mac_b, 6);
	cr_expect_eq(dp->next_hops[index].mtu, 1500);
	next_hops_changed(hops, 11, 4, address_a, NULL);
	cr_expect_eq(dp->next_hops[index].mtu, 0, "copies are dropped as unresolved");
	next_hops_info_get(hops, index, &info);
	cr_expect_eq(info.state, NEXT_HOP_UNRESOLVED);
	next_hops_changed(hops, 11, 4, address_a, mac_a);
	cr_expect_eq(dp->next_hops[index].mtu, 1500);
	next_hops_info_get(hops, index, &info);
	cr_expect_eq(info.state, NEXT_HOP_RESOLVED);
	cr_expect_arr_eq(info.mac, mac_a, 6);
	cr_expect_arr_eq(info.address, address_a, 16);
	cr_expect_eq(info.ifindex, 11);
}

struct told {
	unsigned n;
	unsigned index;
	bool resolved;
};

static void
tell(void *arg, unsigned index, bool resolved)
{
	struct told *told = arg;

	*told = (struct told){told->n + 1, index, resolved};
}

Test(next_hops, lost_and_resolved_are_told)
{
	unsigned index = (unsigned)next_hops_get_neighbour(hops, 1, 11, 4, address_a, mac_a);
	struct told told = {0};

	next_hops_observe(hops, tell, &told);
	next_hops_changed(hops, 11, 4, address_a, mac_b);
	cr_expect_eq(told.n, 0, "a move is neither");
	next_hops_changed(hops, 11, 4, address_a, NULL);
	next_hops_changed(hops, 11, 4, address_a, NULL);
	cr_expect_eq(told.n, 1);
	cr_expect_eq(told.index, index);
	cr_expect_not(told.resolved);
	next_hops_changed(hops, 11, 4, address_a, mac_b);
	cr_expect_eq(told.n, 2);
	cr_expect(told.resolved);
	next_hops_observe(hops, NULL, NULL);
	next_hops_changed(hops, 11, 4, address_a, NULL);
	cr_expect_eq(told.n, 2);
}

Test(next_hops, changes_of_others_are_ignored)
{
	unsigned index = (unsigned)next_hops_get_neighbour(hops, 1, 11, 4, address_a, mac_a);
	const struct dp_next_hop before = dp->next_hops[index];

	next_hops_changed(hops, 10, 4, address_a, mac_b);
	next_hops_changed(hops, 11, 4, address_b, mac_b);
	next_hops_changed(hops, 11, 6, address_a, NULL);
	cr_expect_arr_eq(&dp->next_hops[index], &before, sizeof(before));
}

Test(next_hops, two_ports_on_one_interface)
{
	unsigned first = (unsigned)next_hops_get_neighbour(hops, 0, 11, 4, address_a, mac_a);
	unsigned second = (unsigned)next_hops_get_neighbour(hops, 1, 11, 4, address_a, mac_a);

	next_hops_changed(hops, 11, 4, address_a, mac_b);
	cr_expect_arr_eq(dp->next_hops[first].dst_mac, mac_b, 6);
	cr_expect_arr_eq(dp->next_hops[second].dst_mac, mac_b, 6);
}

Test(next_hops, table_full)
{
	uint8_t mac[6] = {2};

	for (unsigned i = 0; i < DP_NEXT_HOPS_MAX; i++) {
		memcpy(mac + 2, &i, sizeof(i));
		cr_assert_geq(next_hops_get_static(hops, 0, mac), 0);
	}
	cr_expect_eq(next_hops_get_static(hops, 0, mac_b), -ENOSPC);
	cr_expect_geq(next_hops_get_static(hops, 0, mac), 0, "one that is there is shared");
}

Test(next_hops, refusal_takes_nothing)
{
	int index;

	dp->fail_next_hop = -EINVAL;
	cr_expect_eq(next_hops_get_neighbour(hops, 1, 11, 4, address_a, mac_a), -EINVAL);
	cr_expect_eq(fake_net()->n_kept, 0);
	dp->fail_next_hop = 0;
	fake_net()->fail_keep = -ENOMEM;
	cr_expect_eq(next_hops_get_neighbour(hops, 1, 11, 4, address_a, mac_a), -ENOMEM);
	fake_net()->fail_keep = 0;
	index = next_hops_get_neighbour(hops, 1, 11, 4, address_a, mac_a);
	cr_expect_geq(index, 0);
	next_hops_put(hops, (unsigned)index, false);
	cr_expect_eq(fake_net()->n_kept, 0);
}
