/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The process, its workers, how full its tables are; its ports in the order of the configuration.
 * counters.get reads all counters at one time, as a collector wants them. counters.top shows the
 * flows, or legs, that carry or drop most; only these become JSON.
 */
#include <net/if.h>
#include <string.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/log.h"
#include "net/netlink.h"
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
load_encode(const struct dp_worker_stats *stats)
{
	return json_pack("{s:I, s:I, s:I, s:f, s:f, s:I, s:o, s:o}", "busy_ns",
		(json_int_t)stats->busy_ns, "total_ns", (json_int_t)stats->total_ns, "busy_cycles",
		(json_int_t)stats->busy_cycles, "busy_share",
		share(stats->busy_ns, stats->total_ns), "cycles_per_packet",
		share(stats->busy_cycles, stats->rx_packets), "longest_round_us",
		(json_int_t)(stats->longest_round_ns / 1000), "bursts", bursts_encode(stats),
		"residence_ns", residence_encode(stats));
}

static json_t *
worker_encode(const struct dp *dp, unsigned worker)
{
	struct dp_worker_info info;
	struct dp_worker_stats stats;
	json_t *encoded;

	if (dp_worker_info_get(dp, worker, &info) < 0 ||
		dp_worker_stats_get(dp, worker, &stats) < 0)
		return NULL;
	encoded = json_pack("{s:i, s:i, s:i, s:i, s:I, s:I, s:I, s:I}", "worker", worker, "core",
		info.core, "socket", info.socket, "rx_queues", info.rx_queues, "loops",
		(json_int_t)stats.loops, "busy_loops", (json_int_t)stats.busy_loops, "rx_packets",
		(json_int_t)stats.rx_packets, "tx_packets", (json_int_t)stats.tx_packets);
	json_object_update_new(encoded, load_encode(&stats));
	return encoded;
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
fill_encode(unsigned installed, unsigned capacity)
{
	return json_pack("{s:i, s:i}", "installed", installed, "capacity", capacity);
}

static json_t *
table_encode(const struct dp *dp, enum dp_family family)
{
	return fill_encode(dp_flow_count(dp, family), dp_flow_capacity(dp, family));
}

static json_t *
system_info(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault)
{
	const struct methods_context *context = ctx;
	const struct config *config = context->config;
	json_t *info;

	(void)params;
	info = json_pack(
		"{s:s, s:s, s:s, s:i, s:I, s:i, s:o, s:{s:o, s:o}, s:o, s:{s:I, s:i, s:i}, s:I, "
		"s:I}",
		"name", "sluice", "version", SLUICE_VERSION, "dpdk", dp_dpdk_version(), "pid",
		(int)getpid(), "uptime_s",
		(json_int_t)(clock_read_ns(CLOCK_MONOTONIC) / NS_PER_S - context->started_s),
		"control_core", config->eal.control_core, "workers", workers_encode(context->dp),
		"flows", "ipv4", table_encode(context->dp, DP_IPV4), "ipv6",
		table_encode(context->dp, DP_IPV6), "legs",
		fill_encode(dp_leg_count(context->dp), dp_leg_capacity(context->dp)), "limits",
		"message_bytes",
		(json_int_t)rpc_message_bytes(rpc_call_actor(call), config->max_message_bytes),
		"depth", config->max_depth, "connections", config->max_connections,
		"log_lines_lost", (json_int_t)log_lines_lost(), "flow_legs",
		(json_int_t)context->flows->db.n_legs);
	if (!info)
		fault_set(fault, FAULT_INTERNAL, "", "no memory for the reply");
	return info;
}

static json_t *
port_encode(const struct dp *dp, unsigned port)
{
	char mac[MAC_TEXT_MAX], netdev[IF_NAMESIZE];
	struct dp_port_info info;
	const char *name;

	if (dp_port_info_get(dp, port, &info) < 0)
		return NULL;
	mac_format(info.mac, mac);
	name = info.ifindex ? if_indextoname(info.ifindex, netdev) : NULL;
	return json_pack("{s:s, s:s, s:s, s:s, s:i, s:i, s:s?, s:i, s:b, s:I, s:b, s:s*}", "name",
		info.name, "devargs", info.devargs, "driver", info.driver, "mac", mac, "mtu",
		info.mtu, "socket", info.socket, "netdev", name, "rx_queues", info.rx_queues,
		"link_up", port_link_up(&info), "link_mbps", (json_int_t)info.link_mbps,
		"shares_payload", info.shares_payload, "hint", port_hint(&info));
}

static json_t *
port_list(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault)
{
	const struct methods_context *context = ctx;
	json_t *ports = json_array();
	unsigned i;

	(void)call;
	(void)params;
	for (i = 0; i < dp_port_count(context->dp); i++) {
		if (json_array_append_new(ports, port_encode(context->dp, i)) < 0) {
			json_decref(ports);
			fault_set(fault, FAULT_INTERNAL, "", "port %u cannot be described", i);
			return NULL;
		}
	}
	return json_pack("{s:o}", "ports", ports);
}

static json_t *
xdp_encode(const struct dp_port_stats *stats)
{
	json_t *counts = json_object();
	unsigned i;

	for (i = 0; i < DP_XDP_COUNT; i++)
		json_object_set_new(counts, dp_xdp_name((enum dp_xdp)i),
			json_integer((json_int_t)stats->xdp[i]));
	return counts;
}

static json_t *
interface_encode(const struct interface_losses *losses)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I}", "rx_dropped", (json_int_t)losses->rx_dropped,
		"rx_missed", (json_int_t)losses->rx_missed, "rx_errors",
		(json_int_t)losses->rx_errors, "tx_dropped", (json_int_t)losses->tx_dropped,
		"tx_errors", (json_int_t)losses->tx_errors);
}

