/* SPDX-License-Identifier: BSD-3-Clause */
/* TAP interfaces of the kernel (Documentation/networking/tuntap.rst). Control thread. */
#ifndef CTRL_NET_TAP_H
#define CTRL_NET_TAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Make the TAP `name`, or attach to one that is there and that nobody else uses ('ip tuntap add'),
 * with this MAC address and MTU, and bring it up. One that was made goes when the last descriptor
 * of it is closed. *ifindex becomes its index. The descriptor, non-blocking, which the caller
 * closes; or a negative errno and a sentence for people in *error.
 */
int tap_open(const char *name, const uint8_t mac[6], unsigned mtu, unsigned *ifindex, char *error,
	size_t error_size);

/* Whether the interface has a link; it does when it is made. Ignores an interface that is gone. */
void tap_carrier_set(int fd, bool has_link);

#endif
