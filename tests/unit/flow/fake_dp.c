/* SPDX-License-Identifier: BSD-3-Clause */
#include "fake_dp.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct dp the_dp;

struct dp *
fake_dp_reset(void)
{
	static const unsigned ifindexes[] = {10, 11, 0};

	memset(&the_dp, 0, sizeof(the_dp));
	for (unsigned i = 0; i < 3; i++) {
		struct dp_port_info *port = &the_dp.ports[i];

		snprintf(port->name, sizeof(port->name), "p%u", i);
		memcpy(port->mac, (uint8_t[]){0x02, 0, 0, 0, 0, (uint8_t)(0xa0 + i)}, 6);
		port->mtu = 1500;
		port->ifindex = ifindexes[i];
	}
	the_dp.n_ports = 3;
	the_dp.capacity = 64;
	the_dp.leg_capacity = 65536;
	return &the_dp;
}

unsigned
fake_dp_live(const struct dp *dp)
{
	unsigned n = 0;

	for (unsigned i = 0; i < FAKE_FLOWS_MAX; i++)
		n += dp->flows[i].state == FAKE_LIVE;
	return n;
}

struct fake_flow *
fake_dp_only(struct dp *dp)
{
	unsigned i = 0;

	cr_assert_eq(fake_dp_live(dp), 1);
	while (dp->flows[i].state != FAKE_LIVE)
		i++;
	return &dp->flows[i];
}

unsigned
dp_port_count(const struct dp *dp)
{
	return dp->n_ports;
}

int
dp_bond_member_get(const struct dp *dp, unsigned port, unsigned member, struct dp_bond_member *info)
{
	(void)dp, (void)port, (void)member, (void)info;
	return -ENOENT; /* no port is a bond */
}

int
dp_bond_member_link_set(struct dp *dp, unsigned port, unsigned member, bool up)
{
	(void)dp, (void)port, (void)member, (void)up;
	return -ENOENT;
}

int
dp_port_info_get(const struct dp *dp, unsigned port, struct dp_port_info *info)
{
	*info = dp->ports[port];
	return 0;
}

int
dp_port_down_set(struct dp *dp, unsigned port, bool down)
{
	dp->down[port] = down;
	return 0;
}

bool
dp_port_is_down(const struct dp *dp, unsigned port)
{
	return dp->down[port];
}

int
dp_next_hop_set(struct dp *dp, unsigned index, const struct dp_next_hop *next_hop)
{
	if (dp->fail_next_hop)
		return dp->fail_next_hop;
	dp->next_hops[index] = *next_hop;
	return 0;
}

static int
latched_check(const struct dp *dp, uint32_t handle)
{
	const struct fake_flow *flow = &dp->flows[handle];

	return flow->state == FAKE_LIVE && flow->flow.latch != DP_LATCH_OPEN ? 0 : -ENOENT;
}

int
dp_flow_latched_get(const struct dp *dp, uint32_t handle, struct dp_latched *latched)
{
	*latched = dp->flows[handle].latched;
	return latched_check(dp, handle);
}

int
dp_flow_sources_get(const struct dp *dp, uint32_t handle, struct dp_sources *sources)
{
	*sources = dp->flows[handle].sources;
	return sources->n > 0 ? 0 : -ENOENT;
}

int
dp_latch_get(const struct dp *dp, uint64_t cookie, struct dp_latched *latched)
{
	unsigned i;

	for (i = 0; i < FAKE_FLOWS_MAX; i++) {
		*latched = dp->flows[i].latched;
		if (dp->flows[i].flow.latch_cookie == cookie && latched_check(dp, i) == 0)
			return 0;
	}
	return -ENOENT;
}

int
dp_flow_forget(struct dp *dp, uint32_t handle, struct dp_latched *forgotten)
{
	*forgotten = dp->flows[handle].latched;
	dp->flows[handle].latched.state += dp->flows[handle].latched.valid;
	dp->flows[handle].latched.valid = 0;
	return latched_check(dp, handle);
}

static void
leg_stats_make(const struct dp_flow_stats *flow, unsigned number, struct dp_leg_stats *stats)
{
	memset(stats, 0, sizeof(*stats));
	stats->copies = flow->packets;
	stats->bytes = flow->bytes;
	stats->drops[DP_DROP_tx_full - DP_COPY_DROP_FIRST] = number;
}

