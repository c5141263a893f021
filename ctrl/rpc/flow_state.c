/* SPDX-License-Identifier: BSD-3-Clause */
/* See flow_state.h. */
#include "rpc/flow_state.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/clock.h"
#include "flow/flow_codec.h"
#include "flow/flows.h"

#define SCANS_MAX 20000 /* flows read for a page, taken or not */

/* A cursor is the sequence number of the last flow of a page, which need not be there any more. */
static int
cursor_read(const char *text, uint64_t last, uint64_t *sequence, struct fault *fault)
{
	char canonical[24];

	*sequence = 0;
	if (!text)
		return 0;
	*sequence = strtoull(text, NULL, 10);
	snprintf(canonical, sizeof(canonical), "%" PRIu64, *sequence);
	if (strcmp(text, canonical) != 0 || *sequence == 0 || *sequence > last)
		return fault_set(fault, FAULT_NOT_FOUND, "/cursor",
			"found %s, expected next_cursor of a previous page", text);
	return 0;
}

int
flow_page_begin(struct flow_page *page, const struct flow_db *desired, const json_t *params,
	struct fault *fault)
{
	uint64_t sequence;

	if (cursor_read(param_text(params, "cursor"), desired->last_sequence, &sequence, fault) < 0)
		return -1;
	*page = (struct flow_page){
		.flow = flow_db_after(desired, sequence),
		.room = (int64_t)param_number(params, "limit"),
		.scans = SCANS_MAX,
		.legs = FLOW_PAGE_LEGS,
	};
	return 0;
}

void
flow_page_next(struct flow_page *page, bool taken)
{
	const struct flow *flow = page->flow;
	const unsigned n_legs = flow->spec->n_all_legs;

	page->flow = flow_db_next(flow);
	page->scans--;
	if (taken) {
		page->room--;
		page->legs -= n_legs < page->legs ? n_legs : page->legs;
	}
	if (!page->flow || (page->room > 0 && page->scans > 0 && page->legs > 0))
		return;
	snprintf(page->next_cursor, sizeof(page->next_cursor), "%" PRIu64, flow->sequence);
	page->flow = NULL;
}

static const char *const hop_states[] = {
	[NEXT_HOP_PENDING] = "pending",
	[NEXT_HOP_RESOLVED] = "resolved",
	[NEXT_HOP_STATIC] = "static",
	[NEXT_HOP_BACKUP] = "backup",
};

/* Of a learned leg, whose copies the next hop in flow->hops does not concern. */
#define STATE_LEARNED "learned"
#define STATE_UNKNOWN "unknown"

/* The name of an interface, looked up once for all legs of a reply that leave by it. */
struct netdev {
	unsigned ifindex; /* 0: none yet */
	char room[IF_NAMESIZE];
	const char *name; /* NULL: it has none any more */
};

static const char *
netdev_name(struct netdev *netdev, unsigned ifindex)
{
	if (netdev->ifindex != ifindex)
		netdev->name = if_indextoname(ifindex, netdev->room);
	netdev->ifindex = ifindex;
	return netdev->name;
}

static json_t *
next_hop_encode(const struct flows *flows, const struct flow_leg *leg, unsigned index,
	struct netdev *netdev)
{
	char address[ADDRESS_TEXT_MAX], mac[MAC_TEXT_MAX];
	char reason[HOP_REASON_MAX];
	struct next_hop_info info;
	bool pending, explained;

	next_hops_info_get(flows->hops, index, &info);
	pending = info.state == NEXT_HOP_PENDING;
	explained = pending || info.state == NEXT_HOP_BACKUP;
	if (explained)
		next_hops_reason(flows->hops, leg, reason);
	address_format(info.family, info.address, address);
	mac_format(info.mac, mac);
	return json_pack("{s:s?, s:s?, s:s, s:s?, s:s*, s:o*, s:s*}", "address",
		info.family ? address : NULL, "mac", pending ? NULL : mac, "state",
		hop_states[info.state], "netdev",
		info.ifindex ? netdev_name(netdev, info.ifindex) : NULL, "reason",
		explained ? reason : NULL, "mtu", pending ? NULL : json_integer(info.mtu),
		"mtu_from",
		pending		    ? NULL
		: info.mtu_of_route ? "route"
				    : "interface");
}

/* The neighbour that a worker answers to by itself, and what the kernel's next hop waits for. */
static json_t *
source_hop_encode(
	const struct flows *flows, const struct flow_leg *leg, const struct leg_source *source)
{
	char mac[MAC_TEXT_MAX], reason[HOP_REASON_MAX] = "";
	struct flow_leg made;

	leg_source_leg(&flows->source_context, leg, source, &made);
	if (source->held)
		next_hops_reason(flows->hops, &made, reason);
	mac_format(source->latched.mac, mac);
	return json_pack("{s:n, s:s, s:s, s:n, s:s*}", "address", "mac", mac, "state",
		STATE_LEARNED, "netdev", "reason", reason[0] ? reason : NULL);
}

