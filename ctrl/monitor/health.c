/* SPDX-License-Identifier: BSD-3-Clause */
#include "monitor/health.h"

#include <string.h>

#include "base/log.h"
#include "config/ports.h"
#include "config/privileges.h"
#include "config/taps.h"
#include "monitor/watchdog.h"
#include "net/netlink.h"

static void
timer_fired(void *arg)
{
	const uint64_t now_ns = clock_read_ns(CLOCK_MONOTONIC);
	struct health *health = arg;

	timer_arm(&health->timer, HEALTH_LINKS_PERIOD_MS * NS_PER_MS);
	if (now_ns - health->polled_ns < HEALTH_PERIOD_NS)
		health_links_poll(health);
	else
		health_poll(health, now_ns);
}

void
health_init(struct health *health, struct dp *dp, struct events *events, struct event_base *base)
{
	memset(health, 0, sizeof(*health));
	health->dp = dp;
	health->events = events;
	health->polled_ns = clock_read_ns(CLOCK_MONOTONIC);
	timer_init(&health->timer, base, timer_fired, health);
	timer_arm(&health->timer, HEALTH_LINKS_PERIOD_MS * NS_PER_MS);
}

void
health_fini(struct health *health)
{
	timer_disarm(&health->timer);
}

void
health_observe(struct health *health, health_replugged_fn replugged, void *arg)
{
	health->replugged = replugged;
	health->replugged_arg = arg;
}

void
health_worker_late(struct health *health)
{
	health->n_late++;
}

static void
loss_poll(struct health *health, struct health_loss *loss, uint64_t count,
	enum overload_cause cause, unsigned index, uint64_t now_ns)
{
	struct event_overload overload = {.cause = cause, .over = true, .index = (uint16_t)index};

	if (loss->since_ns == 0)
		loss->since_ns = health->polled_ns; /* the first poll: since the start */
	if (count == loss->reported) {
		loss->since_ns = now_ns;
		return;
	}
	if (loss->reported_ns != 0 && now_ns - loss->reported_ns < HEALTH_REPEAT_NS)
		return;
	overload.amount = count - loss->reported;
	overload.period_ns = now_ns - loss->since_ns;
	events_raise(health->events, EVENT_OVERLOAD)->overload = overload;
	loss->reported = count;
	loss->since_ns = now_ns;
	loss->reported_ns = now_ns;
}

/* For operators; programs read events. */
static void
link_log(const struct dp_port_info *info, bool up, bool gone)
{
	if (gone)
		log_line("warning: port %s: %s", info->name, port_hint(info));
	else if (up)
		log_line("port %s: link is up", info->name);
	else
		log_line("warning: port %s: link is down; no packets are received or sent",
			info->name);
}

/* Its driver may have started threads on behalf of this one. */
static void
port_returned(void)
{
	struct fault fault;

	if (privileges_reduce_threads(&fault) < 0)
		log_line("warning: %s", fault.message);
}

/* The link of a member by net_af_xdp is that of its interface, and its driver does not know it. */
static void
member_link_poll(struct health *health, unsigned i, unsigned m, struct dp_bond_member *member)
{
	const bool runs = member->ifindex == 0 ? member->link_up : interface_runs(member->ifindex);

	if (runs != member->link_up && dp_bond_member_link_set(health->dp, i, m, runs) == 0)
		dp_bond_member_get(health->dp, i, m, member);
}

static void
members_poll(struct health *health, unsigned i, const char *name)
{
	uint32_t *known = &health->ports[i].members_active;
	struct dp_bond_member member;

	for (unsigned m = 0; dp_bond_member_get(health->dp, i, m, &member) == 0; m++) {
		const uint32_t bit = UINT32_C(1) << m;

		member_link_poll(health, i, m, &member);
		if (member.active == ((*known & bit) != 0))
			continue;
		*known ^= bit;
		log_line("%sport %s: member %s of the bond is %s",
			member.active ? "" : "warning: ", name, member.device,
			member.active	 ? "active"
			: member.link_up ? "not active: its partner does not agree"
					 : "not active: its link is down");
	}
}

