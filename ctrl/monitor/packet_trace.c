/* SPDX-License-Identifier: BSD-3-Clause */
/* Fields weigh by how seldom they are what was got wrong: an address more than a port or a VLAN. */
#include "monitor/packet_trace.h"

#include <arpa/inet.h>
#include <limits.h>
#include <net/ethernet.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/udp.h>
#include <stdbool.h>
#include <string.h>

#include "base/addr.h"

#define WEIGHT_MAX 5 /* more than that is another flow's packet altogether */

static const unsigned weights[NEAR_FIELDS] = {
	[NEAR_PORT] = 1,
	[NEAR_OUTER_VLAN] = 1,
	[NEAR_VLAN] = 1,
	[NEAR_SRC] = 2,
	[NEAR_SRC_PORT] = 1,
	[NEAR_DST] = 4,
	[NEAR_DST_PORT] = 2,
};

static unsigned
match_differs(const struct flow_match *match, const struct flow_match *packet)
{
	unsigned differs = 0;

	differs |= (unsigned)(strcmp(match->port, packet->port) != 0) << NEAR_PORT;
	differs |= (unsigned)(match->outer_vlan != packet->outer_vlan) << NEAR_OUTER_VLAN;
	differs |= (unsigned)(match->vlan != packet->vlan) << NEAR_VLAN;
	differs |= (unsigned)(memcmp(match->dst, packet->dst, 16) != 0) << NEAR_DST;
	differs |= (unsigned)(match->dst_port != packet->dst_port) << NEAR_DST_PORT;
	if (match->any_source)
		return differs;
	differs |= (unsigned)(memcmp(match->src, packet->src, 16) != 0) << NEAR_SRC;
	return differs | (unsigned)(match->src_port != packet->src_port) << NEAR_SRC_PORT;
}

static bool
range_has(uint16_t first, uint16_t last, uint16_t port)
{
	return ntohs(port) >= first && ntohs(port) <= last;
}

static bool
vlan_has(uint16_t wanted, uint16_t vlan)
{
	return wanted == DP_RULE_ANY || wanted == vlan;
}

static unsigned
rule_differs(const struct flow_rule *of, const struct flow_match *packet)
{
	const struct dp_rule *rule = &of->rule;
	unsigned differs = 0;

	differs |= (unsigned)(of->port[0] && strcmp(of->port, packet->port) != 0) << NEAR_PORT;
	differs |= (unsigned)!vlan_has(rule->outer_vlan, packet->outer_vlan) << NEAR_OUTER_VLAN;
	differs |= (unsigned)!vlan_has(rule->vlan, packet->vlan) << NEAR_VLAN;
	differs |= (unsigned)!address_in_prefix(rule->src, rule->src_bits, packet->src) << NEAR_SRC;
	differs |= (unsigned)!address_in_prefix(rule->dst, rule->dst_bits, packet->dst) << NEAR_DST;
	differs |= (unsigned)!range_has(rule->src_port_first, rule->src_port_last, packet->src_port)
		   << NEAR_SRC_PORT;
	return differs |
	       (unsigned)!range_has(rule->dst_port_first, rule->dst_port_last, packet->dst_port)
		       << NEAR_DST_PORT;
}

unsigned
nearest_differs(const struct flow_spec *spec, const struct flow_match *packet)
{
	if (spec->match.family != packet->family)
		return UINT_MAX;
	return spec->rule ? rule_differs(spec->rule, packet) : match_differs(&spec->match, packet);
}

static unsigned
weight_of(unsigned differs)
{
	unsigned weight = 0, i;

	if (differs == UINT_MAX)
		return UINT_MAX;
	for (i = 0; i < NEAR_FIELDS; i++)
		weight += differs & 1u << i ? weights[i] : 0;
	return weight;
}

static void
candidate(const struct flow_spec *spec, const struct flow_match *packet, struct nearest *nearest)
{
	const unsigned differs = nearest_differs(spec, packet), weight = weight_of(differs);

	if (weight > WEIGHT_MAX || (nearest->spec && weight >= weight_of(nearest->differs)))
		return;
	nearest->spec = spec;
	nearest->differs = differs;
}

void
nearest_find(const struct flow_db *db, const struct validate *validate,
	const struct flow_match *packet, struct nearest *nearest)
{
	const struct endpoint_pair pair = {
		.src = packet->src,
		.dst = packet->dst,
		.src_port = packet->src_port,
		.dst_port = packet->dst_port,
		.family = packet->family,
	};
	const struct flow *flow = NULL;
	unsigned kind, i;

	memset(nearest, 0, sizeof(*nearest));
	for (kind = 0; kind < ENDPOINT_KINDS; kind++) {
		struct endpoint *at = endpoints_first(validate, (enum endpoint_kind)kind, &pair);

		for (i = 0; at && i < NEAREST_SCAN_MAX; i++) {
			/* The index also has what is about to be installed. */
			if (flow_db_find(db, at->spec->id))
				candidate(at->spec, packet, nearest);
			at = endpoints_next(at, (enum endpoint_kind)kind, &pair);
		}
	}
	while (nearest->n_scanned < NEAREST_SCAN_MAX && (flow = flow_db_before(db, flow))) {
		if (flow->presence == FLOW_LIVE)
			candidate(flow->spec, packet, nearest);
		nearest->n_scanned++;
	}
}

