/* SPDX-License-Identifier: BSD-3-Clause */
/* Ethernet with IEEE 802.1Q and 802.1ad tags, IPv4 (RFC 791) or IPv6 (RFC 8200), UDP (RFC 768). */
#include "rpc/packet.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/ethernet.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/udp.h>
#include <stdbool.h>
#include <string.h>

#include "base/addr.h"

#define TPID_OUTER 0x88a8
#define TAG_BYTES 4
#define TAGS_END (2 * ETH_ALEN + 2 * TAG_BYTES) /* of as many as there may be */

uint32_t
packet_sum(const uint8_t *bytes, size_t n)
{
	uint32_t sum = 0;
	size_t i;

	for (i = 0; i < n; i++)
		sum += i % 2 ? bytes[i] : (uint32_t)bytes[i] << 8;
	return sum;
}

uint16_t
packet_sum_finish(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static uint8_t *
put_ip4(uint8_t *at, const struct packet_fields *fields, uint16_t udp_bytes)
{
	struct iphdr ip = {
		.version = IPVERSION,
		.ihl = sizeof(ip) / 4,
		.tos = (uint8_t)(fields->dscp << 2),
		.tot_len = htons((uint16_t)(sizeof(ip) + udp_bytes)),
		.frag_off = htons(IP_DF),
		.ttl = fields->ttl,
		.protocol = IPPROTO_UDP,
	};

	memcpy(&ip.saddr, fields->key.src, sizeof(ip.saddr));
	memcpy(&ip.daddr, fields->key.dst, sizeof(ip.daddr));
	ip.check = htons(packet_sum_finish(packet_sum((const uint8_t *)&ip, sizeof(ip))));
	return mempcpy(at, &ip, sizeof(ip));
}

static uint8_t *
put_ip6(uint8_t *at, const struct packet_fields *fields, uint16_t udp_bytes)
{
	struct ip6_hdr ip = {
		.ip6_flow = htonl(UINT32_C(6) << 28 | (uint32_t)fields->dscp << 22),
		.ip6_plen = htons(udp_bytes),
		.ip6_nxt = IPPROTO_UDP,
		.ip6_hlim = fields->ttl,
	};

	memcpy(&ip.ip6_src, fields->key.src, sizeof(ip.ip6_src));
	memcpy(&ip.ip6_dst, fields->key.dst, sizeof(ip.ip6_dst));
	return mempcpy(at, &ip, sizeof(ip));
}

uint32_t
packet_sum_pseudo_header(const struct dp_flow_key *key, uint16_t udp_bytes)
{
	const size_t address_bytes = address_size(key->family);

	return packet_sum(key->src, address_bytes) + packet_sum(key->dst, address_bytes) +
	       IPPROTO_UDP + udp_bytes;
}

uint16_t
packet_udp_checksum(uint32_t sum)
{
	const uint16_t checksum = packet_sum_finish(sum);

	return checksum ? checksum : 0xffff;
}

static uint8_t *
put_tag(uint8_t *at, uint16_t tpid, uint16_t vlan)
{
	const uint16_t tag[] = {htons(tpid), htons(vlan)};

	return vlan ? mempcpy(at, tag, sizeof(tag)) : at;
}

void
packet_link_make(struct packet_link *link, const uint8_t dst_mac[6], const uint8_t src_mac[6],
	const struct dp_flow_key *key)
{
	const uint16_t type = htons(key->family == 4 ? ETHERTYPE_IP : ETHERTYPE_IPV6);
	uint8_t *at = mempcpy(link->bytes, dst_mac, ETH_ALEN);

	at = mempcpy(at, src_mac, ETH_ALEN);
	at = put_tag(at, TPID_OUTER, key->outer_vlan);
	at = put_tag(at, ETHERTYPE_VLAN, key->vlan);
	at = mempcpy(at, &type, sizeof(type));
	link->n = (size_t)(at - link->bytes);
}

size_t
packet_build(const struct packet_fields *fields, const struct packet_link *link, uint8_t *frame)
{
	const struct dp_flow_key *key = &fields->key;
	const uint16_t udp_bytes = (uint16_t)(sizeof(struct udphdr) + fields->payload_bytes);
	struct udphdr udp = {
		.source = key->src_port, .dest = key->dst_port, .len = htons(udp_bytes)};
	uint8_t *at = mempcpy(frame, link->bytes, link->n);

	at = key->family == 4 ? put_ip4(at, fields, udp_bytes) : put_ip6(at, fields, udp_bytes);
	udp.check = htons(packet_udp_checksum(packet_sum_pseudo_header(key, udp_bytes) +
					      packet_sum((const uint8_t *)&udp, sizeof(udp)) +
					      packet_sum(fields->payload, fields->payload_bytes)));
	at = mempcpy(at, &udp, sizeof(udp));
	at = mempcpy(at, fields->payload, fields->payload_bytes);
	return (size_t)(at - frame);
}

static uint16_t
word_at(const uint8_t *at)
{
	uint16_t word;

	memcpy(&word, at, sizeof(word));
	return ntohs(word);
}

static bool
is_tag(uint16_t type)
{
	return type == ETHERTYPE_VLAN || type == TPID_OUTER;
}

int
packet_parse(
	const uint8_t *frame, size_t n_bytes, struct dp_flow_key *key, struct packet_link *link)
{
	struct ip6_hdr ip6;
	struct iphdr ip4;
	size_t at;

	memset(key, 0, sizeof(*key));
	/* Shorter than this is no UDP packet, so the link layer may be read. */
	if (n_bytes < PACKET_LINK_MAX + sizeof(ip4))
		return -EINVAL;
	for (at = 2 * ETH_ALEN; at < TAGS_END && is_tag(word_at(frame + at)); at += TAG_BYTES)
		;
	key->family = word_at(frame + at) == ETHERTYPE_IP ? 4 : 6;
	at += sizeof(uint16_t);
	memcpy(link->bytes, frame, at);
	link->n = at;
	if (n_bytes < at + (key->family == 4 ? sizeof(ip4) : sizeof(ip6)) + sizeof(struct udphdr))
		return -EINVAL;
	if (key->family == 4) {
		memcpy(&ip4, frame + at, sizeof(ip4));
		memcpy(key->src, &ip4.saddr, sizeof(ip4.saddr));
		memcpy(key->dst, &ip4.daddr, sizeof(ip4.daddr));
		at += sizeof(ip4);
	} else {
		memcpy(&ip6, frame + at, sizeof(ip6));
		memcpy(key->src, &ip6.ip6_src, sizeof(key->src));
		memcpy(key->dst, &ip6.ip6_dst, sizeof(key->dst));
		at += sizeof(ip6);
	}
	memcpy(&key->src_port, frame + at, sizeof(key->src_port));
	memcpy(&key->dst_port, frame + at + 2, sizeof(key->dst_port));
	return 0;
}
