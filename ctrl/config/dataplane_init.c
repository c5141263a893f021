/* SPDX-License-Identifier: BSD-3-Clause */
/* From struct config to the structures of the waist, and from its error texts to a fault. */
#include "config/dataplane_init.h"

#include <net/if.h>
#include <string.h>

#include "config/config.h"
#include "net/netlink.h"

#define ERROR_MAX 384

int
data_plane_eal_init(const struct config *config, struct fault *fault)
{
	const char *pci[DP_PORTS_MAX];
	char error[ERROR_MAX];
	struct dp_eal_config eal = {
		.program = "sluiced",
		.file_prefix = config->file_prefix,
		.control_core = config->control_core,
		.n_workers = config->n_workers,
		.memory_mb = config->memory_mb,
		.no_huge = !config->hugepages,
		.pci = pci,
	};
	unsigned i;

	memcpy(eal.worker_cores, config->worker_cores, sizeof(eal.worker_cores));
	for (i = 0; i < config->n_ports; i++) {
		if (config->pci[i][0] != '\0')
			pci[eal.n_pci++] = config->pci[i];
	}
	if (dp_eal_init(&eal, error, sizeof(error)) < 0)
		return fault_set(fault, FAULT_INTERNAL, "", "%s", error);
	return 0;
}

/* net_af_xdp reports 1500 whatever the interface has: ask the kernel where nothing is configured.
 */
static void
ports_fill_mtu(struct dp_port_config *ports, unsigned n)
{
	char name[IF_NAMESIZE];
	unsigned i;

	for (i = 0; i < n; i++) {
		int mtu;

		if (ports[i].mtu != 0 || !devargs_is_af_xdp(ports[i].devargs) ||
			!devargs_value(ports[i].devargs, "iface", name, sizeof(name)))
			continue;
		mtu = interface_mtu(name);
		if (mtu > 0)
			ports[i].mtu = (unsigned)mtu;
	}
}

struct dp *
data_plane_create(const struct config *config, void (*warn)(void *arg, const char *message),
	struct fault *fault)
{
	struct dp_port_config ports[DP_PORTS_MAX];
	const struct dp_config dp_config = {
		.n_ports = config->n_ports,
		.ports = ports,
		.max_flows_ipv4 = config->ipv4_flows,
		.max_flows_ipv6 = config->ipv6_flows,
		.max_legs = config->legs,
		.punt_ring = config->punt_ring,
		.punt_rate = config->punt_rate_pps,
		.packet_buffers = config->packet_buffers,
		.warn = warn,
	};
	char error[ERROR_MAX];
	struct dp *dp;

	memcpy(ports, config->ports, sizeof(ports));
	ports_fill_mtu(ports, config->n_ports);
	dp = dp_create(&dp_config, error, sizeof(error));
	if (!dp)
		fault_set(fault, FAULT_INTERNAL, "", "%s", error);
	return dp;
}

int
data_plane_start(struct dp *dp, struct fault *fault)
{
	char error[ERROR_MAX];

	if (dp_start(dp, error, sizeof(error)) < 0)
		return fault_set(fault, FAULT_INTERNAL, "", "%s", error);
	return 0;
}