/* Also for versions that are on their way out. */
static void
flow_stats_make(const struct fake_flow *flow, struct dp_flow_stats *stats,
	struct dp_leg_stats *legs, unsigned n_legs)
{
	memset(stats, 0, sizeof(*stats));
	stats->packets = 100 + flow->origin + flow->more_packets;
	stats->bytes = 1000 + flow->origin;
	stats->forwarded = stats->packets - 1;
	stats->drops[DP_DROP_policed - DP_FLOW_DROP_FIRST] = 1;
	for (unsigned i = 0; i < n_legs; i++)
		leg_stats_make(stats, flow->numbers[i], &legs[i]);
}

int
dp_flow_stats_get(const struct dp *dp, uint32_t handle, struct dp_flow_stats *flow,
	struct dp_leg_stats *legs, unsigned n_legs)
{
	const struct fake_flow *found = &dp->flows[handle];

	if (found->state != FAKE_LIVE || (legs && found->flow.n_legs != n_legs))
		return -ENOENT;
	flow_stats_make(found, flow, legs, n_legs);
	return 0;
}

int
dp_stream_stats_get(const struct dp *dp, uint32_t handle, unsigned stream,
	struct dp_stream_stats *stats, struct dp_leg_stats *legs, unsigned n_legs)
{
	const struct fake_flow *flow = &dp->flows[handle];
	const struct dp_flow_stats made = {.packets = 200 + stream, .bytes = 2000 + stream};

	if (flow->state != FAKE_LIVE || stream >= flow->flow.n_streams ||
		flow->streams[stream].n_legs != n_legs)
		return -ENOENT;
	*stats = (struct dp_stream_stats){.packets = made.packets, .bytes = made.bytes};
	for (unsigned i = 0; i < n_legs; i++)
		leg_stats_make(&made, i, &legs[i]);
	return 0;
}

unsigned
dp_flow_count(const struct dp *dp, enum dp_family family)
{
	return family == DP_IPV4 ? fake_dp_live(dp) : 0;
}

unsigned
dp_flow_capacity(const struct dp *dp, enum dp_family family)
{
	return family == DP_IPV4 ? dp->capacity : 0;
}

struct dp_memory
dp_flow_memory(const struct dp *dp, enum dp_family family)
{
	const unsigned capacity = dp_flow_capacity(dp, family);

	return (struct dp_memory){.bytes = 64 * (capacity + 1ul),
		.page_bytes = 2u << 20,
		.pages = 1,
		.hugepages = true,
		.tlb_percent = 100,
		.socket = capacity > 0 ? 1 : -1};
}

struct dp_memory
dp_leg_memory(const struct dp *dp)
{
	return (struct dp_memory){
		.bytes = 64 * (size_t)dp_leg_capacity(dp), .page_bytes = 4096, .pages = 3};
}

/* Whether the flow is there once the open transaction is committed. */
static bool
stays(const struct fake_flow *flow)
{
	return flow->state == FAKE_LIVE || flow->state == FAKE_ADDED;
}

unsigned
dp_txn_flow_count(const struct dp_txn *txn, enum dp_family family)
{
	const struct dp *dp = fake_txn_dp(txn);
	unsigned n = 0;

	for (unsigned i = 0; i < FAKE_FLOWS_MAX; i++)
		n += family == DP_IPV4 && stays(&dp->flows[i]);
	return n;
}

unsigned
dp_txn_rule_count(const struct dp_txn *txn, enum dp_family family)
{
	const struct dp *dp = fake_txn_dp(txn);
	unsigned n = 0;

	for (unsigned i = 0; i < FAKE_FLOWS_MAX; i++)
		n += family == DP_IPV4 && stays(&dp->flows[i]) && dp->flows[i].has_rule;
	return n;
}

unsigned
dp_txn_leg_count(const struct dp_txn *txn)
{
	return dp_leg_count(fake_txn_dp(txn));
}

unsigned
dp_flow_legs(const struct dp_flow *flow)
{
	unsigned n = flow->n_legs > 1 ? flow->n_legs : 0;

	for (unsigned i = 0; i < flow->n_streams; i++)
		n += flow->streams[i].n_legs;
	return n;
}

unsigned
dp_leg_count(const struct dp *dp)
{
	unsigned n = 0;

	for (unsigned i = 0; i < FAKE_FLOWS_MAX; i++) {
		if (stays(&dp->flows[i]))
			n += dp_flow_legs(&dp->flows[i].flow);
	}
	return n;
}

unsigned
dp_leg_capacity(const struct dp *dp)
{
	return dp->leg_capacity;
}