static json_t *
source_sends_encode(
	const struct ports *ports, const struct flow_leg *leg, const struct leg_source *source)
{
	const struct dp_latched *latched = &source->latched;
	char dst[ADDRESS_TEXT_MAX];

	address_format(leg->dp.family, latched->src, dst);
	return json_pack("{s:b, s:s, s:i, s:i, s:s, s:i}", "learned", 1, "port",
		ports->info[latched->port].name, "vlan", latched->vlan, "outer_vlan",
		latched->outer_vlan, "dst", dst, "dst_port", ntohs(latched->src_port));
}

static json_t *
leg_sends_encode(const struct flow_leg *leg)
{
	char dst[ADDRESS_TEXT_MAX];

	address_format(leg->dp.family, leg->dp.dst, dst);
	return json_pack("{s:b, s:s, s:i, s:i, s:s, s:i}", "learned", 0, "port", leg->port, "vlan",
		leg->dp.vlan, "outer_vlan", leg->dp.outer_vlan, "dst", dst, "dst_port",
		ntohs(leg->dp.dst_port));
}

static json_t *
icmp_errors_encode(const struct leg_errors *errors)
{
	const uint64_t ago_ns = clock_read_ns(CLOCK_MONOTONIC) - errors->last_ns;
	char from[ADDRESS_TEXT_MAX];
	json_t *json, *counts = json_object();

	address_format((int)errors->path.family, errors->from, from);
	json = json_pack("{s:b, s:s, s:s, s:I}", "unreachable", errors->unreachable, "last",
		icmp_error_name(errors->last.kind), "from", from, "time_ns",
		(json_int_t)(clock_read_ns(CLOCK_REALTIME) - ago_ns));
	for (unsigned kind = 0; kind < ICMP_ERROR_KINDS; kind++)
		json_object_set_new(counts, icmp_error_name((enum icmp_error_kind)kind),
			json_integer((json_int_t)errors->counts[kind]));
	json_object_set_new(json, "counts", counts);
	if (errors->last.mtu != 0)
		json_object_set_new(json, "mtu", json_integer(errors->last.mtu));
	return json;
}

/* Add to the state of a leg where it sends, and by which next hop and port. */
static void
leg_way_add(json_t *state, const struct methods_context *context, const struct flow *flow,
	unsigned number, struct netdev *netdev)
{
	const struct flows *flows = context->flows;
	const struct flow_leg *leg = &flow->spec->legs[number];
	unsigned port = (unsigned)ports_find(flows->ports, leg->port);
	json_t *hop = NULL, *sends = NULL;
	const struct leg_errors *errors;
	struct leg_source source;
	struct flow_leg made;

	switch (leg_way_get(&flows->source_context, flow->spec, flow->sources, number, &source)) {
	case LEG_SIGNALLED:
		hop = next_hop_encode(flows, leg, flow->hops[number], netdev);
		port = next_hops_port(flows->hops, flow->hops[number]);
		sends = leg->learned[0] ? leg_sends_encode(leg) : NULL;
		break;
	case LEG_KNOWN:
		leg_source_leg(&flows->source_context, leg, &source, &made);
		hop = next_hop_encode(flows, &made, source.next_hop, netdev);
		sends = source_sends_encode(flows->ports, leg, &source);
		port = source.latched.port;
		break;
	case LEG_LEARNED:
		hop = source_hop_encode(flows, leg, &source);
		sends = source_sends_encode(flows->ports, leg, &source);
		port = source.latched.port;
		break;
	case LEG_NOWHERE:
		hop = json_pack(
			"{s:n, s:n, s:s, s:n}", "address", "mac", "state", STATE_UNKNOWN, "netdev");
		sends = json_null();
		break;
	}
	json_object_set_new(state, "next_hop", hop);
	errors = icmp_errors_of(&context->monitor->icmp_errors, flow, number);
	if (errors)
		json_object_set_new(state, "icmp_errors", icmp_errors_encode(errors));
	json_object_set_new(state, "link_up", json_boolean(!dp_port_is_down(context->dp, port)));
	if (sends)
		json_object_set_new(state, "sends_to", sends);
}

