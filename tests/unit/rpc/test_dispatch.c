/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * JSON-RPC 2.0 by the letter, on a document of a few methods; calls that are answered later, in
 * batches and alone; and calls without the role for them.
 */
#include <criterion/criterion.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema/schema.h"
#include "service_rig.h"

TestSuite(service, .init = service_rig_setup, .fini = service_rig_teardown);

/* NULL: no reply. */
static void
reply_check(const char *text, const char *expected)
{
	json_t *reply = rig_call(text, strlen(text));
	char *found = reply ? json_dumps(reply, JSON_COMPACT) : NULL;

	if (!expected)
		cr_expect_null(found, "%s: %s", text, found);
	else
		cr_expect_str_eq(found, expected, "%s: %s, expected %s", text, found, expected);
	free(found);
	json_decref(reply);
}

Test(service, result)
{
	reply_check(
		"{\"jsonrpc\":\"2.0\",\"method\":\"add\",\"params\":{\"a\":1,\"b\":2},\"id\":7}",
		"{\"jsonrpc\":\"2.0\",\"result\":3,\"id\":7}");
}

Test(service, default_is_filled_in)
{
	reply_check("{\"jsonrpc\":\"2.0\",\"method\":\"add\",\"params\":{\"a\":1},\"id\":\"x\"}",
		"{\"jsonrpc\":\"2.0\",\"result\":11,\"id\":\"x\"}");
}

Test(service, ids_come_back_as_they_were)
{
	static const char *const ids[] = {
		"0", "-1", "\"\"", "\"\\u00e9\"", "null", "9223372036854775807"};
	char text[128], start[64];

	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		json_t *id = json_loads(ids[i], JSON_DECODE_ANY, NULL);
		json_t *reply;

		snprintf(start, sizeof(start), "{\"jsonrpc\":\"2.0\",\"method\":\"add\",");
		snprintf(text, sizeof(text), "%s\"params\":{\"a\":1},\"id\":%s}", start, ids[i]);
		reply = rig_call(text, strlen(text));
		cr_expect(json_equal(json_object_get(reply, "id"), id), "%s", ids[i]);
		cr_expect_eq(json_integer_value(json_object_get(reply, "result")), 11);
		json_decref(reply);
		json_decref(id);
	}
}

Test(service, notifications_run_and_are_not_answered)
{
	reply_check("{\"jsonrpc\":\"2.0\",\"method\":\"add\",\"params\":{\"a\":1}}", NULL);
	cr_expect_eq(rig()->n_calls, 1);
	reply_check("{\"jsonrpc\":\"2.0\",\"method\":\"fail\"}", NULL);
	reply_check("{\"jsonrpc\":\"2.0\",\"method\":\"nothing\"}", NULL);
	reply_check("{\"jsonrpc\":\"2.0\",\"method\":\"add\",\"params\":{}}", NULL);
	reply_check("{\"jsonrpc\":\"2.0\",\"method\":\"add\",\"params\":[1]}", NULL);
	cr_expect_eq(rig()->n_calls, 1);
}

Test(service, parse_errors_name_the_position)
{
	rig_error_check("{\"a\":1,\n}", FAULT_PARSE, "", "null", "line 2, column 1");
	rig_error_check("{\"a\"", FAULT_PARSE, "", "null", "line 1");
	rig_error_check("", FAULT_PARSE, "", "null", "line 1");
	rig_error_check("{\"a\":1,\"a\":2}", FAULT_PARSE, "", "null", "duplicate object key");
	rig_error_check("{\"a\":\"\xff\"}", FAULT_PARSE, "", "null", "0xff");
	rig_error_check("{\"a\":\"\\u0000\"}", FAULT_PARSE, "", "null", "\\u0000");
	rig_error_check("{\"a\":99999999999999999999}", FAULT_PARSE, "", "null", "too big integer");
	rig_error_check("{\"a\":1}x", FAULT_PARSE, "", "null", "end of file expected");
}

Test(service, zero_byte_is_a_parse_error)
{
	json_t *reply = rig_call("{\"a\0\":1}", 8);
	json_t *code = json_object_get(json_object_get(reply, "error"), "code");

	cr_expect_eq(json_integer_value(code), FAULT_PARSE);
	json_decref(reply);
}

