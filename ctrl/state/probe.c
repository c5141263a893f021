/* SPDX-License-Identifier: BSD-3-Clause */
/* Ethernet with IEEE 802.1Q and 802.1ad tags, IPv4 (RFC 791) or IPv6 (RFC 8200), UDP (RFC 768). */
#include "state/probe.h"

#include <arpa/inet.h>
#include <net/ethernet.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/udp.h>
#include <string.h>

#define TPID_OUTER 0x88a8

/* Words in network order, wherever the frame lies. */
static uint8_t *
put16(uint8_t *at, uint16_t value)
{
	*at++ = (uint8_t)(value >> 8);
	*at++ = (uint8_t)value;
	return at;
}

static uint8_t *
put_bytes(uint8_t *at, const void *bytes, size_t n)
{
	if (n > 0)
		memcpy(at, bytes, n);
	return at + n;
}

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
put_link(uint8_t *at, const struct probe *probe)
{
	at = put_bytes(at, probe->dst_mac, sizeof(probe->dst_mac));
	at = put_bytes(at, probe->src_mac, sizeof(probe->src_mac));
	if (probe->outer_vlan) {
		at = put16(at, TPID_OUTER);
		at = put16(at, probe->outer_vlan);
	}
	if (probe->vlan) {
		at = put16(at, ETHERTYPE_VLAN);
		at = put16(at, probe->vlan);
	}
	return put16(at, probe->family == 4 ? ETHERTYPE_IP : ETHERTYPE_IPV6);
}

static uint8_t *
put_ip4(uint8_t *at, const struct probe *probe, uint16_t udp_bytes)
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
	return put_bytes(at, &ip, sizeof(ip));
}

static uint8_t *
put_ip6(uint8_t *at, const struct probe *probe, uint16_t udp_bytes)
{
	struct ip6_hdr ip = {0};

	ip.ip6_flow = htonl(UINT32_C(6) << 28 | (uint32_t)probe->dscp << 22);
	ip.ip6_plen = htons(udp_bytes);
	ip.ip6_nxt = IPPROTO_UDP;
	ip.ip6_hlim = probe->ttl;
	memcpy(&ip.ip6_src, probe->src, sizeof(ip.ip6_src));
	memcpy(&ip.ip6_dst, probe->dst, sizeof(ip.ip6_dst));
	return put_bytes(at, &ip, sizeof(ip));
}

static uint32_t
sum_pseudo_header(const struct probe *probe, uint16_t udp_bytes)
{
	const size_t address_bytes = probe->family == 4 ? 4 : 16;

	return sum_bytes(probe->src, address_bytes) + sum_bytes(probe->dst, address_bytes) +
	       IPPROTO_UDP + udp_bytes;
}

/* A checksum of zero would say that there is none (RFC 768). The field itself is zero. */
static uint16_t
udp_checksum(const struct probe *probe, const uint8_t *udp, uint16_t udp_bytes)
{
	const uint16_t checksum =
		sum_finish(sum_pseudo_header(probe, udp_bytes) + sum_bytes(udp, udp_bytes));

	return checksum ? checksum : 0xffff;
}

static uint16_t
get16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

enum probe_checksum
probe_udp_check(const struct probe *ends, const uint8_t *udp, uint16_t *found, uint16_t *expected)
{
	const uint16_t udp_bytes = get16(udp + offsetof(struct udphdr, len));
	const uint32_t pseudo = sum_pseudo_header(ends, udp_bytes);
	uint16_t checksum;

	*found = get16(udp + offsetof(struct udphdr, check));
	/* The sum is of all bytes: without the field, it is less by what stands there. */
	checksum = sum_finish(pseudo + sum_bytes(udp, udp_bytes) + (uint16_t) ~*found);
	*expected = checksum ? checksum : 0xffff;
	if (*found == 0)
		return PROBE_CHECKSUM_NONE;
	if (*found == *expected)
		return PROBE_CHECKSUM_RIGHT;
	/* The sum itself, as Linux leaves it to a device, and not its complement. */
	return (*found ^ sum_finish(pseudo)) == 0xffff ? PROBE_CHECKSUM_PARTIAL
						       : PROBE_CHECKSUM_WRONG;
}

size_t
probe_build(const struct probe *probe, uint8_t *frame)
{
	const uint16_t udp_bytes = (uint16_t)(sizeof(struct udphdr) + probe->payload_bytes);
	uint8_t *udp = put_link(frame, probe), *at;

	udp = probe->family == 4 ? put_ip4(udp, probe, udp_bytes) : put_ip6(udp, probe, udp_bytes);
	at = put_bytes(udp, &probe->src_port, sizeof(probe->src_port));
	at = put_bytes(at, &probe->dst_port, sizeof(probe->dst_port));
	at = put16(at, udp_bytes);
	at = put16(at, 0);
	at = put_bytes(at, probe->payload, probe->payload_bytes);
	put16(udp + offsetof(struct udphdr, check), udp_checksum(probe, udp, udp_bytes));
	return (size_t)(at - frame);
}
