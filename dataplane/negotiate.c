/* SPDX-License-Identifier: BSD-3-Clause */
#include "negotiate.h"

#define RSS_DEFAULT (DP_RSS_ipv4 | DP_RSS_ipv6 | DP_RSS_ipv4_udp | DP_RSS_ipv6_udp)
#define TX_DEFAULT DP_TX_multi_segs

/* One of our bits, and DPDK's flags: several where drivers differ in how they name one thing. */
struct flag {
	uint32_t ours;
	uint64_t dpdk;
};

static const struct flag rss_flags[] = {
	{DP_RSS_ipv4, RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_FRAG_IPV4 | RTE_ETH_RSS_NONFRAG_IPV4_OTHER},
	{DP_RSS_ipv6, RTE_ETH_RSS_IPV6 | RTE_ETH_RSS_FRAG_IPV6 | RTE_ETH_RSS_NONFRAG_IPV6_OTHER |
			      RTE_ETH_RSS_IPV6_EX},
	{DP_RSS_ipv4_udp, RTE_ETH_RSS_NONFRAG_IPV4_UDP},
	{DP_RSS_ipv6_udp, RTE_ETH_RSS_NONFRAG_IPV6_UDP | RTE_ETH_RSS_IPV6_UDP_EX},
};

static const struct flag tx_flags[] = {
	{DP_TX_multi_segs, RTE_ETH_TX_OFFLOAD_MULTI_SEGS},
	{DP_TX_mbuf_fast_free, RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE},
};

/* A set that is asked for, with its default, as far as the device has something of each. */
static uint32_t
set_cut(uint32_t asked, uint32_t otherwise, const struct flag *flags, size_t n_flags,
	uint64_t device)
{
	const uint32_t wanted = asked != 0 ? asked : otherwise;
	uint32_t set = 0;

	for (size_t i = 0; i < n_flags; i++) {
		if ((wanted & flags[i].ours) != 0 && (device & flags[i].dpdk) != 0)
			set |= flags[i].ours;
	}
	return set;
}

static uint64_t
set_flags(uint32_t set, const struct flag *flags, size_t n_flags)
{
	uint64_t dpdk = 0;

	for (size_t i = 0; i < n_flags; i++) {
		if ((set & flags[i].ours) != 0)
			dpdk |= flags[i].dpdk;
	}
	return dpdk;
}

/* What is asked for, again and again, to the length that the device wants. */
static void
rss_key_fit(struct dp_port_settings *settings, unsigned device_bytes)
{
	const unsigned asked = settings->rss_key_bytes;

	if (asked == 0 || settings->rss_types == 0 || device_bytes > sizeof(settings->rss_key))
		device_bytes = 0;
	for (unsigned i = asked; i < device_bytes; i++)
		settings->rss_key[i] = settings->rss_key[i - asked];
	settings->rss_key_bytes = device_bytes;
}

bool
negotiate(struct dp_port_settings *settings, const struct rte_eth_dev_info *info,
	unsigned n_rx_queues, const struct negotiate_use *use)
{
	uint64_t tx_capa = info->tx_offload_capa;
	bool chains;

	if (settings->rx_descriptors == 0)
		settings->rx_descriptors = DP_DESCRIPTORS_DEFAULT;
	if (settings->tx_descriptors == 0)
		settings->tx_descriptors = DP_DESCRIPTORS_DEFAULT;
	if (settings->burst == 0 || settings->burst > DP_BURST_MAX)
		settings->burst = DP_BURST_MAX;
	settings->quirks &= ~DP_SET_NONE;
	if (n_rx_queues < 2)
		settings->rss_types = 0;
	else
		settings->rss_types = set_cut(settings->rss_types, RSS_DEFAULT, rss_flags,
			RTE_DIM(rss_flags), info->flow_type_rss_offloads);
	rss_key_fit(settings, info->hash_key_size);
	if ((settings->quirks & DP_QUIRK_takes_chains) != 0)
		tx_capa |= RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
	settings->tx_offloads =
		set_cut(settings->tx_offloads, TX_DEFAULT, tx_flags, RTE_DIM(tx_flags), tx_capa);
	chains = (settings->tx_offloads & DP_TX_multi_segs) != 0;
	if (!use->replicates)
		settings->tx_offloads &= ~(uint32_t)DP_TX_multi_segs;
	if (use->replicates || !use->one_pool)
		settings->tx_offloads &= ~(uint32_t)DP_TX_mbuf_fast_free;
	return chains;
}

uint64_t
negotiated_tx_offloads(const struct dp_port_settings *settings, const struct rte_eth_dev_info *info)
{
	return set_flags(settings->tx_offloads, tx_flags, RTE_DIM(tx_flags)) &
	       info->tx_offload_capa;
}

uint64_t
negotiated_rss(const struct dp_port_settings *settings, const struct rte_eth_dev_info *info)
{
	return set_flags(settings->rss_types, rss_flags, RTE_DIM(rss_flags)) &
	       info->flow_type_rss_offloads;
}
