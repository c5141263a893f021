/* SPDX-License-Identifier: BSD-3-Clause */
/* Calls that are answered later, in batches and alone, and calls by those who may not. */
#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>

#include "service_rig.h"

TestSuite(call, .init = service_rig_setup, .fini = service_rig_teardown);

static const char request_later[] = "{\"jsonrpc\":\"2.0\",\"method\":\"later\",\"id\":1}";

static void
later_begin(const char *text)
{
	rig()->waiting = NULL;
	rpc_service_call_text(
		rig()->service, rig()->session, text, strlen(text), rig_replied, &rig()->n_replies);
	cr_assert_not_null(rig()->waiting);
}

static void
last_reply_check(const char *expected)
{
	char *found = json_dumps(rig()->last_reply, JSON_COMPACT);

	cr_expect_str_eq(found, expected, "%s, expected %s", found, expected);
	free(found);
}

Test(call, deferred_call_is_answered_later)
{
	later_begin(request_later);
	cr_expect_eq(rig()->n_replies, 0);
	cr_expect_str_eq(rpc_call_actor(rig()->waiting)->name, "ana");
	cr_expect_str_eq(rpc_call_method(rig()->waiting), "later");
	cr_expect_eq(rpc_call_session(rig()->waiting), rig()->session);
	rpc_call_result(rig()->waiting, json_integer(3));
	cr_expect_eq(rig()->n_replies, 1);
	last_reply_check("{\"jsonrpc\":\"2.0\",\"result\":3,\"id\":1}");
}

Test(call, deferred_call_may_fail)
{
	struct fault fault;
	int code;

	fault_set(&fault, FAULT_STORE, "/flows/0", "disk full");
	later_begin(request_later);
	rpc_call_fault(rig()->waiting, &fault);
	cr_assert_eq(json_unpack(rig()->last_reply, "{s:{s:i}}", "error", "code", &code), 0);
	cr_expect_eq(code, FAULT_STORE);
	later_begin(request_later);
	rpc_call_result(rig()->waiting, NULL);
	cr_assert_eq(json_unpack(rig()->last_reply, "{s:{s:i}}", "error", "code", &code), 0);
	cr_expect_eq(code, FAULT_INTERNAL);
	cr_expect_eq(rig()->n_replies, 2);
}

Test(call, deferred_call_may_be_answered_before_its_method_returns)
{
	rig()->impatient = true;
	later_begin(request_later);
	cr_expect_eq(rig()->n_replies, 1);
	last_reply_check("{\"jsonrpc\":\"2.0\",\"result\":true,\"id\":1}");
}

Test(call, deferred_notification_is_not_answered)
{
	later_begin("{\"jsonrpc\":\"2.0\",\"method\":\"later\"}");
	rpc_call_result(rig()->waiting, json_integer(3));
	cr_expect_eq(rig()->n_replies, 1, "the connection must learn that it may go on");
	cr_expect_null(rig()->last_reply);
}

Test(call, batch_waits_for_its_deferred_calls)
{
	later_begin("[{\"jsonrpc\":\"2.0\",\"method\":\"later\",\"id\":1},"
		    "{\"jsonrpc\":\"2.0\",\"method\":\"add\",\"params\":{\"a\":3},\"id\":2},"
		    "{\"jsonrpc\":\"2.0\",\"method\":\"later\",\"id\":3}]");
	cr_expect_eq(rig()->n_calls, 0);
	rpc_call_result(rig()->waiting, json_integer(1));
	cr_expect_eq(rig()->n_calls, 1);
	cr_expect_eq(rig()->n_replies, 0);
	rpc_call_result(rig()->waiting, json_integer(2));
	cr_expect_eq(rig()->n_replies, 1);
	last_reply_check("[{\"jsonrpc\":\"2.0\",\"result\":1,\"id\":1},"
			 "{\"jsonrpc\":\"2.0\",\"result\":13,\"id\":2},"
			 "{\"jsonrpc\":\"2.0\",\"result\":2,\"id\":3}]");
}

