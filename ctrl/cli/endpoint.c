/* SPDX-License-Identifier: BSD-3-Clause */
/* See endpoint.h. */
#include "cli/endpoint.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "cli/options.h"

static bool
address_is(int family, const char *text)
{
	struct in6_addr bytes;

	return inet_pton(family, text, &bytes) == 1;
}

bool
address_is_valid(const char *text)
{
	return address_is(AF_INET, text) || address_is(AF_INET6, text);
}

bool
prefix_is_valid(const char *text)
{
	const size_t length = strcspn(text, "/");
	char address[INET6_ADDRSTRLEN];
	uint64_t bits;

	if (text[length] == '\0' || length >= sizeof(address))
		return false;
	memcpy(address, text, length);
	address[length] = '\0';
	return address_is_valid(address) &&
	       number_parse(text + length + 1, 0, address_is(AF_INET, address) ? 32 : 128, &bits) ==
		       0;
}

const char *
endpoint_parse(const char *text, struct endpoint *endpoint)
{
	const bool bracketed = text[0] == '[';
	const char *address = bracketed ? text + 1 : text;
	const char *colon = strrchr(text, ':');
	const char *end = bracketed ? strchr(text, ']') : colon;
	uint64_t port;

	if (!bracketed && colon != NULL && strchr(text, ':') != colon)
		return "an IPv6 address goes in brackets: [2001:db8::1]:5004";
	if (end == NULL || (bracketed && end[1] != ':'))
		return "expected ADDRESS:PORT, as 192.0.2.1:5004 or [2001:db8::1]:5004";
	if (end == address || (size_t)(end - address) >= sizeof(endpoint->address))
		return "no IP address before the port";
	memcpy(endpoint->address, address, (size_t)(end - address));
	endpoint->address[end - address] = '\0';
	if (!address_is(bracketed ? AF_INET6 : AF_INET, endpoint->address))
		return bracketed ? "not an IPv6 address in the brackets" : "not an IPv4 address";
	if (number_parse(bracketed ? end + 2 : end + 1, 0, UINT16_MAX, &port) < 0)
		return "the port is not a number from 0 to 65535";
	endpoint->port = (uint16_t)port;
	return NULL;
}

void
endpoint_format(const char *address, uint16_t port, char *text)
{
	const bool bracketed = strchr(address, ':') != NULL;

	snprintf(text, ENDPOINT_TEXT_MAX, "%s%.*s%s:%u", bracketed ? "[" : "", INET6_ADDRSTRLEN - 1,
		address, bracketed ? "]" : "", port);
}
