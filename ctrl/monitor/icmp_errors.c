/* SPDX-License-Identifier: BSD-3-Clause */
#include "monitor/icmp_errors.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/icmp.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip.h>

#include "base/log.h"

#define READ_MAX 64 /* errors in one turn of the loop, */
#define READ_PAUSE_NS (10 * NS_PER_MS) /* and then others have theirs */
#define RECEIVE_BUFFER (64 << 10) /* bytes: a flood is lost in the kernel */
#define MESSAGE_BYTES 2048 /* longer than any error may be */
#define SLICE_NS NS_PER_MS
#define SLICE_FLOWS 64 /* between two reads of the clock */
#define WALK_PERIOD_NS NS_PER_S
#define SWEEP_NS NS_PER_S

/* What a leg sends by now; false: it sends nowhere. */
static bool
leg_path(const struct flow *flow, unsigned leg, struct icmp_quote *path)
{
	const struct dp_leg *dp = &flow->spec->legs[leg].dp;
	const struct dp_latched *latched = flow->sources ? &flow->sources[leg].latched : NULL;

	memset(path, 0, sizeof(*path));
	path->family = dp->family;
	memcpy(path->src, dp->src, sizeof(path->src));
	path->src_port = dp->src_port;
	if (latched && latched->valid) {
		memcpy(path->dst, latched->src, sizeof(path->dst));
		path->dst_port = latched->src_port;
	} else {
		memcpy(path->dst, dp->dst, sizeof(path->dst));
		path->dst_port = dp->dst_port;
	}
	return path->dst_port != 0;
}

static struct leg_errors *
leg_find(const struct icmp_errors *errors, const struct icmp_quote *path)
{
	struct leg_errors *found;

	HASH_FIND(hh, errors->legs, path, sizeof(*path), found);
	return found;
}

static void
leg_raise(struct icmp_errors *errors, enum event_kind kind, const struct flow *flow,
	const struct leg_errors *leg)
{
	struct event_leg *event = &events_raise(errors->events, kind)->leg;

	memcpy(event->flow.id, flow->spec->id, sizeof(event->flow.id));
	event->flow.relay_bytes = flow->spec->relay_bytes;
	memcpy(event->leg, leg->leg, sizeof(event->leg));
	event->family = (uint8_t)leg->path.family;
	event->error = leg->last.kind;
	memcpy(event->from, leg->from, sizeof(event->from));
}

/* The leg of a path that has errors, while it is still that leg's. */
static const struct flow *
leg_flow(const struct icmp_errors *errors, const struct leg_errors *leg)
{
	const struct flow *flow = flow_db_sequence_seek(&errors->flows->db, leg->flow);
	struct icmp_quote path;

	if (!flow || flow->presence != FLOW_LIVE)
		return NULL;
	for (unsigned i = 0; i < flow->spec->n_all_legs; i++) {
		if (leg_path(flow, i, &path) && memcmp(&path, &leg->path, sizeof(path)) == 0)
			return flow;
	}
	return NULL;
}

static void
leg_count(struct icmp_errors *errors, struct leg_errors *leg, const struct flow *flow,
	const struct icmp_waiting *came)
{
	const struct icmp_error *error = &came->error;

	leg->counts[error->kind] += came->n;
	leg->last = *error;
	memcpy(leg->from, came->from, sizeof(leg->from));
	leg->last_ns = clock_read_ns(CLOCK_MONOTONIC);
	if (leg->unreachable || (error->kind != ICMP_ERROR_PORT_UNREACHABLE &&
					error->kind != ICMP_ERROR_UNREACHABLE))
		return;
	leg->unreachable = true;
	leg_raise(errors, EVENT_LEG_UNREACHABLE, flow, leg);
}

static void
leg_forget(struct icmp_errors *errors, struct leg_errors *leg)
{
	HASH_DEL(errors->legs, leg);
	free(leg);
}

/* A leg has been found, which has sent what waits at [i]. */
static void
walking_matched(struct icmp_errors *errors, unsigned i, const struct flow *flow, unsigned number)
{
	const struct icmp_error *error = &errors->walking[i].error;
	struct leg_errors *leg = NULL;

	if (HASH_COUNT(errors->legs) < ICMP_LEGS_MAX)
		leg = calloc(1, sizeof(*leg));
	if (leg) {
		leg->path = error->quote;
		leg->flow = flow->sequence;
		memcpy(leg->leg, flow->spec->legs[number].id, sizeof(leg->leg));
		HASH_ADD(hh, errors->legs, path, sizeof(leg->path), leg);
		leg_count(errors, leg, flow, &errors->walking[i]);
		timer_arm_if_idle(&errors->sweep, SWEEP_NS);
	} else {
		errors->lost += errors->walking[i].n;
	}
	errors->walking[i] = errors->walking[--errors->n_walking];
}

