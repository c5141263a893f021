/* SPDX-License-Identifier: BSD-3-Clause */
/* Frames against those that scapy builds of the same fields. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <stdio.h>

#include "base/addr.h"
#include "state/probe.h"

static struct probe
probe_of(const char *src, uint16_t src_port, const char *dst, uint16_t dst_port)
{
	struct probe probe = {
		.src_mac = {2},
		.dst_mac = {2, 0, 0, 0, 0, 0xa0},
		.src_port = htons(src_port),
		.dst_port = htons(dst_port),
		.ttl = 64,
	};

	probe.family = address_parse(src, probe.src);
	cr_assert_eq(address_parse(dst, probe.dst), probe.family);
	return probe;
}

static void
expect(const struct probe *probe, const char *hex)
{
	uint8_t frame[PROBE_HEADERS_MAX + 16];
	const size_t n = probe_build(probe, frame);
	char text[2 * sizeof(frame) + 1] = "";

	for (size_t i = 0; i < n; i++)
		snprintf(text + 2 * i, 3, "%02x", frame[i]);
	cr_expect_str_eq(text, hex);
}

Test(probe, ipv4)
{
	struct probe probe = probe_of("192.0.2.9", 9, "192.0.2.1", 1);

	probe.payload = (const uint8_t *)"\x80\x00\xaa\xbb\xcc";
	probe.payload_bytes = 5;
	probe.ttl = 9;
	probe.dscp = 46;
	expect(&probe, "0200000000a0020000000000080045b80021000040000911ed09c0000209c0000201000900"
		       "01000d85028000aabbcc");
}

Test(probe, ipv6_with_two_tags)
{
	struct probe probe = probe_of("2001:db8::9", 7, "2001:db8::1", 5004);

	probe.payload = (const uint8_t *)"ab";
	probe.payload_bytes = 2;
	probe.vlan = 20;
	probe.outer_vlan = 300;
	probe.dscp = 46;
	expect(&probe, "0200000000a002000000000088a8012c8100001486dd6b800000000a114020010db8000000"
		       "00000000000000000920010db80000000000000000000000010007138c000a2f696162");
}

/* RFC 768: a sum of zero leaves as its other form. */
Test(probe, checksum_is_never_zero)
{
	struct probe probe = probe_of("192.0.2.9", 7, "192.0.2.1", 5004);

	probe.payload = (const uint8_t *)"\x68\x3c";
	probe.payload_bytes = 2;
	expect(&probe, "0200000000a002000000000008004500001e000040004011b6c4c0000209c00002010007138"
		       "c000affff683c");
}
