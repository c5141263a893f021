/* SPDX-License-Identifier: BSD-3-Clause */
/* What is on trial returns when its time is over, whatever happened meanwhile; or it is said. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <event2/event.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../store/rig.h"
#include "base/clock.h"
#include "base/log.h"
#include "flow/commit.h"
#include "flow/confirm.h"
#include "flow/relay_change.h"
#include "flow/relay_flows.h"
#include "flow/restore.h"
#include "room.h"

static int wall_s; /* how far CLOCK_REALTIME was set */
static unsigned mtu = 1500; /* of p0 and p1 from the next start on */
static unsigned leg_capacity = 65536;

/* Instead of that of the C library, for all that is linked here. */
int
clock_gettime(clockid_t clock, struct timespec *now)
{
	const int rc = (int)syscall(SYS_clock_gettime, clock, now);

	if (clock == CLOCK_REALTIME)
		now->tv_sec += wall_s;
	return rc;
}

static struct rig rig;
static struct room room;
static struct confirm confirm;
static struct events events;
static FILE *log_file;
static char *logged;
static size_t n_logged;

static void
log_expect(const char *text)
{
	fflush(log_file);
	cr_expect_not_null(strstr(logged, text), "%s", logged);
}

/* As sluiced does it at start. */
static void
up(void)
{
	struct restored restored;
	struct fault fault;

	room_init(&room);
	room.ports.info[0].mtu = room.ports.info[1].mtu = mtu;
	room.dp->leg_capacity = leg_capacity;
	rig_open(&rig);
	commits_destroy(room.flows.commits);
	room.flows.commits =
		commits_create(&room.flows, rig.store, rig.base, rig.report.generation);
	events_init(&events);
	if (getenv("SLICED"))
		commits_slice_set(room.flows.commits, 0);
	confirm_init(&confirm, &room.flows, rig.store, &events, rig.base);
	cr_assert_eq(restore_flows(&room.flows, rig.store, &restored, &fault), 0);
	confirm_catch_up(&confirm);
	commits_finish(room.flows.commits);
}

static void
down(void)
{
	confirm_fini(&confirm);
	rig_close(&rig);
	room_fini(&room);
}

static void
setup(void)
{
	rig_init(&rig);
	log_file = open_memstream(&logged, &n_logged);
	stderr = log_file;
}

static void
teardown(void)
{
	rig_fini(&rig);
}

TestSuite(confirm, .init = setup, .fini = teardown, .timeout = 60);

static void
reported(void *arg, struct change *change, const struct fault *fault)
{
	(void)arg;
	(void)change;
	cr_assert_null(fault, "%s", fault ? fault->message : "");
}

static struct change *
change_made(void)
{
	return change_create(NULL, "test", NULL, reported, NULL);
}

static void
put(struct change *change, const char *id, int port, int last)
{
	item_put_spec(change, OP_SET, flow_spec_made(id, port, last), NULL);
}

static void
taken(struct change *change, const char *id)
{
	item_put(change, OP_REMOVE, id, 0, NULL);
}

static void
submit(struct change *change)
{
	commits_submit(room.flows.commits, change);
	commits_finish(room.flows.commits);
}

static void
install(const char *id, int port, int last)
{
	struct change *change = change_made();

	put(change, id, port, last);
	submit(change);
}

static void
remove_one(const char *id)
{
	struct change *change = change_made();

	taken(change, id);
	submit(change);
}

static bool
is_open(void)
{
	struct store_confirm open;

	return confirm_open(&confirm, &open);
}

/* Let the loop run so long, or until nothing is on trial. */
static void
run_ms(unsigned ms)
{
	const uint64_t end_ns = clock_read_ns(CLOCK_MONOTONIC) + ms * (NS_PER_S / 1000);
	const struct timeval step = {.tv_usec = 20000};

	while (is_open() && clock_read_ns(CLOCK_MONOTONIC) < end_ns) {
		event_base_loopexit(rig.base, &step);
		event_base_dispatch(rig.base);
	}
	commits_finish(room.flows.commits);
}