Test(service, what_is_not_a_request)
{
	rig_error_check("1", FAULT_INVALID_REQUEST, "", "null", "an object");
	rig_error_check("null", FAULT_INVALID_REQUEST, "", "null", "an object");
	rig_error_check("{}", FAULT_INVALID_REQUEST, "/jsonrpc", "null", "\"2.0\"");
	rig_error_check("{\"jsonrpc\":\"1.0\",\"method\":\"add\",\"id\":3}", FAULT_INVALID_REQUEST,
		"/jsonrpc", "3", "\"2.0\"");
	rig_error_check("{\"jsonrpc\":2.0,\"method\":\"add\",\"id\":3}", FAULT_INVALID_REQUEST,
		"/jsonrpc", "3", "\"2.0\"");
	rig_error_check("{\"jsonrpc\":\"2.0\",\"id\":3}", FAULT_INVALID_REQUEST, "/method", "3",
		"a string");
	rig_error_check("{\"jsonrpc\":\"2.0\",\"method\":1,\"params\":\"bar\"}",
		FAULT_INVALID_REQUEST, "/method", "null", "a string");
	rig_error_check("{\"jsonrpc\":\"2.0\",\"method\":\"add\",\"params\":\"bar\",\"id\":\"k\"}",
		FAULT_INVALID_REQUEST, "/params", "\"k\"", "an object");
	rig_error_check("{\"jsonrpc\":\"2.0\",\"method\":\"add\",\"params\":null,\"id\":1}",
		FAULT_INVALID_REQUEST, "/params", "1", "an object");
	rig_error_check("{\"jsonrpc\":\"2.0\",\"method\":\"add\",\"id\":{}}", FAULT_INVALID_REQUEST,
		"/id", "null", "a string, null, or an integer");
	rig_error_check("{\"jsonrpc\":\"2.0\",\"method\":\"add\",\"id\":true}",
		FAULT_INVALID_REQUEST, "/id", "null", "a string, null, or an integer");
	rig_error_check("{\"jsonrpc\":\"2.0\",\"method\":\"add\",\"id\":1,\"x/y\":0}",
		FAULT_INVALID_REQUEST, "/x~1y", "1", "no members but");
	cr_expect_eq(rig()->n_calls, 0);
}

Test(service, unknown_method_is_named)
{
	rig_error_check("{\"jsonrpc\":\"2.0\",\"method\":\"flow.instal\",\"id\":1}",
		FAULT_METHOD_NOT_FOUND, "", "1", "no method \"flow.instal\"");
	rig_error_check("{\"jsonrpc\":\"2.0\",\"method\":\"\\u001b[2J\",\"id\":1}",
		FAULT_METHOD_NOT_FOUND, "", "1", "no method \"\\u001B[2J\"");
}

Test(service, params_are_checked)
{
	rig_error_check("{\"jsonrpc\":\"2.0\",\"method\":\"add\",\"id\":1}", FAULT_INVALID_PARAMS,
		"/a", "1", "missing, expected an integer");
	rig_error_check(
		"{\"jsonrpc\":\"2.0\",\"method\":\"add\",\"params\":{\"a\":\"x\"},\"id\":1}",
		FAULT_INVALID_PARAMS, "/a", "1", "found \"x\", expected an integer");
	rig_error_check(
		"{\"jsonrpc\":\"2.0\",\"method\":\"add\",\"params\":{\"a\":1,\"c\":2},\"id\":1}",
		FAULT_INVALID_PARAMS, "/c", "1", "unknown member, expected one of: a, b");
	rig_error_check("{\"jsonrpc\":\"2.0\",\"method\":\"add\",\"params\":[1,2],\"id\":1}",
		FAULT_INVALID_PARAMS, "", "1", "parameters are passed by name");
	cr_expect_eq(rig()->n_calls, 0);
}

Test(service, fault_of_a_method_is_passed_on)
{
	rig_error_check("{\"jsonrpc\":\"2.0\",\"method\":\"fail\",\"id\":1}", FAULT_CONFLICT,
		"/flows/0/id", "1", "in use");
}

Test(service, method_that_sets_no_fault_is_an_internal_error)
{
	rig_error_check("{\"jsonrpc\":\"2.0\",\"method\":\"mute\",\"id\":1}", FAULT_INTERNAL, "",
		"1", "mute failed");
}

Test(service, batch)
{
	reply_check("[{\"jsonrpc\":\"2.0\",\"method\":\"add\",\"params\":{\"a\":1},\"id\":1},"
		    "{\"jsonrpc\":\"2.0\",\"method\":\"add\",\"params\":{\"a\":2}},"
		    "{\"jsonrpc\":\"2.0\",\"method\":\"add\",\"params\":{\"a\":3},\"id\":3}]",
		"[{\"jsonrpc\":\"2.0\",\"result\":11,\"id\":1},"
		"{\"jsonrpc\":\"2.0\",\"result\":13,\"id\":3}]");
	cr_expect_eq(rig()->n_calls, 3);
}

