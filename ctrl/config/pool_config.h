/* SPDX-License-Identifier: BSD-3-Clause */
/* The section `pools` of the configuration, see flow/pool.h. Control thread. */
#ifndef CTRL_CONFIG_POOL_CONFIG_H
#define CTRL_CONFIG_POOL_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "base/fault.h"

#define POOLS_MAX 64 /* the schema has it as maxItems, and the next, too */
#define POOL_ADDRESSES_MAX 16

/* The same range of local UDP ports at each of some addresses. */
struct pool_config {
	const char *name; /* borrowed from the document */
	uint8_t family; /* of all addresses */
	unsigned n_addresses;
	uint8_t addresses[POOL_ADDRESSES_MAX][16];
	uint16_t first, last; /* host order */
	bool pairs; /* of an even port and the next one: first is even, and last odd */
	uint32_t quarantine_s;
};

/*
 * Read what the schema has checked, and check it across fields and pools. 0, or -1 with *fault set:
 * pointer relative to the document ("/pools/N/...").
 */
int pool_configs_read(const json_t *document, struct pool_config pools[POOLS_MAX], unsigned *n,
	struct fault *fault);

/*
 * How many ports of the pool the kernel may give to sockets of the host: those in `range`, the text
 * of ip_local_port_range, but not in `reserved`, that of ip_local_reserved_ports. Pure.
 */
unsigned pool_config_ephemeral(
	const struct pool_config *pool, const char *range, const char *reserved);

/*
 * Log a warning for each pool that has ports of the kernel's, or that of a flow which the files at
 * `path` ("": none) declare without the pool; and for a flow there that names no pool that there
 * is. Files that cannot be read are not warned of.
 */
void pool_configs_warn(const struct pool_config *pools, unsigned n, const char *path);

#endif