unsigned
dp_punt_poll(struct dp *dp, unsigned max, dp_punted_fn fn, void *arg)
{
	unsigned n = 0;

	for (; n < max && n < dp->n_punted; n++)
		fn(arg, &dp->punted[n]);
	dp->punted += n;
	dp->n_punted -= n;
	return n;
}

int
dp_kernel_path_set(struct dp *dp, unsigned port, int fd, unsigned ifindex)
{
	(void)fd;
	dp->ports[port].ifindex = ifindex;
	return 0;
}

int
dp_inject(
	struct dp *dp, unsigned port, const uint8_t *frame, uint32_t frame_bytes, unsigned *worker)
{
	if (dp->fail_inject)
		return dp->fail_inject;
	cr_assert_leq(frame_bytes, sizeof(dp->injected));
	memcpy(dp->injected, frame, frame_bytes);
	dp->injected_bytes = frame_bytes;
	dp->injected_port = port;
	dp->n_injected++;
	*worker = 0;
	return 0;
}

unsigned
dp_latch_poll(struct dp *dp, unsigned max, dp_latch_moved_fn fn, void *arg, bool *lost)
{
	unsigned n = 0;

	for (unsigned i = 0; i < FAKE_FLOWS_MAX && n < max; i++) {
		struct fake_flow *flow = &dp->flows[i];

		if (flow->state != FAKE_LIVE || !flow->moved)
			continue;
		flow->moved = false;
		fn(arg, flow->flow.latch_cookie);
		n++;
	}
	*lost = false;
	return n;
}

unsigned
dp_worker_count(const struct dp *dp)
{
	(void)dp;
	return 1;
}

int
dp_worker_info_get(const struct dp *dp, unsigned worker, struct dp_worker_info *info)
{
	(void)dp;
	*info = (struct dp_worker_info){
		.core = worker + 1, .socket = -1, .rx_queues = 3, .cpu_level = "v2"};
	return 0;
}

int
dp_worker_stats_get(const struct dp *dp, unsigned worker, struct dp_worker_stats *stats)
{
	(void)dp;
	(void)worker;
	*stats = (struct dp_worker_stats){
		.loops = 4, .busy_loops = 3, .rx_packets = 2, .tx_packets = UINT64_C(1) << 40};
	return 0;
}

int
dp_port_stats_get(const struct dp *dp, unsigned port, struct dp_port_stats *stats)
{
	(void)dp;
	memset(stats, 0, sizeof(*stats));
	stats->rx_packets = 10 + port;
	stats->forwarded = 6 + port;
	stats->punted = 1;
	stats->drops[DP_DROP_no_flow] = 3;
	stats->nic_missed = 9;
	return 0;
}

int
dp_queue_stats_get(const struct dp *dp, unsigned port, unsigned queue, struct dp_queue_stats *stats)
{
	(void)dp;
	(void)port;
	*stats = (struct dp_queue_stats){.rx_packets = 5 + queue, .worker = queue};
	return queue < 2 ? 0 : -ENOENT;
}

const char *
dp_dpdk_version(void)
{
	return "DPDK fake";
}

int
dp_trace(struct dp *dp, const struct dp_trace_request *request, struct dp_trace *trace,
	dp_trace_leg_fn fn, void *arg)
{
	if (request->frame_bytes > DP_TRACE_FRAME_MAX)
		return -EMSGSIZE;
	memcpy(dp->traced, request->frame, request->frame_bytes);
	dp->trace_request = *request;
	dp->trace_request.frame = dp->traced;
	*trace = dp->trace;
	for (unsigned i = request->first_leg;
		i < dp->n_trace_legs && i < (unsigned)request->first_leg + request->n_legs; i++)
		fn(arg, &dp->trace_legs[i]);
	return 0;
}

const char *
dp_drop_help(enum dp_drop reason)
{
	(void)reason;
	return "help";
}

#define FAKE_DROP_NAME(name, help) #name,
const char *
dp_xdp_name(enum dp_xdp count)
{
	(void)count;
	return "xdp";
}

#define FAKE_EXCEPTION_NAME(name, pps, help) [DP_EXCEPTION_##name] = #name,

const char *
dp_exception_name(enum dp_exception exception)
{
	static const char *const names[] = {DP_EXCEPTIONS(FAKE_EXCEPTION_NAME)};

	return names[exception];
}

const char *
dp_drop_name(enum dp_drop reason)
{
	static const char *const names[] = {DP_FRAME_DROPS(FAKE_DROP_NAME)
			DP_FLOW_DROPS(FAKE_DROP_NAME) DP_COPY_DROPS(FAKE_DROP_NAME)};

	return names[reason];
}
