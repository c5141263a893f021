/* SPDX-License-Identifier: BSD-3-Clause */
/* What the kernel says of an interface by its name. Control thread. */
#ifndef CTRL_NET_INTERFACE_H
#define CTRL_NET_INTERFACE_H

/* MTU in bytes of IP, or a negative errno. */
int interface_mtu(const char *name);

#endif
