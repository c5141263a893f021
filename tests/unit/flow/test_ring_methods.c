/* SPDX-License-Identifier: BSD-3-Clause */
/* event.list and punt.list: pages of the rings, checked against the document. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "rpc/event_methods.h"
#include "rpc/methods.h"
#include "schema/schema.h"

static struct ports ports = {.n = 1, .info = {{.name = "p0"}}};
static struct flows flows = {.ports = &ports};
static struct monitor monitor;
static struct methods_context context = {.flows = &flows, .monitor = &monitor};

static void
teardown(void)
{
	schema_documents_release();
}

TestSuite(ring_methods, .fini = teardown);

/* Params as the service hands them over: checked, with defaults. NULL: refused, at *fault. */
static json_t *
called(const char *name, uint64_t after, unsigned limit, struct fault *fault)
{
	json_t *document = schema_rpc_document();
	json_t *params = json_pack("{s:I}", "after", (json_int_t)after), *result;
	const json_t *described = schema_method_find(document, name);
	json_t *schema = schema_method_params(described);
	const struct rpc_method *method = event_methods;

	while (strcmp(method->name, name) != 0)
		method++;
	if (limit)
		json_object_set_new(params, "limit", json_integer(limit));
	cr_assert_eq(schema_check_once(document, schema, params, fault), 0, "%s", fault->message);
	result = method->call(&context, NULL, params, fault);
	if (result)
		cr_expect_eq(
			schema_check_once(document,
				json_object_get(json_object_get(described, "result"), "schema"),
				result, fault),
			0, "%s: %s", fault->pointer, fault->message);
	json_decref(schema);
	json_decref(params);
	return result;
}

static json_t *
events_after(uint64_t after, unsigned limit)
{
	struct fault fault = {0};
	json_t *result = called("event.list", after, limit, &fault);

	cr_assert_not_null(result, "%s", fault.message);
	return result;
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
	*events_raise_flow(&monitor.events, EVENT_FLOW_LATCHED, "a") =
		(struct event_flow){.id = "a", .family = 4, .latched = latched};
	*events_raise_flow(&monitor.events, EVENT_FLOW_EXPIRED, "a") =
		(struct event_flow){.id = "a", .counted = true, .counters = counters};
	page = events_after(0, 0);
	list = json_object_get(page, "events");
	cr_assert_eq(json_array_size(list), 2);
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
	{.kind = EVENT_FLOW_REMOVED,
		.flow = {.id = "a", .counted = true, .counters = {.packets = 3, .forwarded = 3}}},
	{.kind = EVENT_FLOW_REMOVED, .flow = {.id = "b"}},
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
			.text = "not confirmed in time"}},
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
		"{'event': 'flow_removed', 'flow': 'a', 'packets': 3, 'bytes': 0, 'forwarded': 3,"
		" 'punted': 0, 'drops': {}}",
		"{'event': 'flow_removed', 'flow': 'b'}",
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
		" 'reason': 'not confirmed in time'}",
		"{'event': 'rollback', 'generation': 45, 'to': 41}",
		"{'event': 'rollback_failed', 'of': 42, 'reason': 'disk'}",
		"{'event': 'rollback_failed', 'of': 42, 'flow': 'a',"
		" 'reason': 'its match is taken'}",
		"{'event': 'overload', 'cause': 'worker_busy', 'worker': 1, 'over': true,"
		" 'busy_share': 0.975, 'period_ms': 2000}",
		"{'event': 'overload', 'cause': 'rx_missed', 'port': 'p0', 'packets': 7,"
		" 'period_ms': 1000}",
		"{'event': 'overload', 'cause': 'worker_late', 'commits': 1, 'period_ms': 1000}",
	};
	const size_t n = sizeof(texts) / sizeof(texts[0]);
	json_t *page, *list;

	for (size_t i = 0; i < n; i++) {
		struct event_entry *entry = events_raise(&monitor.events, each_kind[i].kind);
		const uint64_t sequence = entry->sequence;

		*entry = each_kind[i];
		entry->sequence = sequence;
	}
	page = events_after(0, 0);
	list = json_object_get(page, "events");
	cr_assert_eq(json_array_size(list), n);
	for (size_t i = 0; i < n; i++) {
		json_t *event = json_array_get(list, i), *expected;
		char text[256];

		json_object_del(event, "time_ns");
		json_object_del(event, "sequence");
		snprintf(text, sizeof(text), "%s", texts[i]);
		for (char *quote = text; (quote = strchr(quote, '\'')) != NULL;)
			*quote = '"';
		expected = json_loads(text, 0, NULL);
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
		events_raise_flow(&monitor.events, EVENT_FLOW_EXPIRED, "a");
	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
		json_t *page = events_after(pages[i].after, pages[i].limit);

		page_expect(page, "events", pages[i].first, pages[i].n, pages[i].lost);
		json_decref(page);
	}
}

Test(ring_methods, reader_from_before_a_restart)
{
	struct fault fault = {0};

	events_raise_flow(&monitor.events, EVENT_FLOW_EXPIRED, "a");
	cr_expect_null(called("event.list", 2, 0, &fault));
	cr_expect_eq(fault.code, FAULT_NOT_FOUND);
	cr_expect_str_eq(fault.pointer, "/after");
	cr_expect_null(called("punt.list", 1, 0, &fault));
}

/* Straight into the ring, as punts_poll() fills it. */
static void
punted(const char *flow, unsigned frame_bytes)
{
	struct punts *punts = &monitor.punts;
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
	struct fault fault = {0};
	json_t *page, *list, *expected;

	punted("a", 3);
	punted("", 1500);
	page = called("punt.list", 0, 0, &fault);
	cr_assert_not_null(page, "%s", fault.message);
	list = json_object_get(page, "packets");
	cr_assert_eq(json_array_size(list), 2);
	expected = json_pack("{s:i, s:i, s:s, s:s, s:i, s:s}", "sequence", 1, "time_ns", 5, "port",
		"p0", "flow", "a", "frame_bytes", 3, "frame", "0fa5a5");
	cr_expect(json_equal(json_array_get(list, 0), expected), "%s", json_dumps(list, 0));
	json_decref(expected);
	cr_expect(json_is_null(json_object_get(json_array_get(list, 1), "flow")));
	cr_expect_eq(number(json_array_get(list, 1), "frame_bytes"), 1500);
	cr_expect_eq(json_string_length(json_object_get(json_array_get(list, 1), "frame")), 512);
	json_decref(page);
	for (unsigned i = 0; i < PUNTS_MAX; i++)
		punted("a", 60);
	page = called("punt.list", 1, 1000, &fault);
	page_expect(page, "packets", 3, PUNTS_MAX, 1);
	json_decref(page);
}
