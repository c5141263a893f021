/* SPDX-License-Identifier: BSD-3-Clause */
/* The ring of events, and the arithmetic by which readers keep their position. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "monitor/events.h"

static struct events events;

static void
setup(void)
{
	events_init(&events);
}

TestSuite(events, .init = setup);

static void
expired(unsigned n)
{
	while (n-- > 0) {
		const uint64_t before = events.last;

		events_raise_flow(&events, EVENT_FLOW_EXPIRED, "a")->counters.packets = before;
	}
}

static void
port_event(bool up)
{
	events_raise(&events, up ? EVENT_PORT_UP : EVENT_PORT_DOWN)->port = 0;
}

Test(events, none_yet)
{
	uint64_t lost;

	cr_expect_null(events_get(&events, 0));
	cr_expect_null(events_get(&events, 1));
	cr_expect_eq(sequence_first(events.last, EVENTS_MAX, 0, &lost), 1);
	cr_expect_eq(lost, 0);
}

Test(events, have_the_data_of_their_kind)
{
	const struct dp_flow_stats counters = {.packets = 7, .bytes = 8, .drops = {1, 2}};
	const struct dp_latched latched = {.src = {203, 0, 113, 7}, .src_port = 5, .moves = 3};
	const uint64_t now_ns = clock_read_ns(CLOCK_REALTIME);
	const struct event_entry *entry;

	events_raise_flow(&events, EVENT_FLOW_EXPIRED, "a")->counters = counters;
	events_raise_flow(&events, EVENT_FLOW_LATCHED, "b")->latched = latched;
	entry = events_get(&events, 1);
	cr_assert_not_null(entry);
	cr_expect_eq(entry->kind, EVENT_FLOW_EXPIRED);
	cr_expect_str_eq(entry->flow.id, "a");
	cr_expect_eq(memcmp(&entry->flow.counters, &counters, sizeof(counters)), 0);
	cr_expect_geq(entry->time_ns, now_ns);
	cr_expect_lt(entry->time_ns, now_ns + 10 * NS_PER_S);
	entry = events_get(&events, 2);
	cr_assert_not_null(entry);
	cr_expect_eq(entry->kind, EVENT_FLOW_LATCHED);
	cr_expect_str_eq(entry->flow.id, "b");
	cr_expect_eq(memcmp(&entry->flow.latched, &latched, sizeof(latched)), 0);
	cr_expect_null(events_get(&events, 3));
}

Test(events, longest_id)
{
	char id[FLOW_ID_MAX] = {0};

	memset(id, 'x', FLOW_ID_MAX - 1);
	events_raise_flow(&events, EVENT_FLOW_EXPIRED, id);
	cr_expect_str_eq(events_get(&events, 1)->flow.id, id);
}

Test(events, oldest_are_overwritten)
{
	uint64_t lost;

	expired(EVENTS_MAX);
	cr_expect_eq(sequence_first(events.last, EVENTS_MAX, 0, &lost), 1);
	cr_expect_eq(lost, 0, "a full ring has lost nothing");
	expired(3);
	cr_expect_null(events_get(&events, 3));
	cr_expect_eq(events_get(&events, 4)->flow.counters.packets, 3);
	cr_expect_eq(events_get(&events, EVENTS_MAX + 3)->sequence, EVENTS_MAX + 3);
	cr_expect_null(events_get(&events, EVENTS_MAX + 4));
	cr_expect_eq(sequence_first(events.last, EVENTS_MAX, 0, &lost), 4);
	cr_expect_eq(lost, 3);
	cr_expect_eq(sequence_first(events.last, EVENTS_MAX, 2, &lost), 4);
	cr_expect_eq(lost, 1, "only what is behind the position counts");
	cr_expect_eq(sequence_first(events.last, EVENTS_MAX, 3, &lost), 4);
	cr_expect_eq(lost, 0);
	cr_expect_eq(sequence_first(events.last, EVENTS_MAX, events.last, &lost), events.last + 1);
	cr_expect_eq(lost, 0);
}

/* A reader of any speed reads every event or counts it as lost, once. */
Test(events, readers_account_for_all)
{
	uint64_t after = 0, seen = 0, lost_sum = 0, lost;

	for (unsigned round = 1; round < 50; round++) {
		uint64_t i;

		expired(round * 960);
		i = sequence_first(events.last, EVENTS_MAX, after, &lost);
		lost_sum += lost;
		for (unsigned limit = 14400; limit > 0 && i <= events.last; limit--, i++) {
			cr_assert_eq(events_get(&events, i)->flow.counters.packets, i - 1);
			seen++;
		}
		after = i - 1;
		cr_assert_eq(seen + lost_sum, after);
	}
	cr_expect_gt(lost_sum, 0);
}

/* What a reader of some kinds may have lost: those raised, less those that it saw. */
Test(events, are_counted_by_kind)
{
	expired(5);
	port_event(true);
	cr_expect_eq(events.raised[EVENT_FLOW_EXPIRED], 5);
	cr_expect_eq(events.raised[EVENT_PORT_UP], 1);
	cr_expect_eq(events.gone[EVENT_FLOW_EXPIRED], 0);
	expired(EVENTS_MAX - 6);
	cr_expect_eq(events.gone[EVENT_FLOW_EXPIRED], 0, "full");
	expired(5);
	cr_expect_eq(events.gone[EVENT_FLOW_EXPIRED], 5);
	cr_expect_eq(events.gone[EVENT_PORT_UP], 0);
	expired(1);
	cr_expect_eq(events.gone[EVENT_FLOW_EXPIRED], 5);
	cr_expect_eq(events.gone[EVENT_PORT_UP], 1);
}