Test(call, reply_of_a_session_that_has_ended_is_dropped)
{
	later_begin("[{\"jsonrpc\":\"2.0\",\"method\":\"later\",\"id\":1},"
		    "{\"jsonrpc\":\"2.0\",\"method\":\"add\",\"params\":{\"a\":3},\"id\":2}]");
	rig_session_end();
	cr_expect(rpc_session_closed(rpc_call_session(rig()->waiting)));
	rpc_call_result(rig()->waiting, json_integer(1));
	cr_expect_eq(rig()->n_calls, 1, "what was received is done");
	cr_expect_eq(rig()->n_replies, 0);
	rig_session_begin(ROLE_VIEWER);
}

Test(call, call_may_outlive_the_service)
{
	later_begin("[{\"jsonrpc\":\"2.0\",\"method\":\"later\",\"id\":1},"
		    "{\"jsonrpc\":\"2.0\",\"method\":\"add\",\"params\":{\"a\":3}}]");
	rpc_service_destroy(rig()->service);
	rig()->service = NULL;
	rpc_call_result(rig()->waiting, json_integer(1));
	cr_expect_eq(rig()->n_calls, 0);
	last_reply_check("[{\"jsonrpc\":\"2.0\",\"result\":1,\"id\":1}]");
}

Test(call, role_is_checked_before_the_parameters)
{
	static const char text[] = "{\"jsonrpc\":\"2.0\",\"method\":\"later\","
				   "\"params\":{\"x\":1},\"id\":1}";

	rig_session_end();
	rig_session_begin(ROLE_VIEWER);
	rig_error_check(text, FAULT_FORBIDDEN, "", "1",
		"later needs role operator, ana (uid 1000) has viewer; an entry under access.users "
		"or access.groups in sluice.yaml gives it");
	rig_session_end();
	rig_session_begin(ROLE_ADMIN);
	rig_error_check(text, FAULT_INVALID_PARAMS, "/x", "1", "unknown");
}

Test(call, role_none_may_nothing)
{
	rig_session_end();
	rig_session_begin(ROLE_NONE);
	rig_error_check("{\"jsonrpc\":\"2.0\",\"method\":\"rpc.discover\",\"id\":1}",
		FAULT_FORBIDDEN, "", "1",
		"rpc.discover needs role viewer, ana (uid 1000) has none");
}

/* 30 KB of text, whose value takes more than a megabyte. */
static char *
batch_make(void)
{
	static char text[40000];
	char *at = stpcpy(text, "[{\"jsonrpc\":\"2.0\",\"method\":\"later\",\"id\":1},[[]");

	for (unsigned i = 0; i < 9999; i++)
		at = stpcpy(at, ",[]");
	strcpy(at, "]]");
	return text;
}

Test(call, batch_that_waits_counts_for_its_user_with_all_that_it_takes)
{
	const struct actor ana = {.uid = 1000, .name = "ana", .via = "unix", .role = ROLE_OPERATOR};
	struct event_base *base = event_base_new();
	struct rpc_users *users = rpc_users_create(base, 2000000);
	struct rpc_user *user = rpc_user_of(users, &ana);
	struct fault fault;

	rig_session_end();
	rig()->session = rpc_session_create(&ana, user, NULL, NULL);
	later_begin(batch_make());
	cr_expect_eq(rpc_user_check(user, &fault), 0);
	rig_error_check(batch_make(), FAULT_LIMIT, "", "null", "rpc.max_waiting_bytes");
	rpc_call_result(rig()->waiting, json_integer(1));
	while (rig()->n_replies < 1)
		event_base_loop(base, EVLOOP_ONCE);
	later_begin(batch_make());
	rpc_call_result(rig()->waiting, json_integer(1));
	rig_session_end();
	rig_session_begin(ROLE_OPERATOR);
	rpc_user_unref(user);
	rpc_users_destroy(users);
	event_base_free(base);
}
