/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One port of the appliance: an ethdev of any driver, probed by its devargs, with one transmit
 * queue a worker (workers share none) and its receive queues to be spread over the workers.
 */
#ifndef DATAPLANE_PORT_H
#define DATAPLANE_PORT_H

#include <sys/types.h>

#include <rte_mempool.h>

#include <dp/dp.h>

#include "bond.h"
#include "negotiate.h"

#define PORT_XDP_SOCKETS_MAX 64

struct port {
	struct dp_port_config config;
	uint16_t ethdev; /* DPDK port id */
	struct bond bond;
	bool probed; /* by us: then we remove the device again */
	bool started;
	bool removal_asked; /* the kernel wants the device back; written by the EAL's interrupt
			       thread */
	bool unplugged; /* not with the workers; `last` is what it was */
	unsigned kernel_ifindex; /* of its TAP; 0 = none */
	bool closed; /* and not open again yet */
	ino_t driver_link; /* in sysfs, of the device that was unplugged; 0 = none */
	char failed[256]; /* what was reported of unplugging it or opening it again; "" = nothing */
	unsigned retry_pause; /* calls of dp_ports_follow(), after it failed last */
	unsigned retry_wait; /* of those, how many are left */
	struct dp_port_info last;
	struct dp_port_stats nic_before; /* its NIC's counters, of before it was unplugged last */
	int socket; /* NUMA node of the device; -1 = it has none */
	uint16_t mtu;
	uint16_t n_rx;
	uint16_t n_tx;
	struct negotiate_use use; /* set before port_negotiate() */
	struct dp_port_settings settings; /* in effect once they are negotiated */
	unsigned pool_descriptors; /* of all its queues, that the pools are sized for */
	bool shares_payload;
	unsigned n_xdp_sockets;
	int xdp_sockets[PORT_XDP_SOCKETS_MAX]; /* the driver's */
};

/* Probe the device, or adopt it where it is probed already, and read what it can do. */
int port_open(struct port *port, const struct dp_port_config *config, unsigned n_workers,
	char *error, size_t error_size);

/*
 * Choose what of the settings asked for is to be in effect, under port->use. Call before
 * port_configure().
 */
int port_negotiate(struct port *port, char *error, size_t error_size);

/* Of all queues, each of which may hold a buffer. After port_negotiate(). */
unsigned port_descriptors(const struct port *port);

/* Configure queues and MTU, with receive buffers from `packets`. */
int port_configure(struct port *port, struct rte_mempool *packets, char *error, size_t error_size);

int port_start(struct port *port, char *error, size_t error_size);
void port_stop(struct port *port);

/* Close the ethdev; remove the device if port_open() probed it. Nothing if it is closed. */
void port_close(struct port *port);

/*
 * Close the port of a device that is about to go, and keep what port_info() returns of it while it
 * is unplugged: until the caller, who gives it to the workers, says otherwise.
 */
void port_unplug(struct port *port);

/*
 * There is a device again where that of a closed port was, and vfio-pci has it. The one that was
 * unplugged is not meant, which may be there until the kernel has noticed that the port is closed.
 */
bool port_is_back(const struct port *port);

/*
 * Open, negotiate, configure and start a closed port again, with as many queues as before, and no
 * more descriptors than the pools are sized for. On failure it is closed as before.
 */
int port_replug(struct port *port, struct rte_mempool *packets, char *error, size_t error_size);

/* What dp_port_info_get() returns. */
void port_info(const struct port *port, struct dp_port_info *info);

/* Whether the kernel waits for the device of this port. */
bool port_removal_asked(const struct port *port);

/* Fill the NIC's own counters of `stats`. */
void port_nic_stats(const struct port *port, struct dp_port_stats *stats);

#endif
