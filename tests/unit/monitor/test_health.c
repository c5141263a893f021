/* SPDX-License-Identifier: BSD-3-Clause */
/* Links, overload and losses, over a data plane that is an array of counters. */
#include <criterion/criterion.h>
#include <errno.h>
#include <event2/event.h>
#include <string.h>

#include "monitor/health.h"
#include "monitor/watchdog.h"

struct dp {
	bool due; /* a device is to be opened */
	bool link_up[2];
	bool unplugged[2];
	bool down[2];
	struct dp_bond_member members[2]; /* of port 0, with has_members */
	bool has_members;
	struct dp_port_stats ports[2];
	struct dp_worker_stats workers[2];
};

static struct dp dp;
static struct event_base *base;
static struct events events;
static struct health health;
static uint64_t now_ns;
static bool extended; /* the watchdog's interval */
static unsigned n_followed;

unsigned
dp_port_count(const struct dp *from)
{
	(void)from;
	return 2;
}

unsigned
dp_worker_count(const struct dp *from)
{
	(void)from;
	return 2;
}

bool
dp_ports_due(const struct dp *from)
{
	return from->due;
}

void
dp_ports_follow(struct dp *from)
{
	(void)from;
	cr_expect_eq(extended, from->due);
	n_followed++;
}

/* In the place of the watchdog's. */
void
watchdog_extend(bool extend)
{
	extended = extend;
}

int
dp_port_info_get(const struct dp *from, unsigned port, struct dp_port_info *info)
{
	memset(info, 0, sizeof(*info));
	info->link_up = from->link_up[port];
	info->unplugged = from->unplugged[port];
	return 0;
}

int
dp_kernel_path_set(struct dp *to, unsigned port, int fd, unsigned ifindex)
{
	(void)to;
	(void)port;
	(void)fd;
	(void)ifindex;
	return -EINVAL;
}

int
dp_bond_member_get(
	const struct dp *from, unsigned port, unsigned member, struct dp_bond_member *info)
{
	if (!from->has_members || port != 0 || member >= 2)
		return -ENOENT;
	*info = from->members[member];
	return 0;
}

int
dp_bond_member_link_set(struct dp *to, unsigned port, unsigned member, bool up)
{
	cr_expect(port == 0 && member < 2);
	to->members[member].link_up = up;
	return 0;
}

int
dp_port_down_set(struct dp *to, unsigned port, bool down)
{
	to->down[port] = down;
	return 0;
}

int
dp_port_stats_get(const struct dp *from, unsigned port, struct dp_port_stats *stats)
{
	*stats = from->ports[port];
	return 0;
}

int
dp_worker_stats_get(const struct dp *from, unsigned worker, struct dp_worker_stats *stats)
{
	*stats = from->workers[worker];
	return 0;
}

static void
setup(void)
{
	dp.link_up[0] = dp.link_up[1] = true;
	base = event_base_new();
	events_init(&events);
	health_init(&health, &dp, &events, base);
	now_ns = health.polled_ns;
}

static void
teardown(void)
{
	health_fini(&health);
	event_base_free(base);
}

TestSuite(health, .init = setup, .fini = teardown);

/* A second later, in which worker 1 was busy for so much of it. */
static void
second(unsigned busy_milli)
{
	now_ns += NS_PER_S;
	dp.workers[0].total_ns += NS_PER_S;
	dp.workers[1].total_ns += NS_PER_S;
	dp.workers[1].busy_ns += busy_milli * (NS_PER_S / 1000);
	health_poll(&health, now_ns);
}

static const struct event_entry *
newest(uint64_t expected_number)
{
	cr_assert_eq(events.last, expected_number, "events: %u", (unsigned)events.last);
	return events_get(&events, events.last);
}

Test(health, idle_system_raises_nothing)
{
	for (unsigned i = 0; i < 20; i++)
		second(900);
	cr_expect_eq(events.last, 0);
}

Test(health, links)
{
	dp.link_up[1] = false;
	second(0);
	cr_expect_eq(newest(1)->kind, EVENT_PORT_DOWN, "down from the start");
	cr_expect_eq(newest(1)->port, 1);
	cr_expect(dp.down[1] && !dp.down[0]);
	second(0);
	cr_expect_eq(events.last, 1, "raised once");
	dp.link_up[1] = true;
	dp.link_up[0] = false;
	health_links_poll(&health);
	cr_expect(dp.down[0] && !dp.down[1]);
	cr_expect_eq(newest(3)->kind, EVENT_PORT_UP);
	cr_expect_eq(newest(3)->port, 1);
	cr_expect_eq(events_get(&events, 2)->kind, EVENT_PORT_DOWN);
	cr_expect_eq(events_get(&events, 2)->port, 0);
}