static void
flow_look(struct icmp_errors *errors, const struct flow *flow)
{
	struct icmp_quote path;

	for (unsigned l = 0; l < flow->spec->n_all_legs && errors->n_walking > 0; l++) {
		unsigned i = 0;

		if (!leg_path(flow, l, &path))
			continue;
		while (i < errors->n_walking &&
			(errors->walking[i].error.quote.dst_port != path.dst_port ||
				memcmp(&errors->walking[i].error.quote, &path, sizeof(path)) != 0))
			i++;
		if (i < errors->n_walking)
			walking_matched(errors, i, flow, l);
	}
}

/* A slice of the walk; the next walk, if errors wait and it is time. */
static void
walk_due(void *arg)
{
	struct icmp_errors *errors = arg;
	const uint64_t now_ns = clock_read_ns(CLOCK_MONOTONIC);
	const struct flow *flow;
	unsigned n = 0;

	if (errors->n_walking == 0) {
		memcpy(errors->walking, errors->waiting, sizeof(errors->walking));
		errors->n_walking = errors->n_waiting;
		errors->n_waiting = 0;
		errors->sequence = 0;
		errors->begun_ns = now_ns;
	}
	flow = flow_db_after(&errors->flows->db, errors->sequence);
	for (; flow && errors->n_walking > 0; flow = flow_db_next(flow)) {
		flow_look(errors, flow);
		errors->sequence = flow->sequence;
		if (++n % SLICE_FLOWS == 0 && clock_read_ns(CLOCK_MONOTONIC) > now_ns + SLICE_NS) {
			timer_arm(&errors->walk, SLICE_NS);
			return;
		}
	}
	while (errors->n_walking > 0)
		errors->unmatched += errors->walking[--errors->n_walking].n;
	if (errors->n_waiting > 0)
		timer_arm(&errors->walk, WALK_PERIOD_NS);
}

/* Legs that are gone, and those that have had no error for a while. */
static void
sweep_due(void *arg)
{
	struct icmp_errors *errors = arg;
	const uint64_t now_ns = clock_read_ns(CLOCK_MONOTONIC);
	struct leg_errors *leg, *next;

	HASH_ITER(hh, errors->legs, leg, next)
	{
		const struct flow *flow = leg_flow(errors, leg);

		if (!flow) {
			leg_forget(errors, leg);
		} else if (leg->unreachable && now_ns - leg->last_ns >= ICMP_UNREACHABLE_NS) {
			leg->unreachable = false;
			leg_raise(errors, EVENT_LEG_REACHABLE, flow, leg);
		}
	}
	if (errors->legs)
		timer_arm(&errors->sweep, SWEEP_NS);
}

void
icmp_errors_add(struct icmp_errors *errors, const struct icmp_error *error, const uint8_t from[16])
{
	struct icmp_waiting came = {.error = *error, .n = 1};
	struct leg_errors *leg = leg_find(errors, &error->quote);
	const struct flow *flow = leg ? leg_flow(errors, leg) : NULL;
	const uint64_t now_ns = clock_read_ns(CLOCK_MONOTONIC);

	memcpy(came.from, from, sizeof(came.from));
	errors->received++;
	if (flow) {
		leg_count(errors, leg, flow, &came);
		return;
	}
	if (leg)
		leg_forget(errors, leg);
	for (unsigned i = 0; i < errors->n_waiting; i++) {
		if (memcmp(&errors->waiting[i].error, error, sizeof(*error)) == 0) {
			errors->waiting[i].n++;
			return;
		}
	}
	if (errors->n_waiting == ICMP_WAITING_MAX) {
		errors->lost++;
		return;
	}
	errors->waiting[errors->n_waiting++] = came;
	if (errors->n_walking == 0)
		timer_arm_if_idle(
			&errors->walk, errors->begun_ns + WALK_PERIOD_NS > now_ns
					       ? errors->begun_ns + WALK_PERIOD_NS - now_ns
					       : 0);
}

