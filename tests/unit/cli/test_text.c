/* SPDX-License-Identifier: BSD-3-Clause */
/* Pieces of replies as text, whole and broken ones. */
#include <criterion/criterion.h>
#include <string.h>

#include "cli/text.h"

#define JSON(name, source) \
	json_t *name = json_loads(source, JSON_DECODE_ANY, NULL); \
	cr_assert_not_null(name)

Test(text, match)
{
	struct text text;
	JSON(exact,
		"{\"match\":{\"port\":\"p0\",\"vlan\":7,\"src\":\"198.51.100.1\",\"src_port\":1,"
		"\"dst\":\"192.0.2.1\",\"dst_port\":2}}");
	JSON(listener,
		"{\"match\":{\"port\":\"p0\",\"vlan\":0,\"dst\":\"2001:db8::1\",\"dst_port\":2}}");
	JSON(stacked, "{\"match\":{\"port\":\"p0\",\"vlan\":0,\"outer_vlan\":300,"
		      "\"dst\":\"192.0.2.1\",\"dst_port\":2}}");

	cr_assert_str_eq(text_match(&text, exact), "p0 vlan 7 198.51.100.1:1 > 192.0.2.1:2");
	cr_assert_str_eq(text_match(&text, listener), "p0 any > [2001:db8::1]:2");
	cr_assert_str_eq(text_match(&text, stacked), "p0 vlan 300.0 any > 192.0.2.1:2");
	json_decref(exact);
	json_decref(listener);
	json_decref(stacked);
}

Test(text, rule)
{
	static const struct {
		const char *rule;
		const char *text;
	} cases[] = {
		{"\"family\":6", "rule 9 IPv6 any > any"},
		{"\"port\":\"p0\",\"src\":\"192.0.2.0/24\",\"dst_ports\":[5000,5999]",
			"rule 9 p0 192.0.2.0/24 > any:5000-5999"},
		{"\"vlan\":0,\"outer_vlan\":300,\"dst\":\"2001:db8::/32\",\"src_ports\":[1,1]",
			"rule 9 outer-vlan 300 vlan 0 any:1 > 2001:db8::/32"},
		{"\"dst\":\"2001:db8::/32\",\"dst_ports\":[0,0]", "rule 9 any > [2001:db8::/32]:0"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct text text, source;

		text_clear(&source);
		text_add(&source, "{\"rule\":{\"priority\":9,%s}}", cases[i].rule);
		JSON(flow, source.s);
		cr_expect_str_eq(text_match(&text, flow), cases[i].text);
		json_decref(flow);
	}
}

Test(text, vlans)
{
	struct text text;
	JSON(both, "{\"vlan\":20,\"outer_vlan\":300}");
	JSON(inner, "{\"vlan\":20}");

	cr_assert_str_eq(text_vlans(&text, both), "300.20");
	cr_assert_str_eq(text_vlans(&text, inner), "20");
	cr_assert_str_eq(text_vlans(&text, NULL), "-");
	json_decref(both);
	json_decref(inner);
}

Test(text, drops_without_zeros)
{
	struct text text;
	JSON(some, "{\"a\":0,\"tx_full\":3,\"b\":0,\"no_buffer\":9000000000}");
	JSON(none, "{\"a\":0}");

	cr_assert_str_eq(text_drops(&text, some), "tx_full=3 no_buffer=9000000000");
	cr_assert_str_eq(text_drops(&text, none), "-");
	cr_assert_str_eq(text_drops(&text, NULL), "-");
	json_decref(some);
	json_decref(none);
}

Test(text, members_of_the_wrong_kind_are_harmless)
{
	struct text text;
	JSON(object, "{\"port\":5,\"dst\":null,\"n\":\"x\",\"zero\":0}");

	cr_assert_str_eq(member_text(object, "port"), "-");
	cr_assert_str_eq(member_text(NULL, "port"), "-");
	cr_assert_eq(member_number(object, "n"), 0);
	cr_assert_eq(member_number(NULL, "n"), 0);
	cr_assert_str_eq(text_number(&text, object, "n", "keep"), "keep");
	cr_assert_str_eq(text_number(&text, object, "zero", "-"), "0");
	cr_assert_str_eq(text_match(&text, object), "- any > -:0");
	cr_assert_str_eq(text_match(&text, NULL), "- any > -:0");
	json_decref(object);
}

Test(text, what_does_not_fit_is_cut)
{
	struct text text;

	text_clear(&text);
	for (size_t i = 0; i < sizeof(text.s); i++)
		text_add(&text, "%s", "ab");
	cr_assert_eq(strlen(text.s), sizeof(text.s) - 1);
	cr_assert_eq(text.length, sizeof(text.s) - 1);
}
