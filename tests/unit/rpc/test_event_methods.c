/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * event.list and punt.list: pages of the rings. Subscribers with clients that read and clients that
 * do not, over sessions without sockets.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "service.h"

#define CLIENTS_MAX 200
#define EVENT_BYTES 121 /* of a notification of flow_added whose sequence is below 10 */

TestSuite(ring_methods, .init = service_setup, .fini = service_teardown);

static struct events *
events(void)
{
	return &service_monitor()->events;
}

static json_t *
page_params(uint64_t after, unsigned limit)
{
	json_t *params = json_pack("{s:I}", "after", (json_int_t)after);

	if (limit)
		json_object_set_new(params, "limit", json_integer(limit));
	return params;
}

static json_t *
events_after(uint64_t after, unsigned limit)
{
	return service_result("event.list", page_params(after, limit));
}

static json_int_t
number(const json_t *object, const char *member)
{
	return json_integer_value(json_object_get(object, member));
}

/* The first and the last number of a page, and its length. */
static void
page_expect(const json_t *page, const char *list, json_int_t first, size_t n, json_int_t lost)
{
	const json_t *entries = json_object_get(page, list);

	cr_assert_eq(json_array_size(entries), n);
	cr_expect_eq(number(page, "lost"), lost);
	if (n == 0)
		return;
	cr_expect_eq(number(json_array_get(entries, 0), "sequence"), first);
	cr_expect_eq(number(json_array_get(entries, n - 1), "sequence"), first + (json_int_t)n - 1);
}

Test(ring_methods, events_say_what_happened)
{
	const struct dp_latched latched = {
		.src = {203, 0, 113, 7}, .src_port = 0x409c, .valid = 1, .moves = 2};
	struct dp_flow_stats counters = {.packets = 9, .bytes = 900, .forwarded = 5, .punted = 1};
	json_t *page, *list, *expected, *event;

	counters.drops[DP_DROP_policed - DP_FLOW_DROP_FIRST] = 3;
	*events_raise_flow(events(), EVENT_FLOW_LATCHED, "a") =
		(struct event_flow){.id = "a", .family = 4, .latched = latched};
	*events_raise_flow(events(), EVENT_FLOW_EXPIRED, "a") =
		(struct event_flow){.id = "a", .counters = counters};
	*events_raise_flow(events(), EVENT_SOURCE_SWITCHED, "b") = (struct event_flow){.id = "b",
		.family = 4,
		.switched = {.source = {{203, 0, 113, 8}, 0x409c}, .active = 1, .switches = 5}};
	page = events_after(0, 0);
	list = json_object_get(page, "events");
	cr_assert_eq(json_array_size(list), 3);
	event = json_array_get(list, 2);
	json_object_del(event, "time_ns");
	expected = json_pack("{s:i, s:s, s:s, s:s, s:i, s:i, s:i, s:i, s:s}", "sequence", 3,
		"event", "source_switched", "flow", "b", "src", "203.0.113.8", "src_port", 40000,
		"active", 1, "previous", 0, "switches", 5, "why", "silent");
	cr_expect(json_equal(event, expected), "%s", json_dumps(event, 0));
	json_decref(expected);
	event = json_array_get(list, 0);
	cr_expect_gt(number(event, "time_ns"), 0);
	json_object_del(event, "time_ns");
	expected = json_pack("{s:i, s:s, s:s, s:s, s:i, s:i}", "sequence", 1, "event",
		"flow_latched", "flow", "a", "src", "203.0.113.7", "src_port", 40000, "moves", 2);
	cr_expect(json_equal(event, expected), "%s", json_dumps(event, 0));
	json_decref(expected);
	event = json_array_get(list, 1);
	json_object_del(event, "time_ns");
	expected = json_pack("{s:i, s:s, s:s, s:i, s:i, s:i, s:i, s:{s:i}}", "sequence", 2, "event",
		"flow_expired", "flow", "a", "packets", 9, "bytes", 900, "forwarded", 5, "punted",
		1, "drops", "policed", 3);
	cr_expect(json_equal(event, expected), "%s", json_dumps(event, 0));
	json_decref(expected);
	json_decref(page);
}

