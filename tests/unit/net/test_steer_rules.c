/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rules on a port that is shared with the kernel: from struct dp_rule by way of the program's maps
 * to the kernel's own verdict on frames.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <criterion/criterion.h>
#include <linux/bpf.h>
#include <linux/if_link.h>

#include "flow/steering.h"
#include "frame.h"
#include "namespace.h"
#include "net/xdp_steer.h"
#include "steer_program.h"

#define STEERED XDP_REDIRECT
#define PASSED XDP_PASS
#define ANY_PORTS \
	.src_port_first = 0, .src_port_last = 65535, .dst_port_first = 0, .dst_port_last = 65535
#define ANY_VLANS .vlan = DP_RULE_ANY, .outer_vlan = DP_RULE_ANY

#define TAG(vlan) .tpid = {0x8100}, .tci = {vlan}
#define TAGS(outer, vlan) .tpid = {0x88a8, 0x8100}, .tci = {outer, vlan}

static struct bpf_object *object;
static int program_fd;
static int socket_fd;
static unsigned ifindex;
static const struct ports ports = {.n = 2, .info = {{.name = "p0"}, {.name = "p1"}}};
static struct steering steering;

static void
setup(void)
{
	namespace_enter();
	ifindex = peer_link(peer_start());
	object = steer_program_load(&program_fd);
	socket_fd = steer_program_socket(object);
	cr_assert_eq(bpf_xdp_attach((int)ifindex, program_fd, XDP_FLAGS_DRV_MODE, NULL), 0);
	memset(&steering, 0, sizeof(steering));
	steering.ports = &ports;
	steering.n = 2; /* the second port is not steered */
	cr_assert_eq(steer_open(ifindex, &steering.steers[0]), 0);
}

static void
teardown(void)
{
	steering_fini(&steering);
	bpf_object__close(object);
	close(socket_fd);
}

TestSuite(steer_rules, .init = setup, .fini = teardown);

static uint32_t
verdict_of(struct frame frame)
{
	uint8_t bytes[FRAME_MAX];
	size_t header_bytes;
	size_t size;

	if (!frame.dst)
		frame.dst = frame.family == 4 ? "192.0.2.77" : "2001:db8:2::77";
	if (!frame.dst_port)
		frame.dst_port = 5000;
	size = frame_build(&frame, bytes, &header_bytes);
	return steer_program_run(program_fd, bytes, size);
}

static struct dp_rule
rule_make(struct dp_rule rule, const char *src, const char *dst)
{
	const int family = rule.family == 4 ? AF_INET : AF_INET6;

	if (src)
		cr_assert_eq(inet_pton(family, src, rule.src), 1);
	if (dst)
		cr_assert_eq(inet_pton(family, dst, rule.dst), 1);
	return rule;
}

static const struct flow_spec *
rule_on(const char *port, const struct dp_rule *rule)
{
	static struct flow_rule of;
	static const struct flow_spec spec = {.rule = &of};

	of = (struct flow_rule){.rule = *rule};
	strcpy(of.port, port);
	return &spec;
}

/* To 192.0.2.77 or 2001:db8:2::77, port 5000, if nothing else is said. */
#define F4(...) \
	{ \
		.family = 4, __VA_ARGS__ \
	}
#define F6(...) \
	{ \
		.family = 6, __VA_ARGS__ \
	}

