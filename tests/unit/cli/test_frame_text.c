/* SPDX-License-Identifier: BSD-3-Clause */
/* What is read out of frames, whole ones and those that end anywhere. */
#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "cli/frame_text.h"

#define IP4 \
	"0200000000a0020000000000080045b80021000040000911ed09c0000209c0000201" \
	"00090001000d85028000aabbcc"
#define IP6 \
	"0200000000a002000000000088a8012c8100001486dd6b800000000a1140" \
	"20010db800000000000000000000000920010db8000000000000000000000001" \
	"0007138c000a2f696162"

static bool
described(const char *hex, size_t bytes, struct text *endpoints, struct text *fields)
{
	uint8_t *frame = malloc(bytes + 1); /* for the sanitizers to watch */
	bool ok;

	text_clear(endpoints);
	text_clear(fields);
	cr_assert_eq(hex_read(hex, 2 * bytes, frame), 0);
	ok = frame_describe(frame, bytes, endpoints, fields);
	free(frame);
	return ok;
}

Test(frame_text, udp)
{
	struct text endpoints, fields;

	cr_assert(described(IP4, strlen(IP4) / 2, &endpoints, &fields));
	cr_expect_str_eq(endpoints.s, "192.0.2.9:9 > 192.0.2.1:1");
	cr_expect_str_eq(fields.s, "ttl 9, dscp 46, 5 bytes of payload");
	cr_assert(described(IP6, strlen(IP6) / 2, &endpoints, &fields));
	cr_expect_str_eq(endpoints.s, "[2001:db8::9]:7 > [2001:db8::1]:5004");
	cr_expect_str_eq(fields.s, "ttl 64, dscp 46, vlan 300.20, 2 bytes of payload");
}

Test(frame_text, cut_short)
{
	static const struct {
		const char *hex;
		size_t headers;
	} frames[] = {{IP4, 42}, {IP6, 70}};
	struct text endpoints, fields;

	for (size_t f = 0; f < 2; f++) {
		for (size_t n = 0; n < frames[f].headers; n++) {
			cr_expect_not(described(frames[f].hex, n, &endpoints, &fields));
			cr_expect_eq(endpoints.length + fields.length, 0);
		}
	}
}

Test(frame_text, not_udp)
{
	struct text endpoints, fields;
	char hex[] = IP4;

	memcpy(hex + 2 * 23, "06", 2);
	cr_expect_not(described(hex, strlen(hex) / 2, &endpoints, &fields));
	memcpy(hex + 2 * 12, "0806", 4);
	cr_expect_not(described(hex, strlen(hex) / 2, &endpoints, &fields));
}

Test(frame_text, dump, .init = cr_redirect_stdout)
{
	frame_dump("000102030405060708090a0b0c0d0e0f10", 99, "  ");
	frame_dump("000102", 2, "");
	fflush(stdout);
	cr_assert_stdout_eq_str("  000000 00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f\n"
				"  000010 10\n"
				"000000 00 01\n"
				"# 1 byte more, with --full\n");
}
