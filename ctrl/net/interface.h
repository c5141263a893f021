/* SPDX-License-Identifier: BSD-3-Clause */
/* What the kernel says of an interface. Control thread. */
#ifndef CTRL_NET_INTERFACE_H
#define CTRL_NET_INTERFACE_H

#include <stdbool.h>
#include <stdint.h>

/* MTU in bytes of IP, or a negative errno. */
int interface_mtu(const char *name);

/* Its MAC address. 0 or a negative errno; -ENODEV: it is gone. */
int interface_mac(unsigned ifindex, uint8_t mac[6]);

/* It was deleted, or moved to another network namespace; one of that name is another one. */
bool interface_is_gone(unsigned ifindex);

/* It is one end of a veth pair. */
bool interface_is_veth(unsigned ifindex);

/* What the kernel lost on an interface since that exists. */
struct interface_losses {
	uint64_t rx_dropped;
	uint64_t rx_missed;
	uint64_t rx_errors;
	uint64_t tx_dropped;
	uint64_t tx_errors;
};

/* 0 or a negative errno. */
int interface_losses_read(unsigned ifindex, struct interface_losses *losses);

/* It is up and has a carrier; false also for one that is gone. */
bool interface_runs(unsigned ifindex);

#endif
