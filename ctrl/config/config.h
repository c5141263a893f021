/* SPDX-License-Identifier: BSD-3-Clause */
/* The configuration of sluiced: read from YAML, checked by its schema and then across fields. */
#ifndef CTRL_CONFIG_CONFIG_H
#define CTRL_CONFIG_CONFIG_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/un.h>

#include <dp/dp.h>

#include "base/fault.h"
#include "config/access.h"

#define CONFIG_PREFIX_MAX 33
#define CONFIG_STATE_PATH_MAX 401

struct config {
	char socket_path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	size_t max_message_bytes;
	unsigned max_depth;
	unsigned max_connections;
	char state_path[CONFIG_STATE_PATH_MAX]; /* "" = nothing is kept */
	char state_flows[CONFIG_STATE_PATH_MAX]; /* "" = none */
	unsigned keep_declared; /* generations, see store_keep() */
	unsigned keep_calls;
	unsigned max_requests_per_s; /* of one connection; 0 = any number */
	size_t max_waiting_bytes; /* of one user */
	struct access access;
	struct tls_config tls;
	unsigned control_core;
	unsigned n_workers;
	unsigned worker_cores[DP_WORKERS_MAX];
	char file_prefix[CONFIG_PREFIX_MAX];
	unsigned memory_mb;
	bool hugepages;
	unsigned packet_buffers;
	char xdp_program[DP_DEVARGS_MAX]; /* of the ports that we steer */
	unsigned ipv4_flows;
	unsigned ipv6_flows;
	unsigned legs;
	unsigned punt_ring;
	unsigned punt_rate_pps;
	unsigned n_ports;
	struct dp_port_config ports[DP_PORTS_MAX]; /* devargs with the steering program added */
	/* The kernel interface of a port that we steer; "" = the port needs no steering. */
	char steered[DP_PORTS_MAX][IFNAMSIZ];
	char pci[DP_PORTS_MAX][16]; /* PCI address of a port, "" = it has none */
};

/*
 * Read and check the file. 0, or -1 with *fault set; its message then is the whole line for
 * people, "FILE:LINE: /pointer: found ..., expected ...".
 */
int config_load(const char *path, struct config *config, struct fault *fault);

/*
 * Whether the control socket can be made, found out before any port is touched: make the directory
 * of the path (0755) if its parent exists, and check that the path is free, or holds a socket that
 * no process listens on. 0, or -1 with *fault set.
 */
int socket_path_prepare(const char *path, struct fault *fault);

/* What control must read out of a port's DPDK devargs: "NAME,key=value,...". Pure. */

/* The device is a kernel interface behind DPDK's AF_XDP driver. */
bool devargs_is_af_xdp(const char *devargs);

/* Two devargs name one device, whatever their arguments say. */
bool devargs_same_device(const char *devargs, const char *other);

/* Copy the value of `key`; false, with value empty, when it is absent or does not fit. */
bool devargs_value(const char *devargs, const char *key, char *value, size_t size);

/* Copy the PCI address that devargs start with ("0000:03:00.0"); false when it is a vdev. */
bool devargs_pci(const char *devargs, char *address, size_t size);

#endif
