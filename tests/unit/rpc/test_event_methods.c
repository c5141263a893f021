/* SPDX-License-Identifier: BSD-3-Clause */
/* Subscribers with clients that read and clients that do not, over sessions without sockets. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "monitor/events.h"
#include "rpc/event_methods.h"

#define CLIENTS_MAX 200

struct client {
	struct rpc_session *session;
	size_t room; /* messages that it takes before it is full */
	size_t n; /* events told, gaps not among them */
	uint64_t lost;
	uint64_t last;
	char names[256]; /* of the events told, one after the other, as far as they fit */
};

static struct event_base *base;
static struct events events;
static struct ports ports = {.n = 1, .info = {{.name = "p0"}}};
static struct event_feed *feed;
static struct client clients[CLIENTS_MAX];

const char *
dp_drop_name(enum dp_drop reason)
{
	(void)reason;
	return "drop";
}

unsigned
dp_punt_poll(struct dp *dp, unsigned max, dp_punted_fn fn, void *arg)
{
	(void)dp;
	(void)max;
	(void)fn;
	(void)arg;
	return 0;
}

const char *
dp_xdp_name(enum dp_xdp count)
{
	(void)count;
	return "count";
}

static bool
client_full(void *arg)
{
	const struct client *client = arg;

	return client->room == 0;
}

static int
client_told(void *arg, json_t *message)
{
	struct client *client = arg;
	const json_t *event = json_object_get(message, "params");
	const char *name = json_string_value(json_object_get(event, "event"));
	const uint64_t sequence = (uint64_t)json_integer_value(json_object_get(event, "sequence"));

	cr_assert_str_eq(json_string_value(json_object_get(message, "method")), "event");
	cr_assert_null(json_object_get(message, "id"));
	cr_assert_gt(sequence, client->last, "in order");
	client->last = sequence;
	client->room--;
	if (strcmp(name, "gap") == 0)
		client->lost += (uint64_t)json_integer_value(json_object_get(event, "lost"));
	else
		client->n++;
	if (strlen(client->names) + strlen(name) + 2 < sizeof(client->names))
		strcat(strcat(client->names, name), " ");
	json_decref(message);
	return 0;
}

static const struct rpc_link link_of_clients = {.full = client_full, .send = client_told};

static struct client *
client_begin(unsigned i, size_t room)
{
	static const struct actor actor = {.name = "ana", .role = ROLE_VIEWER};

	clients[i] = (struct client){.room = room};
	clients[i].session = rpc_session_create(&actor, NULL, &link_of_clients, &clients[i]);
	return &clients[i];
}

static void
client_end(struct client *client)
{
	rpc_session_close(client->session);
	rpc_session_unref(client->session);
	client->session = NULL;
}

static void
setup(void)
{
	base = event_base_new();
	events_init(&events);
	feed = event_feed_create(base, &events, &ports);
	cr_assert_not_null(feed);
}

static void
teardown(void)
{
	for (unsigned i = 0; i < CLIENTS_MAX; i++) {
		if (clients[i].session)
			client_end(&clients[i]);
	}
	event_feed_destroy(feed);
	event_base_free(base);
}

TestSuite(event_feed, .init = setup, .fini = teardown, .timeout = 30);

static void
subscribed(const struct client *client, uint32_t kinds, uint64_t queue, uint64_t after)
{
	struct fault fault;

	cr_assert_eq(event_feed_subscribe(feed, client->session, kinds, queue, after, &fault), 0);
}

static void
flows_added(unsigned n)
{
	while (n-- > 0)
		events_raise_flow(&events, EVENT_FLOW_ADDED, "a");
}

/* Until nothing is left to do. */
static void
loop_run(void)
{
	event_base_dispatch(base);
}

Test(event_feed, told_in_order_and_not_from_within)
{
	struct client *client = client_begin(0, 100);

	subscribed(client, EVENT_KINDS_ALL, 10, 0);
	events_raise_flow(&events, EVENT_FLOW_ADDED, "a");
	events_raise(&events, EVENT_PORT_DOWN);
	cr_expect_eq(client->n, 0, "whoever raises an event waits for nobody");
	loop_run();
	cr_expect_str_eq(client->names, "flow_added port_down ");
	events_raise(&events, EVENT_PORT_UP);
	loop_run();
	cr_expect_eq(client->n, 3);
	cr_expect_eq(client->lost, 0);
}

Test(event_feed, only_what_is_wanted)
{
	struct client *client = client_begin(0, 100);

	subscribed(client, UINT32_C(1) << EVENT_PORT_DOWN, 10, 0);
	flows_added(5000);
	events_raise(&events, EVENT_PORT_DOWN);
	events_raise(&events, EVENT_PORT_UP);
	loop_run();
	cr_expect_str_eq(client->names, "port_down ");
	cr_expect_eq(client->lost, 0);
}

