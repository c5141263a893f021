/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An address and a UDP port as people write them: 192.0.2.1:5004, [2001:db8::1]:5004 (RFC 3986
 * section 3.2.2 has the brackets).
 */
#ifndef CTRL_CLI_ENDPOINT_H
#define CTRL_CLI_ENDPOINT_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#define ENDPOINT_TEXT_MAX (INET6_ADDRSTRLEN + 8)

struct endpoint {
	char address[INET6_ADDRSTRLEN]; /* as written, brackets taken off */
	uint16_t port; /* host order, 1..65535 */
};

/* NULL when text is an endpoint, else what is wrong with it, in static storage. */
const char *endpoint_parse(const char *text, struct endpoint *endpoint);

/* Write it as people do; `text` has room for ENDPOINT_TEXT_MAX. Any address text is taken. */
void endpoint_format(const char *address, uint16_t port, char *text);

/* Is it a plain IPv4 or IPv6 address? */
bool address_is_valid(const char *text);

/* Is it ADDRESS/BITS? Whether bits behind the length are zero is for the daemon to judge. */
bool prefix_is_valid(const char *text);

#endif
