/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A packet through the stages by their own code, on a shadow of a worker (shadow.h). What is
 * written here only asks each stage what it said.
 */
#include "trace.h"

#include <errno.h>
#include <string.h>

#include <rte_cycles.h>

#include "dp_private.h"
#include "lane.h"
#include "lcore_time.h"
#include "shadow.h"
#include "unmatched.h"

static void
packet_describe4(struct dp_trace *trace, const struct rte_ipv4_hdr *ip, const struct flow_key4 *key)
{
	memcpy(trace->key.src, &key->src, sizeof(key->src));
	memcpy(trace->key.dst, &key->dst, sizeof(key->dst));
	trace->key.src_port = key->src_port;
	trace->key.dst_port = key->dst_port;
	trace->ttl = ip->time_to_live;
	trace->tos = ip->type_of_service;
}

static void
packet_describe6(struct dp_trace *trace, const struct rte_ipv6_hdr *ip, const struct flow_key6 *key)
{
	memcpy(trace->key.src, key->src, sizeof(key->src));
	memcpy(trace->key.dst, key->dst, sizeof(key->dst));
	trace->key.src_port = key->src_port;
	trace->key.dst_port = key->dst_port;
	trace->ttl = ip->hop_limits;
	trace->tos = (uint8_t)(rte_be_to_cpu_32(ip->vtc_flow) >> RTE_IPV6_HDR_TC_SHIFT);
}

/* What the parser made of the frame: the key's domain is port and VLANs. */
static void
packet_describe(
	const struct tracing *t, const struct datagram *d, uint32_t domain, enum dp_family family)
{
	const struct rte_udp_hdr *udp =
		RTE_PTR_ADD(d->ip, replica_header_bytes(family) - sizeof(*udp));
	struct dp_trace *trace = t->trace;

	trace->key.family = (uint8_t)family;
	trace->key.port = d->port;
	trace->key.vlan = domain & VLAN_ID_MASK;
	trace->key.outer_vlan = domain >> 12 & VLAN_ID_MASK;
	trace->l2_bytes = (uint16_t)(d->ip - rte_pktmbuf_mtod(d->m, const uint8_t *));
	trace->ip_bytes = d->l3_bytes;
	trace->extension_bytes = (uint16_t)(t->request->frame_bytes - d->m->pkt_len);
	trace->payload_bytes = (uint16_t)(rte_be_to_cpu_16(udp->dgram_len) - sizeof(*udp));
}

/* Where the search for a flow went, and where it ended. */
static void
match_describe(struct dp_trace *trace, const struct flow_table *table, const struct lane *lane,
	enum dp_family family)
{
	const uint32_t domain = family == DP_IPV4 ? lane->key4[0].domain : lane->key6[0].domain;
	const void *entry = lane->entries[0];
	const bool by_listener = (domain & FLOW_DOMAIN_LISTENER) != 0;

	trace->looked = 1 << DP_TRACE_EXACT;
	if (by_listener)
		trace->looked |= 1 << DP_TRACE_LISTENER;
	if (entry == NULL) {
		if (table->rules != NULL && !martian(lane->ips[0], family))
			trace->looked |= 1 << DP_TRACE_RULE;
		return;
	}
	trace->handle =
		flow_table_index(table, entry, family) | (family == DP_IPV6 ? FLOW_HANDLE_IPV6 : 0);
	trace->match = by_listener ? DP_TRACE_LISTENER : DP_TRACE_EXACT;
	if (flow_table_is_rule(table, dp_handle_index(trace->handle))) {
		trace->match = DP_TRACE_RULE;
		trace->looked |= 1 << DP_TRACE_RULE;
	}
}