Test(service, batch_of_noise_is_answered_item_by_item)
{
	json_t *reply = rig_call("[1,{},[]]", 9);
	json_t *item;
	size_t i;

	cr_assert_eq(json_array_size(reply), 3);
	json_array_foreach (reply, i, item) {
		json_t *code = json_object_get(json_object_get(item, "error"), "code");

		cr_expect_eq(json_integer_value(code), FAULT_INVALID_REQUEST);
		cr_expect(json_is_null(json_object_get(item, "id")));
	}
	json_decref(reply);
}

Test(service, batch_of_notifications_is_not_answered)
{
	reply_check("[{\"jsonrpc\":\"2.0\",\"method\":\"add\",\"params\":{\"a\":1}},"
		    "{\"jsonrpc\":\"2.0\",\"method\":\"nothing\"}]",
		NULL);
	cr_expect_eq(rig()->n_calls, 1);
}

Test(service, empty_batch)
{
	rig_error_check("[]", FAULT_INVALID_REQUEST, "", "null", "empty batch");
}

Test(service, batch_size_is_limited)
{
	json_t *batch = json_array();
	int code;

	for (int i = 0; i < RPC_BATCH_MAX; i++)
		json_array_append_new(batch, json_integer(i));
	rpc_service_call(rig()->service, rig()->session, batch, rig_replied, &rig()->n_replies);
	cr_expect_eq(json_array_size(rig()->last_reply), RPC_BATCH_MAX);
	json_array_append_new(batch, json_integer(0));
	rpc_service_call(rig()->service, rig()->session, batch, rig_replied, &rig()->n_replies);
	cr_assert_eq(json_unpack(rig()->last_reply, "{s:{s:i}}", "error", "code", &code), 0);
	cr_expect_eq(code, FAULT_LIMIT);
	json_decref(batch);
}

Test(service, discover_returns_the_document)
{
	static const char text[] = "{\"jsonrpc\":\"2.0\",\"method\":\"rpc.discover\",\"id\":1}";
	json_t *reply = rig_call(text, strlen(text));
	json_t *document = json_loads(service_rig_document, 0, NULL);

	cr_expect(json_equal(json_object_get(reply, "result"), document));
	json_decref(document);
	json_decref(reply);
}

Test(service, error_texts_that_are_not_utf8_are_mended)
{
	struct fault fault;
	json_t *reply;

	fault_set(&fault, FAULT_INTERNAL, "/a\xc3", "cut \xe2\x82");
	reply = rpc_error_reply(NULL, &fault);
	cr_assert_not_null(reply);
	cr_expect_str_eq(
		json_string_value(json_object_get(json_object_get(reply, "error"), "message")),
		"cut \\xe2\\x82");
	json_decref(reply);
}

static bool
bindable(const struct rpc_method *table, size_t n)
{
	json_t *document = json_loads(service_rig_document, 0, NULL);
	struct rpc_service *bound = rpc_service_create(document, table, n, NULL);

	rpc_service_destroy(bound);
	json_decref(document);
	return bound != NULL;
}

Test(service, methods_must_be_those_of_the_document)
{
	const rpc_method_fn call = rig_methods[0].call;
	const struct rpc_method twice[] = {
		{"add", call}, {"fail", call}, {"add", call}, {"later", call}};
	const struct rpc_method unknown[] = {
		{"add", call}, {"fail", call}, {"other", call}, {"later", call}};
	const struct rpc_method own[] = {
		{"add", call}, {"fail", call}, {"rpc.discover", call}, {"later", call}};

	cr_expect(bindable(rig_methods, 4));
	cr_expect_not(bindable(rig_methods, 3), "one has no entry");
	cr_expect_not(bindable(twice, 4));
	cr_expect_not(bindable(unknown, 4));
	cr_expect_not(bindable(own, 4));
}

Test(service, methods_must_say_what_role_they_need)
{
	static const char *const roles[] = {"", "\"x-role\": \"none\",", "\"x-role\": \"king\","};
	char text[128];

	for (size_t i = 0; i < 3; i++) {
		json_t *document;

		snprintf(text, sizeof(text),
			"{\"methods\": [{\"name\": \"rpc.discover\", %s \"params\": []}]}",
			roles[i]);
		document = json_loads(text, 0, NULL);
		cr_expect_null(rpc_service_create(document, rig_methods, 0, NULL), "%s", text);
		json_decref(document);
	}
}

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
