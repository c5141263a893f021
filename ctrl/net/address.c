/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Addresses as bytes: which of them name a group, and the MAC address that such a group has
 * without any neighbour being asked.
 */
#include <string.h>
#include <sys/socket.h>

#include "net/address.h"

uint8_t
address_to_af(uint8_t family)
{
	return family == 4 ? AF_INET : family == 6 ? AF_INET6 : 0;
}

uint8_t
address_from_af(uint8_t af)
{
	return af == AF_INET ? 4 : af == AF_INET6 ? 6 : 0;
}

size_t
address_size(uint8_t family)
{
	return family == 4 ? 4 : 16;
}

bool
address_is_multicast(uint8_t family, const uint8_t address[ADDRESS_BYTES])
{
	return family == 4 ? (address[0] & 0xf0) == 0xe0 : address[0] == 0xff;
}

bool
address_is_void(uint8_t family, const uint8_t address[ADDRESS_BYTES])
{
	static const uint8_t zeros[ADDRESS_BYTES];
	static const uint8_t ones[4] = {255, 255, 255, 255};

	return memcmp(address, zeros, address_size(family)) == 0 ||
	       (family == 4 && memcmp(address, ones, sizeof(ones)) == 0);
}

void
address_multicast_mac(uint8_t family, const uint8_t address[ADDRESS_BYTES], uint8_t mac[6])
{
	if (family == 4) {
		/* 01-00-5e and the low 23 bits of the group. */
		const uint8_t group[6] = {
			0x01, 0x00, 0x5e, address[1] & 0x7f, address[2], address[3]};

		memcpy(mac, group, sizeof(group));
	} else {
		/* 33-33 and the last four bytes of the group. */
		memset(mac, 0x33, 2);
		memcpy(mac + 2, address + 12, 4);
	}
}