/* One event of each kind that has not been looked at above. */
static const struct event_entry each_kind[] = {
	{.kind = EVENT_FLOW_ADDED, .flow = {.id = "a"}},
	{.kind = EVENT_FLOW_CHANGED,
		.changed = {.id = "a",
			.leg = "l",
			.generation = 41,
			.joined = 1,
			.uid = 1000,
			.who = "ana",
			.via = "unix",
			.method = "leg.join"}},
	{.kind = EVENT_FLOW_CHANGED,
		.changed = {.id = "a",
			.generation = 42,
			.left = 1,
			.changed = 2,
			.uid = UINT32_MAX,
			.who = "cn=ops",
			.via = "tls",
			.method = "flow.replace",
			.fields = "admin,police"}},
	{.kind = EVENT_FLOW_EXPIRED,
		.flow = {.id = "a", .counters = {.packets = 3, .forwarded = 3}}},
	{.kind = EVENT_FLOW_REMOVED, .flow = {.id = "b"}},
	{.kind = EVENT_MEDIA_TIMEOUT,
		.flow = {.id = "c:7:a-rtcp", .relay_bytes = 3, .counters = {.packets = 2}}},
	{.kind = EVENT_FLOW_REMOVED, .flow = {.id = "c:7:b.anna", .relay_bytes = 3}},
	{.kind = EVENT_MEDIA_RESUMED, .flow = {.id = "a", .counters = {.packets = 3, .punted = 1}}},
	{.kind = EVENT_PORT_DOWN, .port = 0},
	{.kind = EVENT_PORT_UP, .port = 0},
	{.kind = EVENT_NEIGHBOUR_LOST,
		.neighbour = {.family = 4, .address = {192, 0, 2, 10}, .mac = {2, [5] = 0x10}}},
	{.kind = EVENT_NEIGHBOUR_RESOLVED, .neighbour = {.family = 4, .address = {192, 0, 2, 10}}},
	{.kind = EVENT_COMMIT,
		.commit = {.generation = 42,
			.added = 3,
			.changed = 2,
			.removed = 1,
			.uid = 1000,
			.who = "ana",
			.via = "unix",
			.text = "flow.install"}},
	{.kind = EVENT_COMMIT,
		.commit = {.generation = 43,
			.removed = 9,
			.uid = UINT32_MAX,
			.who = "cn=ops",
			.via = "tls",
			.text = "txn.commit"}},
	{.kind = EVENT_ROLLBACK,
		.commit = {.generation = 44,
			.returns = STORE_RETURN_OF,
			.returned = 42,
			.text = "not confirmed in time; not rolled back: 4 flows, call1:a, "
				"call1:b, call1:b.wall, call1:b.anna"}},
	{.kind = EVENT_ROLLBACK,
		.commit = {.generation = 45, .returns = STORE_RETURN_TO, .returned = 41}},
	{.kind = EVENT_ROLLBACK_FAILED, .rollback_failed = {.of = 42, .reason = "disk"}},
	{.kind = EVENT_ROLLBACK_FAILED,
		.rollback_failed = {.of = 42, .flow = "a", .reason = "its match is taken"}},
	{.kind = EVENT_OVERLOAD, .overload = {OVERLOAD_WORKER_BUSY, true, 1, 975, 2 * NS_PER_S}},
	{.kind = EVENT_OVERLOAD,
		.overload = {.cause = OVERLOAD_RX_MISSED, .amount = 7, .period_ns = NS_PER_S}},
	{.kind = EVENT_OVERLOAD,
		.overload = {.cause = OVERLOAD_WORKER_LATE, .amount = 1, .period_ns = NS_PER_S}},
	{.kind = EVENT_POOL_USAGE,
		.pool = {.name = "voice",
			.percent = 80,
			.over = true,
			.size = 10,
			.free = 2,
			.quarantined = 3}},
};