/* The driver of one does not follow its interface, which is not there; the other has none. */
Test(health, a_member_of_a_bond_has_the_link_of_its_interface)
{
	dp.has_members = true;
	dp.members[0] = (struct dp_bond_member){.ifindex = 0x7fffffff, .link_up = true};
	dp.members[1] = (struct dp_bond_member){.link_up = true};
	health_links_poll(&health);
	cr_expect_not(dp.members[0].link_up);
	cr_expect(dp.members[1].link_up);
}

Test(health, the_watchdog_waits_for_a_device_that_is_opened)
{
	dp.due = true;
	health_links_poll(&health);
	cr_expect_eq(n_followed, 1);
	cr_expect_not(extended, "only meanwhile");
	dp.due = false;
	health_links_poll(&health);
	cr_expect_eq(n_followed, 2);
}

static void
replugged(void *arg, unsigned port)
{
	unsigned *n = arg;

	cr_expect_eq(port, 1);
	cr_expect(dp.down[port], "before copies are sent");
	(*n)++;
}

Test(health, a_device_that_replaces_another_is_told_once)
{
	unsigned n = 0;

	health_observe(&health, replugged, &n);
	health_links_poll(&health);
	dp.unplugged[1] = true;
	dp.link_up[1] = false;
	health_links_poll(&health);
	cr_expect_eq(n, 0);
	dp.unplugged[1] = false;
	dp.link_up[1] = true;
	health_links_poll(&health);
	health_links_poll(&health);
	cr_expect_eq(n, 1);
	cr_expect_not(dp.down[1]);
}

Test(health, busy_worker)
{
	const struct event_overload *overload;

	second(1000);
	second(100);
	second(960);
	cr_expect_eq(events.last, 0, "one second is no overload");
	second(970);
	overload = &newest(1)->overload;
	cr_expect_eq(overload->cause, OVERLOAD_WORKER_BUSY);
	cr_expect_eq(overload->index, 1);
	cr_expect(overload->over);
	cr_expect_eq(overload->amount, 970);
	cr_expect_eq(overload->period_ns, 2 * NS_PER_S);
	for (unsigned i = 0; i < 30; i++)
		second(i % 2 ? 900 : 1000);
	cr_expect_eq(events.last, 1, "hysteresis");
	second(840);
	cr_expect_not(newest(2)->overload.over);
	cr_expect_eq(newest(2)->overload.amount, 840);
	second(1000);
	second(1000);
	cr_expect(newest(3)->overload.over);
}

Test(health, worker_that_does_not_run_is_not_busy)
{
	for (unsigned i = 0; i < 5; i++)
		health_poll(&health, now_ns += NS_PER_S);
	cr_expect_eq(events.last, 0);
}

static void
loss_expect(uint64_t number, enum overload_cause cause, uint64_t amount, unsigned seconds)
{
	const struct event_overload *overload = &newest(number)->overload;

	cr_expect_eq(overload->cause, cause);
	cr_expect_eq(overload->index, 0);
	cr_expect_eq(overload->amount, amount);
	cr_expect_eq(overload->period_ns, seconds * NS_PER_S);
}

Test(health, losses_are_reported_at_a_limited_rate)
{
	second(0);
	dp.ports[0].nic_missed = 5;
	second(0);
	loss_expect(1, OVERLOAD_RX_MISSED, 5, 1);
	for (unsigned i = 1; i < 10; i++) {
		dp.ports[0].nic_missed++;
		second(0);
	}
	cr_expect_eq(events.last, 1, "not every second");
	second(0);
	loss_expect(2, OVERLOAD_RX_MISSED, 9, 10);
	for (unsigned i = 0; i < 20; i++)
		second(0);
	cr_expect_eq(events.last, 2, "all is reported");
	dp.ports[0].nic_missed++;
	second(0);
	loss_expect(3, OVERLOAD_RX_MISSED, 1, 1);
}

Test(health, each_loss_has_its_cause)
{
	dp.ports[0].nic_no_buffer = 2;
	second(0);
	loss_expect(1, OVERLOAD_RX_NO_BUFFER, 2, 1);
	dp.ports[0].drops[DP_DROP_punt_full] = 3;
	dp.ports[0].drops[DP_DROP_punt_limited] = 4;
	second(0);
	loss_expect(2, OVERLOAD_PUNTS_LOST, 7, 1);
	health_worker_late(&health);
	second(0);
	loss_expect(3, OVERLOAD_WORKER_LATE, 1, 1);
}

Test(health, polls_by_timer)
{
	dp.link_up[0] = false;
	event_base_loop(base, EVLOOP_ONCE);
	cr_expect_eq(newest(1)->kind, EVENT_PORT_DOWN);
}