/* Counters, links and next hops of n legs, from number `first` of the spec on. */
static json_t *
legs_state_encode(const struct methods_context *context, const struct flow *flow, unsigned first,
	const struct dp_leg_stats *stats, unsigned n)
{
	json_t *list = legs_counters_encode(&flow->spec->legs[first], stats, n), *leg;
	struct netdev netdev = {0};
	size_t i;

	json_array_foreach (list, i, leg)
		leg_way_add(leg, context, flow, first + (unsigned)i, &netdev);
	return list;
}

static json_t *
source_encode(const struct dp *dp, const struct flow *flow)
{
	struct dp_latched latched;

	if (flow->spec->dp.latch == DP_LATCH_OPEN ||
		dp_flow_latched_get(dp, flow->handle, &latched) < 0 || !latched.valid)
		return json_null();
	return latched_encode(flow->spec->match.key.family, &latched);
}

/* NULL: a time that never was. */
static json_t *
past_encode(uint64_t age_ns, bool was)
{
	return was ? json_integer((json_int_t)(clock_read_ns(CLOCK_REALTIME) - age_ns))
		   : json_null();
}

/* NULL: the flow has no sources to choose from. */
static json_t *
failover_encode(const struct dp *dp, const struct flow *flow)
{
	const struct flow_spec *spec = flow->spec;
	json_t *list, *item;
	struct dp_sources sources;
	unsigned i;

	if (spec->dp.n_sources == 0 || dp_flow_sources_get(dp, flow->handle, &sources) < 0)
		return NULL;
	list = json_array();
	for (i = 0; i < spec->dp.n_sources && i < sources.n; i++) {
		const struct dp_source *source = &spec->sources[i];
		const struct dp_source_stats *stats = &sources.of[i];
		char src[ADDRESS_TEXT_MAX];

		address_format(spec->match.key.family, source->address, src);
		item = json_pack("{s:s, s:I, s:o}", "src", src, "packets",
			(json_int_t)stats->packets, "last_ns",
			past_encode(stats->silent_ns, stats->packets > 0));
		if (source->port)
			json_object_set_new(item, "src_port", json_integer(ntohs(source->port)));
		json_array_append_new(list, item);
	}
	return json_pack("{s:i, s:I, s:o, s:o}", "active", sources.active, "switches",
		(json_int_t)sources.switches, "since_ns",
		past_encode(sources.active_ns, sources.switches > 0), "sources", list);
}

/* `legs` has room for the legs of any stream of the flow. */
static json_t *
streams_encode(
	const struct methods_context *context, const struct flow *flow, struct dp_leg_stats *legs)
{
	json_t *list = json_array();
	unsigned i;

	for (i = 0; i < flow->spec->n_streams; i++) {
		const struct flow_stream *stream = &flow->spec->streams[i];
		struct dp_stream_stats stats;

		if (dp_stream_stats_get(
			    context->dp, flow->handle, i, &stats, legs, stream->dp.n_legs) < 0)
			continue;
		json_array_append_new(
			list, json_pack("{s:I, s:I, s:o}", "packets", (json_int_t)stats.packets,
				      "bytes", (json_int_t)stats.bytes, "legs",
				      legs_state_encode(context, flow, stream->first_leg, legs,
					      stream->dp.n_legs)));
	}
	return list;
}

json_t *
last_packet_encode(const struct idle *idle, uint64_t now_ns)
{
	if (idle->packet_ns == 0)
		return json_null();
	return json_pack("{s:I, s:I}", "time_ns",
		(json_int_t)(clock_read_ns(CLOCK_REALTIME) - (now_ns - idle->packet_ns)),
		"within_ms",
		(json_int_t)((idle->packet_ns - idle->packet_after_ns + NS_PER_MS - 1) /
			     NS_PER_MS));
}

/* When the last packet came, as far as it is known, and whether media flows. */
static void
activity_add(json_t *state, const struct methods_context *context, struct flow *flow)
{
	static const char *const media[] = {
		[MEDIA_WAITING] = "waiting",
		[MEDIA_FLOWING] = "flowing",
		[MEDIA_TIMED_OUT] = "timed_out",
	};
	const uint64_t now_ns = clock_read_ns(CLOCK_MONOTONIC);

	if (!idle_monitor_look(&context->monitor->idle, flow, now_ns))
		return;
	json_object_set_new(state, "last_packet", last_packet_encode(&flow->watch.idle, now_ns));
	if (idle_media(flow) != MEDIA_UNWATCHED)
		json_object_set_new(state, "media", json_string(media[idle_media(flow)]));
}

