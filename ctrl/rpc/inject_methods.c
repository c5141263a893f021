/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Packets that clients send: the answer to a punted packet goes back the way that this came, and a
 * packet of a flow leaves by the flow's port and VLANs, to the kernel's next hop. Either way the
 * source is an address at which Sluice receives.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <dp/dp.h>

#include "base/addr.h"
#include "base/escape.h"
#include "rpc/methods.h"
#include "rpc/packet.h"

#define TTL 64
#define IP4_BYTES 20
#define IP6_BYTES 40
#define UDP_BYTES 8

struct injection {
	const struct methods_context *context;
	const json_t *params;
	unsigned port; /* of egress */
	const char *flow; /* id; NULL: the punted packet matched none */
	struct packet_fields fields; /* key.src is the local address */
	struct packet_link link;
};

static const struct dp_port_info *
port_of(const struct injection *injection)
{
	return &injection->context->flows->ports->info[injection->port];
}

/* The punted packet with its two ends exchanged. */
static void
ends_exchange(struct injection *injection, const struct dp_flow_key *came)
{
	struct dp_flow_key *key = &injection->fields.key;

	key->family = came->family;
	memcpy(key->src, came->dst, sizeof(key->src));
	memcpy(key->dst, came->src, sizeof(key->dst));
	key->src_port = came->dst_port;
	key->dst_port = came->src_port;
}

/* A group's MAC address is no source: the port's own is. */
static void
macs_exchange(struct packet_link *link, const struct dp_port_info *port)
{
	uint8_t src[6];

	memcpy(src, link->bytes, sizeof(src));
	memcpy(link->bytes, link->bytes + sizeof(src), sizeof(src));
	memcpy(link->bytes + sizeof(src), src[0] & 1 ? port->mac : src, sizeof(src));
}

static bool
is_unicast(uint8_t family, const uint8_t address[16])
{
	return address_kind(family, address) == ADDRESS_UNICAST;
}

/* The flow of the punted packet is still there, and is that which the caller names, if any. */
static int
punted_flow_check(struct injection *injection, const struct punt *punt, struct fault *fault)
{
	const char *named = param_text(injection->params, "flow");

	if (punt->flow[0] && !flow_db_find(&injection->context->flows->db, punt->flow))
		return fault_set(fault, FAULT_NOT_FOUND, "/punted",
			"found %" PRIu64 ", a packet of flow %s, which was removed", punt->sequence,
			punt->flow);
	injection->flow = punt->flow[0] ? punt->flow : NULL;
	if (!named || strcmp(named, punt->flow) == 0)
		return 0;
	return fault_set(fault, FAULT_INVALID_VALUE, "/flow",
		"found %s, expected %s, the flow of the punted packet; it may be left out", named,
		punt->flow[0] ? punt->flow : "none");
}

static int
punted_read(struct injection *injection, struct fault *fault)
{
	const uint64_t sequence = param_number(injection->params, "punted");
	const struct punt *punt = punts_get(&injection->context->monitor->punts, sequence);
	struct dp_flow_key came;

	if (param_text(injection->params, "dst") || param_number(injection->params, "dst_port"))
		return fault_set(fault, FAULT_INVALID_VALUE, "/punted",
			"found a destination besides it, expected dst and dst_port, or punted");
	if (!punt)
		return fault_set(fault, FAULT_NOT_FOUND, "/punted",
			"found %" PRIu64
			", expected the sequence of a packet that punt.list still has",
			sequence);
	if (punted_flow_check(injection, punt, fault) < 0)
		return -1;
	injection->port = punt->port;
	if (packet_parse(punt->frame, punt->kept_bytes, &came, &injection->link) < 0 ||
		!is_unicast(came.family, came.dst) || !is_unicast(came.family, came.src) ||
		came.src_port == 0)
		return fault_set(fault, FAULT_INVALID_VALUE, "/punted",
			"found a packet to a group, or from no unicast address or UDP port, "
			"expected one that can be answered");
	ends_exchange(injection, &came);
	macs_exchange(&injection->link, port_of(injection));
	return 0;
}

/* The flow's local end and VLANs; its port by name. NULL: there are several. */
static const char *
local_end(const struct flow_spec *spec, struct dp_flow_key *key)
{
	const struct dp_rule *rule = spec->rule ? &spec->rule->rule : NULL;

	if (!rule) {
		key->family = spec->match.key.family;
		memcpy(key->src, spec->match.key.dst, sizeof(key->src));
		key->src_port = spec->match.key.dst_port;
		key->vlan = spec->match.key.vlan;
		key->outer_vlan = spec->match.key.outer_vlan;
		return spec->match.port;
	}
	if (!spec->rule->port[0] || rule->dst_bits < 8 * address_size(rule->family) ||
		rule->dst_port_first != rule->dst_port_last || rule->vlan == DP_RULE_ANY ||
		rule->outer_vlan == DP_RULE_ANY)
		return NULL;
	key->family = rule->family;
	memcpy(key->src, rule->dst, sizeof(key->src));
	key->src_port = htons(rule->dst_port_first);
	key->vlan = rule->vlan;
	key->outer_vlan = rule->outer_vlan;
	return spec->rule->port;
}

