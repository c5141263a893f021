/* SPDX-License-Identifier: BSD-3-Clause */
/* Which flow a packet misses by least, and by what. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../flow/flow_json.h"
#include "../flow/flow_live.h"
#include "base/addr.h"
#include "monitor/packet_trace.h"

static struct flow_db db;
static struct validate *validate;

static void
setup(void)
{
	flow_db_init(&db, 0);
	validate = validate_create(100);
}

static void
teardown(void)
{
	validate_destroy(validate);
	flow_db_fini(&db);
}

TestSuite(nearest, .init = setup, .fini = teardown);

static const struct flow_spec *
flow_rewrite(const char *id, const char *text)
{
	char whole[512];
	struct flow_spec *spec;
	struct fault fault;

	snprintf(whole, sizeof(whole), "{'id':'%s',%s,'action':'drop'}", id, text);
	spec = flow_spec_of_text(whole, &fault);
	cr_assert_not_null(spec, "%s: %s", fault.pointer, fault.message);
	cr_assert_not_null(flow_live(&db, spec, &fault), "%s", fault.message);
	cr_assert_eq(validate_insert(validate, spec, 1), 0);
	return spec;
}

#define EXACT(port, vlan, src, src_port, dst, dst_port) \
	"'match':{'port':'" port "','vlan':" #vlan ",'src':'" src "','src_port':" #src_port \
	",'dst':'" dst "','dst_port':" #dst_port "}"

/* On p0, 192.0.2.10:1000 > 192.0.2.1:5004 untagged, but for what a test changes. */
static struct flow_match
packet_made(void)
{
	struct flow_match packet = {
		.port = "p0", .src_port = htons(1000), .dst_port = htons(5004), .family = 4};

	inet_pton(AF_INET, "192.0.2.10", packet.src);
	inet_pton(AF_INET, "192.0.2.1", packet.dst);
	return packet;
}

Test(nearest, each_field)
{
	static const struct {
		const char *text;
		unsigned differs;
	} cases[] = {
		{EXACT("p0", 0, "192.0.2.10", 1000, "192.0.2.1", 5004), 0},
		{EXACT("p1", 0, "192.0.2.10", 1000, "192.0.2.1", 5004), 1 << NEAR_PORT},
		{EXACT("p0", 7, "192.0.2.10", 1000, "192.0.2.1", 5004), 1 << NEAR_VLAN},
		{EXACT("p0", 0, "192.0.2.11", 1000, "192.0.2.1", 5004), 1 << NEAR_SRC},
		{EXACT("p0", 0, "192.0.2.10", 1001, "192.0.2.1", 5004), 1 << NEAR_SRC_PORT},
		{EXACT("p0", 0, "192.0.2.10", 1000, "192.0.2.2", 5004), 1 << NEAR_DST},
		{EXACT("p0", 0, "192.0.2.10", 1000, "192.0.2.1", 5005), 1 << NEAR_DST_PORT},
		{"'match':{'port':'p0','outer_vlan':9,'dst':'192.0.2.1','dst_port':5004}",
			1 << NEAR_OUTER_VLAN},
		{"'match':{'port':'p0','dst':'192.0.2.1','dst_port':5006}", 1 << NEAR_DST_PORT},
		{"'match':{'port':'p0','dst':'2001:db8::1','dst_port':5004}", UINT_MAX},
		{"'rule':{'priority':1,'family':4}", 0},
		{"'rule':{'priority':1,'family':6}", UINT_MAX},
		{"'rule':{'priority':1,'family':4,'port':'p1','vlan':3}",
			1 << NEAR_PORT | 1 << NEAR_VLAN},
		{"'rule':{'priority':1,'dst':'192.0.2.0/31','src':'192.0.2.8/30'}", 0},
		{"'rule':{'priority':1,'dst':'192.0.2.2/31','src':'192.0.2.12/30'}",
			1 << NEAR_DST | 1 << NEAR_SRC},
		{"'rule':{'priority':1,'family':4,'dst_ports':[5004,5004],'src_ports':[1000,1001]}",
			0},
		{"'rule':{'priority':1,'family':4,'dst_ports':[5005,5006],'src_ports':[1,999]}",
			1 << NEAR_DST_PORT | 1 << NEAR_SRC_PORT},
	};
	const struct flow_match packet = packet_made();

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char whole[512];
		struct flow_spec *spec;
		struct fault fault;

		snprintf(whole, sizeof(whole), "{%s,'action':'drop'}", cases[i].text);
		spec = flow_spec_of_text(whole, &fault);
		cr_assert_not_null(spec, "%s: %s %s", whole, fault.pointer, fault.message);
		cr_expect_eq(nearest_differs(spec, &packet), cases[i].differs, "%s: %x", whole,
			nearest_differs(spec, &packet));
		free(spec);
	}
}

