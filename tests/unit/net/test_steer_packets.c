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

static const struct {
	const char *what;
	struct frame frame;
	uint32_t verdict;
} cases[] = {
	/* What flows want. */
	{"IPv4", {.family = 4, .dst = V4, .dst_port = 5000}, STEERED},
	{"IPv6", {.family = 6, .dst = V6, .dst_port = 5000}, STEERED},
	{"IPv4, tagged", {.family = 4, .tpid = {0x8100}, .tci = {7}, .dst = V4, .dst_port = 5002},
		STEERED},
	{"IPv6, tagged", {.family = 6, .tpid = {0x8100}, .tci = {7}, .dst = V6, .dst_port = 5002},
		STEERED},
	{"priority and drop bits are not the VLAN's",
		{.family = 4, .tpid = {0x8100}, .tci = {0xf007}, .dst = V4, .dst_port = 5002},
		STEERED},
	{"greatest VLAN id",
		{.family = 4, .tpid = {0x8100}, .tci = {4094}, .dst = V4, .dst_port = 5004},
		STEERED},
	{"priority-tagged is untagged",
		{.family = 4, .tpid = {0x8100}, .tci = {0xa000}, .dst = V4, .dst_port = 5000},
		STEERED},
	{"one word of options", {.family = 4, .ihl = 6, .dst = V4, .dst_port = 5000}, STEERED},
	{"the most options", {.family = 4, .ihl = 15, .dst = V4, .dst_port = 5000}, STEERED},
	{"tagged with options",
		{.family = 4, .ihl = 8, .tpid = {0x8100}, .tci = {7}, .dst = V4, .dst_port = 5002},
		STEERED},
	{"don't fragment", {.family = 4, .fragment = 0x4000, .dst = V4, .dst_port = 5000}, STEERED},
	{"reserved fragment bit", {.family = 4, .fragment = 0x8000, .dst = V4, .dst_port = 5000},
		STEERED},
	{"a wrong UDP length is the data plane's to name",
		{.family = 4, .udp_length = 9999, .dst = V4, .dst_port = 5000}, STEERED},
	{"two tags, 802.1Q in 802.1ad",
		{.family = 4, .tpid = {0x88a8, 0x8100}, .tci = {9, 7}, .dst = V4, .dst_port = 5006},
		STEERED},
	{"two tags, both 802.1Q",
		{.family = 4, .tpid = {0x8100, 0x8100}, .tci = {9, 7}, .dst = V4, .dst_port = 5006},
		STEERED},
	{"two tags and priorities",
		{.family = 4,
			.tpid = {0x88a8, 0x8100},
			.tci = {0xf009, 0xe007},
			.dst = V4,
			.dst_port = 5006},
		STEERED},
	{"two tags, IPv6",
		{.family = 6, .tpid = {0x88a8, 0x8100}, .tci = {9, 7}, .dst = V6, .dst_port = 5006},
		STEERED},
	{"802.1ad alone", {.family = 4, .tpid = {0x88a8}, .tci = {9}, .dst = V4, .dst_port = 5008},
		STEERED},
	{"802.1ad and a priority tag",
		{.family = 4, .tpid = {0x88a8, 0x8100}, .tci = {9, 0}, .dst = V4, .dst_port = 5008},
		STEERED},
	{"a priority tag before an 802.1Q one",
		{.family = 4, .tpid = {0x88a8, 0x8100}, .tci = {0, 7}, .dst = V4, .dst_port = 5002},
		STEERED},
	{"two priority tags",
		{.family = 4, .tpid = {0x88a8, 0x8100}, .tci = {0, 0}, .dst = V4, .dst_port = 5000},
		STEERED},
	{"hop-by-hop header",
		{.family = 6, .extensions = {{FRAME_PROTOCOL_ZERO}}, .dst = V6, .dst_port = 5000},
		STEERED},
	{"hop-by-hop, routing and destination headers",
		{.family = 6,
			.extensions = {{FRAME_PROTOCOL_ZERO}, {43, 1}, {60, 2}},
			.dst = V6,
			.dst_port = 5000},
		STEERED},
	{"eight extension headers, tagged",
		{.family = 6,
			.tpid = {0x8100},
			.tci = {7},
			.extensions = {{60}, {60}, {60}, {60}, {60}, {60}, {60}, {60}},
			.dst = V6,
			.dst_port = 5002},
		STEERED},
	{"a long extension header is the data plane's to name",
		{.family = 6, .extensions = {{60, 32}}, .dst = V6, .dst_port = 5000}, STEERED},

	{"multicast",
		{.dst_mac = {1, 0, 0x5e, 0x7c, 0, 1},
			.family = 4,
			.dst = "233.252.0.1",
			.dst_port = 5000},
		STEERED},
	{"multicast, sent to our address alone",
		{.family = 4, .dst = "233.252.0.1", .dst_port = 5000}, STEERED},
	{"multicast by link-layer broadcast",
		{.dst_mac = {255, 255, 255, 255, 255, 255},
			.family = 4,
			.dst = "233.252.0.1",
			.dst_port = 5000},
		STEERED},
	{"IPv6 multicast",
		{.dst_mac = {0x33, 0x33, 0x0d, 0xb8, 0, 1},
			.family = 6,
			.dst = "ff3e::db8:1",
			.dst_port = 5000},
		STEERED},

	/* Not sent to this interface: RFC 1812, 5.3.4. */
	{"broadcast",
		{.dst_mac = {255, 255, 255, 255, 255, 255},
			.family = 4,
			.dst = V4,
			.dst_port = 5000},
		PASSED},
	{"broadcast, IPv6",
		{.dst_mac = {255, 255, 255, 255, 255, 255},
			.family = 6,
			.dst = V6,
			.dst_port = 5000},
		PASSED},
	{"link-layer multicast",
		{.dst_mac = {1, 0, 0x5e, 0, 2, 1}, .family = 4, .dst = V4, .dst_port = 5000},
		PASSED},
	{"link-layer multicast, IPv6",
		{.dst_mac = {0x33, 0x33, 0, 0, 0, 1}, .family = 6, .dst = V6, .dst_port = 5000},
		PASSED},
	{"another host's",
		{.dst_mac = {2, 0, 0, 0, 0, 3}, .family = 4, .dst = V4, .dst_port = 5000}, PASSED},
	{"another host's, tagged",
		{.dst_mac = {2, 0, 0, 0, 0, 3},
			.family = 4,
			.tpid = {0x8100},
			.tci = {7},
			.dst = V4,
			.dst_port = 5002},
		PASSED},
	{"another host's, multicast",
		{.dst_mac = {2, 0, 0, 0, 0, 3},
			.family = 4,
			.dst = "233.252.0.1",
			.dst_port = 5000},
		PASSED},

	/* Not the address, port or VLAN of a flow. */
	{"other address", {.family = 4, .dst = "192.0.2.2", .dst_port = 5000}, PASSED},
	{"other port", {.family = 4, .dst = V4, .dst_port = 5001}, PASSED},
	{"port in the other byte order", {.family = 4, .dst = V4, .dst_port = 0x8813}, PASSED},
	{"other IPv6 address", {.family = 6, .dst = "2001:db8::2", .dst_port = 5000}, PASSED},
	{"other IPv6 port", {.family = 6, .dst = V6, .dst_port = 5001}, PASSED},
	{"untagged to a tagged key", {.family = 4, .dst = V4, .dst_port = 5002}, PASSED},
	{"tagged to an untagged key",
		{.family = 4, .tpid = {0x8100}, .tci = {7}, .dst = V4, .dst_port = 5000}, PASSED},
	{"other VLAN", {.family = 4, .tpid = {0x8100}, .tci = {8}, .dst = V4, .dst_port = 5002},
		PASSED},
	{"IPv6 in other VLAN",
		{.family = 6, .tpid = {0x8100}, .tci = {8}, .dst = V6, .dst_port = 5002}, PASSED},
	{"both VLANs the other way round",
		{.family = 4, .tpid = {0x88a8, 0x8100}, .tci = {7, 9}, .dst = V4, .dst_port = 5006},
		PASSED},
	{"other outer VLAN",
		{.family = 4, .tpid = {0x88a8, 0x8100}, .tci = {8, 7}, .dst = V4, .dst_port = 5006},
		PASSED},
	{"outer VLAN missing",
		{.family = 4, .tpid = {0x8100}, .tci = {7}, .dst = V4, .dst_port = 5006}, PASSED},
	{"an outer VLAN too many",
		{.family = 4, .tpid = {0x88a8, 0x8100}, .tci = {9, 7}, .dst = V4, .dst_port = 5002},
		PASSED},
	{"802.1Q is not 802.1ad",
		{.family = 4, .tpid = {0x8100}, .tci = {9}, .dst = V4, .dst_port = 5008}, PASSED},
	{"802.1ad is not 802.1Q",
		{.family = 4, .tpid = {0x88a8}, .tci = {7}, .dst = V4, .dst_port = 5002}, PASSED},
	{"other port behind an extension header",
		{.family = 6, .extensions = {{60}}, .dst = V6, .dst_port = 5001}, PASSED},

	/* Not something that a flow can want. */
	{"TCP", {.family = 4, .protocol = 6, .dst = V4, .dst_port = 5000}, PASSED},
	{"ICMP", {.family = 4, .protocol = 1, .dst = V4, .dst_port = 5000}, PASSED},
	{"UDP-Lite", {.family = 4, .protocol = 136, .dst = V4, .dst_port = 5000}, PASSED},
	{"ARP", {.family = 4, .ether_type = 0x0806, .dst = V4, .dst_port = 5000}, PASSED},
	{"TCP over IPv6", {.family = 6, .protocol = 6, .dst = V6, .dst_port = 5000}, PASSED},
	{"ICMPv6 (neighbour discovery)", {.family = 6, .protocol = 58, .dst = V6, .dst_port = 5000},
		PASSED},
	{"IPv6 fragment header", {.family = 6, .extensions = {{44}}, .dst = V6, .dst_port = 5000},
		PASSED},
	{"fragment header behind a skipped one",
		{.family = 6, .extensions = {{60}, {44}}, .dst = V6, .dst_port = 5000}, PASSED},
	{"TCP behind a skipped header",
		{.family = 6, .extensions = {{60}}, .protocol = 6, .dst = V6, .dst_port = 5000},
		PASSED},
	{"hop-by-hop header not first",
		{.family = 6,
			.extensions = {{60}, {FRAME_PROTOCOL_ZERO}},
			.dst = V6,
			.dst_port = 5000},
		PASSED},
	{"segments left", {.family = 6, .extensions = {{43, 0, 1}}, .dst = V6, .dst_port = 5000},
		PASSED},
	{"authentication header", {.family = 6, .extensions = {{51}}, .dst = V6, .dst_port = 5000},
		PASSED},
	{"nine extension headers",
		{.family = 6,
			.extensions = {{60}, {60}, {60}, {60}, {60}, {60}, {60}, {60}, {60}},
			.dst = V6,
			.dst_port = 5000},
		PASSED},
	{"first fragment", {.family = 4, .fragment = 0x2000, .dst = V4, .dst_port = 5000}, PASSED},
	{"later fragment", {.family = 4, .fragment = 0x20b9, .dst = V4, .dst_port = 5000}, PASSED},
	{"last fragment", {.family = 4, .fragment = 0x0001, .dst = V4, .dst_port = 5000}, PASSED},
	{"last fragment, greatest offset",
		{.family = 4, .fragment = 0x1fff, .dst = V4, .dst_port = 5000}, PASSED},
	{"IPv4 version 5", {.family = 4, .version = 5, .dst = V4, .dst_port = 5000}, PASSED},
	{"IPv6 EtherType, version 4", {.family = 6, .version = 4, .dst = V6, .dst_port = 5000},
		PASSED},
	{"header length below 5 words", {.family = 4, .ihl = 4, .dst = V4, .dst_port = 5000},
		PASSED},
	{"IPv4 behind the IPv6 EtherType",
		{.family = 4, .ether_type = 0x86dd, .dst = V4, .dst_port = 5000}, PASSED},
	{"three tags",
		{.family = 4,
			.tpid = {0x88a8, 0x8100, 0x8100},
			.tci = {9, 7, 7},
			.dst = V4,
			.dst_port = 5006},
		PASSED},
	{"802.1ad inside 802.1Q",
		{.family = 4, .tpid = {0x8100, 0x88a8}, .tci = {9, 7}, .dst = V4, .dst_port = 5006},
		PASSED},
	{"802.1ad inside 802.1ad",
		{.family = 4, .tpid = {0x88a8, 0x88a8}, .tci = {9, 7}, .dst = V4, .dst_port = 5006},
		PASSED},
	{"an unknown tag", {.family = 4, .tpid = {0x9100}, .tci = {7}, .dst = V4, .dst_port = 5002},
		PASSED},
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
setup(void)
{
	namespace_enter();
	object = steer_program_load(&program_fd);
	keys_install();
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
