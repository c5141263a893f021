/* SPDX-License-Identifier: BSD-3-Clause */
/* See memory.h. */
#include "doctor/memory.h"

#include <stdint.h>

#include <dp/dp.h>

#include "doctor/cpu_checks.h"
#include "doctor/pci_checks.h"
#include "doctor/tree.h"

#define BUFFER_OVERHEAD_BYTES 1280 /* headers of the three pools, and a replica's copied header */
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
	uint64_t frame = DP_FRAME_BYTES_MIN, packets = 0, bytes = 0;

	for (unsigned i = 0; i < setup->n_ports; i++) {
		const struct port_setup *port = &setup->ports[i];
		const uint64_t descriptors =
			port->descriptors ? port->descriptors : DP_DESCRIPTORS_DEFAULT;
		const uint64_t n_rx = port->rx_queues ? port->rx_queues : setup->n_workers;

		if (frame < port->mtu + DP_FRAME_OVERHEAD_BYTES)
			frame = port->mtu + DP_FRAME_OVERHEAD_BYTES;
		if (node_of_port(root, port) != node)
			continue;
		packets += n_rx * (descriptors + DP_QUEUE_PACKETS) + setup->n_workers * descriptors;
	}
	if (packets == 0 && setup->n_ports > 0)
		return RINGS_MIB * setup->n_workers;
	if (packets > 0)
		packets += DP_WORKER_PACKETS * setup->n_workers;
	if (packets > 0 && setup->packet_buffers > 0)
		packets = setup->packet_buffers;
	bytes = packets * (frame + BUFFER_OVERHEAD_BYTES);
	if (node == first)
		bytes += (uint64_t)setup->n_table_entries * TABLE_ENTRY_BYTES;
	return BASE_MIB + (unsigned)(bytes >> 20);
}

void
memory_nodes_read(const char *root, const struct setup *setup, cpu_set_t *nodes)
{
	cpu_set_t all, cpus, local;

	tree_cpus(root, &all, NODE_DIR "/has_memory");
	if (CPU_COUNT(&all) == 0)
		CPU_SET(0, &all);
	*nodes = all;
	if (!setup->known || CPU_COUNT(&all) == 1)
		return;
	CPU_ZERO(nodes);
	setup_cpus(setup, &cpus);
	for (unsigned node = 0; node < CPU_SETSIZE; node++) {
		if (!CPU_ISSET(node, &all))
			continue;
		tree_cpus(root, &local, NODE_DIR "/node%u/cpulist", node);
		CPU_AND(&local, &local, &cpus);
		if (CPU_COUNT(&local) > 0)
			CPU_SET(node, nodes);
	}
	for (unsigned i = 0; i < setup->n_ports; i++) {
		struct device device;

		device_read(root, &setup->ports[i], &device);
		if (device.node >= 0)
			CPU_SET((unsigned)device.node, nodes);
	}
}

static void
report_node(json_t *report, unsigned node, unsigned mib, bool has_ports)
{
	json_array_append_new(report, json_pack("{s:i, s:i, s:b}", "node", (int)node, "mib",
					      (int)mib, "ports", has_ports));
}

json_t *
memory_report(const char *root, const struct setup *setup)
{
	json_t *report = json_array();
	cpu_set_t others;

	memory_nodes_read(root, setup, &others);
	for (unsigned i = 0; i < setup->n_ports; i++) {
		const unsigned node = node_of_port(root, &setup->ports[i]);
		unsigned mib = memory_estimate_mib(root, setup, node);
		bool seen = false;

		for (unsigned before = 0; before < i; before++)
			seen |= node_of_port(root, &setup->ports[before]) == node;
		if (seen)
			continue;
		if (i == 0 && mib < setup->memory_mb)
			mib = setup->memory_mb;
		report_node(report, node, mib, true);
		CPU_CLR(node, &others);
	}
	for (unsigned node = 0; node < CPU_SETSIZE; node++) {
		if (CPU_ISSET(node, &others))
			report_node(report, node, memory_estimate_mib(root, setup, node), false);
	}
	return report;
}
