/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The golden test of the steering program: frames in, verdicts out, run by the kernel itself
 * (BPF_PROG_TEST_RUN) with the keys below installed and a socket for queue 0.
 */
#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>
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
} keys[] = {
	{4, V4, 5000, 0},
	{4, V4, 5002, 7},
	{4, V4, 5004, 4094},
	{6, V6, 5000, 0},
	{6, V6, 5002, 7},
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

	/* Not something that a flow can want. */
	{"TCP", {.family = 4, .protocol = 6, .dst = V4, .dst_port = 5000}, PASSED},
	{"ICMP", {.family = 4, .protocol = 1, .dst = V4, .dst_port = 5000}, PASSED},
	{"UDP-Lite", {.family = 4, .protocol = 136, .dst = V4, .dst_port = 5000}, PASSED},
	{"ARP", {.family = 4, .ether_type = 0x0806, .dst = V4, .dst_port = 5000}, PASSED},
	{"TCP over IPv6", {.family = 6, .protocol = 6, .dst = V6, .dst_port = 5000}, PASSED},
	{"ICMPv6 (neighbour discovery)", {.family = 6, .protocol = 58, .dst = V6, .dst_port = 5000},
		PASSED},
	{"hop-by-hop header",
		{.family = 6, .protocol = FRAME_PROTOCOL_ZERO, .dst = V6, .dst_port = 5000},
		PASSED},
	{"IPv6 fragment header", {.family = 6, .protocol = 44, .dst = V6, .dst_port = 5000},
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
	{"two tags",
		{.family = 4, .tpid = {0x8100, 0x8100}, .tci = {7, 7}, .dst = V4, .dst_port = 5002},
		PASSED},
	{"802.1ad tag", {.family = 4, .tpid = {0x88a8}, .tci = {7}, .dst = V4, .dst_port = 5002},
		PASSED},
	{"802.1Q inside 802.1ad",
		{.family = 4, .tpid = {0x88a8, 0x8100}, .tci = {7, 7}, .dst = V4, .dst_port = 5002},
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
	uint32_t uses = 1;

	for (size_t i = 0; i < COUNT(keys); i++) {
		struct steer_key key = {
			.port = htons(keys[i].port),
			.vlan = keys[i].vlan,
			.family = keys[i].family,
		};

		inet_pton(key.family == 4 ? AF_INET : AF_INET6, keys[i].address, key.addr);
		cr_assert_eq(bpf_map_update_elem(keys_fd, &key, &uses, BPF_ANY), 0);
	}
}

/* Put an AF_XDP socket where the driver puts the one of queue 0. */
static void
socket_install(void)
{
	int sockets_fd = bpf_object__find_map_fd_by_name(object, STEER_TEXT(STEER_SOCKETS));
	uint32_t queue = 0;

	socket_fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
	cr_assert_geq(socket_fd, 0, "AF_XDP socket: %m");
	cr_assert_eq(bpf_map_update_elem(sockets_fd, &queue, &socket_fd, BPF_ANY), 0);
}

static void
setup(void)
{
	namespace_enter();
	object = steer_program_load(&program_fd);
	keys_install();
	socket_install();
}

static void
teardown(void)
{
	bpf_object__close(object);
	close(socket_fd);
}

static uint32_t
verdict_of(const uint8_t *bytes, size_t size)
{
	uint8_t out[FRAME_MAX] = {0};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = bytes, .data_size_in = (uint32_t)size,
		.data_out = out, .data_size_out = sizeof(out), .repeat = 1);

	cr_assert_eq(bpf_prog_test_run_opts(program_fd, &opts), 0, "test run: %m");
	cr_assert_eq(opts.data_size_out, size);
	cr_assert_eq(memcmp(out, bytes, size), 0, "the program changed the frame");
	return opts.retval;
}

TestSuite(steer_packets, .init = setup, .fini = teardown);

Test(steer_packets, verdicts)
{
	uint8_t bytes[FRAME_MAX];
	size_t header_bytes;

	for (size_t i = 0; i < COUNT(cases); i++) {
		size_t size = frame_build(&cases[i].frame, bytes, &header_bytes);

		cr_expect_eq(verdict_of(bytes, size), cases[i].verdict, "%s", cases[i].what);
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

			cr_expect_eq(verdict_of(bytes, cut), expected, "%s, cut at %zu of %zu",
				cases[i].what, cut, size);
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
	cr_expect_eq(verdict_of(bytes, size), PASSED);
}
