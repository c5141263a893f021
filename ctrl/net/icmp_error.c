/* SPDX-License-Identifier: BSD-3-Clause */
#include "net/icmp_error.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/icmp.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip6.h>
#include <string.h>

#define ICMP_BYTES 8 /* before the quote */
#define IPV4_BYTES_MIN 20
#define UDP_PORTS_BYTES 4
#define FRAGMENT_OFFSET_MASK 0x1fff

const char *
icmp_error_name(enum icmp_error_kind kind)
{
	static const char *const names[] = {
		[ICMP_ERROR_PORT_UNREACHABLE] = "port_unreachable",
		[ICMP_ERROR_UNREACHABLE] = "unreachable",
		[ICMP_ERROR_TOO_BIG] = "too_big",
		[ICMP_ERROR_TTL_EXCEEDED] = "ttl_exceeded",
	};

	return names[kind];
}

static uint16_t
read_16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

/* RFC 1071; 0: the checksum in the data is right. */
static uint16_t
checksum(const uint8_t *data, size_t bytes)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i + 1 < bytes; i += 2)
		sum += read_16(data + i);
	if (bytes % 2)
		sum += (uint64_t)data[bytes - 1] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* Bytes of an IPv4 header that is there as a whole; 0: it is not. */
static size_t
ipv4_header_bytes(const uint8_t *packet, size_t bytes)
{
	const size_t header = bytes > 0 ? (packet[0] & 0x0fu) * 4u : 0;

	if (bytes < IPV4_BYTES_MIN || packet[0] >> 4 != 4 || header < IPV4_BYTES_MIN ||
		header > bytes)
		return 0;
	return header;
}

static void
ports_read(struct icmp_quote *quote, const uint8_t *udp)
{
	memcpy(&quote->src_port, udp, sizeof(quote->src_port));
	memcpy(&quote->dst_port, udp + 2, sizeof(quote->dst_port));
}

static int
ipv4_quote_read(struct icmp_quote *quote, const uint8_t *packet, size_t bytes)
{
	const size_t header = ipv4_header_bytes(packet, bytes);

	if (header == 0 || bytes < header + UDP_PORTS_BYTES || packet[9] != IPPROTO_UDP ||
		(read_16(packet + 6) & FRAGMENT_OFFSET_MASK) != 0)
		return -EBADMSG;
	quote->family = 4;
	memcpy(quote->src, packet + 12, 4);
	memcpy(quote->dst, packet + 16, 4);
	ports_read(quote, packet + header);
	return 0;
}

/* No copy leaves with extension headers, so a quote that has any is of another datagram. */
static int
ipv6_quote_read(struct icmp_quote *quote, const uint8_t *packet, size_t bytes)
{
	const size_t header = sizeof(struct ip6_hdr);

	if (bytes < header + UDP_PORTS_BYTES || packet[0] >> 4 != 6 || packet[6] != IPPROTO_UDP)
		return -EBADMSG;
	quote->family = 6;
	memcpy(quote->src, packet + 8, 16);
	memcpy(quote->dst, packet + 24, 16);
	ports_read(quote, packet + header);
	return 0;
}

int
icmp4_error_parse(const uint8_t *packet, size_t bytes, struct icmp_error *error)
{
	const size_t header = ipv4_header_bytes(packet, bytes);
	const uint8_t *icmp = packet + header;

	*error = (struct icmp_error){.kind = ICMP_ERROR_UNREACHABLE};
	if (header == 0 || packet[9] != IPPROTO_ICMP || bytes < header + ICMP_BYTES ||
		checksum(icmp, bytes - header) != 0)
		return -EBADMSG;
	if (icmp[0] == ICMP_TIME_EXCEEDED && icmp[1] == ICMP_EXC_TTL) {
		error->kind = ICMP_ERROR_TTL_EXCEEDED;
	} else if (icmp[0] != ICMP_DEST_UNREACH) {
		return -EBADMSG;
	} else if (icmp[1] == ICMP_PORT_UNREACH) {
		error->kind = ICMP_ERROR_PORT_UNREACHABLE;
	} else if (icmp[1] == ICMP_FRAG_NEEDED) {
		error->kind = ICMP_ERROR_TOO_BIG;
		error->mtu = read_16(icmp + 6);
	}
	return ipv4_quote_read(&error->quote, icmp + ICMP_BYTES, bytes - header - ICMP_BYTES);
}

int
icmp6_error_parse(const uint8_t *message, size_t bytes, struct icmp_error *error)
{
	*error = (struct icmp_error){.kind = ICMP_ERROR_UNREACHABLE};
	if (bytes < ICMP_BYTES)
		return -EBADMSG;
	if (message[0] == ICMP6_TIME_EXCEEDED && message[1] == ICMP6_TIME_EXCEED_TRANSIT) {
		error->kind = ICMP_ERROR_TTL_EXCEEDED;
	} else if (message[0] == ICMP6_PACKET_TOO_BIG) {
		error->kind = ICMP_ERROR_TOO_BIG;
		memcpy(&error->mtu, message + 4, sizeof(error->mtu));
		error->mtu = ntohl(error->mtu);
	} else if (message[0] != ICMP6_DST_UNREACH) {
		return -EBADMSG;
	} else if (message[1] == ICMP6_DST_UNREACH_NOPORT) {
		error->kind = ICMP_ERROR_PORT_UNREACHABLE;
	}
	return ipv6_quote_read(&error->quote, message + ICMP_BYTES, bytes - ICMP_BYTES);
}