/* A link that is up from the start is not reported. */
static void
link_poll(struct health *health, unsigned i)
{
	struct health_port *port = &health->ports[i];
	struct dp_port_info info;
	bool down, gone;

	if (dp_port_info_get(health->dp, i, &info) < 0)
		return;
	members_poll(health, i, info.name);
	if (port->unplugged && !info.unplugged && health->replugged)
		health->replugged(health->replugged_arg, i);
	port->unplugged = info.unplugged;
	if (info.kernel_path && health->taps && taps_follow(health->taps, i, &info) &&
		dp_port_info_get(health->dp, i, &info) == 0 && health->replugged)
		health->replugged(health->replugged_arg, i);
	down = !port_link_up(&info);
	gone = down && port_is_gone(&info);
	if (down != port->down || gone != port->gone)
		link_log(&info, !down, gone);
	if (down != port->down) {
		dp_port_down_set(health->dp, i, down);
		events_raise(health->events, down ? EVENT_PORT_DOWN : EVENT_PORT_UP)->port =
			(uint16_t)i;
	}
	if (port->gone && !gone)
		port_returned();
	port->down = down;
	port->gone = gone;
}

void
health_links_poll(struct health *health)
{
	const bool due = dp_ports_due(health->dp);
	unsigned i;

	/* Some drivers take seconds to open a device, in this thread. */
	if (due)
		watchdog_extend(true);
	dp_ports_follow(health->dp);
	if (due)
		watchdog_extend(false);
	for (i = 0; i < dp_port_count(health->dp); i++)
		link_poll(health, i);
}

static void
port_poll(struct health *health, unsigned i, uint64_t now_ns)
{
	struct health_port *port = &health->ports[i];
	struct dp_port_stats stats;

	if (dp_port_stats_get(health->dp, i, &stats) < 0)
		return;
	loss_poll(health, &port->missed, stats.nic_missed, OVERLOAD_RX_MISSED, i, now_ns);
	loss_poll(health, &port->no_buffer, stats.nic_no_buffer, OVERLOAD_RX_NO_BUFFER, i, now_ns);
	loss_poll(health, &port->punts,
		stats.drops[DP_DROP_punt_full] + stats.drops[DP_DROP_punt_limited],
		OVERLOAD_PUNTS_LOST, i, now_ns);
}

static void
busy_report(struct health *health, unsigned i, bool over, uint64_t share_milli, uint64_t now_ns)
{
	struct health_worker *worker = &health->workers[i];
	const struct event_overload overload = {
		.cause = OVERLOAD_WORKER_BUSY,
		.over = over,
		.index = (uint16_t)i,
		.amount = share_milli,
		.period_ns = now_ns - (over ? worker->busy_since_ns : health->polled_ns),
	};

	worker->over = over;
	events_raise(health->events, EVENT_OVERLOAD)->overload = overload;
}

static void
worker_poll(struct health *health, unsigned i, uint64_t now_ns)
{
	struct health_worker *worker = &health->workers[i];
	struct dp_worker_stats stats;
	uint64_t share_milli = 0;

	if (dp_worker_stats_get(health->dp, i, &stats) < 0)
		return;
	if (stats.total_ns > worker->total_ns)
		share_milli = (stats.busy_ns - worker->busy_ns) * 1000 /
			      (stats.total_ns - worker->total_ns);
	worker->busy_ns = stats.busy_ns;
	worker->total_ns = stats.total_ns;
	if (share_milli < HEALTH_BUSY_MILLI)
		worker->n_busy = 0;
	else if (worker->n_busy++ == 0)
		worker->busy_since_ns = health->polled_ns;
	if (!worker->over && worker->n_busy >= HEALTH_BUSY_POLLS)
		busy_report(health, i, true, share_milli, now_ns);
	else if (worker->over && share_milli < HEALTH_EASY_MILLI)
		busy_report(health, i, false, share_milli, now_ns);
}

void
health_poll(struct health *health, uint64_t now_ns)
{
	unsigned i;

	health_links_poll(health);
	for (i = 0; i < dp_port_count(health->dp); i++)
		port_poll(health, i, now_ns);
	for (i = 0; i < dp_worker_count(health->dp); i++)
		worker_poll(health, i, now_ns);
	loss_poll(health, &health->late, health->n_late, OVERLOAD_WORKER_LATE, 0, now_ns);
	health->polled_ns = now_ns;
}
