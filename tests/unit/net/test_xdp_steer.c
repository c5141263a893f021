/* SPDX-License-Identifier: BSD-3-Clause */
/* The steering of a port, from a clean interface to a crashed owner. */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <criterion/criterion.h>
#include <linux/if_link.h>

#include "namespace.h"
#include "net/xdp_steer.h"
#include "steer_program.h"

static unsigned ifindex;
static char error[256];

static void
setup(void)
{
	namespace_enter();
	ifindex = peer_link(peer_start());
	memset(error, 0, sizeof(error));
}

static struct bpf_object *
program_attach(unsigned to, uint32_t mode)
{
	int fd;
	struct bpf_object *object = steer_program_load(&fd);

	cr_assert_eq(bpf_xdp_attach((int)to, fd, mode | XDP_FLAGS_UPDATE_IF_NOEXIST, NULL), 0);
	return object;
}

static void
foreign_attach(void)
{
	const struct bpf_insn code[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = XDP_PASS},
		{.code = BPF_JMP | BPF_EXIT},
	};
	int fd = bpf_prog_load(BPF_PROG_TYPE_XDP, "someone_else", "BSD-3-Clause", code, 2, NULL);

	cr_assert_geq(fd, 0);
	cr_assert_eq(bpf_xdp_attach((int)ifindex, fd, XDP_FLAGS_DRV_MODE, NULL), 0);
	close(fd);
}

static bool
is_attached(void)
{
	uint32_t id = 0;

	cr_assert_eq(bpf_xdp_query_id((int)ifindex, 0, &id), 0);
	return id != 0;
}

/* A process that steers the port, as an appliance does. */
static bool
owner_begin(void)
{
	struct steer *steer;

	program_attach(ifindex, XDP_FLAGS_DRV_MODE);
	return steer_open(ifindex, &steer) == 0;
}

static uint32_t
uses_of(struct bpf_object *object, const struct steer_key *key)
{
	int fd = bpf_object__find_map_fd_by_name(object, STEER_TEXT(STEER_KEYS));
	struct steer_uses uses = {0};

	bpf_map_lookup_elem(fd, key, &uses);
	return uses.any + uses.pairs;
}

static const struct steer_key some_key = {.addr = {192, 0, 2, 1}, .port = 1, .family = 4};

TestSuite(steer, .init = setup);

Test(steer, nothing_attached)
{
	struct steer *steer;

	cr_expect_eq(steer_clean("port", error, sizeof(error)), 0, "%s", error);
	cr_expect_eq(steer_open(ifindex, &steer), -ENOENT);
	cr_expect_null(steer);
	steer_close(steer);
}

Test(steer, no_such_interface)
{
	struct steer *steer;

	cr_expect_eq(steer_clean("none", error, sizeof(error)), -ENODEV);
	cr_expect_not_null(strstr(error, "interface none"), "%s", error);
	cr_expect_eq(steer_open(9999, &steer), -ENOENT);
	cr_expect_null(steer);
}

Test(steer, keys_are_counted)
{
	struct bpf_object *object = program_attach(ifindex, XDP_FLAGS_DRV_MODE);
	struct steer_key other = some_key;
	struct steer *steer;

	other.vlan = 7;
	cr_assert_eq(steer_open(ifindex, &steer), 0);
	cr_expect_eq(steer_del(steer, &some_key, NULL), -ENOENT);
	cr_expect_eq(steer_add(steer, &some_key, NULL), 0);
	cr_expect_eq(steer_add(steer, &some_key, NULL), 0);
	cr_expect_eq(steer_add(steer, &other, NULL), 0);
	cr_expect_eq(uses_of(object, &some_key), 2);
	cr_expect_eq(steer_del(steer, &some_key, NULL), 0);
	cr_expect_eq(uses_of(object, &some_key), 1);
	cr_expect_eq(steer_del(steer, &some_key, NULL), 0);
	cr_expect_eq(uses_of(object, &some_key), 0);
	cr_expect_eq(steer_del(steer, &some_key, NULL), -ENOENT);
	cr_expect_eq(uses_of(object, &other), 1);
	steer_close(steer);
	bpf_object__close(object);
}