/* Ethernet with IEEE 802.1Q and 802.1ad tags, IPv4 (RFC 791) or IPv6 (RFC 8200), UDP (RFC 768). */

#define TPID_OUTER 0x88a8

/* RFC 1071: the one's complement sum, not yet folded; an odd last byte counts as a high one. */
static uint32_t
sum_bytes(const uint8_t *bytes, size_t n)
{
	uint32_t sum = 0;
	size_t i;

	for (i = 0; i < n; i++)
		sum += i % 2 ? bytes[i] : (uint32_t)bytes[i] << 8;
	return sum;
}

static uint16_t
sum_finish(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static uint8_t *
put_tag(uint8_t *at, uint16_t tpid, uint16_t vlan)
{
	const uint16_t tag[] = {htons(tpid), htons(vlan)};

	return vlan ? mempcpy(at, tag, sizeof(tag)) : at;
}

static uint8_t *
put_ip4(uint8_t *at, const struct packet_fields *probe, uint16_t udp_bytes)
{
	struct iphdr ip = {
		.version = IPVERSION,
		.ihl = sizeof(ip) / 4,
		.tos = (uint8_t)(probe->dscp << 2),
		.tot_len = htons((uint16_t)(sizeof(ip) + udp_bytes)),
		.frag_off = htons(IP_DF),
		.ttl = probe->ttl,
		.protocol = IPPROTO_UDP,
	};

	memcpy(&ip.saddr, probe->src, sizeof(ip.saddr));
	memcpy(&ip.daddr, probe->dst, sizeof(ip.daddr));
	ip.check = htons(sum_finish(sum_bytes((const uint8_t *)&ip, sizeof(ip))));
	return mempcpy(at, &ip, sizeof(ip));
}

static uint8_t *
put_ip6(uint8_t *at, const struct packet_fields *probe, uint16_t udp_bytes)
{
	struct ip6_hdr ip = {
		.ip6_flow = htonl(UINT32_C(6) << 28 | (uint32_t)probe->dscp << 22),
		.ip6_plen = htons(udp_bytes),
		.ip6_nxt = IPPROTO_UDP,
		.ip6_hlim = probe->ttl,
	};

	memcpy(&ip.ip6_src, probe->src, sizeof(ip.ip6_src));
	memcpy(&ip.ip6_dst, probe->dst, sizeof(ip.ip6_dst));
	return mempcpy(at, &ip, sizeof(ip));
}

static uint32_t
sum_pseudo_header(const struct packet_fields *probe, uint16_t udp_bytes)
{
	const size_t address_bytes = probe->family == 4 ? 4 : 16;

	return sum_bytes(probe->src, address_bytes) + sum_bytes(probe->dst, address_bytes) +
	       IPPROTO_UDP + udp_bytes;
}

/* A checksum of zero would say that there is none (RFC 768). */
static uint16_t
udp_checksum(uint32_t sum)
{
	const uint16_t checksum = sum_finish(sum);

	return checksum ? checksum : 0xffff;
}

enum packet_checksum
packet_udp_check(
	const struct packet_fields *ends, const uint8_t *udp, uint16_t *found, uint16_t *expected)
{
	struct udphdr header;
	uint32_t pseudo;

	memcpy(&header, udp, sizeof(header));
	pseudo = sum_pseudo_header(ends, ntohs(header.len));
	*found = ntohs(header.check);
	/* The sum is of all bytes: without the field, it is less by what stands there. */
	*expected = udp_checksum(pseudo + sum_bytes(udp, ntohs(header.len)) + (uint16_t) ~*found);
	if (*found == 0)
		return PACKET_CHECKSUM_NONE;
	if (*found == *expected)
		return PACKET_CHECKSUM_RIGHT;
	/* The sum itself, as Linux leaves it to a device, and not its complement. */
	return (*found ^ sum_finish(pseudo)) == 0xffff ? PACKET_CHECKSUM_PARTIAL
						       : PACKET_CHECKSUM_WRONG;
}

size_t
packet_build(const struct packet_fields *probe, uint8_t *frame)
{
	const uint16_t udp_bytes = (uint16_t)(sizeof(struct udphdr) + probe->payload_bytes);
	const uint16_t type = htons(probe->family == 4 ? ETHERTYPE_IP : ETHERTYPE_IPV6);
	struct udphdr udp = {
		.source = probe->src_port, .dest = probe->dst_port, .len = htons(udp_bytes)};
	uint8_t *at = mempcpy(frame, probe->dst_mac, sizeof(probe->dst_mac));

	at = mempcpy(at, probe->src_mac, sizeof(probe->src_mac));
	at = put_tag(at, TPID_OUTER, probe->outer_vlan);
	at = put_tag(at, ETHERTYPE_VLAN, probe->vlan);
	at = mempcpy(at, &type, sizeof(type));
	at = probe->family == 4 ? put_ip4(at, probe, udp_bytes) : put_ip6(at, probe, udp_bytes);
	udp.check = htons(udp_checksum(sum_pseudo_header(probe, udp_bytes) +
				       sum_bytes((const uint8_t *)&udp, sizeof(udp)) +
				       sum_bytes(probe->payload, probe->payload_bytes)));
	at = mempcpy(at, &udp, sizeof(udp));
	if (probe->payload_bytes > 0)
		at = mempcpy(at, probe->payload, probe->payload_bytes);
	return (size_t)(at - frame);
}