static json_t *
steering_encode(const struct steering_count *counts, unsigned n)
{
	json_t *passed = json_object(), *dropped = json_object();
	json_int_t steered = 0;
	unsigned i;

	for (i = 0; i < n; i++) {
		const json_int_t packets = (json_int_t)counts[i].packets;

		if (!counts[i].cause)
			steered = packets;
		else
			json_object_set_new(
				strcmp(counts[i].verdict, "dropped") == 0 ? dropped : passed,
				counts[i].cause, json_integer(packets));
	}
	return json_pack(
		"{s:I, s:o, s:o}", "steered", steered, "passed", passed, "dropped", dropped);
}

/*
 * Every drop reason; "xdp" where the port is over AF_XDP, "interface" where it shares that with the
 * kernel, and "steering".
 */
static json_t *
port_stats_encode(
	const struct methods_context *context, unsigned port, const struct dp_port_stats *stats)
{
	const struct dp_port_info *info = &context->flows->ports->info[port];
	const bool is_af_xdp = strcmp(info->driver, "net_af_xdp") == 0;
	struct steering_count counts[STEERING_COUNTS_MAX];
	const int n_counts = steering_counts(context->flows->steering, port, counts);
	json_t *drops = json_object(), *interface = NULL;
	struct interface_losses losses;
	unsigned i;

	for (i = 0; i < DP_DROP_COUNT; i++)
		json_object_set_new(drops, dp_drop_name((enum dp_drop)i),
			json_integer((json_int_t)stats->drops[i]));
	if (info->ifindex && interface_losses_read(info->ifindex, &losses) == 0)
		interface = interface_encode(&losses);
	return json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:{s:I, s:I, s:I, s:I},"
			 " s:o*, s:o*, s:o*}",
		"name", info->name, "rx_packets", (json_int_t)stats->rx_packets, "rx_bytes",
		(json_int_t)stats->rx_bytes, "forwarded", (json_int_t)stats->forwarded, "punted",
		(json_int_t)stats->punted, "copies", (json_int_t)stats->copies, "tx_packets",
		(json_int_t)stats->tx_packets, "tx_bytes", (json_int_t)stats->tx_bytes, "drops",
		drops, "nic", "missed", (json_int_t)stats->nic_missed, "no_buffer",
		(json_int_t)stats->nic_no_buffer, "rx_errors", (json_int_t)stats->nic_rx_errors,
		"tx_errors", (json_int_t)stats->nic_tx_errors, "xdp",
		is_af_xdp ? xdp_encode(stats) : NULL, "interface", interface, "steering",
		n_counts > 0 ? steering_encode(counts, (unsigned)n_counts) : NULL);
}

static json_t *
ports_stats_encode(const struct methods_context *context)
{
	const struct ports *ports = context->flows->ports;
	json_t *list = json_array();
	struct dp_port_stats stats;
	unsigned i;

	for (i = 0; i < ports->n; i++) {
		if (dp_port_stats_get(context->dp, i, &stats) == 0)
			json_array_append_new(list, port_stats_encode(context, i, &stats));
	}
	return list;
}

/* `legs` has room for the legs of any flow. */
static json_t *
flow_stats_encode(const struct dp *dp, const struct flow *flow, struct dp_leg_stats *legs)
{
	const struct flow_spec *spec = flow->spec;
	struct dp_flow_stats stats;
	json_t *json;

	if (dp_flow_stats_get(dp, flow->handle, &stats, legs, spec->n_legs) < 0)
		return NULL;
	json = json_pack("{s:s}", "id", spec->id);
	json_object_update_new(json, flow_counters_encode(&stats));
	json_object_set_new(json, "legs", legs_counters_encode(spec->legs, legs, spec->n_legs));
	return json;
}

