/* SPDX-License-Identifier: BSD-3-Clause */
/* ADDRESS:PORT in both families, and what is said about those that are none. */
#include <criterion/criterion.h>
#include <string.h>

#include "cli/endpoint.h"

static void
expect_endpoint(const char *text, const char *address, uint16_t port)
{
	struct endpoint endpoint;
	char again[ENDPOINT_TEXT_MAX];

	cr_assert_null(endpoint_parse(text, &endpoint), "%s", text);
	cr_assert_str_eq(endpoint.address, address);
	cr_assert_eq(endpoint.port, port);
	endpoint_format(endpoint.address, endpoint.port, again);
	cr_assert_str_eq(again, text);
}

static void
expect_wrong(const char *text, const char *word)
{
	struct endpoint endpoint;
	const char *wrong = endpoint_parse(text, &endpoint);

	cr_assert_not_null(wrong, "%s was taken", text);
	cr_expect_not_null(strstr(wrong, word), "%s: \"%s\" has no \"%s\"", text, wrong, word);
}

Test(endpoint, both_families_there_and_back)
{
	expect_endpoint("192.0.2.1:5004", "192.0.2.1", 5004);
	expect_endpoint("192.0.2.255:1", "192.0.2.255", 1);
	expect_endpoint("192.0.2.1:0", "192.0.2.1", 0);
	expect_endpoint("[2001:db8::1]:65535", "2001:db8::1", 65535);
	expect_endpoint("[::ffff:192.0.2.1]:5004", "::ffff:192.0.2.1", 5004);
	expect_endpoint("[2001:db8:1111:2222:3333:4444:5555:6666]:5004",
		"2001:db8:1111:2222:3333:4444:5555:6666", 5004);
}

Test(endpoint, the_fault_is_named)
{
	expect_wrong("2001:db8::1:5004", "brackets");
	expect_wrong("[2001:db8::1]", "ADDRESS:PORT");
	expect_wrong("[2001:db8::1]5004", "ADDRESS:PORT");
	expect_wrong("[2001:db8::1:5004", "ADDRESS:PORT");
	expect_wrong("192.0.2.1", "ADDRESS:PORT");
	expect_wrong("", "ADDRESS:PORT");
	expect_wrong(":5004", "no IP address");
	expect_wrong("[]:5004", "no IP address");
	expect_wrong("192.0.2.256:5004", "not an IPv4");
	expect_wrong("192.0.2:5004", "not an IPv4");
	expect_wrong("camera.example:5004", "not an IPv4");
	expect_wrong("[192.0.2.1]:5004", "not an IPv6");
	expect_wrong("[2001:db8::1%eth0]:5004", "not an IPv6");
	expect_wrong("192.0.2.1:", "port");
	expect_wrong("192.0.2.1:65536", "port");
	expect_wrong("192.0.2.1:rtp", "port");
	expect_wrong("[2001:db8::1]:-1", "port");
}

Test(endpoint, a_text_that_is_far_too_long_is_cut_or_refused)
{
	char text[300], out[ENDPOINT_TEXT_MAX];

	memset(text, '1', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	endpoint_format(text, 5004, out);
	cr_assert_lt(strlen(out), sizeof(out));
	memcpy(text + 200, ":5004", 6);
	expect_wrong(text, "address");
}

Test(endpoint, plain_addresses)
{
	cr_assert(address_is_valid("192.0.2.1"));
	cr_assert(address_is_valid("2001:db8::1"));
	cr_assert_not(address_is_valid("[2001:db8::1]"));
	cr_assert_not(address_is_valid("192.0.2.1:1"));
	cr_assert_not(address_is_valid(""));
}