/* The last byte of the address that the flow's leg sends to; 0: there is no such flow. */
static int
last_of(const char *id)
{
	const struct flow *flow = flow_db_find(&room.flows.db, id);

	return flow ? flow->spec->legs[0].dp.dst[3] : 0;
}

/* A trial of a flow that changes, and many changes of others by single calls meanwhile. */
static void
trial_among_calls(unsigned n_calls, unsigned within_s)
{
	struct change *change = change_made();
	unsigned i;

	install("a", 1, 7);
	put(change, "a", 1, 9);
	put(change, "b", 2, 9);
	change->confirm_within_s = within_s;
	submit(change);
	cr_assert_eq(last_of("a"), 9);
	for (i = 0; i < n_calls; i += 2) {
		install("call", 3, 7);
		remove_one("call");
	}
	install("stays", 4, 7);
}

static void
expect_returned(void)
{
	cr_expect_not(is_open());
	cr_expect_eq(last_of("a"), 7);
	cr_expect_eq(last_of("b"), 0);
	cr_expect_eq(last_of("stays"), 7, "what others installed stays");
	log_expect("was rolled back");
}

Test(confirm, a_trial_returns_after_hundreds_of_generations)
{
	up();
	trial_among_calls(400, 1);
	run_ms(10000);
	expect_returned();
	down();
}

Test(confirm, without_a_state_file_it_does_so_too)
{
	rig.path[0] = '\0';
	up();
	trial_among_calls(400, 1);
	run_ms(10000);
	expect_returned();
	down();
}

Test(confirm, and_when_its_time_is_over_at_the_next_start)
{
	up();
	trial_among_calls(400, 1);
	down();
	usleep(1100000);
	up();
	expect_returned();
	down();
}

/* As a damaged file has it, which was good when it was opened. */
static void
changes_damage(void)
{
	sqlite3 *db;

	cr_assert_eq(sqlite3_open(rig.path, &db), SQLITE_OK);
	cr_assert_eq(
		sqlite3_exec(db, "UPDATE change SET last_leg = 7 WHERE id = 'a'", NULL, NULL, NULL),
		SQLITE_OK);
	sqlite3_close(db);
}

static void
accepted(void *arg, const struct fault *error)
{
	cr_assert_null(error);
	*(bool *)arg = true;
}

Test(confirm, a_revert_that_fails_is_reported_and_can_be_confirmed)
{
	const struct event_entry *entry;
	struct store_confirm open;
	bool done = false;

	up();
	trial_among_calls(0, 1);
	changes_damage();
	run_ms(1500);
	cr_assert(confirm_open(&confirm, &open));
	cr_expect_not_null(strstr(confirm.fault, "is damaged in the store"), "%s", confirm.fault);
	log_expect("'sluicectl confirm 2' keeps the flows");
	entry = events_get(&events, events.last);
	cr_assert_eq(entry->kind, EVENT_ROLLBACK_FAILED);
	cr_expect_eq(entry->rollback_failed.of, 2);
	cr_expect_str_eq(entry->rollback_failed.flow, "");
	cr_expect_str_eq(entry->rollback_failed.reason, confirm.fault);
	cr_assert_eq(confirm_accept(&confirm, 2, accepted, &done, &rig.fault), 0);
	run_ms(5000);
	cr_expect(done);
	cr_expect_not(is_open());
	cr_expect_str_eq(confirm.fault, "");
	cr_expect_eq(last_of("a"), 9, "its flows stay");
	down();
}

/* No clock that is set makes a trial last, nor ends it. */
Test(confirm, a_clock_that_is_set_back_extends_no_trial)
{
	struct store_confirm open;

	up();
	trial_among_calls(0, 1);
	wall_s = -3600;
	cr_assert(confirm_open(&confirm, &open));
	cr_expect_leq(open.deadline_ns, clock_read_ns(CLOCK_REALTIME) + NS_PER_S,
		"it is announced by the clock as it is");
	run_ms(3000);
	expect_returned();
	down();
}

