/* SPDX-License-Identifier: BSD-3-Clause */
/* See memory.h. */
#include "doctor/memory.h"

#include <stdint.h>

#include "doctor/pci_checks.h"

/*
 * As memory_by_node() of drivers-conf/setup/config.py has it, but for its steps of 512 MiB: what
 * sluice-setup reserves is enough here. The counts are those of pools_create() in dataplane/dp.c.
 */
#define DESCRIPTORS 1024
#define PACKETS_A_QUEUE_EXTRA 4096
#define PACKETS_A_WORKER 1024
#define BUFFER_OVERHEAD_BYTES 1280 /* headers of the three pools, and a replica's copied header */
#define FRAME_BYTES 2048
#define FRAME_OVERHEAD_BYTES 64
#define TABLE_ENTRY_BYTES 512
#define BASE_MIB 128
#define RINGS_MIB 2 /* of a worker: of 65536 pointers and more, the next power of two */

/* Virtual devices, and those of a machine with one node, are on no node. */
static unsigned
node_of_port(const char *root, const struct port_setup *port)
{
	struct device device;

	device_read(root, port, &device);
	return device.node < 0 ? 0 : (unsigned)device.node;
}

unsigned
memory_estimate_mib(const char *root, const struct setup *setup, unsigned node)
{
	const unsigned first = setup->n_ports > 0 ? node_of_port(root, &setup->ports[0]) : 0;
	uint64_t frame = FRAME_BYTES, packets = 0, bytes = 0;

	for (unsigned i = 0; i < setup->n_ports; i++) {
		const struct port_setup *port = &setup->ports[i];
		const uint64_t descriptors = port->descriptors ? port->descriptors : DESCRIPTORS;
		const uint64_t n_rx = port->rx_queues ? port->rx_queues : setup->n_workers;

		if (frame < port->mtu + FRAME_OVERHEAD_BYTES)
			frame = port->mtu + FRAME_OVERHEAD_BYTES;
		if (node_of_port(root, port) != node)
			continue;
		packets += n_rx * (descriptors + PACKETS_A_QUEUE_EXTRA) +
			   setup->n_workers * descriptors;
	}
	if (!memory_is_planned(root, setup, node))
		return RINGS_MIB * setup->n_workers;
	if (packets > 0)
		packets += PACKETS_A_WORKER * setup->n_workers;
	if (packets > 0 && setup->packet_buffers > 0)
		packets = setup->packet_buffers;
	bytes = packets * (frame + BUFFER_OVERHEAD_BYTES);
	if (node == first)
		bytes += (uint64_t)setup->n_table_entries * TABLE_ENTRY_BYTES;
	return BASE_MIB + (unsigned)(bytes >> 20);
}

bool
memory_is_planned(const char *root, const struct setup *setup, unsigned node)
{
	bool is_planned = setup->n_ports == 0;

	for (unsigned i = 0; i < setup->n_ports; i++)
		is_planned |= node_of_port(root, &setup->ports[i]) == node;
	return is_planned;
}