Test(ring_methods, events_of_every_kind)
{
	static const char *const texts[] = {
		"{'event': 'flow_added', 'flow': 'a'}",
		"{'event': 'flow_changed', 'flow': 'a', 'generation': 41,"
		" 'actor': {'name': 'ana', 'via': 'unix', 'uid': 1000}, 'method': 'leg.join',"
		" 'legs_joined': 1, 'legs_left': 0, 'legs_changed': 0, 'leg': 'l', 'fields': []}",
		"{'event': 'flow_changed', 'flow': 'a', 'generation': 42,"
		" 'actor': {'name': 'cn=ops', 'via': 'tls'}, 'method': 'flow.replace',"
		" 'legs_joined': 0, 'legs_left': 1, 'legs_changed': 2,"
		" 'fields': ['admin', 'police']}",
		"{'event': 'flow_expired', 'flow': 'a', 'packets': 3, 'bytes': 0, 'forwarded': 3,"
		" 'punted': 0, 'drops': {}}",
		"{'event': 'flow_removed', 'flow': 'b'}",
		"{'event': 'media_timeout', 'flow': 'c:7:a-rtcp', 'relay': 'c:7', 'side': 'a_rtcp',"
		" 'packets': 2, 'bytes': 0, 'forwarded': 0, 'punted': 0, 'drops': {}}",
		"{'event': 'flow_removed', 'flow': 'c:7:b.anna', 'relay': 'c:7', 'side': 'b',"
		" 'receiver': 'anna'}",
		"{'event': 'media_resumed', 'flow': 'a', 'packets': 3, 'bytes': 0, 'forwarded': 0,"
		" 'punted': 1, 'drops': {}}",
		"{'event': 'port_down', 'port': 'p0'}",
		"{'event': 'port_up', 'port': 'p0'}",
		"{'event': 'neighbour_lost', 'port': 'p0', 'next_hop': '192.0.2.10',"
		" 'mac': '02:00:00:00:00:10'}",
		"{'event': 'neighbour_resolved', 'port': 'p0', 'next_hop': '192.0.2.10'}",
		"{'event': 'commit', 'generation': 42, 'method': 'flow.install', 'added': 3,"
		" 'changed': 2, 'removed': 1,"
		" 'actor': {'name': 'ana', 'via': 'unix', 'uid': 1000}}",
		"{'event': 'commit', 'generation': 43, 'method': 'txn.commit', 'added': 0,"
		" 'changed': 0, 'removed': 9, 'actor': {'name': 'cn=ops', 'via': 'tls'}}",
		"{'event': 'rollback', 'generation': 44, 'of': 42,"
		" 'reason': 'not confirmed in time; not rolled back: 4 flows, call1:a, call1:b, "
		"call1:b.wall, call1:b.anna'}",
		"{'event': 'rollback', 'generation': 45, 'to': 41}",
		"{'event': 'rollback_failed', 'of': 42, 'reason': 'disk'}",
		"{'event': 'rollback_failed', 'of': 42, 'flow': 'a',"
		" 'reason': 'its match is taken'}",
		"{'event': 'overload', 'cause': 'worker_busy', 'worker': 1, 'over': true,"
		" 'busy_share': 0.975, 'period_ms': 2000}",
		"{'event': 'overload', 'cause': 'rx_missed', 'port': 'p0', 'packets': 7,"
		" 'period_ms': 1000}",
		"{'event': 'overload', 'cause': 'worker_late', 'commits': 1, 'period_ms': 1000}",
		"{'event': 'pool_usage', 'pool': 'voice', 'percent': 80, 'over': true, 'size': 10,"
		" 'free': 2, 'quarantined': 3}",
	};
	const size_t n = sizeof(texts) / sizeof(texts[0]);
	json_t *page, *list;

	for (size_t i = 0; i < n; i++) {
		struct event_entry *entry = events_raise(events(), each_kind[i].kind);
		const uint64_t sequence = entry->sequence;

		*entry = each_kind[i];
		entry->sequence = sequence;
	}
	page = events_after(0, 0);
	list = json_object_get(page, "events");
	cr_assert_eq(json_array_size(list), n);
	for (size_t i = 0; i < n; i++) {
		json_t *event = json_array_get(list, i), *expected = json_of_text(texts[i]);

		json_object_del(event, "time_ns");
		json_object_del(event, "sequence");
		cr_expect(json_equal(event, expected), "%s: %s", texts[i], json_dumps(event, 0));
		json_decref(expected);
	}
	json_decref(page);
}

