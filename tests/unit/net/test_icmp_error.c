/* SPDX-License-Identifier: BSD-3-Clause */
/* Errors as Linux 6 sends them about a datagram to a closed port, and what else may come. */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include <criterion/criterion.h>

#include "net/icmp_error.h"

/* 192.0.2.1:6004 to 192.0.2.10:7004, with the IPv4 header of the error. */
static const uint8_t port4[] = {0x45, 0xc0, 0x00, 0x3d, 0x0f, 0x0f, 0x00, 0x00, 0x40, 0x01, 0xe6,
	0xe5, 0xc0, 0x00, 0x02, 0x0a, 0xc0, 0x00, 0x02, 0x01, 0x03, 0x03, 0x13, 0x26, 0x00, 0x00,
	0x00, 0x00, 0x45, 0x00, 0x00, 0x21, 0x85, 0x19, 0x40, 0x00, 0x40, 0x11, 0x31, 0xa7, 0xc0,
	0x00, 0x02, 0x01, 0xc0, 0x00, 0x02, 0x0a, 0x17, 0x74, 0x1b, 0x5c, 0x00, 0x0d, 0x84, 0x2a,
	0x6d, 0x65, 0x64, 0x69, 0x61};

/* 2001:db8::1 to 2001:db8::10, the same ports, as of a raw socket. */
static const uint8_t port6[] = {0x01, 0x04, 0x19, 0x24, 0x00, 0x00, 0x00, 0x00, 0x60, 0x02, 0xfb,
	0xbc, 0x00, 0x0d, 0x11, 0x40, 0x20, 0x01, 0x0d, 0xb8, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x20, 0x01, 0x0d, 0xb8, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x10, 0x17, 0x74, 0x1b, 0x5c, 0x00, 0x0d, 0x5b, 0xa1,
	0x6d, 0x65, 0x64, 0x69, 0x61};

#define QUOTE4 28
#define QUOTE6 8

static uint8_t packet[256];
static struct icmp_error error;

static void
checksum_set(void)
{
	uint32_t sum = 0;

	packet[22] = packet[23] = 0;
	for (size_t i = 20; i < sizeof(port4); i++)
		sum += i % 2 ? packet[i] : (uint32_t)packet[i] << 8;
	sum = (sum & 0xffff) + (sum >> 16);
	sum = ~((sum & 0xffff) + (sum >> 16));
	packet[22] = (uint8_t)(sum >> 8);
	packet[23] = (uint8_t)sum;
}

/* The error with another byte, and the right checksum. */
static int
parse4_with(size_t at, uint8_t byte)
{
	memcpy(packet, port4, sizeof(port4));
	packet[at] = byte;
	checksum_set();
	return icmp4_error_parse(packet, sizeof(port4), &error);
}

static int
parse6_with(size_t at, uint8_t byte)
{
	memcpy(packet, port6, sizeof(port6));
	packet[at] = byte;
	return icmp6_error_parse(packet, sizeof(port6), &error);
}

static void
quote_is(unsigned family, const char *src, const char *dst)
{
	char text[INET6_ADDRSTRLEN];
	const int af = family == 4 ? AF_INET : AF_INET6;

	cr_expect_eq(error.quote.family, family);
	cr_expect_str_eq(inet_ntop(af, error.quote.src, text, sizeof(text)), src);
	cr_expect_str_eq(inet_ntop(af, error.quote.dst, text, sizeof(text)), dst);
	cr_expect_eq(ntohs(error.quote.src_port), 6004);
	cr_expect_eq(ntohs(error.quote.dst_port), 7004);
}

Test(icmp_error, port_unreachable)
{
	cr_assert_eq(icmp4_error_parse(port4, sizeof(port4), &error), 0);
	cr_expect_eq(error.kind, ICMP_ERROR_PORT_UNREACHABLE);
	quote_is(4, "192.0.2.1", "192.0.2.10");
	cr_assert_eq(icmp6_error_parse(port6, sizeof(port6), &error), 0);
	cr_expect_eq(error.kind, ICMP_ERROR_PORT_UNREACHABLE);
	quote_is(6, "2001:db8::1", "2001:db8::10");
}

