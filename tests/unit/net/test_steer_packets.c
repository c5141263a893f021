/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The golden test of the steering program: frames in, verdicts out, run by the kernel itself
 * (BPF_PROG_TEST_RUN) with the keys below installed and a socket for queue 0.
 */
#include <arpa/inet.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <criterion/criterion.h>
#include <linux/bpf.h>

#include "af_xdp/steer_layout.h"
#include "frame.h"
#include "namespace.h"
#include "steer_program.h"

#define V4 "192.0.2.1"
#define V6 "2001:db8::1"
#define STEERED XDP_REDIRECT
#define PASSED XDP_PASS

static const struct {
	uint8_t family;
	const char *address;
	uint16_t port;
	uint16_t vlan;
	uint16_t outer_vlan;
} keys[] = {
	{4, V4, 5000, 0, 0},
	{4, V4, 5002, 7, 0},
	{4, V4, 5004, 4094, 0},
	{4, V4, 5006, 7, 9},
	{4, V4, 5008, 0, 9},
	{4, "233.252.0.1", 5000, 0, 0},
	{6, V6, 5000, 0, 0},
	{6, V6, 5002, 7, 0},
	{6, V6, 5006, 7, 9},
	{6, "ff3e::db8:1", 5000, 0, 0},
};

/* Frames to the flows' addresses, with their tags. */
#define TO_V4(port, ...) \
	{ \
		.family = 4, .dst = V4, .dst_port = (port), ##__VA_ARGS__ \
	}
#define TO_V6(port, ...) \
	{ \
		.family = 6, .dst = V6, .dst_port = (port), ##__VA_ARGS__ \
	}
#define TAG(vlan) .tpid = {0x8100}, .tci = {vlan}
#define TAGS(outer, vlan) .tpid = {0x88a8, 0x8100}, .tci = {outer, vlan}
#define TO_ALL .dst_mac = {255, 255, 255, 255, 255, 255}
#define TO_OTHER .dst_mac = {2, 0, 0, 0, 0, 3}
#define TO_VLAN7 .dst_mac = {2, 0, 0, 0, 0, 7} /* of the kernel's interfaces of VLAN 7, 7 in 9 */