Test(ring_methods, events_by_the_page)
{
	static const struct {
		uint64_t after;
		unsigned limit;
		json_int_t first;
		size_t n;
		json_int_t lost;
	} pages[] = {
		{0, 0, 7, 100, 6},
		{0, 1000, 7, 1000, 6},
		{6, 1, 7, 1, 0},
		{5, 1, 7, 1, 1},
		{EVENTS_MAX - 24, 1000, EVENTS_MAX - 23, 30, 0},
		{EVENTS_MAX + 5, 1, EVENTS_MAX + 6, 1, 0},
		{EVENTS_MAX + 6, 1, 0, 0, 0},
	};

	for (unsigned i = 0; i < EVENTS_MAX + 6; i++)
		events_raise_flow(events(), EVENT_FLOW_EXPIRED, "a");
	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
		json_t *page = events_after(pages[i].after, pages[i].limit);

		page_expect(page, "events", pages[i].first, pages[i].n, pages[i].lost);
		json_decref(page);
	}
}

Test(ring_methods, reader_from_before_a_restart)
{
	events_raise_flow(events(), EVENT_FLOW_EXPIRED, "a");
	service_refuses("event.list", page_params(2, 0), FAULT_NOT_FOUND, "/after");
	service_refuses("punt.list", page_params(1, 0), FAULT_NOT_FOUND, "/after");
}

/* Straight into the ring, as punts_poll() fills it. */
static void
punted(const char *flow, unsigned frame_bytes)
{
	struct punts *punts = &service_monitor()->punts;
	struct punt *punt = &punts->ring[++punts->last % PUNTS_MAX];

	punt->sequence = punts->last;
	punt->time_ns = 5;
	strcpy(punt->flow, flow);
	punt->frame_bytes = frame_bytes;
	punt->kept_bytes =
		(uint16_t)(frame_bytes < PUNTS_FRAME_MAX ? frame_bytes : PUNTS_FRAME_MAX);
	memset(punt->frame, 0xa5, punt->kept_bytes);
	punt->frame[0] = 0x0f;
}

Test(ring_methods, punted_packets)
{
	json_t *page, *list, *expected;

	punted("a", 3);
	punted("", 1500);
	page = service_result("punt.list", page_params(0, 0));
	list = json_object_get(page, "packets");
	cr_assert_eq(json_array_size(list), 2);
	expected = json_pack("{s:i, s:i, s:s, s:s, s:i, s:i, s:s}", "sequence", 1, "time_ns", 5,
		"port", "p0", "flow", "a", "answers", 0, "frame_bytes", 3, "frame", "0fa5a5");
	cr_expect(json_equal(json_array_get(list, 0), expected), "%s", json_dumps(list, 0));
	json_decref(expected);
	cr_expect(json_is_null(json_object_get(json_array_get(list, 1), "flow")));
	cr_expect_eq(number(json_array_get(list, 1), "frame_bytes"), 1500);
	cr_expect_eq(json_string_length(json_object_get(json_array_get(list, 1), "frame")), 512);
	json_decref(page);
	for (unsigned i = 0; i < PUNTS_MAX; i++)
		punted("a", 60);
	page = service_result("punt.list", page_params(1, 1000));
	page_expect(page, "packets", 3, PUNTS_MAX, 1);
	json_decref(page);
}

