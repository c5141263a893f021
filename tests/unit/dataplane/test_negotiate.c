/* SPDX-License-Identifier: BSD-3-Clause */
/* Settings against devices that can do less, or more, than is asked of them. */
#include <criterion/criterion.h>

#include "negotiate.h"

#define QUEUES 2
#define ALL_RSS (DP_RSS_ipv4 | DP_RSS_ipv6 | DP_RSS_ipv4_udp | DP_RSS_ipv6_udp)
#define ALL_TX (DP_TX_multi_segs | DP_TX_mbuf_fast_free)

static const struct negotiate_use copies = {.replicates = true, .one_pool = true};
static const struct negotiate_use no_copies = {.replicates = false, .one_pool = true};

/* A device that can do all that we ask for. */
static struct rte_eth_dev_info
able(void)
{
	return (struct rte_eth_dev_info){
		.flow_type_rss_offloads = RTE_ETH_RSS_IP | RTE_ETH_RSS_UDP,
		.hash_key_size = 40,
		.tx_offload_capa =
			RTE_ETH_TX_OFFLOAD_MULTI_SEGS | RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE,
	};
}

Test(negotiate, nothing_asked_is_the_default)
{
	const struct rte_eth_dev_info info = able();
	struct dp_port_settings settings = {0};

	cr_expect(negotiate(&settings, &info, QUEUES, &copies));
	cr_expect_eq(settings.rx_descriptors, 1024);
	cr_expect_eq(settings.tx_descriptors, 1024);
	cr_expect_eq(settings.burst, DP_BURST_MAX);
	cr_expect_eq(settings.rss_types, ALL_RSS);
	cr_expect_eq(settings.rss_key_bytes, 0, "the driver's own key");
	cr_expect_eq(settings.tx_offloads, DP_TX_multi_segs);
	cr_expect_eq(settings.quirks, 0);
	cr_expect_eq(negotiated_rss(&settings, &info), RTE_ETH_RSS_IP | RTE_ETH_RSS_UDP);
	cr_expect_eq(negotiated_tx_offloads(&settings, &info), RTE_ETH_TX_OFFLOAD_MULTI_SEGS);
}

Test(negotiate, what_is_asked_is_kept_where_the_device_can)
{
	const struct rte_eth_dev_info info = able();
	struct dp_port_settings settings = {.rx_descriptors = 512,
		.tx_descriptors = 256,
		.burst = 16,
		.rss_types = DP_RSS_ipv4_udp,
		.tx_offloads = DP_TX_multi_segs};

	cr_expect(negotiate(&settings, &info, QUEUES, &copies));
	cr_expect_eq(settings.rx_descriptors, 512);
	cr_expect_eq(settings.tx_descriptors, 256);
	cr_expect_eq(settings.burst, 16);
	cr_expect_eq(settings.rss_types, DP_RSS_ipv4_udp);
	cr_expect_eq(negotiated_rss(&settings, &info), RTE_ETH_RSS_NONFRAG_IPV4_UDP);
}

Test(negotiate, none_is_not_the_default)
{
	const struct rte_eth_dev_info info = able();
	struct dp_port_settings settings = {
		.rss_types = DP_SET_NONE, .tx_offloads = DP_SET_NONE, .quirks = DP_SET_NONE};

	cr_expect_not(negotiate(&settings, &info, QUEUES, &copies));
	cr_expect_eq(settings.rss_types, 0);
	cr_expect_eq(settings.tx_offloads, 0);
	cr_expect_eq(settings.quirks, 0);
}

Test(negotiate, a_device_that_can_do_nothing_is_asked_for_nothing)
{
	const struct rte_eth_dev_info info = {0};
	struct dp_port_settings settings = {.rss_types = ALL_RSS,
		.rss_key_bytes = 2,
		.rss_key = {0x6d, 0x5a},
		.tx_offloads = ALL_TX};

	cr_expect_not(negotiate(&settings, &info, QUEUES, &no_copies));
	cr_expect_eq(settings.rss_types, 0);
	cr_expect_eq(settings.rss_key_bytes, 0);
	cr_expect_eq(settings.tx_offloads, 0);
}

/* Drivers differ in which of the flags of plain IP they have: one is enough, and only that is set.
 */
Test(negotiate, only_flags_that_the_device_has_are_set)
{
	struct rte_eth_dev_info info = able();
	struct dp_port_settings settings = {.rss_types = DP_RSS_ipv4 | DP_RSS_ipv6_udp};

	info.flow_type_rss_offloads = RTE_ETH_RSS_NONFRAG_IPV4_OTHER | RTE_ETH_RSS_IPV6;
	negotiate(&settings, &info, QUEUES, &copies);
	cr_expect_eq(settings.rss_types, DP_RSS_ipv4);
	cr_expect_eq(negotiated_rss(&settings, &info), RTE_ETH_RSS_NONFRAG_IPV4_OTHER);
}

Test(negotiate, one_queue_has_nothing_to_spread)
{
	const struct rte_eth_dev_info info = able();
	struct dp_port_settings settings = {
		.rss_types = ALL_RSS, .rss_key_bytes = 2, .rss_key = {0x6d, 0x5a}};

	negotiate(&settings, &info, 1, &copies);
	cr_expect_eq(settings.rss_types, 0);
	cr_expect_eq(settings.rss_key_bytes, 0);
}

Test(negotiate, the_key_repeats_to_the_length_of_the_device)
{
	struct rte_eth_dev_info info = able();
	struct dp_port_settings settings = {.rss_key_bytes = 2, .rss_key = {0x6d, 0x5a}};
	struct dp_port_settings longer = {.rss_key_bytes = 2, .rss_key = {0x6d, 0x5a}};

	negotiate(&settings, &info, QUEUES, &copies);
	cr_assert_eq(settings.rss_key_bytes, 40);
	for (unsigned i = 0; i < 40; i++)
		cr_expect_eq(settings.rss_key[i], i % 2 == 0 ? 0x6d : 0x5a, "byte %u", i);
	info.hash_key_size = DP_RSS_KEY_MAX + 1;
	negotiate(&longer, &info, QUEUES, &copies);
	cr_expect_eq(longer.rss_key_bytes, 0, "no room for it: the driver's own");
}

Test(negotiate, fast_free_needs_buffers_of_one_owner_and_one_pool)
{
	const struct negotiate_use two_pools = {.replicates = false, .one_pool = false};
	const struct rte_eth_dev_info info = able();
	struct dp_port_settings settings = {.tx_offloads = ALL_TX};

	cr_expect(negotiate(&settings, &info, QUEUES, &no_copies));
	cr_expect_eq(settings.tx_offloads, DP_TX_mbuf_fast_free);
	settings.tx_offloads = ALL_TX;
	cr_expect(negotiate(&settings, &info, QUEUES, &copies));
	cr_expect_eq(settings.tx_offloads, DP_TX_multi_segs);
	settings.tx_offloads = ALL_TX;
	negotiate(&settings, &info, QUEUES, &two_pools);
	cr_expect_eq(settings.tx_offloads, 0);
}

/* A driver refuses a flag that it does not advertise, whatever it does. */
Test(negotiate, chains_of_a_driver_that_does_not_advertise_them)
{
	const struct rte_eth_dev_info info = {0};
	struct dp_port_settings settings = {.quirks = DP_QUIRK_takes_chains};

	cr_expect(negotiate(&settings, &info, QUEUES, &copies));
	cr_expect_eq(settings.tx_offloads, DP_TX_multi_segs);
	cr_expect_eq(negotiated_tx_offloads(&settings, &info), 0);
}