Test(nearest, the_one_that_differs_least)
{
	const struct flow_match packet = packet_made();
	const struct flow_spec *near;
	struct nearest nearest;

	nearest_find(&db, validate, &packet, &nearest);
	cr_expect_null(nearest.spec, "no flows");
	flow_rewrite("far", EXACT("p0", 0, "203.0.113.9", 9, "203.0.113.1", 9));
	nearest_find(&db, validate, &packet, &nearest);
	cr_expect_null(nearest.spec, "it has nothing in common");
	flow_rewrite("other-port", EXACT("p0", 0, "192.0.2.10", 1002, "192.0.2.1", 5006));
	near = flow_rewrite("near", EXACT("p0", 0, "192.0.2.10", 1001, "192.0.2.1", 5004));
	flow_rewrite("other-source", EXACT("p0", 0, "192.0.2.11", 1000, "192.0.2.1", 5004));
	nearest_find(&db, validate, &packet, &nearest);
	cr_expect_eq(nearest.spec, near);
	cr_expect_eq(nearest.differs, 1 << NEAR_SRC_PORT);
	cr_expect_eq(nearest.n_scanned, 4);
}

/* The newest are compared one by one; what the index knows is found however old it is. */
Test(nearest, among_more_than_are_compared)
{
	struct flow_match packet = packet_made();
	const struct flow_spec *old;
	struct nearest nearest;
	char text[200], id[32];

	old = flow_rewrite("old", EXACT("p0", 7, "192.0.2.10", 1000, "192.0.2.1", 5004));
	for (unsigned i = 0; i < NEAREST_SCAN_MAX; i++) {
		snprintf(id, sizeof(id), "f%u", i);
		snprintf(text, sizeof(text),
			"'match':{'port':'p0','dst':'203.0.113.1','dst_port':%u}", i + 10000);
		flow_rewrite(id, text);
	}
	nearest_find(&db, validate, &packet, &nearest);
	cr_expect_eq(nearest.spec, old);
	cr_expect_eq(nearest.differs, 1 << NEAR_VLAN);
	cr_expect_eq(nearest.n_scanned, NEAREST_SCAN_MAX);
	packet.src_port = htons(1001);
	nearest_find(&db, validate, &packet, &nearest);
	cr_expect_null(nearest.spec);
}

/* Frames against those that scapy builds of the same fields. */

static struct packet_fields
probe_of(const char *src, uint16_t src_port, const char *dst, uint16_t dst_port)
{
	struct packet_fields probe = {
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
expect(const struct packet_fields *probe, const char *hex)
{
	uint8_t frame[PACKET_HEADERS_MAX + 16];
	const size_t n = packet_build(probe, frame);
	char text[2 * sizeof(frame) + 1] = "";

	for (size_t i = 0; i < n; i++)
		snprintf(text + 2 * i, 3, "%02x", frame[i]);
	cr_expect_str_eq(text, hex);
}

Test(probe, ipv4)
{
	struct packet_fields probe = probe_of("192.0.2.9", 9, "192.0.2.1", 1);

	probe.payload = (const uint8_t *)"\x80\x00\xaa\xbb\xcc";
	probe.payload_bytes = 5;
	probe.ttl = 9;
	probe.dscp = 46;
	expect(&probe, "0200000000a0020000000000080045b80021000040000911ed09c0000209c0000201000900"
		       "01000d85028000aabbcc");
}

Test(probe, ipv6_with_two_tags)
{
	struct packet_fields probe = probe_of("2001:db8::9", 7, "2001:db8::1", 5004);

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
	struct packet_fields probe = probe_of("192.0.2.9", 7, "192.0.2.1", 5004);

	probe.payload = (const uint8_t *)"\x68\x3c";
	probe.payload_bytes = 2;
	expect(&probe, "0200000000a002000000000008004500001e000040004011b6c4c0000209c00002010007138"
		       "c000affff683c");
}
