/* SPDX-License-Identifier: BSD-3-Clause */
/* The process, its workers, how full its tables are; its ports in the order of the configuration.
 */
#include <net/if.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/log.h"
#include "rpc/methods.h"
#include "rpc/server.h"

static double
share(uint64_t part, uint64_t whole)
{
	return whole == 0 ? 0.0 : (double)part / (double)whole;
}

static json_t *
bursts_encode(const struct dp_worker_stats *stats)
{
	json_t *bursts = json_array();
	unsigned i;

	for (i = 0; i <= DP_BURST_MAX; i++)
		json_array_append_new(bursts, json_integer((json_int_t)stats->bursts[i]));
	return bursts;
}

/* Most buckets stay empty for ever: the times of one rig are all of one kind. */
static json_t *
residence_encode(const struct dp_worker_stats *stats)
{
	json_t *buckets = json_array();
	unsigned i;

	for (i = 0; i < DP_RESIDENCE_BUCKETS; i++) {
		if (stats->residence[i] != 0)
			json_array_append_new(
				buckets, json_pack("{s:I, s:I}", "from_ns", (json_int_t)1 << i,
						 "packets", (json_int_t)stats->residence[i]));
	}
	return buckets;
}

static json_t *
worker_encode(const struct dp *dp, unsigned worker)
{
	struct dp_worker_info info;
	struct dp_worker_stats stats;

	if (dp_worker_info_get(dp, worker, &info) < 0 ||
		dp_worker_stats_get(dp, worker, &stats) < 0)
		return NULL;
	return json_pack("{s:i, s:i, s:i, s:s, s:i, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:f, "
			 "s:I, s:o, s:o}",
		"worker", worker, "core", info.core, "socket", info.socket, "cpu_level",
		info.cpu_level, "rx_queues", info.rx_queues, "loops", (json_int_t)stats.loops,
		"busy_loops", (json_int_t)stats.busy_loops, "rx_packets",
		(json_int_t)stats.rx_packets, "tx_packets", (json_int_t)stats.tx_packets, "busy_ns",
		(json_int_t)stats.busy_ns, "total_ns", (json_int_t)stats.total_ns, "busy_cycles",
		(json_int_t)stats.busy_cycles, "busy_share", share(stats.busy_ns, stats.total_ns),
		"cycles_per_packet", share(stats.busy_cycles, stats.rx_packets), "longest_round_us",
		(json_int_t)(stats.longest_round_ns / 1000), "bursts", bursts_encode(&stats),
		"residence_ns", residence_encode(&stats));
}