static const struct {
	const char *what;
	struct dp_rule rule;
	const char *src;
	const char *dst;
	struct frame in[5];
	struct frame out[5];
} cases[] = {
	{"everything of IPv4", {.family = 4, ANY_PORTS, ANY_VLANS}, NULL, NULL,
		{F4(), F4(.dst = "203.0.113.1", .dst_port = 65535), F4(.src_port = 65535),
			F4(TAG(7)), F4(TAGS(9, 7))},
		{F6(), F4(.protocol = 6), F4(.fragment = 0x20b9)}},
	{"everything of IPv6", {.family = 6, ANY_PORTS, ANY_VLANS}, NULL, NULL,
		{F6(), F6(.src = "::1"), F6(.extensions = {{60}})}, {F4(), F6(.protocol = 58)}},
	{"ports",
		{.family = 4,
			.src_port_first = 40000,
			.src_port_last = 40000,
			.dst_port_first = 5000,
			.dst_port_last = 5999,
			ANY_VLANS},
		NULL, NULL, {F4(), F4(.dst_port = 5999)},
		{F4(.dst_port = 4999), F4(.dst_port = 6000), F4(.src_port = 39999),
			F4(.src_port = 40001)}},
	{"the greatest ports",
		{.family = 4,
			.src_port_first = 65535,
			.src_port_last = 65535,
			.dst_port_first = 65535,
			.dst_port_last = 65535,
			ANY_VLANS},
		NULL, NULL, {F4(.src_port = 65535, .dst_port = 65535)},
		{F4(.dst_port = 65535), F4(.src_port = 65535), F4()}},
	{"IPv4 prefixes", {.family = 4, .src_bits = 8, .dst_bits = 26, ANY_PORTS, ANY_VLANS},
		"198.0.0.0", "192.0.2.64",
		{F4(), F4(.dst = "192.0.2.64"), F4(.dst = "192.0.2.127")},
		{F4(.dst = "192.0.2.63"), F4(.dst = "192.0.2.128"), F4(.src = "199.51.100.9"),
			F4(.dst = "193.0.2.77")}},
	{"one IPv4 address", {.family = 4, .dst_bits = 32, ANY_PORTS, ANY_VLANS}, NULL,
		"192.0.2.77", {F4()}, {F4(.dst = "192.0.2.76"), F4(.dst = "64.0.2.77")}},
	{"IPv6 prefixes across words",
		{.family = 6, .src_bits = 33, .dst_bits = 47, ANY_PORTS, ANY_VLANS},
		"2001:db8::", "2001:db8:2::", {F6(), F6(.dst = "2001:db8:3:ffff::1")},
		{F6(.dst = "2001:db8:4::77"), F6(.dst = "2001:db8:1::77"),
			F6(.src = "2001:db8:8000::1"), F6(.src = "2001:db9::1")}},
	{"one IPv6 address", {.family = 6, .dst_bits = 128, ANY_PORTS, ANY_VLANS}, NULL,
		"2001:db8:2::77", {F6()},
		{F6(.dst = "2001:db8:2::76"), F6(.dst = "2001:db8:2::8000:77")}},
	{"untagged only", {.family = 4, ANY_PORTS}, NULL, NULL, {F4(), F4(TAG(0xe000))},
		{F4(TAG(7)), F4(.tpid = {0x88a8}, .tci = {9})}},
	{"a VLAN in any outer one", {.family = 4, .vlan = 7, .outer_vlan = DP_RULE_ANY, ANY_PORTS},
		NULL, NULL, {F4(TAG(7)), F4(TAGS(9, 7))},
		{F4(), F4(TAG(15)), F4(.tpid = {0x88a8}, .tci = {7})}},
	{"any VLAN in an outer one", {.family = 4, .vlan = DP_RULE_ANY, .outer_vlan = 9, ANY_PORTS},
		NULL, NULL,
		{F4(.tpid = {0x88a8}, .tci = {9}), F4(.tpid = {0x8100, 0x8100}, .tci = {9, 7})},
		{F4(), F4(TAG(9)), F4(TAGS(10, 7))}},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void
verdicts_expect(const struct frame *frames, uint32_t verdict, const char *what, const char *which)
{
	for (unsigned i = 0; i < 5 && frames[i].family; i++)
		cr_expect_eq(verdict_of(frames[i]), verdict, "%s: frame %u %s", what, i, which);
}

Test(steer_rules, verdicts)
{
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct dp_rule rule = rule_make(cases[i].rule, cases[i].src, cases[i].dst);

		cr_assert_eq(steering_add(&steering, rule_on("p0", &rule)), 0);
		verdicts_expect(cases[i].in, STEERED, cases[i].what, "inside");
		verdicts_expect(cases[i].out, PASSED, cases[i].what, "outside");
		cr_assert_eq(steering_del(&steering, rule_on("p0", &rule), NULL), 0);
		verdicts_expect(cases[i].in, PASSED, cases[i].what, "without the rule");
	}
}

