/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What an address says by itself, without asking the kernel. Families are 4 and 6; an IPv4 address
 * stands in the first four of its sixteen bytes. Pure functions, any thread.
 */
#ifndef CTRL_NET_ADDRESS_H
#define CTRL_NET_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ADDRESS_BYTES 16

/* AF_INET or AF_INET6, and back; 0 = neither. */
uint8_t address_to_af(uint8_t family);
uint8_t address_from_af(uint8_t af);

/* Bytes of an address of this family: 4 or 16. */
size_t address_size(uint8_t family);

/* 224.0.0.0/4 (RFC 5771) or ff00::/8 (RFC 4291, 2.7). */
bool address_is_multicast(uint8_t family, const uint8_t address[ADDRESS_BYTES]);

/* The unspecified address, or IPv4's limited broadcast: no unicast or multicast destination. */
bool address_is_void(uint8_t family, const uint8_t address[ADDRESS_BYTES]);

/* The group's MAC address: RFC 1112, 6.4 for IPv4 and RFC 2464, 7 for IPv6. */
void address_multicast_mac(uint8_t family, const uint8_t address[ADDRESS_BYTES], uint8_t mac[6]);

#endif