/* Where the caller wants it to go. */
static int
destination_read(const json_t *params, struct dp_flow_key *key, struct fault *fault)
{
	const char *dst = param_text(params, "dst");

	key->dst_port = htons((uint16_t)param_number(params, "dst_port"));
	if (address_parse(dst, key->dst) != key->family)
		return fault_set(fault, FAULT_INVALID_VALUE, "/dst",
			"found %s, expected an IPv%u address, as the flow's local address is", dst,
			key->family);
	if (!is_unicast(key->family, key->dst))
		return fault_set(fault, FAULT_INVALID_VALUE, "/dst",
			"found %s, expected a unicast address", dst);
	return 0;
}

/* The only source of the flow, or that which it has learned. */
static int
source_find(const struct injection *injection, const struct flow *flow, struct dp_flow_key *key,
	struct fault *fault)
{
	const struct dp_flow_key *match = &flow->spec->match.key;
	struct dp_latched latched;

	if (!flow->spec->rule && !match->any_source) {
		memcpy(key->dst, match->src, sizeof(key->dst));
		key->dst_port = match->src_port;
		return 0;
	}
	if (dp_flow_latched_get(injection->context->dp, flow->handle, &latched) < 0 ||
		!latched.valid)
		return fault_set(fault, FAULT_INVALID_VALUE, "",
			"found no destination, and flow %s takes packets of any source and has "
			"learned none: expected dst and dst_port, or punted",
			flow->spec->id);
	memcpy(key->dst, latched.src, sizeof(key->dst));
	key->dst_port = latched.src_port;
	return 0;
}

/* Nothing else asks for it, as the packet has no leg. */
static void
neighbour_request(struct net *net, const struct next_hop_info *info)
{
	struct neigh_key key = {.ifindex = info->ifindex, .family = info->family};

	memcpy(key.address, info->address, sizeof(key.address));
	if (info->family)
		neighbour_resolve(net, &key);
}

/* The neighbour by which the kernel would send it. */
static int
next_hop_find(struct injection *injection, struct fault *fault)
{
	struct next_hops *hops = injection->context->flows->hops;
	const struct dp_flow_key *key = &injection->fields.key;
	struct flow_leg leg = {
		.hop = FLOW_HOP_ROUTE,
		.dp =
			{
				.family = key->family,
				.src_port = key->src_port,
				.dst_port = key->dst_port,
				.vlan = key->vlan,
				.outer_vlan = key->outer_vlan,
				.dscp = DP_DSCP_KEEP,
			},
	};
	char reason[HOP_REASON_MAX];
	struct next_hop_info info;
	int index;

	memcpy(leg.port, port_of(injection)->name, sizeof(leg.port));
	memcpy(leg.dp.src, key->src, sizeof(leg.dp.src));
	memcpy(leg.dp.dst, key->dst, sizeof(leg.dp.dst));
	index = next_hops_ref(hops, &leg);
	if (index < 0)
		return fault_set(
			fault, FAULT_NO_ROOM, "", "no room for a next hop: %s", strerror(-index));
	next_hops_info_get(hops, (unsigned)index, &info);
	next_hops_reason(hops, &leg, reason);
	next_hops_unref(hops, &leg, (unsigned)index, false);
	if (info.state == NEXT_HOP_PENDING) {
		neighbour_request(injection->context->flows->net, &info);
		return fault_set(fault, FAULT_INVALID_VALUE,
			json_object_get(injection->params, "dst") ? "/dst" : "/flow",
			"found no way to the destination: %s", reason);
	}
	packet_link_make(&injection->link, info.mac, port_of(injection)->mac, key);
	return 0;
}

static int
flow_read(struct injection *injection, struct fault *fault)
{
	const json_t *params = injection->params;
	const struct flows *flows = injection->context->flows;
	struct dp_flow_key *key = &injection->fields.key;
	const bool has_dst = json_object_get(params, "dst");
	const char *id = param_text(params, "flow"), *port;
	const struct flow *flow = flow_db_find(&flows->db, id);
	int rc;

	if (!flow)
		return fault_set(fault, FAULT_NOT_FOUND, "/flow",
			"found %s, expected the id of an installed flow", id);
	injection->flow = flow->spec->id;
	port = local_end(flow->spec, key);
	if (!port || !is_unicast(key->family, key->src))
		return fault_set(fault, FAULT_INVALID_VALUE, "/flow",
			"found %s, expected a flow of one port, VLAN, local unicast address and "
			"UDP port; or answer a punted packet",
			id);
	injection->port = (unsigned)ports_find(flows->ports, port);
	if (has_dst != (json_object_get(params, "dst_port") != NULL))
		return fault_set(fault, FAULT_INVALID_VALUE, has_dst ? "/dst_port" : "/dst",
			"found nothing, expected dst and dst_port together");
	rc = has_dst ? destination_read(params, key, fault)
		     : source_find(injection, flow, key, fault);
	return rc < 0 ? rc : next_hop_find(injection, fault);
}