static struct dp_rule
rule_of_port(unsigned port)
{
	return (struct dp_rule){.family = 4,
		.dst_port_first = (uint16_t)port,
		.dst_port_last = (uint16_t)port,
		.src_port_last = 65535,
		ANY_VLANS};
}

static uint32_t
verdict_of_port(unsigned port)
{
	return verdict_of((struct frame)F4(.dst_port = (uint16_t)port));
}

/* Every place of the set is looked at, and taking one out leaves the others. */
Test(steer_rules, as_many_as_fit)
{
	struct dp_rule rule;

	for (unsigned i = 0; i < STEER_RANGES_MAX; i++) {
		rule = rule_of_port(1000 + i);
		cr_assert_eq(steering_add(&steering, rule_on("p0", &rule)), 0, "rule %u", i);
	}
	rule = rule_of_port(1000 + STEER_RANGES_MAX);
	cr_expect_eq(steering_add(&steering, rule_on("p0", &rule)), -ENOSPC);
	cr_expect_eq(verdict_of_port(1000 + STEER_RANGES_MAX), PASSED);
	rule = rule_of_port(1003);
	cr_expect_eq(steering_del(&steering, rule_on("p0", &rule), NULL), 0);
	cr_expect_eq(steering_del(&steering, rule_on("p0", &rule), NULL), -ENOENT);
	for (unsigned i = 0; i < STEER_RANGES_MAX; i++)
		cr_expect_eq(verdict_of_port(1000 + i), i == 3 ? PASSED : STEERED, "rule %u", i);
	rule = rule_of_port(2000);
	cr_expect_eq(steering_add(&steering, rule_on("p0", &rule)), 0, "there is room again");
	cr_expect_eq(verdict_of_port(2000), STEERED);
}

Test(steer_rules, counted)
{
	const struct dp_rule rule = rule_of_port(1000);
	struct dp_rule other = rule;

	other.priority = 5; /* which does not matter to what is steered */
	cr_expect_eq(steering_add(&steering, rule_on("p0", &rule)), 0);
	cr_expect_eq(steering_add(&steering, rule_on("p0", &other)), 0);
	cr_expect_eq(steering_del(&steering, rule_on("p0", &rule), NULL), 0);
	cr_expect_eq(verdict_of_port(1000), STEERED);
	cr_expect_eq(steering_del(&steering, rule_on("p0", &other), NULL), 0);
	cr_expect_eq(verdict_of_port(1000), PASSED);
}

Test(steer_rules, any_port_and_ports_that_are_not_steered)
{
	const struct dp_rule rule = rule_of_port(1000);

	cr_expect_eq(steering_add(&steering, rule_on("p1", &rule)), 0);
	cr_expect_eq(verdict_of_port(1000), PASSED);
	cr_expect_eq(steering_del(&steering, rule_on("p1", &rule), NULL), 0);
	cr_expect_eq(steering_add(&steering, rule_on("", &rule)), 0);
	cr_expect_eq(verdict_of_port(1000), STEERED);
	cr_expect_eq(steering_del(&steering, rule_on("", &rule), NULL), 0);
	cr_expect_eq(verdict_of_port(1000), PASSED);
}