Test(event_feed, begins_with_what_is_kept)
{
	struct client *client = client_begin(0, 100);

	flows_added(5);
	subscribed(client, EVENT_KINDS_ALL, 10, 3);
	loop_run();
	cr_expect_eq(client->n, 2);
	subscribed(client, UINT32_C(1) << EVENT_PORT_UP, 10, 5);
	flows_added(1);
	loop_run();
	cr_expect_eq(client->n, 2, "a second subscription takes the place of the first");
}

Test(event_feed, stuck_client_gets_a_gap_and_delays_nobody)
{
	struct client *stuck = client_begin(0, 3), *quick = client_begin(1, SIZE_MAX);

	subscribed(stuck, EVENT_KINDS_ALL, 10, 0);
	subscribed(quick, EVENT_KINDS_ALL, 1000, 0);
	flows_added(3);
	loop_run();
	for (unsigned i = 0; i < 100; i++) {
		flows_added(100);
		loop_run();
	}
	cr_expect_eq(quick->n, 10003);
	cr_expect_eq(quick->lost, 0);
	cr_expect_eq(stuck->n, 3);
	stuck->room = 1;
	rpc_session_drained(stuck->session);
	loop_run();
	cr_expect_eq(stuck->lost, 10000 - 10, "the gap comes first");
	cr_expect_eq(stuck->n, 3);
	stuck->room = 100;
	rpc_session_drained(stuck->session);
	loop_run();
	cr_expect_eq(stuck->n, 13);
	cr_expect_eq(stuck->lost, 10000 - 10);
	cr_expect_eq(stuck->last, 10003);
	cr_expect_str_eq(stuck->names + strlen("flow_added ") * 3,
		"gap flow_added flow_added flow_added flow_added flow_added flow_added flow_added "
		"flow_added flow_added flow_added ");
}

Test(event_feed, many_subscribers_get_all)
{
	for (unsigned i = 0; i < CLIENTS_MAX; i++)
		subscribed(client_begin(i, SIZE_MAX), EVENT_KINDS_ALL, 1000, 0);
	flows_added(700);
	loop_run();
	for (unsigned i = 0; i < CLIENTS_MAX; i++) {
		cr_assert_eq(clients[i].n, 700, "client %u: %zu", i, clients[i].n);
		cr_assert_eq(clients[i].lost, 0);
	}
}

static struct event *other;
static unsigned n_other;

/* Something else that the loop has to do, always. */
static void
other_work(evutil_socket_t fd, short what, void *arg)
{
	const struct timeval at_once = {0};

	(void)fd;
	(void)what;
	(void)arg;
	n_other++;
	evtimer_add(other, &at_once);
}

Test(event_feed, a_round_is_bounded)
{
	size_t told = 0, now;

	for (unsigned i = 0; i < CLIENTS_MAX; i++)
		subscribed(client_begin(i, SIZE_MAX), EVENT_KINDS_ALL, 1000, 0);
	other = evtimer_new(base, other_work, NULL);
	other_work(-1, 0, NULL);
	flows_added(100);
	while (told < 100 * CLIENTS_MAX && n_other < 1000) {
		event_base_loop(base, EVLOOP_ONCE);
		now = 0;
		for (unsigned c = 0; c < CLIENTS_MAX; c++)
			now += clients[c].n;
		cr_assert_leq(now - told, 600, "told in one go: %zu", now - told);
		told = now;
	}
	cr_expect_eq(told, 100 * CLIENTS_MAX);
	cr_expect_geq(n_other, 100 * CLIENTS_MAX / 600, "others had their turns: %u", n_other);
	event_free(other);
}

Test(event_feed, ends_with_the_session_or_before)
{
	struct client *gone = client_begin(0, 100), *quiet = client_begin(1, 100);

	subscribed(gone, EVENT_KINDS_ALL, 10, 0);
	subscribed(quiet, EVENT_KINDS_ALL, 10, 0);
	flows_added(1);
	client_end(gone);
	cr_expect(event_feed_unsubscribe(feed, quiet->session));
	cr_expect_not(event_feed_unsubscribe(feed, quiet->session));
	loop_run();
	cr_expect_eq(gone->n, 0);
	cr_expect_eq(quiet->n, 0);
	rpc_session_drained(quiet->session);
}

Test(event_feed, session_that_ended_cannot_subscribe)
{
	struct client *client = client_begin(0, 100);
	struct fault fault;

	rpc_session_close(client->session);
	cr_expect_eq(
		event_feed_subscribe(feed, client->session, EVENT_KINDS_ALL, 10, 0, &fault), -1);
	cr_expect_eq(fault.code, FAULT_NO_ROOM);
	rpc_session_unref(client->session);
	client->session = NULL;
}
