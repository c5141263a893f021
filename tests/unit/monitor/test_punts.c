/* SPDX-License-Identifier: BSD-3-Clause */
/* Punted packets, over a data plane that is nothing but a queue of them. */
#include <criterion/criterion.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "monitor/punts.h"

#define QUEUE_MAX 8192

struct dp {
	unsigned n;
	unsigned n_polls;
	struct dp_punted queue[QUEUE_MAX];
};

static uint8_t frame[1600];
static struct dp dp;
static struct event_base *base;
static struct punts punts;

unsigned
dp_punt_poll(struct dp *from, unsigned max, dp_punted_fn fn, void *arg)
{
	unsigned n = 0;

	from->n_polls++;
	while (n < max && n < from->n)
		fn(arg, &from->queue[n++]);
	from->n -= n;
	memmove(from->queue, &from->queue[n], from->n * sizeof(from->queue[0]));
	return n;
}

static void
punted(uint32_t handle, uint32_t frame_bytes)
{
	cr_assert_lt(dp.n, QUEUE_MAX);
	dp.queue[dp.n++] = (struct dp_punted){
		.frame = frame, .frame_bytes = frame_bytes, .port = 2, .handle = handle};
}

static void
init(bool unmatched)
{
	for (size_t i = 0; i < sizeof(frame); i++)
		frame[i] = (uint8_t)i;
	base = event_base_new();
	punts_init(&punts, &dp, unmatched, base);
}

static void
teardown(void)
{
	punts_fini(&punts);
	event_base_free(base);
}

TestSuite(punts, .fini = teardown);

static const char *
flow_of(uint64_t sequence)
{
	const struct punt *punt = punts_get(&punts, sequence);

	cr_assert_not_null(punt, "packet %lu", sequence);
	return punt->flow;
}

static struct flow
flow_make(struct flow_spec *spec, const char *id, uint32_t handle)
{
	strcpy(spec->id, id);
	return (struct flow){.spec = spec, .handle = handle};
}

static bool
timer_runs(void)
{
	return event_pending(&punts.timer.event, EV_TIMEOUT, NULL) != 0;
}

Test(punts, keeps_the_first_bytes)
{
	const struct punt *punt;

	init(true);
	punted(DP_HANDLE_NONE, 60);
	punted(DP_HANDLE_NONE, PUNTS_FRAME_MAX);
	punted(DP_HANDLE_NONE, sizeof(frame));
	cr_expect_not(punts_poll(&punts));
	for (unsigned i = 1; i <= 3; i++) {
		const uint32_t bytes[] = {0, 60, PUNTS_FRAME_MAX, sizeof(frame)};

		punt = punts_get(&punts, i);
		cr_assert_not_null(punt);
		cr_expect_eq(punt->frame_bytes, bytes[i]);
		cr_expect_eq(punt->kept_bytes, i == 1 ? 60 : PUNTS_FRAME_MAX);
		cr_expect_eq(memcmp(punt->frame, frame, punt->kept_bytes), 0);
		cr_expect_eq(punt->port, 2);
		cr_expect_str_eq(punt->flow, "");
	}
	cr_expect_null(punts_get(&punts, 0));
	cr_expect_null(punts_get(&punts, 4));
}

Test(punts, keeps_the_last_packets)
{
	init(true);
	for (unsigned i = 0; i < PUNTS_MAX + 10; i++)
		punted(DP_HANDLE_NONE, i);
	punts_poll(&punts);
	cr_expect_null(punts_get(&punts, 10));
	cr_expect_eq(punts_get(&punts, 11)->frame_bytes, 10);
	cr_expect_eq(punts.last, PUNTS_MAX + 10);
}

Test(punts, a_tick_is_bounded)
{
	init(true);
	for (unsigned i = 0; i < 5000; i++)
		punted(DP_HANDLE_NONE, 60);
	cr_expect(punts_poll(&punts));
	cr_expect_gt(dp.n, 3000, "there is work beside this");
}

