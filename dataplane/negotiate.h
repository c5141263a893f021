/* SPDX-License-Identifier: BSD-3-Clause */
/* What a port asks of its device, cut to what the device can do and the data plane can use. */
#ifndef DATAPLANE_NEGOTIATE_H
#define DATAPLANE_NEGOTIATE_H

#include <rte_ethdev.h>

#include <dp/dp.h>

/* What is known of all ports together. */
struct negotiate_use {
	bool replicates; /* there may be flows of several legs */
	bool one_pool; /* all ports receive into the same pool */
};

/*
 * Turn what is asked for into what is to be in effect on a device with so many receive queues in
 * use. Descriptors are left as they are, with the default put in: DPDK has a function for the rest.
 * Returns whether copies may share their payload, if there are any.
 */
bool negotiate(struct dp_port_settings *settings, const struct rte_eth_dev_info *info,
	unsigned n_rx_queues, const struct negotiate_use *use);

/* DPDK's flags for negotiated settings, which the device has: RTE_ETH_TX_OFFLOAD_*. */
uint64_t negotiated_tx_offloads(
	const struct dp_port_settings *settings, const struct rte_eth_dev_info *info);

/* The same for RTE_ETH_RSS_*. */
uint64_t negotiated_rss(
	const struct dp_port_settings *settings, const struct rte_eth_dev_info *info);

#endif