struct client {
	struct evbuffer *output;
	struct rpc_session *session;
	bool is_stuck; /* it does not read: client_fill() says how much fits */
	size_t n; /* events received, without gaps */
	uint64_t lost;
	uint64_t last;
	char names[256]; /* of the events sent, one after the other, as far as they fit */
};

static struct event_base *base;
static struct rpc_users *users;
static struct client clients[CLIENTS_MAX];

static void
client_told(struct client *client, const json_t *message)
{
	const json_t *event = json_object_get(message, "params");
	const char *name = json_string_value(json_object_get(event, "event"));
	const uint64_t sequence = (uint64_t)json_integer_value(json_object_get(event, "sequence"));

	cr_assert_str_eq(json_string_value(json_object_get(message, "method")), "event");
	cr_assert_null(json_object_get(message, "id"));
	cr_assert_gt(sequence, client->last, "in order");
	client->last = sequence;
	if (strcmp(name, "gap") == 0)
		client->lost += (uint64_t)json_integer_value(json_object_get(event, "lost"));
	else
		client->n++;
	if (strlen(client->names) + strlen(name) + 2 < sizeof(client->names))
		strcat(strcat(client->names, name), " ");
}

static void
client_reads(struct client *client)
{
	char *line;

	while ((line = evbuffer_readln(client->output, NULL, EVBUFFER_EOL_LF))) {
		json_t *message = json_loads(line, 0, NULL);

		if (line[0] != '\0')
			client_told(client, message);
		json_decref(message);
		free(line);
	}
}

/* Read what is there, and leave room for `bytes` until it is full. */
static void
client_fill(struct client *client, size_t bytes)
{
	static char filling[RPC_OUTPUT_HIGH];

	client_reads(client);
	client->is_stuck = true;
	memset(filling, '\n', sizeof(filling));
	evbuffer_add(client->output, filling, sizeof(filling) - bytes);
}

static struct client *
client_begin(unsigned i)
{
	const struct actor actor = {.uid = i, .name = "ana", .role = ROLE_VIEWER};

	clients[i] = (struct client){.output = evbuffer_new()};
	clients[i].session = rpc_session_create(users, &actor, clients[i].output);
	return &clients[i];
}

static void
client_end(struct client *client)
{
	rpc_session_close(client->session);
	rpc_session_unref(client->session);
	evbuffer_free(client->output);
	client->session = NULL;
}

static void
setup(void)
{
	service_setup();
	base = event_base_new();
	users = rpc_users_create(base, SIZE_MAX);
}

static void
teardown(void)
{
	for (unsigned i = 0; i < CLIENTS_MAX; i++) {
		if (clients[i].session)
			client_end(&clients[i]);
	}
	rpc_users_destroy(users);
	event_base_free(base);
	service_teardown();
}

TestSuite(event_feed, .init = setup, .fini = teardown, .timeout = 30);

/* To events of one kind, NULL: of all. */
static void
subscribed(const struct client *client, const char *kind, unsigned queue, unsigned after)
{
	json_t *params = json_pack("{s:i, s:i}", "queue", queue, "after", after);

	if (kind)
		json_object_set_new(params, "kinds", json_pack("[s]", kind));
	json_decref(service_result_as(client->session, "events.subscribe", params));
}

static void
flows_added(unsigned n)
{
	while (n-- > 0)
		events_raise_flow(events(), EVENT_FLOW_ADDED, "a");
}

/* Until nothing is left to do. */
static void
loop_run(void)
{
	event_base_dispatch(base);
	for (unsigned i = 0; i < CLIENTS_MAX; i++) {
		if (clients[i].session && !clients[i].is_stuck)
			client_reads(&clients[i]);
	}
}