Test(confirm, a_clock_that_is_set_forward_ends_none)
{
	struct store_confirm open;

	up();
	trial_among_calls(0, 60);
	wall_s = 3600;
	run_ms(300);
	cr_assert(confirm_open(&confirm, &open));
	cr_expect_gt(open.deadline_ns, clock_read_ns(CLOCK_REALTIME) + 50 * NS_PER_S);
	cr_expect_eq(last_of("a"), 9);
	down();
}

Test(confirm, a_clock_set_back_before_the_start_does_not_extend_the_time)
{
	up();
	trial_among_calls(0, 1);
	down();
	wall_s = -3600;
	up();
	cr_expect_eq(last_of("a"), 9, "all of its time");
	run_ms(3000);
	expect_returned();
	down();
}

/* A change of relay r, from and to these local ports; `more` is of side a. */
static struct change *
relay_put(enum op_kind op, int a, int b, const char *more, const char *rtcp)
{
	struct change *change = change_made();
	struct fault fault;
	json_t *relay;
	char text[512];

	snprintf(text, sizeof(text),
		"{'id':'r','rtcp':'%s','a':{'port':'p0','local':'192.0.2.1','local_port':%d%s},"
		"'b':{'port':'p1','local':'198.51.100.1','local_port':%d}}",
		rtcp, a, more, b);
	relay = json_of_text(text);
	cr_assert_eq(
		relay_change_put(change, op, relay, "relays", 0, &fault), 0, "%s", fault.message);
	json_decref(relay);
	return change;
}

static void
relay_tried(struct change *change)
{
	change->confirm_within_s = 1;
	submit(change);
	cr_assert(is_open());
}

/* The local ports of relay r, and whether RTCP has its own; and all fit each other. */
static void
expect_relay(int a, int b, bool rtcp)
{
	const struct flow_spec *specs[RELAY_FLOWS];
	const struct draft now = {.db = &room.flows.db};

	cr_expect_not(is_open());
	draft_relay(&now, "r", 1, specs);
	cr_assert(specs[RELAY_A] && specs[RELAY_B]);
	cr_expect_eq(ntohs(specs[RELAY_A]->match.key.dst_port), a);
	cr_expect_eq(ntohs(specs[RELAY_B]->match.key.dst_port), b);
	cr_expect_eq(specs[RELAY_A_RTCP] != NULL, rtcp);
	cr_expect(relay_specs_fit(specs));
}

Test(confirm, a_relay_returns)
{
	up();
	submit(relay_put(OP_INSTALL, 6000, 6000, "", "mux"));
	relay_tried(relay_put(OP_REPLACE, 6002, 6002, ",'ttl':9", "next"));
	run_ms(5000);
	expect_relay(6000, 6000, false);
	log_expect("was rolled back");
	cr_expect_null(strstr(logged, "is not rolled back"), "%s", logged);
	down();
}

/* Only one flow was on trial, and the other one refers to its port by now. */
Test(confirm, a_relay_that_was_changed_since_stays_as_it_is)
{
	up();
	submit(relay_put(OP_INSTALL, 6000, 6000, "", "mux"));
	relay_tried(relay_put(OP_REPLACE, 6000, 6000, ",'admin':'down'", "mux"));
	submit(relay_put(OP_REPLACE, 6002, 6000, ",'admin':'down'", "mux"));
	run_ms(5000);
	expect_relay(6002, 6000, false);
	log_expect("flow r:a is not rolled back to its state before generation 2: relay r was "
		   "changed since");
	down();
}

Test(confirm, a_relay_that_came_stays_if_it_has_more_flows_since)
{
	up();
	install("first", 1, 7);
	relay_tried(relay_put(OP_INSTALL, 6000, 6000, "", "mux"));
	submit(relay_put(OP_REPLACE, 6000, 6000, "", "next"));
	run_ms(5000);
	expect_relay(6000, 6000, true);
	log_expect("flow r:a is not rolled back");
	log_expect("flow r:b is not rolled back");
	down();
}