Test(steer_rules, keys_beside_rules)
{
	const struct dp_rule rule = rule_of_port(1000);
	struct steer_key key = {
		.addr = {192, 0, 2, 77}, .port = htons(5000), .outer_vlan = 9, .family = 4};

	cr_assert_eq(steer_add(steering.steers[0], &key, NULL), 0);
	cr_assert_eq(steering_add(&steering, rule_on("p0", &rule)), 0);
	cr_expect_eq(verdict_of((struct frame)F4(.tpid = {0x88a8}, .tci = {9})), STEERED);
	cr_expect_eq(verdict_of((struct frame)F4()), PASSED);
	cr_expect_eq(verdict_of_port(1000), STEERED);
}

#define DROPPED XDP_DROP

static const struct steer_end sources[] = {
	{.addr = {198, 51, 100, 9}, .port = 0x409c}, /* 40000, that of frame_build() */
	{.addr = {198, 51, 100, 10}, .port = 0x409c},
};

static uint32_t
verdict_from(const char *src, uint16_t port)
{
	return verdict_of((struct frame)F4(.src = src, .src_port = port));
}

/* Where all flows name their source, others are dropped; not what a rule takes. */
Test(steer_rules, only_sources_that_a_flow_takes)
{
	struct dp_rule rule = {.family = 4, ANY_PORTS, ANY_VLANS, .src_bits = 32};
	const struct steer_key key = {.addr = {192, 0, 2, 77}, .port = htons(5000), .family = 4};
	struct steer *steer = steering.steers[0];

	rule = rule_make(rule, "198.51.100.11", NULL);
	cr_assert_eq(steer_add(steer, &key, &sources[0]), 0);
	cr_expect_eq(verdict_from(NULL, 0), STEERED);
	cr_expect_eq(verdict_from(NULL, 40001), DROPPED);
	cr_expect_eq(verdict_from("198.51.100.10", 0), DROPPED);
	cr_expect_eq(verdict_of((struct frame)F4(.dst_port = 5001)), PASSED);
	cr_expect_eq(verdict_of((struct frame)F4(.src_port = 1, .dst_mac = {2, 0, 0, 0, 0, 9})),
		PASSED, "another host's stranger");
	cr_assert_eq(steering_add(&steering, rule_on("p0", &rule)), 0);
	cr_expect_eq(verdict_from("198.51.100.11", 0), STEERED);
	cr_assert_eq(steer_add(steer, &key, &sources[1]), 0);
	cr_assert_eq(steer_add(steer, &key, &sources[1]), 0, "while one takes another's place");
	cr_expect_eq(verdict_from("198.51.100.10", 0), STEERED);
	cr_assert_eq(steer_add(steer, &key, NULL), 0, "a listener");
	cr_expect_eq(verdict_from("198.51.100.12", 0), STEERED);
	cr_assert_eq(steer_del(steer, &key, NULL), 0);
	cr_expect_eq(verdict_from("198.51.100.12", 0), DROPPED);
	cr_expect_eq(steer_del(steer, &key, NULL), -ENOENT);
	cr_assert_eq(steer_del(steer, &key, &sources[1]), 0);
	cr_expect_eq(verdict_from("198.51.100.10", 0), STEERED);
	cr_assert_eq(steer_del(steer, &key, &sources[1]), 0);
	cr_expect_eq(verdict_from("198.51.100.10", 0), DROPPED);
	cr_assert_eq(steer_del(steer, &key, &sources[0]), 0);
	cr_expect_eq(verdict_from(NULL, 0), PASSED);
	cr_expect_eq(verdict_from("198.51.100.11", 0), STEERED, "by the rule");
}