Test(events, kinds_have_names)
{
	for (unsigned kind = 0; kind < EVENT_KINDS; kind++)
		cr_expect_not_null(events_kind_name(kind));
	cr_expect_null(events_kind_name(EVENT_KINDS));
}

static void
note(void *arg)
{
	(*(unsigned *)arg)++;
}

Test(events, are_noted)
{
	unsigned n = 0;

	expired(1);
	events_observe(&events, note, &n);
	expired(2);
	cr_expect_eq(n, 2);
	events_observe(&events, NULL, NULL);
	expired(1);
	cr_expect_eq(n, 2);
}

/* Readers of the ring: what they see, and that what they do not see is counted. */

#define PORTS_ONLY (UINT32_C(1) << EVENT_PORT_UP | UINT32_C(1) << EVENT_PORT_DOWN)

static struct event_reader reader;

TestSuite(event_reader, .init = setup);

static void
flows_added(unsigned n)
{
	while (n-- > 0)
		events_raise_flow(&events, EVENT_FLOW_ADDED, "a");
}

/* Take the next, which must be this one. */
static void
expect_next(uint64_t sequence)
{
	const struct event_entry *entry = event_reader_next(&reader, &events);

	cr_assert_not_null(entry);
	cr_assert_eq(entry->sequence, sequence);
	event_reader_consume(&reader, entry);
}

Test(event_reader, begins_at_the_given_event)
{
	flows_added(3);
	event_reader_init(&reader, &events, EVENT_KINDS_ALL, 10, 3);
	cr_expect_null(event_reader_next(&reader, &events));
	flows_added(1);
	expect_next(4);
	cr_expect_null(event_reader_next(&reader, &events));
	event_reader_init(&reader, &events, EVENT_KINDS_ALL, 10, 2);
	expect_next(3);
	expect_next(4);
	event_reader_init(&reader, &events, EVENT_KINDS_ALL, 10, 0);
	expect_next(1);
	cr_expect_eq(reader.lost, 0);
}

Test(event_reader, next_stays_until_it_is_taken)
{
	event_reader_init(&reader, &events, EVENT_KINDS_ALL, 10, 0);
	flows_added(2);
	cr_expect_eq(event_reader_next(&reader, &events)->sequence, 1);
	cr_expect_eq(event_reader_next(&reader, &events)->sequence, 1);
	cr_expect_eq(event_reader_pending(&reader, &events), 2);
}

Test(event_reader, unwanted_kinds_take_no_room)
{
	event_reader_init(&reader, &events, PORTS_ONLY, 2, 0);
	port_event(true);
	flows_added(100);
	port_event(false);
	flows_added(100);
	cr_expect_eq(event_reader_pending(&reader, &events), 2);
	expect_next(1);
	expect_next(102);
	cr_expect_null(event_reader_next(&reader, &events));
	cr_expect_eq(reader.lost, 0);
	cr_expect_eq(reader.position, 202);
}

Test(event_reader, oldest_of_too_many_are_lost)
{
	event_reader_init(&reader, &events, EVENT_KINDS_ALL, 5, 0);
	flows_added(12);
	expect_next(8);
	cr_expect_eq(reader.lost, 7);
	reader.lost = 0;
	for (uint64_t i = 9; i <= 12; i++)
		expect_next(i);
	cr_expect_eq(reader.lost, 0);
}

Test(event_reader, overwritten_ones_are_counted_by_kind)
{
	event_reader_init(&reader, &events, PORTS_ONLY, 100, 0);
	for (unsigned i = 0; i < 6; i++)
		port_event(true);
	flows_added(EVENTS_MAX - 4); /* overwrites two */
	expect_next(3);
	cr_expect_eq(reader.lost, 2);
	flows_added(EVENTS_MAX);
	cr_expect_null(event_reader_next(&reader, &events));
	cr_expect_eq(reader.lost, 5, "three more, but not the kinds that are not wanted");
}

Test(event_reader, begins_behind_what_is_gone)
{
	flows_added(EVENTS_MAX + 10);
	event_reader_init(&reader, &events, EVENT_KINDS_ALL, 10000, 4);
	cr_expect_eq(reader.lost, 6);
	expect_next(EVENTS_MAX + 10 - 10000 + 1);
	cr_expect_eq(reader.lost, 6 + EVENTS_MAX - 10000);
}

/* Of every wanted event it sees or counts each one, whatever its pace. */
Test(event_reader, accounts_for_all)
{
	const struct event_entry *entry;
	uint64_t seen = 0, lost = 0, wanted = 0;

	srand(7);
	event_reader_init(&reader, &events, PORTS_ONLY, 300, 0);
	for (unsigned round = 0; round < 300; round++) {
		for (unsigned n = (unsigned)rand() % 2000; n > 0; n--) {
			if (rand() % 3)
				flows_added(1);
			else
				port_event(wanted++ % 2);
		}
		for (unsigned n = (unsigned)rand() % 200;
			n > 0 && (entry = event_reader_next(&reader, &events)); n--) {
			lost += reader.lost;
			reader.lost = 0;
			seen++;
			cr_assert_eq(entry->kind == EVENT_PORT_UP, (seen + lost - 1) % 2,
				"the order holds, and so do the numbers");
			event_reader_consume(&reader, entry);
		}
		lost += reader.lost;
		reader.lost = 0;
		cr_assert_eq(seen + lost + event_reader_pending(&reader, &events), wanted);
	}
	cr_expect_gt(lost, 0);
	cr_expect_gt(seen, 0);
}