Test(confirm, a_relay_stays_as_a_whole_if_a_port_is_taken)
{
	up();
	submit(relay_put(OP_INSTALL, 6000, 6000, "", "mux"));
	relay_tried(relay_put(OP_REPLACE, 6002, 6002, "", "mux"));
	install("taken", 6000, 7); /* at the address of side a */
	run_ms(5000);
	expect_relay(6002, 6002, false);
	log_expect("flow r:a is not rolled back to its state before generation 2: found the match "
		   "of flow taken");
	log_expect("flow r:b is not rolled back to its state before generation 2: another flow of "
		   "relay r cannot be rolled back");
	down();
}

static void
join(const char *name, const char *port, int local_port)
{
	struct change *change = change_made();
	struct fault fault;
	json_t *params = json_pack("{s:s, s:[{s:s, s:s, s:s, s:i}]}", "id", "r", "receivers",
		"name", name, "port", port, "local", "203.0.113.1", "local_port", local_port);

	cr_assert_eq(relay_change_join(change, params, NULL, UINT32_MAX, &fault), 0, "%s",
		fault.message);
	json_decref(params);
	submit(change);
}

/* How many receivers side b has in the flow that sends to them; -1: there is none. */
static int
n_receivers(void)
{
	const struct flow *sender = flow_db_find(&room.flows.db, "r:a");

	return sender ? sender->spec->n_receivers : -1;
}

/* A receiver that came since goes with the relay, and cannot. */
Test(confirm, a_relay_stays_if_a_flow_refers_to_a_receiver)
{
	struct flow_spec *spec;
	struct change *change;
	struct fault fault;

	up();
	install("first", 1, 7);
	relay_tried(relay_put(OP_INSTALL, 6000, 6000, "", "mux"));
	join("x", "p1", 7001);
	spec = flow_spec_of_text(
		"{'id':'refers','match':{'port':'p0','dst':'192.0.2.1','dst_port':9000},'legs':[{"
		"'port':'p1','src':'203.0.113.1','src_port':9000,'learned':'r:b.x'}]}",
		&fault);
	cr_assert_not_null(spec, "%s", fault.message);
	change = change_made();
	item_put_spec(change, OP_SET, spec, NULL);
	submit(change);
	run_ms(5000);
	expect_relay(6000, 6000, false);
	cr_expect_eq(n_receivers(), 1);
	log_expect("flow r:a is not rolled back to its state before generation 2: found flow "
		   "r:b.x, to whose source a leg of flow refers sends");
	down();
}

Test(confirm, a_start_leaves_out_receivers_whose_port_has_too_small_an_mtu)
{
	up();
	submit(relay_put(OP_INSTALL, 6000, 6000, "", "mux"));
	join("x", "p2", 7001);
	join("y", "p1", 7002);
	join("z", "p2", 7003);
	cr_assert_eq(n_receivers(), 3);
	down();
	mtu = 9000;
	up();
	cr_expect_eq(n_receivers(), 1);
	cr_expect_null(flow_db_find(&room.flows.db, "r:b.x"));
	cr_expect_not_null(flow_db_find(&room.flows.db, "r:b.y"));
	log_expect("warning: flow r:b.z is left out: ");
	log_expect("found p2, whose MTU is 1500, expected at least 9000");
	down();
}

Test(confirm, a_start_leaves_out_receivers_whose_legs_have_no_room)
{
	up();
	submit(relay_put(OP_INSTALL, 6000, 6000, "", "mux"));
	join("x", "p1", 7001);
	join("y", "p1", 7002);
	down();
	leg_capacity = 2;
	up();
	cr_expect_eq(n_receivers(), 0);
	cr_expect_not_null(flow_db_find(&room.flows.db, "r:b"));
	log_expect("warning: flow r:b.x is left out: ");
	log_expect("(tables.legs)");
	down();
}