Test(steer_rules, a_listener_is_narrowed)
{
	const struct steer_key key = {.addr = {192, 0, 2, 77}, .port = htons(5000), .family = 4};
	struct steer *steer = steering.steers[0];

	cr_expect_eq(steer_narrow(steer, &key, &sources[1]), -ENOENT);
	cr_assert_eq(steer_add(steer, &key, NULL), 0);
	cr_expect_eq(verdict_from(NULL, 0), STEERED);
	cr_assert_eq(steer_narrow(steer, &key, &sources[1]), 0);
	cr_expect_eq(verdict_from(NULL, 0), DROPPED);
	cr_expect_eq(verdict_from("198.51.100.10", 0), STEERED);
	cr_expect_eq(steer_narrow(steer, &key, &sources[0]), -ENOENT);
	cr_assert_eq(steer_add(steer, &key, NULL), 0, "its next version");
	cr_expect_eq(verdict_from(NULL, 0), STEERED);
	cr_assert_eq(steer_del(steer, &key, &sources[1]), 0);
	cr_expect_eq(verdict_from(NULL, 0), STEERED);
	cr_assert_eq(steer_del(steer, &key, NULL), 0);
	cr_expect_eq(verdict_from("198.51.100.10", 0), PASSED);
}

/* More sources than there is room for: those beyond are steered with all others of their key. */
Test(steer_rules, room_for_sources_runs_out)
{
	const struct steer_key key = {.addr = {192, 0, 2, 77}, .port = htons(5000), .family = 4};
	struct steer *steer = steering.steers[0];
	struct steer_end source = {.port = 1};

	for (uint32_t i = 0; i < STEER_PAIRS_MAX; i++) {
		memcpy(source.addr, &i, sizeof(i));
		cr_assert_eq(steer_add(steer, &key, &source), 0);
	}
	cr_expect_eq(verdict_from(NULL, 0), DROPPED);
	cr_expect_eq(steer_add(steer, &key, &sources[0]), 0);
	cr_expect_eq(verdict_from(NULL, 0), STEERED);
	cr_expect_eq(verdict_from("198.51.100.10", 0), STEERED);
	cr_expect_eq(steer_add(steer, &key, NULL), 0);
	cr_expect_eq(steer_narrow(steer, &key, &sources[1]), -ENOSPC);
	cr_expect_eq(steer_del(steer, &key, NULL), 0);
	cr_expect_eq(steer_del(steer, &key, &sources[0]), 0);
	cr_expect_eq(verdict_from(NULL, 0), DROPPED);
}

/* What no flow matches on a port that punts it is any source's. */
Test(steer_rules, ports_that_punt_take_any_source)
{
	struct flow_spec spec = {
		.match = {.port = "p0",
			.key = {.family = 4,
				.dst = {192, 0, 2, 77},
				.dst_port = htons(5000),
				.src = {198, 51, 100, 9},
				.src_port = htons(40000)}},
	};
	const struct dp_latched learned = {.src = {198, 51, 100, 9}, .src_port = 1, .valid = 1};
	const struct flow_spec not_steered = {.match = {.port = "p1", .key = {.any_source = 1}}};
	struct steer_end only;

	cr_assert_eq(steering_add(&steering, &spec), 0);
	cr_expect_eq(verdict_from(NULL, 1), DROPPED);
	cr_assert_eq(steering_del(&steering, &spec, NULL), 0);
	steering.punts[0] = true;
	cr_assert_eq(steering_add(&steering, &spec), 0);
	cr_expect_eq(verdict_from(NULL, 1), STEERED);
	spec.match.key.any_source = 1;
	cr_expect_eq(steering_narrow(&steering, &spec, &learned, &only), -EPERM);
	cr_expect_eq(steering_narrow(&steering, &not_steered, &learned, &only), -EPERM);
	spec.match.key.any_source = 0;
	cr_assert_eq(steering_del(&steering, &spec, NULL), 0);
	cr_expect_eq(verdict_from(NULL, 1), PASSED);
}

