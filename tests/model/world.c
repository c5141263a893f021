/* SPDX-License-Identifier: BSD-3-Clause */
#include "world.h"

#include <arpa/inet.h>
#include <string.h>

#define COUNT(array) ((uint32_t)(sizeof(array) / sizeof((array)[0])))
/* 8 bits x 10^9 ns x 2^12 = 2^24 x 5^9: what a rate has to divide. */
#define RATE_TWOS 24
#define RATE_FIVES 9

static const char *const sources4[] = {"192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.129",
	"198.51.100.1", "198.51.100.200", "203.0.113.7", "10.0.0.1"};
static const char *const sources6[] = {"2001:db8::1", "2001:db8::2", "2001:db8:0:1::1",
	"2001:db8:8000::1", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "fe80::1", "::fffe:192.0.2.1",
	"2001:db8::1:0:0:1"};
static const char *const locals4[] = {"203.0.113.1", "203.0.113.2", "198.51.100.100", "239.1.2.3"};
static const char *const locals6[] = {"2001:db8:a::1", "2001:db8:a::2", "2001:db8:b::1", "ff3e::5"};
/* Addresses that no packet may carry, and their nearest neighbours that one may. */
static const char *const odd4[] = {"0.0.0.0", "0.1.2.3", "1.0.0.0", "126.255.255.255", "127.0.0.1",
	"128.0.0.0", "223.255.255.255", "224.0.0.1", "239.255.255.255", "240.0.0.1",
	"255.255.255.254", "255.255.255.255"};
static const char *const odd6[] = {"::", "::1", "::2", "ff02::1", "feff::1",
	"ff00::", "::ffff:192.0.2.1", "::fffe:ffff:ffff", "::1:0:0", "::ffff:0.0.0.0"};

static void
address_parse(unsigned family, const char *text, uint8_t address[16])
{
	memset(address, 0, 16);
	inet_pton(family == DP_IPV4 ? AF_INET : AF_INET6, text, address);
}

static void
address_any(struct rng *rng, unsigned family, uint8_t address[16])
{
	memset(address, 0, 16);
	rng_fill(rng, address, family == DP_IPV4 ? 4 : 16);
}

/* Seldom something odd. True if there is an address now. */
static bool
address_odd(struct rng *rng, unsigned family, uint8_t address[16])
{
	if (rng_one_in(rng, 60)) {
		address_any(rng, family, address);
		return true;
	}
	if (!rng_one_in(rng, 40))
		return false;
	if (family == DP_IPV4)
		address_parse(family, odd4[rng_below(rng, COUNT(odd4))], address);
	else
		address_parse(family, odd6[rng_below(rng, COUNT(odd6))], address);
	return true;
}

void
world_source(struct rng *rng, unsigned family, uint8_t address[16])
{
	if (address_odd(rng, family, address))
		return;
	if (family == DP_IPV4)
		address_parse(family, sources4[rng_below(rng, COUNT(sources4))], address);
	else
		address_parse(family, sources6[rng_below(rng, COUNT(sources6))], address);
}

void
world_local(struct rng *rng, unsigned family, uint8_t address[16])
{
	if (address_odd(rng, family, address))
		return;
	if (family == DP_IPV4)
		address_parse(family, locals4[rng_below(rng, COUNT(locals4))], address);
	else
		address_parse(family, locals6[rng_below(rng, COUNT(locals6))], address);
}

unsigned
world_udp_port(struct rng *rng)
{
	static const uint16_t ports[] = {0, 1, 5004, 5006, 40000, 65535};

	return rng_one_in(rng, 50) ? rng_below(rng, 65536) : ports[rng_below(rng, COUNT(ports))];
}

unsigned
world_vlan(struct rng *rng)
{
	static const uint16_t ids[] = {0, 0, 0, 0, 0, 5, 100, 4094};

	return ids[rng_below(rng, COUNT(ids))];
}

unsigned
world_outer_vlan(struct rng *rng)
{
	static const uint16_t ids[] = {0, 0, 0, 0, 0, 0, 5, 2000};

	return ids[rng_below(rng, COUNT(ids))];
}

uint32_t
world_ssrc(struct rng *rng)
{
	static const uint32_t ssrcs[] = {0, 1, 0x12345678, 0x80000000, 0xffffffff, 0x01020304};

	return rng_one_in(rng, 20) ? (uint32_t)rng_next(rng) : ssrcs[rng_below(rng, COUNT(ssrcs))];
}

unsigned
world_payload_type(struct rng *rng)
{
	/* 64..95 with the marker bit would look like RTCP (RFC 5761). */
	static const uint8_t types[] = {0, 8, 63, 64, 72, 95, 96, 97, 111, 127};

	return types[rng_below(rng, COUNT(types))];
}

uint64_t
world_rate_bps(struct rng *rng)
{
	for (;;) {
		uint64_t rate = 1;

		for (unsigned n = rng_below(rng, RATE_TWOS + 1); n > 0; n--)
			rate *= 2;
		for (unsigned n = rng_below(rng, RATE_FIVES + 1); n > 0; n--)
			rate *= 5;
		if (rate >= DP_RATE_BPS_MIN && rate <= DP_RATE_BPS_MAX)
			return rate;
	}
}
