/* SPDX-License-Identifier: BSD-3-Clause */
/* What control must read out of a port's DPDK devargs: "NAME,key=value,...". Pure. */
#ifndef CTRL_CONFIG_DEVARGS_H
#define CTRL_CONFIG_DEVARGS_H

#include <stdbool.h>
#include <stddef.h>

#define PCI_ADDRESS_MAX 16 /* bytes of "0000:03:00.0" */

/* The device is a kernel interface behind DPDK's AF_XDP driver. */
bool devargs_is_af_xdp(const char *devargs);

/* Two devargs name one device, whatever their arguments say. */
bool devargs_same_device(const char *devargs, const char *other);

/* Copy the value of `key`; false, with value empty, when it is absent or does not fit. */
bool devargs_value(const char *devargs, const char *key, char *value, size_t size);

/* Copy the PCI address that devargs start with ("0000:03:00.0"); false when it is a vdev. */
bool devargs_pci(const char *devargs, char *address, size_t size);

/*
 * Append those of `arguments`, "key=value,...", whose keys the devargs do not have. false: they
 * have no room of `size` bytes for one, and only those before it are appended.
 */
bool devargs_add(char *devargs, size_t size, const char *arguments);

#endif