/* A receiver came since, which it had not been allowed to have before. */
Test(confirm, a_relay_with_receivers_gets_no_rtcp_back)
{
	up();
	submit(relay_put(OP_INSTALL, 6000, 6000, "", "next"));
	relay_tried(relay_put(OP_REPLACE, 6002, 6000, "", "mux"));
	join("x", "p1", 7001);
	run_ms(5000);
	expect_relay(6002, 6000, false);
	cr_expect_eq(n_receivers(), 1);
	log_expect("flow r:a-rtcp is not rolled back to its state before generation 2: found next "
		   "for a relay with receivers");
	log_expect("flow r:a is not rolled back");
	down();
}

/* The flow that sends to them gets its old match again; one that came since goes. */
Test(confirm, receivers_outlive_a_return_of_their_relay)
{
	struct change *change;
	struct fault fault;

	up();
	submit(relay_put(OP_INSTALL, 6000, 6000, "", "mux"));
	join("x", "p1", 7001);
	join("y", "p1", 7002);
	submit(relay_put(OP_REPLACE, 6002, 6000, "", "mux"));
	join("z", "p1", 7003);
	change = change_made();
	cr_assert_eq(
		rollback_to(change, &room.flows, rig.store, 3, &fault), 0, "%s", fault.message);
	submit(change);
	expect_relay(6000, 6000, false);
	cr_expect_eq(n_receivers(), 2);
	cr_expect_eq(ntohs(flow_db_find(&room.flows.db, "r:b.x")->spec->legs[0].dp.src_port), 6000);
	down();
}

Test(confirm, after_a_restart_the_remaining_time_counts)
{
	struct store_confirm open;

	up();
	trial_among_calls(0, 60);
	down();
	wall_s = 50;
	up();
	cr_assert(confirm_open(&confirm, &open));
	cr_expect_leq(confirm.due_ns, clock_read_ns(CLOCK_MONOTONIC) + 10 * NS_PER_S);
	cr_expect_gt(confirm.due_ns, clock_read_ns(CLOCK_MONOTONIC));
	down();
	wall_s = 61;
	up();
	expect_returned();
	down();
}

/* The flows of before cannot all return: those that can do, and what others have stays theirs. */
static void
room_taken(unsigned within_s)
{
	struct change *change;

	install("a", 1, 7);
	install("b", 2, 7);
	install("c", 3, 7);
	change = change_made();
	taken(change, "a");
	taken(change, "b");
	put(change, "c", 3, 9);
	change->confirm_within_s = within_s;
	submit(change);
	install("other", 1, 8);
}

static void
expect_all_but_a(void)
{
	struct store_generation generation;
	const struct event_entry *entry;
	enum store_outcome outcome;
	struct store_state state;

	cr_assert_not(is_open());
	cr_expect_eq(last_of("a"), 0);
	cr_expect_eq(last_of("b"), 7);
	cr_expect_eq(last_of("c"), 7);
	cr_expect_eq(last_of("other"), 8);
	store_state(rig.store, &state);
	cr_assert_eq(
		store_history_get(rig.store, state.generation, &generation, &outcome, &rig.fault),
		0);
	cr_expect_eq(generation.returned, 4);
	cr_expect_str_eq(generation.comment, "not confirmed in time; not rolled back: 1 flow, a");
	entry = events_get(&events, events.last);
	cr_assert_not_null(entry);
	cr_expect_eq(entry->kind, EVENT_ROLLBACK_FAILED);
	cr_expect_eq(entry->rollback_failed.of, 4);
	cr_expect_str_eq(entry->rollback_failed.flow, "a");
	cr_expect_not_null(strstr(entry->rollback_failed.reason, "the match of flow other"), "%s",
		entry->rollback_failed.reason);
	log_expect("flow a is not rolled back to its state before generation 4: ");
}

Test(confirm, one_flow_that_cannot_return_keeps_no_other_away)
{
	up();
	room_taken(1);
	run_ms(10000);
	expect_all_but_a();
	down();
}