Test(punts, flows_by_handle)
{
	struct flow_spec specs[2] = {{.dp.verdict = DP_PUNT}, {.dp.verdict = DP_FORWARD}};
	struct flow a = flow_make(&specs[0], "a", 70), b = flow_make(&specs[1], "b", 71);

	init(false);
	specs[1].dp.class_verdict[DP_CLASS_STUN] = DP_PUNT;
	punts_flow_changed(&punts, &a, NULL);
	punts_flow_changed(&punts, &b, NULL);
	punted(71, 60);
	punted(70, 60);
	punted(72, 60);
	punted(DP_HANDLE_NONE, 60);
	punts_poll(&punts);
	cr_expect_str_eq(flow_of(1), "b");
	cr_expect_str_eq(flow_of(2), "a");
	cr_expect_str_eq(flow_of(3), "", "a stale handle is no flow's");
	cr_expect_str_eq(flow_of(4), "");
	punts_flow_changed(&punts, NULL, &a);
	punted(70, 60);
	punts_poll(&punts);
	cr_expect_str_eq(flow_of(5), "");
}

/* Packets that lie in a ring when their flow goes are still its own, and its handle is free. */
Test(punts, a_handle_is_reused)
{
	struct flow_spec specs[2] = {{.dp.verdict = DP_PUNT}, {.dp.verdict = DP_PUNT}};
	struct flow a = flow_make(&specs[0], "a", 70), b = flow_make(&specs[1], "b", 70);

	init(false);
	punts_flow_changed(&punts, &a, NULL);
	for (unsigned i = 0; i < 5000; i++)
		punted(70, 60);
	punts_flow_changed(&punts, NULL, &a);
	punts_flow_changed(&punts, &b, NULL);
	punted(70, 60);
	punts_poll(&punts);
	cr_expect_eq(punts.last, 5001);
	cr_expect_str_eq(flow_of(5000), "a");
	cr_expect_str_eq(flow_of(5001), "b");
}

Test(punts, a_flow_is_replaced)
{
	struct flow_spec specs[2] = {{.dp.verdict = DP_PUNT}, {.dp.verdict = DP_PUNT}};
	struct flow a = flow_make(&specs[0], "a", 70);

	init(false);
	punts_flow_changed(&punts, &a, NULL);
	a.spec = &specs[1];
	strcpy(a.spec->id, "a");
	a.handle = 80;
	punted(70, 60); /* before the change */
	punted(80, 60); /* after it */
	punts_flow_changed(&punts, &a, &a);
	cr_expect_str_eq(flow_of(1), "a");
	cr_expect_str_eq(flow_of(2), "a");
	specs[1].dp.verdict = DP_FORWARD;
	punts_flow_changed(&punts, &a, &a);
	cr_expect_not(timer_runs());
}

Test(punts, nothing_to_poll_no_timer)
{
	struct flow_stream stream = {.dp.verdict = DP_PUNT};
	struct flow_spec plain = {.dp.verdict = DP_FORWARD}, streams = {.dp.verdict = DP_FORWARD};
	struct flow a = flow_make(&plain, "a", 1), b = flow_make(&streams, "b", 2);

	init(false);
	cr_expect_not(timer_runs());
	punts_flow_changed(&punts, &a, NULL);
	cr_expect_not(timer_runs(), "it does not punt");
	streams.streams = &stream;
	streams.n_streams = 1;
	punts_flow_changed(&punts, &b, NULL);
	cr_expect(timer_runs());
	punts_flow_changed(&punts, NULL, &a);
	cr_expect(timer_runs());
	punts_flow_changed(&punts, NULL, &b);
	cr_expect_not(timer_runs());
}

Test(punts, a_port_that_punts_is_polled)
{
	init(true);
	cr_expect(timer_runs());
	punted(DP_HANDLE_NONE, 60);
	event_base_loop(base, EVLOOP_ONCE);
	cr_expect_eq(punts.last, 1);
	cr_expect(timer_runs(), "and again");
}
