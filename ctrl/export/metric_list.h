/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The one list of metric families, in the order of the exposition; docs/metrics.md is generated
 * from it. X(name, type, labels, help, writer, of): names are those of OpenMetrics 1.0, without
 * "sluice_" and without the suffix of a counter's samples; what `of` is, the writer says.
 */
#ifndef CTRL_EXPORT_METRIC_LIST_H
#define CTRL_EXPORT_METRIC_LIST_H

#define PROCESS_METRICS(X) \
	X(build, info, "version, dpdk", "Versions of Sluice and of DPDK", build, 0) \
	X(uptime_seconds, gauge, "", "Time since sluiced was started", uptime, 0) \
	X(cpu_seconds, counter, "", "CPU time of the process, workers included", cpu, 0) \
	X(resident_memory_bytes, gauge, "", "Resident memory of the process, without hugepages", \
		resident, 0) \
	X(log_lines_lost, counter, "", "Lines that the log could not take", log_lost, 0) \
	X(generation, gauge, "", "Generation of the installed flows", generation, 0) \
	X(unconfirmed, gauge, "", "1 while a change waits for its confirmation", unconfirmed, 0) \
	X(flows, gauge, "family", "Installed flows", flows, 0) \
	X(flows_capacity, gauge, "family", "Flows that the table has room for", flows, 1) \
	X(legs, gauge, "", "Legs in the leg table", legs, 0) \
	X(legs_capacity, gauge, "", "Legs that the leg table has room for", legs, 1) \
	X(pool_ports, gauge, "pool", "Local ports of a pool", pools, \
		offsetof(struct pool_usage, size)) \
	X(pool_ports_free, gauge, "pool", "Local ports of a pool that can be given", pools, \
		offsetof(struct pool_usage, free)) \
	X(pool_ports_quarantined, gauge, "pool", \
		"Local ports of a pool that were released a short time ago", pools, \
		offsetof(struct pool_usage, quarantined))

#define WORKER_METRICS(X) \
	X(worker_seconds, counter, "worker, core", "Time that the worker has run", worker_ns, \
		offsetof(struct dp_worker_stats, total_ns)) \
	X(worker_busy_seconds, counter, "worker, core", \
		"Time of rounds in which the worker found packets", worker_ns, \
		offsetof(struct dp_worker_stats, busy_ns)) \
	X(worker_busy_cycles, counter, "worker, core", \
		"TSC cycles of rounds in which the worker found packets", worker_count, \
		offsetof(struct dp_worker_stats, busy_cycles)) \
	X(worker_receive_packets, counter, "worker, core", "Packets that the worker received", \
		worker_count, offsetof(struct dp_worker_stats, rx_packets)) \
	X(worker_transmit_packets, counter, "worker, core", "Packets that the worker transmitted", \
		worker_count, offsetof(struct dp_worker_stats, tx_packets)) \
	X(worker_longest_round_seconds, gauge, "worker, core", \
		"Longest time between two polls of the worker's queues", worker_ns, \
		offsetof(struct dp_worker_stats, longest_round_ns)) \
	X(worker_residence_seconds, histogram, "worker, core, le", \
		"Time from receive to transmit, of packets of sampled rounds", residence, 0)

#define PORT_METRICS(X) \
	X(port_up, gauge, "port", "1 while the port has a link", port_up, 0) \
	X(port_receive_packets, counter, "port", "Packets that workers received", port_count, \
		offsetof(struct dp_port_stats, rx_packets)) \
	X(port_receive_bytes, counter, "port", "Bytes of these frames, without FCS", port_count, \
		offsetof(struct dp_port_stats, rx_bytes)) \
	X(port_forwarded_packets, counter, "port", "Received packets that were given to legs", \
		port_count, offsetof(struct dp_port_stats, forwarded)) \
	X(port_punted_packets, counter, "port", "Received packets that were given to control", \
		port_count, offsetof(struct dp_port_stats, punted)) \
	X(port_copies, counter, "port", "Copies of legs with this egress port", port_count, \
		offsetof(struct dp_port_stats, copies)) \
	X(port_transmit_packets, counter, "port", "Packets that the port took for transmission", \
		port_count, offsetof(struct dp_port_stats, tx_packets)) \
	X(port_transmit_bytes, counter, "port", "Bytes of these frames, without FCS", port_count, \
		offsetof(struct dp_port_stats, tx_bytes)) \
	X(port_injected_packets, counter, "port", "Frames of control that a worker took to send", \
		port_count, offsetof(struct dp_port_stats, injected)) \
	X(port_drops, counter, "port, reason", \
		"Packets (of the ingress port) and copies (of the egress port) that were dropped", \
		port_drops, 0) \
	X(port_missed_packets, counter, "port", \
		"Packets that the NIC lost before a worker had them", port_count, \
		offsetof(struct dp_port_stats, nic_missed)) \
	X(port_no_buffer_packets, counter, "port", "Packets that the NIC found no buffer for", \
		port_count, offsetof(struct dp_port_stats, nic_no_buffer)) \
	X(port_receive_errors, counter, "port", "Errors that the NIC counted on receive", \
		port_count, offsetof(struct dp_port_stats, nic_rx_errors)) \
	X(port_transmit_errors, counter, "port", "Errors that the NIC counted on transmit", \
		port_count, offsetof(struct dp_port_stats, nic_tx_errors)) \
	X(port_xdp_events, counter, "port, event", \
		"What the kernel counted on the sockets of a port over AF_XDP", port_xdp, 0)

#define FLOW_METRICS(X) \
	X(flow_packets, counter, "flow", "Packets that matched the flow", flow_count, \
		offsetof(struct dp_flow_stats, packets)) \
	X(flow_bytes, counter, "flow", "Bytes of the IP datagrams that matched the flow", \
		flow_count, offsetof(struct dp_flow_stats, bytes)) \
	X(flow_forwarded_packets, counter, "flow", "Packets of the flow that were given to legs", \
		flow_count, offsetof(struct dp_flow_stats, forwarded)) \
	X(flow_punted_packets, counter, "flow", "Packets of the flow that were given to control", \
		flow_count, offsetof(struct dp_flow_stats, punted)) \
	X(flow_drops, counter, "flow, reason", \
		"Packets that the flow dropped; reasons without any are left out", flow_drops, 0)

/* After the flows: what is known of the scrape only then. */
#define SCRAPE_METRICS(X) \
	X(flows_left_out, gauge, "", "Flows that metrics.flows selects, beyond metrics.max_flows", \
		left_out, 0)

#endif
