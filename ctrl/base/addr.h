/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * IP and MAC addresses as text and as bytes, and what an address says by itself. Families are 4 and
 * 6; an IPv4 address stands in the first four of its sixteen bytes. Pure functions, any thread.
 */
#ifndef CTRL_BASE_ADDR_H
#define CTRL_BASE_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ADDRESS_BYTES 16
#define ADDRESS_TEXT_MAX 46 /* INET6_ADDRSTRLEN */
#define MAC_TEXT_MAX 18

/* Bits, so that a field can say which kinds it takes. */
enum address_kind {
	ADDRESS_UNSPECIFIED = 1, /* 0.0.0.0/8 (RFC 1122, 3.2.1.3), :: */
	ADDRESS_LOOPBACK = 2, /* 127.0.0.0/8, ::1 */
	ADDRESS_UNICAST = 4,
	ADDRESS_MULTICAST = 8, /* 224.0.0.0/4 (RFC 5771), ff00::/8 (RFC 4291, 2.7) */
	ADDRESS_RESERVED = 16, /* 240.0.0.0/4 with the limited broadcast (RFC 1112, 4) */
	ADDRESS_MAPPED = 32, /* ::ffff:0:0/96 (RFC 4291, 2.5.5.2) */
};

/*
 * Read what inet_pton() takes into network-order bytes; an IPv4 address fills the first four, the
 * rest become zero. Returns the family, 4 or 6, or 0 when the text is no address.
 */
uint8_t address_parse(const char *text, uint8_t bytes[16]);

/* Write the canonical text (RFC 5952 for IPv6). */
void address_format(uint8_t family, const uint8_t bytes[16], char text[ADDRESS_TEXT_MAX]);

enum address_kind address_kind(uint8_t family, const uint8_t bytes[16]);

/* "multicast", for messages. Static storage. */
const char *address_kind_name(enum address_kind kind);

/* What such an address is for, with the source: why a packet may not carry it. Static storage. */
const char *address_kind_rule(enum address_kind kind);

/* "aa:bb:cc:dd:ee:ff" to bytes and back; 0 or -EINVAL. */
int mac_parse(const char *text, uint8_t mac[6]);
void mac_format(const uint8_t mac[6], char text[MAC_TEXT_MAX]);

/* AF_INET or AF_INET6, and back; 0 = neither. */
uint8_t address_to_af(uint8_t family);
uint8_t address_from_af(uint8_t af);

/* Bytes of an address of this family: 4 or 16. */
size_t address_size(uint8_t family);

/* Whether the first `bits` bits of both are the same. */
bool address_in_prefix(
	const uint8_t prefix[ADDRESS_BYTES], unsigned bits, const uint8_t address[ADDRESS_BYTES]);

/* The unspecified address, or IPv4's limited broadcast: no unicast or multicast destination. */
bool address_is_void(uint8_t family, const uint8_t address[ADDRESS_BYTES]);

/* The group's MAC address: RFC 1112, 6.4 for IPv4 and RFC 2464, 7 for IPv6. */
void address_multicast_mac(uint8_t family, const uint8_t address[ADDRESS_BYTES], uint8_t mac[6]);

#endif