Test(steer, mac_address_is_followed)
{
	struct bpf_object *object = program_attach(ifindex, XDP_FLAGS_DRV_MODE);
	const int fd = bpf_object__find_map_fd_by_name(object, STEER_TEXT(STEER_PORT));
	const uint32_t only = 0;
	struct steer_port port;
	struct steer *steer;

	shell("ip link set port address 02:00:00:00:00:0a");
	cr_assert_eq(steer_open(ifindex, &steer), 0);
	cr_assert_eq(bpf_map_lookup_elem(fd, &only, &port), 0);
	cr_expect_eq(port.mac[5], 0x0a);
	shell("ip link set port address 02:00:00:00:00:0b");
	cr_expect_eq(steer_follow_mac(steer), 0);
	cr_assert_eq(bpf_map_lookup_elem(fd, &only, &port), 0);
	cr_expect_eq(port.mac[5], 0x0b);
	shell("ip link del port");
	cr_expect_eq(steer_follow_mac(steer), -ENODEV);
	steer_close(steer);
	bpf_object__close(object);
}

Test(steer, vlan_mac_addresses_are_replaced)
{
	const struct steer_mac macs[] = {
		{.mac = {2, 0, 0, 0, 0, 9}, .vlan = 9},
		{.mac = {2, 0, 0, 0, 0, 8}, .vlan = 8},
		{.mac = {2, 0, 0, 0, 0, 7}, .vlan = 7},
	};
	struct bpf_object *object = program_attach(ifindex, XDP_FLAGS_DRV_MODE);
	const int fd = bpf_object__find_map_fd_by_name(object, STEER_TEXT(STEER_MACS));
	struct steer_mac *many = calloc(STEER_MACS_MAX + 1, sizeof(*many));
	struct steer *steer;
	uint32_t used;

	cr_assert_eq(steer_open(ifindex, &steer), 0);
	cr_expect_eq(steer_set_vlan_macs(steer, macs, 2), 0);
	cr_expect_eq(bpf_map_lookup_elem(fd, &macs[0], &used), 0);
	cr_expect_eq(bpf_map_lookup_elem(fd, &macs[1], &used), 0);
	cr_expect_eq(bpf_map_lookup_elem(fd, &macs[2], &used), -ENOENT);
	cr_expect_eq(steer_set_vlan_macs(steer, macs + 1, 2), 0);
	cr_expect_eq(bpf_map_lookup_elem(fd, &macs[0], &used), -ENOENT);
	cr_expect_eq(bpf_map_lookup_elem(fd, &macs[1], &used), 0);
	cr_expect_eq(bpf_map_lookup_elem(fd, &macs[2], &used), 0);

	for (uint32_t i = 0; i <= STEER_MACS_MAX; i++)
		many[i] = (struct steer_mac){
			.mac = {2, 0, 0, 0, 1, 1}, .vlan = i & 0xfff, .outer_vlan = i >> 12};
	cr_expect_eq(steer_set_vlan_macs(steer, many, STEER_MACS_MAX + 1), -E2BIG);
	cr_expect_eq(steer_set_vlan_macs(steer, macs, 3), 0, "there is room again");
	cr_expect_eq(steer_set_vlan_macs(steer, NULL, 0), 0);
	cr_expect_eq(bpf_map_lookup_elem(fd, &macs[2], &used), -ENOENT);
	free(many);
	steer_close(steer);
	bpf_object__close(object);
}

Test(steer, full)
{
	struct bpf_object *object = program_attach(ifindex, XDP_FLAGS_DRV_MODE);
	struct steer_key key = some_key;
	struct steer *steer;

	cr_assert_eq(steer_open(ifindex, &steer), 0);
	for (uint32_t i = 0; i < STEER_KEYS_MAX; i++) {
		memcpy(key.addr, &i, sizeof(i));
		cr_assert_eq(steer_add(steer, &key, NULL), 0, "key %u", i);
	}
	cr_expect_eq(steer_add(steer, &key, NULL), 0, "a key that is there needs no room");
	key.port++;
	cr_expect_eq(steer_add(steer, &key, NULL), -ENOSPC);
	key.port--;
	cr_expect_eq(steer_del(steer, &key, NULL), 0);
	cr_expect_eq(steer_del(steer, &key, NULL), 0);
	key.port++;
	cr_expect_eq(steer_add(steer, &key, NULL), 0);
	steer_close(steer);
	bpf_object__close(object);
}