Test(event_feed, sent_in_order_and_not_while_raised)
{
	struct client *client = client_begin(0);

	subscribed(client, NULL, 10, 0);
	events_raise_flow(events(), EVENT_FLOW_ADDED, "a");
	events_raise(events(), EVENT_PORT_DOWN);
	cr_expect_eq(client->n, 0, "raising an event does not send it");
	loop_run();
	cr_expect_str_eq(client->names, "flow_added port_down ");
	events_raise(events(), EVENT_PORT_UP);
	loop_run();
	cr_expect_eq(client->n, 3);
	cr_expect_eq(client->lost, 0);
}

Test(event_feed, only_requested_kinds)
{
	struct client *client = client_begin(0);

	subscribed(client, "port_down", 10, 0);
	flows_added(5000);
	events_raise(events(), EVENT_PORT_DOWN);
	events_raise(events(), EVENT_PORT_UP);
	loop_run();
	cr_expect_str_eq(client->names, "port_down ");
	cr_expect_eq(client->lost, 0);
}

Test(event_feed, begins_with_stored_events)
{
	struct client *client = client_begin(0);

	flows_added(5);
	subscribed(client, NULL, 10, 3);
	loop_run();
	cr_expect_eq(client->n, 2);
	subscribed(client, "port_up", 10, 5);
	flows_added(1);
	loop_run();
	cr_expect_eq(client->n, 2, "a second subscription takes the place of the first");
}

Test(event_feed, stuck_client_gets_a_gap_and_delays_no_other)
{
	struct client *stuck = client_begin(0), *quick = client_begin(1);

	subscribed(stuck, NULL, 10, 0);
	subscribed(quick, NULL, 1000, 0);
	client_fill(stuck, 2 * EVENT_BYTES + 1);
	flows_added(3);
	loop_run();
	for (unsigned i = 0; i < 100; i++) {
		flows_added(100);
		loop_run();
	}
	cr_expect_eq(quick->n, 10003);
	cr_expect_eq(quick->lost, 0);
	client_fill(stuck, 1);
	cr_expect_eq(stuck->n, 3);
	rpc_session_drained(stuck->session);
	loop_run();
	client_reads(stuck);
	cr_expect_eq(stuck->lost, 10000 - 10, "the gap comes first");
	cr_expect_eq(stuck->n, 3);
	rpc_session_drained(stuck->session);
	loop_run();
	client_reads(stuck);
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
		subscribed(client_begin(i), NULL, 1000, 0);
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

Test(event_feed, others_have_their_turns)
{
	size_t n_sent = 0;

	for (unsigned i = 0; i < CLIENTS_MAX; i++)
		subscribed(client_begin(i), NULL, 1000, 0);
	other = evtimer_new(base, other_work, NULL);
	other_work(-1, 0, NULL);
	flows_added(1000);
	while (n_sent < 1000 * CLIENTS_MAX && n_other < 100000) {
		event_base_loop(base, EVLOOP_ONCE);
		n_sent = 0;
		for (unsigned c = 0; c < CLIENTS_MAX; c++) {
			client_reads(&clients[c]);
			n_sent += clients[c].n;
		}
		if (n_other == 5)
			cr_expect_lt(n_sent, 1000 * CLIENTS_MAX, "all sent in a few turns");
	}
	cr_expect_eq(n_sent, 1000 * CLIENTS_MAX);
	event_free(other);
}

Test(event_feed, ends_with_the_session_or_before)
{
	struct client *gone = client_begin(0), *quiet = client_begin(1);

	subscribed(gone, NULL, 10, 0);
	subscribed(quiet, NULL, 10, 0);
	flows_added(1);
	client_end(gone);
	json_decref(service_result_as(quiet->session, "events.unsubscribe", json_object()));
	service_refuses("events.unsubscribe", json_object(), FAULT_NOT_FOUND, "");
	loop_run();
	cr_expect_eq(gone->n, 0);
	cr_expect_eq(quiet->n, 0);
	rpc_session_drained(quiet->session);
}