/* NULL: the flow matches no group. */
static json_t *
membership_encode(const struct flows *flows, const struct flow_spec *spec)
{
	struct membership_info info;
	char netdev[IF_NAMESIZE];
	const char *reason = NULL;

	if (!membership_info_get(flows->memberships, spec, &info))
		return NULL;
	if (info.ifindex == 0)
		reason = "the kernel has no interface for the port and its VLANs";
	else if (info.error == -ENODEV)
		reason = HOP_INTERFACE_DELETED;
	else if (info.error < 0)
		reason = strerror(-info.error);
	return json_pack("{s:s, s:s?, s:s*}", "state", reason ? "pending" : "joined", "netdev",
		info.ifindex ? if_indextoname(info.ifindex, netdev) : NULL, "reason", reason);
}

json_t *
leg_state_encode(const struct methods_context *context, const struct flow *flow, unsigned number,
	const struct dp_leg_stats *stats)
{
	json_t *state = leg_counters_encode(stats);

	json_object_set_new(state, "id", json_string(flow->spec->legs[number].id));
	leg_way_add(state, context, flow, number, &(struct netdev){0});
	return state;
}

/* With so many of its own legs. */
static json_t *
state_encode(const struct methods_context *context, struct flow *flow, unsigned n_legs,
	struct fault *fault)
{
	const struct flow_spec *spec = flow->spec;
	struct dp_leg_stats *legs = reallocarray(NULL, spec->n_all_legs + 1, sizeof(*legs));
	struct dp_flow_stats stats;
	json_t *state = NULL;

	if (!legs)
		fault_set(fault, FAULT_NO_ROOM, "", "no memory for the reply");
	else if (dp_flow_stats_get(context->dp, flow->handle, &stats, legs, spec->n_legs) < 0)
		fault_set(fault, FAULT_INTERNAL, "/id", "the data plane has no counters of flow %s",
			spec->id);
	else
		state = json_pack("{s:o, s:b, s:o, s:o, s:o*, s:o*, s:o}", "flow",
			n_legs < spec->n_legs ? flow_own_encode(spec) : flow_spec_encode(spec),
			"declared", spec->declared, "counters", flow_counters_encode(&stats),
			"latched", source_encode(context->dp, flow), "failover",
			failover_encode(context->dp, flow), "membership",
			membership_encode(context->flows, spec), "legs",
			legs_state_encode(context, flow, 0, legs, n_legs));
	if (state) {
		json_object_set_new(state, "streams", streams_encode(context, flow, legs));
		activity_add(state, context, flow);
	}
	free(legs);
	return state;
}

/*
 * On the interface of the port and VLANs; in IPv4 on any, as Linux answers ARP requests for it too.
 * It answers neighbour solicitations for addresses of the same interface only.
 */
static bool
local_is_own(const struct flows *flows, const struct dp_flow_key *key, unsigned ifindex)
{
	struct hop_request request = {.ifindex = ifindex,
		.vlan = key->vlan,
		.outer_vlan = key->outer_vlan,
		.family = key->family};
	struct hop_paths paths;

	memcpy(request.to, key->dst, sizeof(request.to));
	if (route_resolve(flows->net, &request, &paths) == -EADDRNOTAVAIL)
		return true;
	if (key->family == DP_IPV6)
		return false;
	request.ifindex = request.vlan = request.outer_vlan = 0;
	return route_resolve(flows->net, &request, &paths) == -EADDRNOTAVAIL;
}

json_t *
local_hint_encode(const struct methods_context *context, const struct flow *flow)
{
	const struct flows *flows = context->flows;
	const struct flow_match *match = &flow->spec->match;
	const int port = flow->spec->rule ? -1 : ports_find(flows->ports, match->port);
	const unsigned ifindex = port < 0 ? 0 : flows->ports->info[port].ifindex;
	char address[ADDRESS_TEXT_MAX];

	if (ifindex == 0 || local_is_own(flows, &match->key, ifindex))
		return NULL;
	address_format(match->key.family, match->key.dst, address);
	if (match->key.family == DP_IPV6)
		return json_sprintf(
			"no interface on the link of port %s has %s: the kernel does not answer "
			"neighbour solicitations for it there, so senders on that link cannot "
			"reach it; add the address to the interface of the port, or of the VLAN",
			match->port, address);
	return json_sprintf(
		"no interface has %s: the kernel does not answer ARP requests for it, so senders "
		"on the link of port %s cannot reach it; add the address to an interface",
		address, match->port);
}

json_t *
flow_state_encode(const struct methods_context *context, struct flow *flow, struct fault *fault)
{
	return state_encode(context, flow, flow->spec->n_legs, fault);
}

json_t *
flow_own_state_encode(const struct methods_context *context, struct flow *flow, struct fault *fault)
{
	return state_encode(
		context, flow, (unsigned)flow->spec->n_legs - flow->spec->n_receivers, fault);
}