/* One error; false: there is none, or no more in this turn. */
static bool
socket_read(struct icmp_errors *errors, bool is_ipv6)
{
	struct sockaddr_in6 sender = {0};
	socklen_t sender_bytes = sizeof(sender);
	uint8_t bytes[MESSAGE_BYTES], from[16] = {0};
	struct icmp_error error;
	const ssize_t n = recvfrom(errors->fds[is_ipv6], bytes, sizeof(bytes), 0,
		(struct sockaddr *)&sender, &sender_bytes);

	if (n < 0)
		return false;
	if (is_ipv6) {
		if (icmp6_error_parse(bytes, (size_t)n, &error) == 0)
			icmp_errors_add(errors, &error, sender.sin6_addr.s6_addr);
	} else if (icmp4_error_parse(bytes, (size_t)n, &error) == 0) {
		memcpy(from, bytes + offsetof(struct iphdr, saddr), sizeof(struct in_addr));
		icmp_errors_add(errors, &error, from);
	}
	return true;
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct icmp_errors *errors = arg;
	unsigned n = 0;

	(void)what;
	while (n < READ_MAX && socket_read(errors, fd == errors->fds[1]))
		n++;
	if (n < READ_MAX)
		return;
	for (unsigned i = 0; i < 2; i++) {
		if (errors->fds[i] >= 0)
			event_del(&errors->readable[i]);
	}
	timer_arm(&errors->resume, READ_PAUSE_NS);
}

static void
resume_due(void *arg)
{
	struct icmp_errors *errors = arg;

	for (unsigned i = 0; i < 2; i++) {
		if (errors->fds[i] >= 0)
			event_add(&errors->readable[i], NULL);
	}
}

/* Of errors only: the kernel keeps everything else from it. -1: errno says why. */
static int
socket_open(bool is_ipv6)
{
	const int bytes = RECEIVE_BUFFER,
		  fd = socket(is_ipv6 ? AF_INET6 : AF_INET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
			  is_ipv6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP);
	const struct icmp_filter errors4 = {
		.data = ~(1u << ICMP_DEST_UNREACH | 1u << ICMP_TIME_EXCEEDED)};
	struct icmp6_filter errors6;

	if (fd < 0)
		return -1;
	ICMP6_FILTER_SETBLOCKALL(&errors6);
	ICMP6_FILTER_SETPASS(ICMP6_DST_UNREACH, &errors6);
	ICMP6_FILTER_SETPASS(ICMP6_PACKET_TOO_BIG, &errors6);
	ICMP6_FILTER_SETPASS(ICMP6_TIME_EXCEEDED, &errors6);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	if (is_ipv6)
		setsockopt(fd, IPPROTO_ICMPV6, ICMP6_FILTER, &errors6, sizeof(errors6));
	else
		setsockopt(fd, SOL_RAW, ICMP_FILTER, &errors4, sizeof(errors4));
	return fd;
}

/* Whether the kernel receives anything by a port. */
static bool
has_interface(const struct ports *ports)
{
	unsigned i = 0;

	while (i < ports->n && ports->info[i].ifindex == 0)
		i++;
	return i < ports->n;
}

void
icmp_errors_init(struct icmp_errors *errors, struct flows *flows, struct events *events,
	struct event_base *base)
{
	*errors = (struct icmp_errors){.flows = flows, .events = events, .fds = {-1, -1}};
	timer_init(&errors->resume, base, resume_due, errors);
	timer_init(&errors->walk, base, walk_due, errors);
	timer_init(&errors->sweep, base, sweep_due, errors);
	for (unsigned i = 0; has_interface(flows->ports) && i < 2; i++) {
		errors->fds[i] = socket_open(i == 1);
		if (errors->fds[i] < 0) {
			log_line("%s errors are not counted: no raw socket: %m",
				i == 1 ? "ICMPv6" : "ICMP");
			continue;
		}
		event_assign(&errors->readable[i], base, errors->fds[i], EV_READ | EV_PERSIST,
			on_readable, errors);
		event_add(&errors->readable[i], NULL);
	}
}

void
icmp_errors_fini(struct icmp_errors *errors)
{
	struct leg_errors *leg, *next;

	timer_disarm(&errors->resume);
	timer_disarm(&errors->walk);
	timer_disarm(&errors->sweep);
	for (unsigned i = 0; i < 2; i++) {
		if (errors->fds[i] < 0)
			continue;
		event_del(&errors->readable[i]);
		close(errors->fds[i]);
	}
	HASH_ITER(hh, errors->legs, leg, next)
	leg_forget(errors, leg);
}

const struct leg_errors *
icmp_errors_of(const struct icmp_errors *errors, const struct flow *flow, unsigned leg)
{
	const struct leg_errors *found;
	struct icmp_quote path;

	if (!errors->legs || !leg_path(flow, leg, &path))
		return NULL;
	found = leg_find(errors, &path);
	return found && found->flow == flow->sequence ? found : NULL;
}