Test(icmp_error, kinds)
{
	cr_expect_eq(parse4_with(21, 1), 0);
	cr_expect_eq(error.kind, ICMP_ERROR_UNREACHABLE);
	memcpy(packet, port4, sizeof(port4));
	packet[21] = 4;
	packet[26] = 1400 >> 8;
	packet[27] = 1400 & 0xff;
	checksum_set();
	cr_expect_eq(icmp4_error_parse(packet, sizeof(port4), &error), 0);
	cr_expect_eq(error.kind, ICMP_ERROR_TOO_BIG);
	cr_expect_eq(error.mtu, 1400);
	memcpy(packet, port4, sizeof(port4));
	packet[20] = 11;
	packet[21] = 0;
	checksum_set();
	cr_expect_eq(icmp4_error_parse(packet, sizeof(port4), &error), 0);
	cr_expect_eq(error.kind, ICMP_ERROR_TTL_EXCEEDED);
	cr_expect_eq(parse6_with(1, 0), 0);
	cr_expect_eq(error.kind, ICMP_ERROR_UNREACHABLE);
	memcpy(packet, port6, sizeof(port6));
	packet[0] = 2;
	packet[6] = 1280 >> 8;
	packet[7] = 1280 & 0xff;
	cr_expect_eq(icmp6_error_parse(packet, sizeof(port6), &error), 0);
	cr_expect_eq(error.kind, ICMP_ERROR_TOO_BIG);
	cr_expect_eq(error.mtu, 1280);
	packet[0] = 3;
	packet[1] = 0;
	cr_expect_eq(icmp6_error_parse(packet, sizeof(port6), &error), 0);
	cr_expect_eq(error.kind, ICMP_ERROR_TTL_EXCEEDED);
}

Test(icmp_error, others_are_not_read)
{
	cr_expect_eq(parse4_with(20, 8), -EBADMSG, "an echo request");
	cr_expect_eq(parse4_with(QUOTE4 + 9, 6), -EBADMSG, "about TCP");
	cr_expect_eq(parse4_with(QUOTE4 + 7, 1), -EBADMSG, "about a later fragment");
	cr_expect_eq(parse4_with(QUOTE4, 0x44), -EBADMSG, "a quoted header of 16 bytes");
	cr_expect_eq(parse4_with(QUOTE4, 0x4f), -EBADMSG, "a quoted header that is cut off");
	cr_expect_eq(parse4_with(QUOTE4, 0x65), -EBADMSG, "a quote of IPv6");
	cr_expect_eq(parse6_with(0, 128), -EBADMSG, "an echo request");
	cr_expect_eq(parse6_with(QUOTE6 + 6, 44), -EBADMSG, "about a fragment");
	cr_expect_eq(parse6_with(QUOTE6, 0x45), -EBADMSG, "a quote of IPv4");
	memcpy(packet, port4, sizeof(port4));
	packet[sizeof(port4) - 1] ^= 1;
	cr_expect_eq(icmp4_error_parse(packet, sizeof(port4), &error), -EBADMSG, "its checksum");
}

/* Also with the address sanitizer: nothing behind the end is read. */
Test(icmp_error, cut_off_anywhere)
{
	for (size_t bytes = 0; bytes < sizeof(port4); bytes++)
		cr_expect_eq(icmp4_error_parse(port4, bytes, &error), -EBADMSG, "%zu", bytes);
	for (size_t bytes = 0; bytes < QUOTE6 + 40 + 4; bytes++)
		cr_expect_eq(icmp6_error_parse(port6, bytes, &error), -EBADMSG, "%zu", bytes);
}