/* An array of n entries; NULL: one could not be encoded. */
static json_t *
array_encode(const struct dp *dp, unsigned n, json_t *(*encode)(const struct dp *dp, unsigned i))
{
	json_t *array = json_array();
	unsigned i;

	for (i = 0; i < n; i++) {
		if (json_array_append_new(array, encode(dp, i)) < 0) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}

static json_t *
table_encode(unsigned installed, unsigned capacity, const struct dp_memory *memory)
{
	return json_pack("{s:i, s:i, s:{s:I, s:I, s:I, s:b, s:i, s:i}}", "installed", installed,
		"capacity", capacity, "memory", "bytes", (json_int_t)memory->bytes, "page_bytes",
		(json_int_t)memory->page_bytes, "pages", (json_int_t)memory->pages, "hugepages",
		memory->hugepages, "tlb_reach_percent", memory->tlb_percent, "socket",
		memory->socket);
}

static json_t *
flows_encode(const struct dp *dp, enum dp_family family)
{
	const struct dp_memory memory = dp_flow_memory(dp, family);

	return table_encode(dp_flow_count(dp, family), dp_flow_capacity(dp, family), &memory);
}

static json_t *
legs_encode(const struct dp *dp)
{
	const struct dp_memory memory = dp_leg_memory(dp);

	return table_encode(dp_leg_count(dp), dp_leg_capacity(dp), &memory);
}

static json_t *
pool_encode(const struct pool_usage *usage)
{
	const struct pool_config *config = usage->config;
	json_t *addresses = json_array();
	char address[ADDRESS_TEXT_MAX];
	unsigned i;

	for (i = 0; i < config->n_addresses; i++) {
		address_format(config->family, config->addresses[i], address);
		json_array_append_new(addresses, json_string(address));
	}
	return json_pack("{s:s, s:o, s:[i, i], s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:f}", "name",
		config->name, "addresses", addresses, "ports", config->first, config->last, "pairs",
		config->pairs, "quarantine_s", (json_int_t)config->quarantine_s, "size",
		(json_int_t)usage->size, "given", (json_int_t)usage->given, "named",
		(json_int_t)usage->named, "quarantined", (json_int_t)usage->quarantined, "free",
		(json_int_t)usage->free, "used_share",
		share(usage->size - usage->free, usage->size));
}

static json_t *
pools_encode(struct pools *pools)
{
	const uint64_t now_ns = clock_read_ns(CLOCK_MONOTONIC);
	json_t *list = json_array();
	struct pool_usage usage;
	unsigned i;

	for (i = 0; i < pools_count(pools); i++) {
		pools_usage_get(pools, i, now_ns, &usage);
		json_array_append_new(list, pool_encode(&usage));
	}
	return list;
}

static json_t *
system_info(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault)
{
	const struct methods_context *context = ctx;
	const struct config *config = context->config;
	const struct icmp_errors *errors = &context->monitor->icmp_errors;

	(void)params;
	(void)fault;
	return json_pack(
		"{s:s, s:s, s:s, s:i, s:I, s:i, s:o, s:{s:o, s:o}, s:o, s:{s:I, s:i, s:i}, s:I, "
		"s:I, s:o, s:{s:I, s:I, s:I}}",
		"name", "sluice", "version", SLUICE_VERSION, "dpdk", dp_dpdk_version(), "pid",
		(int)getpid(), "uptime_s",
		(json_int_t)(clock_read_ns(CLOCK_MONOTONIC) / NS_PER_S - context->started_s),
		"control_core", config->eal.control_core, "workers",
		array_encode(context->dp, dp_worker_count(context->dp), worker_encode), "flows",
		"ipv4", flows_encode(context->dp, DP_IPV4), "ipv6",
		flows_encode(context->dp, DP_IPV6), "legs", legs_encode(context->dp), "limits",
		"message_bytes",
		(json_int_t)rpc_message_bytes(
			&rpc_call_session(call)->actor, config->max_message_bytes),
		"depth", config->max_depth, "connections", config->max_connections,
		"log_lines_lost", (json_int_t)log_lines_lost(), "flow_legs",
		(json_int_t)context->flows->db.n_legs, "pools", pools_encode(context->flows->pools),
		"icmp_errors", "received", (json_int_t)errors->received, "unmatched",
		(json_int_t)errors->unmatched, "lost", (json_int_t)errors->lost);
}

/* Of a bond; NULL: the port is none. */
static json_t *
bond_encode(const struct dp *dp, unsigned port)
{
	struct dp_bond_member member;
	char partner[MAC_TEXT_MAX];
	json_t *members = NULL;
	unsigned i;

	for (i = 0; dp_bond_member_get(dp, port, i, &member) == 0; i++) {
		mac_format(member.lacp_partner, partner);
		if (!members)
			members = json_array();
		json_array_append_new(
			members, json_pack("{s:s, s:b, s:b, s:s*, s:I, s:I}", "device",
					 member.device, "link_up", member.link_up, "active",
					 member.active, "partner", member.has_lacp ? partner : NULL,
					 "rx_packets", (json_int_t)member.rx_packets, "tx_packets",
					 (json_int_t)member.tx_packets));
	}
	return members ? json_pack("{s:o}", "members", members) : NULL;
}

static json_t *
port_encode(const struct methods_context *context, unsigned port)
{
	const struct port_asked *asked = &context->config->asked[port];
	char mac[MAC_TEXT_MAX], netdev[IF_NAMESIZE];
	struct dp_port_info info;
	const char *name, *hint = steering_hint(context->flows->steering, port);

	if (dp_port_info_get(context->dp, port, &info) < 0)
		return NULL;
	info.mtu = context->flows->ports->info[port].mtu;
	mac_format(info.mac, mac);
	name = info.ifindex ? if_indextoname(info.ifindex, netdev) : NULL;
	return json_pack(
		"{s:s, s:s, s:s, s:s, s:i, s:i, s:s?, s:i, s:b, s:I, s:b, s:s*, s:o*, s:s?, s:o}",
		"name", info.name, "devargs", info.devargs, "driver", info.driver, "mac", mac,
		"mtu", info.mtu, "socket", info.socket, "netdev", name, "rx_queues", info.rx_queues,
		"link_up", port_link_up(&info), "link_mbps", (json_int_t)info.link_mbps,
		"shares_payload", info.shares_payload, "hint", hint ? hint : port_hint(&info),
		"bond", bond_encode(context->dp, port), "profile",
		asked->profile ? asked->profile->path : NULL, "settings",
		port_settings_report(asked, &info));
}

static json_t *
port_list(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault)
{
	const struct methods_context *context = ctx;
	json_t *ports = json_array();
	unsigned i;

	(void)call;
	(void)params;
	(void)fault;
	for (i = 0; i < dp_port_count(context->dp); i++)
		json_array_append_new(ports, port_encode(context, i));
	return json_pack("{s:o}", "ports", ports);
}

const struct rpc_method system_methods[] = {
	{"system.info", system_info},
	{"port.list", port_list},
	{NULL, NULL},
};
