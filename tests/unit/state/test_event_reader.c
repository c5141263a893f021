/* SPDX-License-Identifier: BSD-3-Clause */
/* Readers of the ring: what they see, and that what they do not see is counted. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "state/event_reader.h"

#define PORTS_ONLY (UINT32_C(1) << EVENT_PORT_UP | UINT32_C(1) << EVENT_PORT_DOWN)

static struct events events;
static struct event_reader reader;

static void
setup(void)
{
	events_init(&events);
}

TestSuite(event_reader, .init = setup);

static void
flows_added(unsigned n)
{
	while (n-- > 0)
		events_flow_added(&events, "a");
}

/* Take the next, which must be this one. */
static void
expect_next(uint64_t sequence)
{
	const struct event_entry *entry = event_reader_next(&reader, &events);

	cr_assert_not_null(entry);
	cr_assert_eq(entry->sequence, sequence);
	event_reader_take(&reader, entry);
}

Test(event_reader, begins_where_it_is_told)
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
	events_port(&events, 0, true);
	flows_added(100);
	events_port(&events, 0, false);
	flows_added(100);
	cr_expect_eq(event_reader_pending(&reader, &events), 2);
	expect_next(1);
	expect_next(102);
	cr_expect_null(event_reader_next(&reader, &events));
	cr_expect_eq(reader.lost, 0);
	cr_expect_eq(reader.place, 202);
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
		events_port(&events, 0, true);
	flows_added(EVENTS_MAX - 4); /* overwrites two */
	expect_next(3);
	cr_expect_eq(reader.lost, 2);
	flows_added(EVENTS_MAX);
	cr_expect_null(event_reader_next(&reader, &events));
	cr_expect_eq(reader.lost, 5, "three more, but not the flows that nobody wants");
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
				events_port(&events, 0, wanted++ % 2);
		}
		for (unsigned n = (unsigned)rand() % 200;
			n > 0 && (entry = event_reader_next(&reader, &events)); n--) {
			lost += reader.lost;
			reader.lost = 0;
			seen++;
			cr_assert_eq(entry->kind == EVENT_PORT_UP, (seen + lost - 1) % 2,
				"the order holds, and so do the numbers");
			event_reader_take(&reader, entry);
		}
		lost += reader.lost;
		reader.lost = 0;
		cr_assert_eq(seen + lost + event_reader_pending(&reader, &events), wanted);
	}
	cr_expect_gt(lost, 0);
	cr_expect_gt(seen, 0);
}