static int
payload_check(const struct injection *injection, struct fault *fault)
{
	const struct dp_port_info *port = port_of(injection);
	const size_t headers =
		(injection->fields.key.family == 4 ? IP4_BYTES : IP6_BYTES) + UDP_BYTES;

	if (headers + injection->fields.payload_bytes <= port->mtu)
		return 0;
	return fault_set(fault, FAULT_INVALID_VALUE, "/payload",
		"found %zu bytes, expected at most %zu, as the MTU of port %s is %u",
		injection->fields.payload_bytes, port->mtu - headers, port->name, port->mtu);
}

static int
refused(const struct injection *injection, int error, struct fault *fault)
{
	switch (error) {
	case -ENETDOWN:
		return fault_set(fault, FAULT_INVALID_VALUE,
			json_object_get(injection->params, "punted") ? "/punted" : "/flow",
			"found port %s without a link, expected it to be up",
			port_of(injection)->name);
	case -EDQUOT:
		return fault_set(fault, FAULT_LIMIT, "",
			"more than %u packets per second, the limit of all clients is "
			"inject.rate_pps of the configuration",
			injection->context->config->dp.inject_rate);
	case -ENOBUFS:
		return fault_set(fault, FAULT_NO_ROOM, "",
			"the worker's ring is full of packets to be sent: try again");
	case -ENOMEM:
		return fault_set(fault, FAULT_NO_ROOM, "", "no packet buffer is left");
	default:
		return fault_set(fault, FAULT_INTERNAL, "", "the packet cannot be sent: %s",
			strerror(-error));
	}
}

static json_t *
injected_encode(const struct injection *injection, unsigned worker, const uint8_t *frame, size_t n)
{
	const struct dp_flow_key *key = &injection->fields.key;
	char src[ADDRESS_TEXT_MAX], dst[ADDRESS_TEXT_MAX];

	address_format(key->family, key->src, src);
	address_format(key->family, key->dst, dst);
	return json_pack("{s:s, s:s?, s:s, s:i, s:s, s:i, s:i, s:o}", "port",
		port_of(injection)->name, "flow", injection->flow, "src", src, "src_port",
		ntohs(key->src_port), "dst", dst, "dst_port", ntohs(key->dst_port), "worker",
		(int)worker, "frame", hex_encode(frame, n));
}

/* The packet is made, and handed to the data plane. */
static json_t *
inject(struct injection *injection, struct fault *fault)
{
	uint8_t *frame = malloc(PACKET_HEADERS_MAX + injection->fields.payload_bytes);
	json_t *result = NULL;
	unsigned worker;
	size_t n;
	int rc;

	if (!frame)
		return request_no_memory(fault);
	n = packet_build(&injection->fields, &injection->link, frame);
	rc = dp_inject(injection->context->dp, injection->port, frame, (uint32_t)n, &worker);
	if (rc == 0)
		result = injected_encode(injection, worker, frame, n);
	else
		refused(injection, rc, fault);
	free(frame);
	return result;
}

static json_t *
packet_inject(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault)
{
	const bool answers = json_object_get(params, "punted");
	struct methods_context *context = ctx;
	struct injection injection = {
		.context = context,
		.params = params,
		.fields = {.ttl = TTL, .dscp = (uint8_t)param_number(params, "dscp")},
	};
	json_t *result = NULL;
	uint8_t *payload;

	(void)call;
	if (!answers && !param_text(params, "flow"))
		return fault_null(fault, FAULT_INVALID_VALUE, "",
			"found neither flow nor punted, expected one of them");
	payload = param_bytes(params, "payload", &injection.fields.payload_bytes, fault);
	if (!payload)
		return NULL;
	injection.fields.payload = payload;
	if ((answers ? punted_read(&injection, fault) : flow_read(&injection, fault)) == 0 &&
		payload_check(&injection, fault) == 0)
		result = inject(&injection, fault);
	if (result && answers)
		punts_answered(&context->monitor->punts, param_number(params, "punted"));
	free(payload);
	return result;
}

const struct rpc_method inject_methods[] = {
	{"packet.inject", packet_inject},
	{NULL, NULL},
};
