/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One port of the appliance: an ethdev of any driver, probed by its devargs, with one transmit
 * queue a worker (workers share none) and its receive queues to be spread over the workers.
 */
#ifndef DATAPLANE_PORT_H
#define DATAPLANE_PORT_H

#include <rte_mempool.h>

#include <dp/dp.h>

#include "negotiate.h"

#define PORT_XDP_SOCKETS_MAX 64

struct port {
	struct dp_port_config config;
	uint16_t ethdev; /* DPDK port id */
	bool probed; /* by us: then we remove the device again */
	bool started;
	int socket; /* NUMA node of the device; -1 = it has none */
	uint16_t mtu;
	uint16_t n_rx;
	uint16_t n_tx;
	struct dp_port_settings settings; /* in effect once they are negotiated */
	bool shares_payload;
	unsigned n_xdp_sockets;
	int xdp_sockets[PORT_XDP_SOCKETS_MAX]; /* the driver's */
};

/* Probe the device, or adopt it where it is probed already, and read what it can do. */
int port_open(struct port *port, const struct dp_port_config *config, unsigned n_workers,
	char *error, size_t error_size);

/* Choose what of the settings asked for is to be in effect. Call before port_configure(). */
int port_negotiate(
	struct port *port, const struct negotiate_use *use, char *error, size_t error_size);

/* Configure queues and MTU, with receive buffers from `packets`. */
int port_configure(struct port *port, struct rte_mempool *packets, char *error, size_t error_size);

int port_start(struct port *port, char *error, size_t error_size);
void port_stop(struct port *port);

/* Close the ethdev; remove the device if port_open() probed it. */
void port_close(struct port *port);

/* What dp_port_info_get() returns. */
void port_info(const struct port *port, struct dp_port_info *info);

/* Fill the NIC's own counters of `stats`. */
void port_nic_stats(const struct port *port, struct dp_port_stats *stats);

#endif
