/* SPDX-License-Identifier: BSD-3-Clause */
/* ICMP and ICMPv6 errors about UDP datagrams: what they say, and which datagram they quote. */
#ifndef CTRL_NET_ICMP_ERROR_H
#define CTRL_NET_ICMP_ERROR_H

#include <stddef.h>
#include <stdint.h>

enum icmp_error_kind {
	ICMP_ERROR_PORT_UNREACHABLE, /* RFC 792: 3/3, RFC 4443: 1/4 */
	ICMP_ERROR_UNREACHABLE, /* any other destination unreachable */
	ICMP_ERROR_TOO_BIG, /* RFC 1191: 3/4, RFC 4443: 2 */
	ICMP_ERROR_TTL_EXCEEDED, /* in transit: RFC 792: 11/0, RFC 4443: 3/0 */
	ICMP_ERROR_KINDS
};

/* The addresses and ports that the quoted datagram was sent with. No padding, as it is hashed. */
struct icmp_quote {
	uint8_t src[16];
	uint8_t dst[16];
	uint16_t src_port; /* network order */
	uint16_t dst_port; /* network order */
	uint16_t family; /* 4 or 6 */
};

struct icmp_error {
	struct icmp_quote quote;
	enum icmp_error_kind kind;
	uint32_t mtu; /* of the next hop, ICMP_ERROR_TOO_BIG; 0: it does not say */
};

/*
 * Read an ICMP message as a raw socket gives it: behind its IPv4 header, whose checksum the kernel
 * has verified, or without its IPv6 header. The ICMPv6 checksum is the kernel's to verify (RFC
 * 3542, section 3.1), that of ICMP is verified here. 0, or -EBADMSG when it is no error about a UDP
 * datagram or its first fragment, or is cut off before the UDP ports. Pure functions, any thread.
 */
int icmp4_error_parse(const uint8_t *packet, size_t bytes, struct icmp_error *error);
int icmp6_error_parse(const uint8_t *message, size_t bytes, struct icmp_error *error);

/* "port_unreachable", as in the contract. Static storage. */
const char *icmp_error_name(enum icmp_error_kind kind);

#endif
