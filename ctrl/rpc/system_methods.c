/* SPDX-License-Identifier: BSD-3-Clause */
/* What runs here: the process, its workers, how full its tables are. */
#include "rpc/system_methods.h"

#include <time.h>
#include <unistd.h>

#include "rpc/methods.h"

static json_t *
worker_encode(const struct dp *dp, unsigned worker)
{
	struct dp_worker_info info;
	struct dp_worker_stats stats;

	if (dp_worker_info_get(dp, worker, &info) < 0 ||
		dp_worker_stats_get(dp, worker, &stats) < 0)
		return NULL;
	return json_pack("{s:i, s:i, s:i, s:i, s:I, s:I, s:I, s:I}", "worker", worker, "core",
		info.core, "socket", info.socket, "rx_queues", info.rx_queues, "loops",
		(json_int_t)stats.loops, "busy_loops", (json_int_t)stats.busy_loops, "rx_packets",
		(json_int_t)stats.rx_packets, "tx_packets", (json_int_t)stats.tx_packets);
}

static json_t *
workers_encode(const struct dp *dp)
{
	json_t *workers = json_array();
	unsigned i;

	for (i = 0; i < dp_worker_count(dp); i++) {
		if (json_array_append_new(workers, worker_encode(dp, i)) < 0) {
			json_decref(workers);
			return NULL;
		}
	}
	return workers;
}

static json_t *
table_encode(const struct dp *dp, enum dp_family family)
{
	return json_pack("{s:i, s:i}", "installed", dp_flow_count(dp, family), "capacity",
		dp_flow_capacity(dp, family));
}

json_t *
system_info(void *ctx, json_t *params, struct fault *fault)
{
	const struct methods_context *context = ctx;
	const struct config *config = context->config;
	struct timespec now;
	json_t *info;

	(void)params;
	clock_gettime(CLOCK_MONOTONIC, &now);
	info = json_pack("{s:s, s:s, s:s, s:i, s:I, s:i, s:o, s:{s:o, s:o}, s:{s:I, s:i, s:i}}",
		"name", "sluice", "version", SLUICE_VERSION, "dpdk", dp_dpdk_version(), "pid",
		(int)getpid(), "uptime_s", (json_int_t)((uint64_t)now.tv_sec - context->started_s),
		"control_core", config->control_core, "workers", workers_encode(context->dp),
		"flows", "ipv4", table_encode(context->dp, DP_IPV4), "ipv6",
		table_encode(context->dp, DP_IPV6), "limits", "message_bytes",
		(json_int_t)config->max_message_bytes, "depth", config->max_depth, "connections",
		config->max_connections);
	if (!info)
		fault_set(fault, FAULT_INTERNAL, "", "no memory for the reply");
	return info;
}