/* No flow: what the port does about it is in the shadow's counters. */
static void
trace_unmatched(const struct tracing *t, const struct datagram *d, enum dp_family family)
{
	const struct port_counters *counters = &t->shadow->counters[d->port];

	act_unmatched(&t->shadow->lc, d->m, d->ip, d->port, family);
	t->trace->step = DP_TRACE_CLASSIFY;
	t->trace->verdict = DP_PUNT;
	for (unsigned r = 0; r < DP_DROP_COUNT; r++) {
		if (counters->drops[r] > 0)
			trace_drop(t->trace, DP_TRACE_CLASSIFY, (enum dp_drop)r);
	}
}

static __rte_always_inline void
trace_datagram(const struct tracing *t, struct lane *lane, enum dp_family family)
{
	const struct flow_table *table = family == DP_IPV4 ? &t->dp->table4 : &t->dp->table6;
	const struct datagram d = {
		.m = lane->packets[0],
		.ip = lane->ips[0],
		.l3_bytes = lane->l3_bytes[0],
		.port = t->request->port,
	};

	lane->n = 1;
	if (family == DP_IPV4) {
		packet_describe4(t->trace, lane->ips[0], &lane->key4[0]);
		packet_describe(t, &d, lane->key4[0].domain, family);
	} else {
		packet_describe6(t->trace, lane->ips[0], &lane->key6[0]);
		packet_describe(t, &d, lane->key6[0].domain, family);
	}
	classify_lane(&t->shadow->lc, table, lane, view_load(&t->dp->view), family);
	match_describe(t->trace, table, lane, family);
	if (lane->entries[0] == NULL)
		trace_unmatched(t, &d, family);
	else
		trace_flow(t, &d, lane->entries[0], family);
}

static void
trace_frame(const struct tracing *t)
{
	struct shadow *s = t->shadow;
	struct lane_sizes sizes = {0, 0};
	enum dp_drop reason;

	shadow_receive(s, t->request->frame, t->request->frame_bytes);
	reason = parse_packet(&s->lc, &sizes, t->request->port, &s->m);
	if (reason != PARSE_OK)
		trace_drop(t->trace, DP_TRACE_PARSE, reason);
	else if (sizes.n4 > 0)
		trace_datagram(t, &s->lc.lane4, DP_IPV4);
	else
		trace_datagram(t, &s->lc.lane6, DP_IPV6);
}

int
trace_at(struct dp *dp, unsigned worker, uint64_t now_ns, const struct dp_trace_request *request,
	struct dp_trace *trace, dp_trace_leg_fn fn, void *arg)
{
	struct tracing t = {
		.dp = dp,
		.request = request,
		.trace = trace,
		.worker = worker,
		.fn = fn,
		.arg = arg,
	};

	if (request->port >= dp->n_ports)
		return -EINVAL;
	if (request->frame_bytes > DP_TRACE_FRAME_MAX)
		return -EMSGSIZE;
	t.shadow = shadow_create(dp, worker, now_ns);
	if (t.shadow == NULL)
		return -ENOMEM;
	*trace = (struct dp_trace){
		.drop = DP_DROP_COUNT, .handle = DP_HANDLE_NONE, .worker = (uint16_t)worker};
	trace_frame(&t);
	shadow_destroy(t.shadow);
	return 0;
}

static bool
worker_polls(const struct lcore *lc, uint16_t port)
{
	for (uint16_t q = 0; q < lc->n_queues; q++) {
		if (lc->queues[q].port == port)
			return true;
	}
	return false;
}

int
dp_trace(struct dp *dp, const struct dp_trace_request *request, struct dp_trace *trace,
	dp_trace_leg_fn fn, void *arg)
{
	unsigned worker = 0, n_workers = 0;
	int ret;

	for (unsigned w = dp->n_workers; w-- > 0;) {
		if (worker_polls(dp->workers[w], request->port)) {
			worker = w;
			n_workers++;
		}
	}
	ret = trace_at(
		dp, worker, lcore_ns(dp->workers[worker], rte_rdtsc()), request, trace, fn, arg);
	if (ret == 0)
		trace->n_workers = (uint16_t)n_workers;
	return ret;
}