Test(steer, ports_have_their_own_keys)
{
	struct bpf_object *object = program_attach(ifindex, XDP_FLAGS_DRV_MODE);
	struct bpf_object *second_object;
	struct steer *steer;
	struct steer *second;
	unsigned second_ifindex;

	shell("ip link add second type veth peer name second_wire");
	second_ifindex = if_nametoindex("second");
	second_object = program_attach(second_ifindex, XDP_FLAGS_DRV_MODE);
	cr_assert_eq(steer_open(ifindex, &steer), 0);
	cr_assert_eq(steer_open(second_ifindex, &second), 0);
	cr_expect_eq(steer_add(second, &some_key, NULL), 0);
	cr_expect_eq(uses_of(object, &some_key), 0);
	cr_expect_eq(uses_of(second_object, &some_key), 1);
	steer_close(second);
	steer_close(steer);
	bpf_object__close(second_object);
	bpf_object__close(object);
}

Test(steer, opened_again_by_the_same_process)
{
	struct bpf_object *object = program_attach(ifindex, XDP_FLAGS_DRV_MODE);
	struct steer *steer;

	cr_assert_eq(steer_open(ifindex, &steer), 0);
	steer_close(steer);
	cr_assert_eq(steer_open(ifindex, &steer), 0);
	steer_close(steer);
	cr_expect_eq(steer_clean("port", error, sizeof(error)), 0, "%s", error);
	cr_expect_not(is_attached());
	bpf_object__close(object);
}

Test(steer, generic_mode_is_cleaned_too)
{
	struct bpf_object *object = program_attach(ifindex, XDP_FLAGS_SKB_MODE);

	bpf_object__close(object);
	cr_expect_eq(steer_clean("port", error, sizeof(error)), 0, "%s", error);
	cr_expect_not(is_attached());
}

Test(steer, killed_owner_is_cleaned_up)
{
	pid_t owner = process_start(owner_begin);
	siginfo_t died;

	cr_assert_eq(kill(owner, SIGKILL), 0);
	/* Dead but not yet reaped must count as dead: WNOWAIT leaves the zombie. */
	cr_assert_eq(waitid(P_PID, (id_t)owner, &died, WEXITED | WNOWAIT), 0);
	cr_expect(is_attached(), "the kernel now cleans up by itself?");
	cr_expect_eq(steer_clean("port", error, sizeof(error)), 0, "%s", error);
	cr_expect_not(is_attached());
	cr_expect_eq(steer_clean("port", error, sizeof(error)), 0, "%s", error);
	waitpid(owner, NULL, 0);
}

Test(steer, live_owner_is_left_alone)
{
	pid_t owner = process_start(owner_begin);
	struct steer *steer;
	char expected[64];

	cr_expect_eq(steer_clean("port", error, sizeof(error)), -EBUSY);
	snprintf(expected, sizeof(expected), "interface port: process %d uses it", (int)owner);
	cr_expect_eq(strncmp(error, expected, strlen(expected)), 0, "%s", error);
	cr_expect_eq(steer_open(ifindex, &steer), -EBUSY);
	cr_expect_null(steer);
	cr_expect(is_attached());
	kill(owner, SIGKILL);
	waitpid(owner, NULL, 0);
}

Test(steer, foreign_program_is_left_alone)
{
	struct steer *steer;

	foreign_attach();
	cr_expect_eq(steer_clean("port", error, sizeof(error)), -EBUSY);
	cr_expect_not_null(strstr(error, "\"someone_else\""), "%s", error);
	cr_expect_eq(steer_open(ifindex, &steer), -EBUSY);
	cr_expect_null(steer);
	cr_expect(is_attached());
}