/* Each packet is counted by what became of it, and why. */
Test(steer_rules, counted_by_cause)
{
	static const struct {
		enum steer_count count;
		struct frame frame;
	} counted[] = {
		{STEER_COUNT_steered, F4()},
		{STEER_COUNT_source, F4(.src_port = 1)},
		{STEER_COUNT_address, F4(.dst = "192.0.2.78")},
		{STEER_COUNT_address, F6()},
		{STEER_COUNT_port, F4(.dst_port = 5001)},
		{STEER_COUNT_vlan, F4(TAG(7))},
		{STEER_COUNT_vlan, F4(TAGS(7, 7))},
		{STEER_COUNT_port, F4(TAG(7), .dst_port = 5001)},
		{STEER_COUNT_other_mac, F4(.dst_mac = {2, 0, 0, 0, 0, 9})},
		{STEER_COUNT_other_mac, F4(.dst_mac = {2, 0, 0, 0, 0, 9}, .src_port = 1)},
		{STEER_COUNT_fragment, F4(.fragment = 0x20b9)},
		{STEER_COUNT_fragment, F6(.extensions = {{44, 0, 8}})},
		{STEER_COUNT_fragment, F6(.extensions = {{60}, {44, 0, 8}})},
		{STEER_COUNT_not_udp, F4(.protocol = 6)},
		{STEER_COUNT_not_udp, F6(.protocol = 58)},
		{STEER_COUNT_not_udp, F4(.ether_type = 0x0806)},
		{STEER_COUNT_unreadable, F4(.ihl = 4)},
		{STEER_COUNT_unreadable, F6(.version = 4)},
		{STEER_COUNT_unreadable, F6(.extensions = {{43, 0, 1}})},
	};
	struct steer_key key = {.addr = {192, 0, 2, 77}, .port = htons(5000), .family = 4};
	struct steer *steer = steering.steers[0];
	struct steer_tally before, after;
	uint32_t queue = 0;

	cr_assert_eq(steer_add(steer, &key, &sources[0]), 0);
	for (size_t i = 0; i < sizeof(counted) / sizeof(counted[0]); i++) {
		cr_assert_eq(steer_tally_read(steer, &before), 0);
		verdict_of(counted[i].frame);
		cr_assert_eq(steer_tally_read(steer, &after), 0);
		before.packets[counted[i].count]++;
		cr_expect_arr_eq(&before, &after, sizeof(after), "frame %zu", i);
	}
	cr_assert_eq(
		bpf_map_delete_elem(
			bpf_object__find_map_fd_by_name(object, STEER_TEXT(STEER_SOCKETS)), &queue),
		0);
	before = after;
	verdict_of((struct frame)F4());
	cr_assert_eq(steer_tally_read(steer, &after), 0);
	cr_expect_eq(
		after.packets[STEER_COUNT_no_socket], before.packets[STEER_COUNT_no_socket] + 1);

	/* The address is known as long as one key has it. */
	key.port++;
	cr_assert_eq(steer_add(steer, &key, NULL), 0);
	key.port--;
	cr_assert_eq(steer_del(steer, &key, &sources[0]), 0);
	verdict_of((struct frame)F4());
	cr_assert_eq(steer_tally_read(steer, &before), 0);
	cr_expect_eq(before.packets[STEER_COUNT_port], after.packets[STEER_COUNT_port] + 1);
	key.port++;
	cr_assert_eq(steer_del(steer, &key, NULL), 0);
	verdict_of((struct frame)F4());
	cr_assert_eq(steer_tally_read(steer, &after), 0);
	cr_expect_eq(after.packets[STEER_COUNT_address], before.packets[STEER_COUNT_address] + 1);
}

/* What is in use is read from the kernel, not remembered. */
Test(steer_rules, opened_again)
{
	const struct dp_rule rule = rule_of_port(1000);
	const struct dp_rule other = rule_of_port(1001);

	cr_assert_eq(steering_add(&steering, rule_on("p0", &rule)), 0);
	cr_assert_eq(steering_add(&steering, rule_on("p0", &other)), 0);
	steer_close(steering.steers[0]);
	cr_assert_eq(steer_open(ifindex, &steering.steers[0]), 0);
	cr_expect_eq(steering_del(&steering, rule_on("p0", &rule), NULL), 0);
	cr_expect_eq(verdict_of_port(1000), PASSED);
	cr_expect_eq(verdict_of_port(1001), STEERED);
}