static json_t *
flows_stats_encode(const struct methods_context *context, struct flow_page *page)
{
	static struct dp_leg_stats legs[DP_FLOW_LEGS_MAX]; /* too large for the stack */
	json_t *list = json_array();

	for (; page->flow; flow_page_next(page, true))
		json_array_append_new(list, flow_stats_encode(context->dp, page->flow, legs));
	return list;
}

static json_t *
counters_get(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault)
{
	const struct methods_context *context = ctx;
	const struct flow_db *desired = &context->flows->db;
	struct flow_page page;
	json_t *reply;

	(void)call;
	if (flow_page_begin(&page, desired, params, fault) < 0)
		return NULL;
	reply = json_pack("{s:I, s:I, s:o}", "time_ns", (json_int_t)clock_read_ns(CLOCK_REALTIME),
		"monotonic_ns", (json_int_t)clock_read_ns(CLOCK_MONOTONIC), "ports",
		ports_stats_encode(context));
	if (param_is_true(params, "flows")) {
		json_object_set_new(reply, "flows", flows_stats_encode(context, &page));
		json_object_set_new(
			reply, "total", json_integer((json_int_t)flow_db_count(desired)));
		json_object_set_new(reply, "next_cursor",
			page.next_cursor[0] ? json_string(page.next_cursor) : json_null());
	}
	if (!reply)
		fault_set(fault, FAULT_INTERNAL, "", "no memory for the reply");
	return reply;
}

static json_int_t
per_second(uint64_t count, uint64_t period_ns)
{
	const unsigned __int128 scaled = (unsigned __int128)count * NS_PER_S;

	return period_ns ? (json_int_t)((scaled + period_ns / 2) / period_ns) : 0;
}

/* The leg of that key; NULL when it has left. */
static const struct flow_leg *
leg_find(const struct flow_spec *spec, uint64_t key)
{
	unsigned i;

	for (i = 0; i < spec->n_legs; i++) {
		if (rate_leg_key(spec->legs[i].id) == key)
			return &spec->legs[i];
	}
	return NULL;
}

/* NULL for what was removed since. */
static json_t *
row_encode(const struct flow_rates *rates, const struct rate_row *row)
{
	const struct flow *flow = rate_row_flow(rates, row);
	const struct flow_leg *leg = NULL;

	if (flow && row->leg)
		leg = leg_find(flow->spec, row->leg);
	if (!flow || (row->leg && !leg))
		return NULL;
	return json_pack("{s:s, s:s*, s:s*, s:I, s:I, s:I, s:I, s:I, s:I}", "flow", flow->spec->id,
		"leg", leg ? leg->id : NULL, "port", leg ? leg->port : NULL, "packets",
		(json_int_t)row->packets, "bytes", (json_int_t)row->bytes, "drops",
		(json_int_t)row->drops, "pps", per_second(row->new_packets, rates->period_ns),
		"bps", per_second(row->new_bytes * 8, rates->period_ns), "drops_ps",
		per_second(row->new_drops, rates->period_ns));
}

static enum rate_order
order_read(const char *by)
{
	static const char *const names[] = {
		[RATE_BY_PPS] = "pps",
		[RATE_BY_BPS] = "bps",
		[RATE_BY_DROPS] = "drops",
		[RATE_BY_PACKETS] = "packets",
	};
	unsigned i = 0;

	while (strcmp(by, names[i]) != 0) /* the schema has checked it */
		i++;
	return (enum rate_order)i;
}

static bool
is_of_legs(const json_t *params)
{
	return strcmp(param_text(params, "of"), "legs") == 0;
}

static json_t *
top_encode(const struct methods_context *context, const json_t *params, struct fault *fault)
{
	const struct flow_rates *rates = &context->monitor->rates;
	const struct rate_table *table = &rates->figures[is_of_legs(params)];
	const struct rate_best *best = &table->best[order_read(param_text(params, "by"))];
	const size_t limit = param_number(params, "limit");
	json_t *rows = json_array();
	size_t i;

	(void)fault;
	for (i = 0; i < limit && i < best->n; i++)
		json_array_append_new(rows, row_encode(rates, &table->rows[best->rows[i]]));
	return json_pack("{s:I, s:I, s:I, s:o}", "time_ns",
		(json_int_t)clock_read_ns(CLOCK_REALTIME), "period_ms",
		(json_int_t)(rates->period_ns / 1000000), "total", (json_int_t)table->n, "rows",
		rows);
}

static json_t *
counters_top(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault)
{
	return rates_call(ctx, call, params, is_of_legs(params), 0, top_encode, fault);
}

const struct rpc_method system_methods[] = {
	{"system.info", system_info},
	{"port.list", port_list},
	{"counters.get", counters_get},
	{"counters.top", counters_top},
	{NULL, NULL},
};