static const struct {
	const char *what;
	struct frame frame;
	uint32_t verdict;
} cases[] = {
	/* What flows want. */
	{"IPv4", TO_V4(5000), STEERED},
	{"IPv6", TO_V6(5000), STEERED},
	{"IPv4, tagged", TO_V4(5002, TAG(7)), STEERED},
	{"IPv6, tagged", TO_V6(5002, TAG(7)), STEERED},
	{"priority and drop bits are not the VLAN's", TO_V4(5002, TAG(0xf007)), STEERED},
	{"greatest VLAN id", TO_V4(5004, TAG(4094)), STEERED},
	{"priority-tagged is untagged", TO_V4(5000, TAG(0xa000)), STEERED},
	{"one word of options", TO_V4(5000, .ihl = 6), STEERED},
	{"the most options", TO_V4(5000, .ihl = 15), STEERED},
	{"tagged with options", TO_V4(5002, .ihl = 8, TAG(7)), STEERED},
	{"don't fragment", TO_V4(5000, .fragment = 0x4000), STEERED},
	{"reserved fragment bit", TO_V4(5000, .fragment = 0x8000), STEERED},
	{"the first fragment is the data plane's to name", TO_V4(5000, .fragment = 0x2000),
		STEERED},
	{"first fragment of IPv6", TO_V6(5000, .extensions = {{44}}), STEERED},
	{"first fragment behind a skipped header", TO_V6(5000, .extensions = {{60}, {44}}),
		STEERED},
	{"a wrong UDP length is the data plane's to name", TO_V4(5000, .udp_length = 9999),
		STEERED},
	{"two tags, 802.1Q in 802.1ad", TO_V4(5006, TAGS(9, 7)), STEERED},
	{"two tags, both 802.1Q", TO_V4(5006, .tpid = {0x8100, 0x8100}, .tci = {9, 7}), STEERED},
	{"two tags and priorities", TO_V4(5006, TAGS(0xf009, 0xe007)), STEERED},
	{"two tags, IPv6", TO_V6(5006, TAGS(9, 7)), STEERED},
	{"802.1ad alone", TO_V4(5008, .tpid = {0x88a8}, .tci = {9}), STEERED},
	{"802.1ad and a priority tag", TO_V4(5008, TAGS(9, 0)), STEERED},
	{"a priority tag before an 802.1Q one", TO_V4(5002, TAGS(0, 7)), STEERED},
	{"two priority tags", TO_V4(5000, TAGS(0, 0)), STEERED},
	{"hop-by-hop header", TO_V6(5000, .extensions = {{FRAME_PROTOCOL_ZERO}}), STEERED},
	{"hop-by-hop, routing and destination headers",
		TO_V6(5000, .extensions = {{FRAME_PROTOCOL_ZERO}, {43, 1}, {60, 2}}), STEERED},
	{"eight extension headers, tagged",
		TO_V6(5002, TAG(7), .extensions = {{60}, {60}, {60}, {60}, {60}, {60}, {60}, {60}}),
		STEERED},
	{"a long extension header is the data plane's to name",
		TO_V6(5000, .extensions = {{60, 32}}), STEERED},

	{"multicast",
		{.dst_mac = {1, 0, 0x5e, 0x7c, 0, 1},
			.family = 4,
			.dst = "233.252.0.1",
			.dst_port = 5000},
		STEERED},
	{"multicast, sent to our address alone",
		{.family = 4, .dst = "233.252.0.1", .dst_port = 5000}, STEERED},
	{"multicast by link-layer broadcast",
		{TO_ALL, .family = 4, .dst = "233.252.0.1", .dst_port = 5000}, STEERED},
	{"IPv6 multicast",
		{.dst_mac = {0x33, 0x33, 0x0d, 0xb8, 0, 1},
			.family = 6,
			.dst = "ff3e::db8:1",
			.dst_port = 5000},
		STEERED},

	/* Not sent to this interface: RFC 1812, 5.3.4. */
	{"broadcast", TO_V4(5000, TO_ALL), PASSED},
	{"broadcast, IPv6", TO_V6(5000, TO_ALL), PASSED},
	{"link-layer multicast", TO_V4(5000, .dst_mac = {1, 0, 0x5e, 0, 2, 1}), PASSED},
	{"link-layer multicast, IPv6", TO_V6(5000, .dst_mac = {0x33, 0x33, 0, 0, 0, 1}), PASSED},
	{"a VLAN interface's", TO_V4(5002, TO_VLAN7, TAG(0x6007)), STEERED},
	{"a VLAN interface's, two tags", TO_V6(5006, TO_VLAN7, TAGS(9, 7)), STEERED},
	{"a VLAN interface's, in another VLAN", TO_V4(5004, TO_VLAN7, TAG(4094)), PASSED},
	{"a VLAN interface's, in no VLAN", TO_V4(5000, TO_VLAN7), PASSED},
	{"another host's", TO_V4(5000, TO_OTHER), PASSED},
	{"another host's, tagged", TO_V4(5002, TO_OTHER, TAG(7)), PASSED},
	{"another host's, multicast",
		{TO_OTHER, .family = 4, .dst = "233.252.0.1", .dst_port = 5000}, PASSED},

	/* Not the address, port or VLAN of a flow. */
	{"other address", {.family = 4, .dst = "192.0.2.2", .dst_port = 5000}, PASSED},
	{"other port", TO_V4(5001), PASSED},
	{"port in the other byte order", TO_V4(0x8813), PASSED},
	{"other IPv6 address", {.family = 6, .dst = "2001:db8::2", .dst_port = 5000}, PASSED},
	{"other IPv6 port", TO_V6(5001), PASSED},
	{"untagged to a tagged key", TO_V4(5002), PASSED},
	{"tagged to an untagged key", TO_V4(5000, TAG(7)), PASSED},
	{"other VLAN", TO_V4(5002, TAG(8)), PASSED},
	{"IPv6 in other VLAN", TO_V6(5002, TAG(8)), PASSED},
	{"both VLANs the other way round", TO_V4(5006, TAGS(7, 9)), PASSED},
	{"other outer VLAN", TO_V4(5006, TAGS(8, 7)), PASSED},
	{"outer VLAN missing", TO_V4(5006, TAG(7)), PASSED},
	{"an outer VLAN too many", TO_V4(5002, TAGS(9, 7)), PASSED},
	{"802.1Q is not 802.1ad", TO_V4(5008, TAG(9)), PASSED},
	{"802.1ad is not 802.1Q", TO_V4(5002, .tpid = {0x88a8}, .tci = {7}), PASSED},
	{"other port behind an extension header", TO_V6(5001, .extensions = {{60}}), PASSED},

	/* Not something that a flow can want. */
	{"TCP", TO_V4(5000, .protocol = 6), PASSED},
	{"ICMP", TO_V4(5000, .protocol = 1), PASSED},
	{"UDP-Lite", TO_V4(5000, .protocol = 136), PASSED},
	{"ARP", TO_V4(5000, .ether_type = 0x0806), PASSED},
	{"TCP over IPv6", TO_V6(5000, .protocol = 6), PASSED},
	{"ICMPv6 (neighbour discovery)", TO_V6(5000, .protocol = 58), PASSED},
	{"later fragment of IPv6", TO_V6(5000, .extensions = {{44, 0, 8}}), PASSED},
	{"later fragment behind a skipped header", TO_V6(5000, .extensions = {{60}, {44, 0, 8}}),
		PASSED},
	{"first fragment to another port", TO_V4(5001, .fragment = 0x2000), PASSED},
	{"first fragment of TCP", TO_V4(5000, .fragment = 0x2000, .protocol = 6), PASSED},
	{"TCP behind a skipped header", TO_V6(5000, .extensions = {{60}}, .protocol = 6), PASSED},
	{"hop-by-hop header not first", TO_V6(5000, .extensions = {{60}, {FRAME_PROTOCOL_ZERO}}),
		PASSED},
	{"segments left", TO_V6(5000, .extensions = {{43, 0, 1}}), PASSED},
	{"authentication header", TO_V6(5000, .extensions = {{51}}), PASSED},
	{"nine extension headers",
		TO_V6(5000, .extensions = {{60}, {60}, {60}, {60}, {60}, {60}, {60}, {60}, {60}}),
		PASSED},
	{"later fragment", TO_V4(5000, .fragment = 0x20b9), PASSED},
	{"last fragment", TO_V4(5000, .fragment = 0x0001), PASSED},
	{"last fragment, greatest offset", TO_V4(5000, .fragment = 0x1fff), PASSED},
	{"IPv4 version 5", TO_V4(5000, .version = 5), PASSED},
	{"IPv6 EtherType, version 4", TO_V6(5000, .version = 4), PASSED},
	{"header length below 5 words", TO_V4(5000, .ihl = 4), PASSED},
	{"IPv4 behind the IPv6 EtherType", TO_V4(5000, .ether_type = 0x86dd), PASSED},
	{"three tags", TO_V4(5006, .tpid = {0x88a8, 0x8100, 0x8100}, .tci = {9, 7, 7}), PASSED},
	{"802.1ad inside 802.1Q", TO_V4(5006, .tpid = {0x8100, 0x88a8}, .tci = {9, 7}), PASSED},
	{"802.1ad inside 802.1ad", TO_V4(5006, .tpid = {0x88a8, 0x88a8}, .tci = {9, 7}), PASSED},
	{"an unknown tag", TO_V4(5002, .tpid = {0x9100}, .tci = {7}), PASSED},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct bpf_object *object;
static int program_fd;
static int socket_fd;

static void
keys_install(void)
{
	int keys_fd = bpf_object__find_map_fd_by_name(object, STEER_TEXT(STEER_KEYS));
	const struct steer_uses uses = {.any = 1};

	for (size_t i = 0; i < COUNT(keys); i++) {
		struct steer_key key = {
			.port = htons(keys[i].port),
			.vlan = keys[i].vlan,
			.outer_vlan = keys[i].outer_vlan,
			.family = keys[i].family,
		};

		inet_pton(key.family == 4 ? AF_INET : AF_INET6, keys[i].address, key.addr);
		cr_assert_eq(bpf_map_update_elem(keys_fd, &key, &uses, BPF_ANY), 0);
	}
}

static void
vlan_macs_install(void)
{
	const struct steer_mac macs[] = {
		{.mac = {2, 0, 0, 0, 0, 7}, .vlan = 7},
		{.mac = {2, 0, 0, 0, 0, 7}, .vlan = 7, .outer_vlan = 9},
	};
	int macs_fd = bpf_object__find_map_fd_by_name(object, STEER_TEXT(STEER_MACS));
	const uint32_t used = 1;

	for (size_t i = 0; i < COUNT(macs); i++)
		cr_assert_eq(bpf_map_update_elem(macs_fd, &macs[i], &used, BPF_ANY), 0);
}

static void
setup(void)
{
	namespace_enter();
	object = steer_program_load(&program_fd);
	keys_install();
	vlan_macs_install();
	socket_fd = steer_program_socket(object);
}

static void
teardown(void)
{
	bpf_object__close(object);
	close(socket_fd);
}

TestSuite(steer_packets, .init = setup, .fini = teardown);

Test(steer_packets, verdicts)
{
	uint8_t bytes[FRAME_MAX];
	size_t header_bytes;

	for (size_t i = 0; i < COUNT(cases); i++) {
		size_t size = frame_build(&cases[i].frame, bytes, &header_bytes);

		cr_expect_eq(steer_program_run(program_fd, bytes, size), cases[i].verdict, "%s",
			cases[i].what);
	}
}

/* A frame is steered only when it holds all headers; the payload does not matter. */
Test(steer_packets, truncated_at_every_byte)
{
	uint8_t bytes[FRAME_MAX];
	size_t header_bytes;

	for (size_t i = 0; i < COUNT(cases); i++) {
		size_t size = frame_build(&cases[i].frame, bytes, &header_bytes);

		if (cases[i].verdict != STEERED)
			continue;
		for (size_t cut = 14; cut <= size; cut++) {
			uint32_t expected = cut < header_bytes ? PASSED : STEERED;

			cr_expect_eq(steer_program_run(program_fd, bytes, cut), expected,
				"%s, cut at %zu of %zu", cases[i].what, cut, size);
		}
	}
}

Test(steer_packets, queue_without_socket_passes)
{
	int sockets_fd = bpf_object__find_map_fd_by_name(object, STEER_TEXT(STEER_SOCKETS));
	uint8_t bytes[FRAME_MAX];
	size_t header_bytes;
	uint32_t queue = 0;
	size_t size = frame_build(&cases[0].frame, bytes, &header_bytes);

	cr_assert_eq(bpf_map_delete_elem(sockets_fd, &queue), 0);
	cr_expect_eq(steer_program_run(program_fd, bytes, size), PASSED);
}