Test(confirm, nor_does_it_at_the_next_start)
{
	up();
	room_taken(1);
	down();
	usleep(1100000);
	up();
	expect_all_but_a();
	down();
}

/* One that stays as it is keeps its match, so that another cannot return to it either. */
Test(confirm, what_depends_on_a_flow_that_stays_does_so_too)
{
	struct change *change;

	up();
	install("a", 1, 7);
	install("b", 2, 7);
	install("c", 3, 7);
	change = change_made();
	change->generation.returns = STORE_RETURN_TO; /* matches may change places */
	put(change, "a", 4, 9);
	put(change, "b", 1, 9);
	put(change, "c", 3, 9);
	change->confirm_within_s = 1;
	submit(change);
	cr_assert_eq(last_of("b"), 9);
	install("other", 2, 8);
	run_ms(10000);
	cr_expect_not(is_open());
	cr_expect_eq(last_of("b"), 9, "its match is taken");
	cr_expect_eq(last_of("a"), 9, "b has its match");
	cr_expect_eq(last_of("c"), 7);
	cr_expect_eq(events.raised[EVENT_ROLLBACK_FAILED], 2);
	room_expect(&room, 4, 3);
	down();
}

Test(confirm, when_none_can_return_the_trial_is_over_all_the_same)
{
	struct store_generation generation;
	enum store_outcome outcome;
	struct change *change;

	up();
	install("a", 1, 7);
	change = change_made();
	taken(change, "a");
	change->confirm_within_s = 1;
	submit(change);
	install("other", 1, 8);
	run_ms(10000);
	cr_expect_not(is_open());
	cr_assert_eq(store_history_get(rig.store, 4, &generation, &outcome, &rig.fault), 0);
	cr_expect_eq(generation.returned, 2);
	cr_expect_eq(generation.added, 0);
	cr_expect_str_eq(generation.comment, "not confirmed in time; not rolled back: 1 flow, a");
	cr_expect_eq(commits_generation(room.flows.commits), 4);
	install("more", 5, 7);
	cr_expect_eq(commits_generation(room.flows.commits), 5);
	down();
}

/* Somebody has changed all of it back by then: it was not confirmed, and the history says so. */
Test(confirm, a_trial_with_nothing_to_take_back_is_reverted_too)
{
	struct store_generation generation;
	enum store_outcome outcome;
	struct change *change;

	up();
	install("a", 1, 7);
	change = change_made();
	put(change, "a", 1, 9);
	change->confirm_within_s = 1;
	submit(change);
	change = change_made();
	put(change, "a", 1, 7);
	submit(change);
	run_ms(10000);
	cr_expect_not(is_open());
	cr_expect_eq(last_of("a"), 7);
	cr_assert_eq(store_history_get(rig.store, 2, &generation, &outcome, &rig.fault), 0);
	cr_expect_eq(outcome, STORE_REVERTED);
	cr_assert_eq(store_history_get(rig.store, 4, &generation, &outcome, &rig.fault), 0);
	cr_expect_eq(generation.returned, 2);
	cr_expect_str_eq(generation.comment, "not confirmed in time");
	down();
}

/* The table is full of others: as many return as there is room for. */
Test(confirm, flows_without_room_are_left_out)
{
	struct change *change;
	char id[8];
	int i;

	up();
	room.dp->capacity = 20;
	for (i = 1; i <= 20; i++) {
		snprintf(id, sizeof(id), "f%d", i);
		install(id, i, 7);
	}
	change = change_made();
	for (i = 1; i <= 10; i++) {
		snprintf(id, sizeof(id), "f%d", i);
		taken(change, id);
	}
	change->confirm_within_s = 1;
	submit(change);
	for (i = 1; i <= 4; i++) {
		snprintf(id, sizeof(id), "o%d", i);
		install(id, 100 + i, 8);
	}
	run_ms(10000);
	cr_expect_not(is_open());
	cr_expect_eq(flow_db_count(&room.flows.db), 20);
	cr_expect_eq(events.raised[EVENT_ROLLBACK_FAILED], 4);
	down();
}
