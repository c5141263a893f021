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

#include "rpc/dispatch.h"
#include "schema/schema.h"

#define RIG_METHODS 4

/* A service of a few methods, a session of ana's, and what became of her calls. */
struct service_rig {
	struct rpc_service *service;
	struct rpc_session *session;
	struct evbuffer *output;
	json_t *last_reply;
	unsigned n_replies;
	unsigned n_calls; /* of add, to see that notifications run */
	struct rpc_call *waiting; /* the last call of later */
	bool impatient; /* later answers before it returns */
};

static struct service_rig rig;

/* rpc.discover, add {a, b = 10}, fail, mute (returns nothing), later (role operator, defers) */
static const char service_rig_document[] =
	"{\"methods\": ["
	" {\"name\": \"rpc.discover\", \"x-role\": \"viewer\", \"params\": []},"
	" {\"name\": \"add\", \"x-role\": \"viewer\", \"params\": ["
	"   {\"name\": \"a\", \"required\": true, \"schema\": {\"type\": \"integer\"}},"
	"   {\"name\": \"b\", \"schema\": {\"type\": \"integer\", \"default\": 10}}]},"
	" {\"name\": \"fail\", \"x-role\": \"viewer\", \"params\": []},"
	" {\"name\": \"mute\", \"x-role\": \"viewer\", \"params\": []},"
	" {\"name\": \"later\", \"x-role\": \"operator\", \"params\": []}]}";

static json_t *
add(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault)
{
	json_int_t a = json_integer_value(json_object_get(params, "a"));
	json_int_t b = json_integer_value(json_object_get(params, "b"));

	(void)call;
	(void)fault;
	cr_expect_eq(ctx, &rig.n_calls);
	rig.n_calls++;
	return json_integer(a + b);
}

static json_t *
fail(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault)
{
	(void)ctx;
	(void)call;
	(void)params;
	fault_set(fault, FAULT_CONFLICT, "/flows/0/id", "in use");
	return NULL;
}

static json_t *
mute(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault)
{
	(void)ctx;
	(void)call;
	(void)params;
	(void)fault;
	return NULL;
}

static json_t *
later(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault)
{
	(void)ctx;
	(void)params;
	(void)fault;
	rig.waiting = call;
	if (rig.impatient)
		rpc_call_result(call, json_true());
	return rpc_call_defer(call);
}

static const struct rpc_method rig_methods[] = {
	{"add", add}, {"fail", fail}, {"mute", mute}, {"later", later}};

static void
rig_answered(void *arg)
{
	char *line = evbuffer_readln(rig.output, NULL, EVBUFFER_EOL_LF);

	cr_expect_eq(arg, &rig.n_replies);
	cr_expect_eq(evbuffer_get_length(rig.output), 0);
	json_decref(rig.last_reply);
	rig.last_reply = line ? json_loads(line, 0, NULL) : NULL;
	cr_expect_eq(!line, !rig.last_reply);
	free(line);
	rig.n_replies++;
}

static void
rig_session_begin(enum role role)
{
	const struct actor actor = {
		.uid = 1000, .gid = 100, .name = "ana", .via = "unix", .role = (uint8_t)role};

	rig.session = rpc_session_create(NULL, &actor, rig.output);
}

static void
rig_session_end(void)
{
	rpc_session_close(rig.session);
	rpc_session_unref(rig.session);
}

static json_t *
rig_call(const char *text, size_t bytes)
{
	rig.n_replies = 0;
	rpc_service_call(rig.service, rig.session, text, bytes, rig_answered, &rig.n_replies);
	cr_expect_eq(rig.n_replies, 1);
	return json_incref(rig.last_reply);
}

static void
service_rig_setup(void)
{
	json_t *document = json_loads(service_rig_document, 0, NULL);

	memset(&rig, 0, sizeof(rig));
	rig.service = rpc_service_create(document, rig_methods, RIG_METHODS, &rig.n_calls, NULL);
	rig.output = evbuffer_new();
	rig_session_begin(ROLE_OPERATOR);
	cr_assert_not_null(rig.service);
	json_decref(document);
}

static void
service_rig_teardown(void)
{
	json_decref(rig.last_reply);
	rig_session_end();
	evbuffer_free(rig.output);
	rpc_service_destroy(rig.service);
}

static void
rig_error_check(const char *text, enum fault_code code, const char *pointer, const char *id,
	const char *message)
{
	json_t *reply = rig_call(text, strlen(text));
	char *found_id = json_dumps(json_object_get(reply, "id"), JSON_ENCODE_ANY | JSON_COMPACT);
	const char *version, *found_message, *name, *found_pointer;
	int found_code;

	cr_assert_not_null(reply, "%s", text);
	cr_assert_eq(
		json_unpack(reply, "{s:s, s:{s:i, s:s, s:{s:s, s:s !} !}, s:o !}", "jsonrpc",
			&version, "error", "code", &found_code, "message", &found_message, "data",
			"name", &name, "pointer", &found_pointer, "id", &(json_t *){0}),
		0);
	cr_expect_str_eq(version, "2.0");
	cr_expect_eq(found_code, (int)code, "%s: %d", text, found_code);
	cr_expect_str_eq(name, fault_code_name(code));
	cr_expect_str_eq(found_pointer, pointer, "%s: %s", text, found_pointer);
	cr_expect_str_eq(found_id, id, "%s: %s", text, found_id);
	cr_expect_not_null(strstr(found_message, message), "%s: %s", text, found_message);
	free(found_id);
	json_decref(reply);
}

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

Test(service, ids_are_returned_unchanged)
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
	cr_expect_eq(rig.n_calls, 1);
	reply_check("{\"jsonrpc\":\"2.0\",\"method\":\"fail\"}", NULL);
	reply_check("{\"jsonrpc\":\"2.0\",\"method\":\"nothing\"}", NULL);
	reply_check("{\"jsonrpc\":\"2.0\",\"method\":\"add\",\"params\":{}}", NULL);
	reply_check("{\"jsonrpc\":\"2.0\",\"method\":\"add\",\"params\":[1]}", NULL);
	cr_expect_eq(rig.n_calls, 1);
}

#define ADD "{\"jsonrpc\":\"2.0\",\"method\":\"add\","

static const struct {
	const char *text;
	enum fault_code code;
	const char *pointer, *id, *message;
} refusals[] = {
	/* Parse errors name the position. */
	{"{\"a\":1,\n}", FAULT_PARSE, "", "null", "line 2, column 1"},
	{"{\"a\"", FAULT_PARSE, "", "null", "line 1"},
	{"", FAULT_PARSE, "", "null", "line 1"},
	{"{\"a\":1,\"a\":2}", FAULT_PARSE, "", "null", "duplicate object key"},
	{"{\"a\":\"\xff\"}", FAULT_PARSE, "", "null", "0xff"},
	{"{\"a\":\"\\u0000\"}", FAULT_PARSE, "", "null", "\\u0000"},
	{"{\"a\":99999999999999999999}", FAULT_PARSE, "", "null", "too big integer"},
	{"{\"a\":1}x", FAULT_PARSE, "", "null", "end of file expected"},
	/* What is no request. */
	{"1", FAULT_INVALID_REQUEST, "", "null", "an object"},
	{"null", FAULT_INVALID_REQUEST, "", "null", "an object"},
	{"{}", FAULT_INVALID_REQUEST, "/jsonrpc", "null", "\"2.0\""},
	{"{\"jsonrpc\":\"1.0\",\"method\":\"add\",\"id\":3}", FAULT_INVALID_REQUEST, "/jsonrpc",
		"3", "\"2.0\""},
	{"{\"jsonrpc\":2.0,\"method\":\"add\",\"id\":3}", FAULT_INVALID_REQUEST, "/jsonrpc", "3",
		"\"2.0\""},
	{"{\"jsonrpc\":\"2.0\",\"id\":3}", FAULT_INVALID_REQUEST, "/method", "3", "a string"},
	{"{\"jsonrpc\":\"2.0\",\"method\":1,\"params\":\"bar\"}", FAULT_INVALID_REQUEST, "/method",
		"null", "a string"},
	{ADD "\"params\":\"bar\",\"id\":\"k\"}", FAULT_INVALID_REQUEST, "/params", "\"k\"",
		"an object"},
	{ADD "\"params\":null,\"id\":1}", FAULT_INVALID_REQUEST, "/params", "1", "an object"},
	{ADD "\"id\":{}}", FAULT_INVALID_REQUEST, "/id", "null", "a string, null, or an integer"},
	{ADD "\"id\":true}", FAULT_INVALID_REQUEST, "/id", "null", "a string, null, or an integer"},
	{ADD "\"id\":1,\"x/y\":0}", FAULT_INVALID_REQUEST, "/x~1y", "1", "no members but"},
	/* An unknown method is named. */
	{"{\"jsonrpc\":\"2.0\",\"method\":\"flow.instal\",\"id\":1}", FAULT_METHOD_NOT_FOUND, "",
		"1", "no method \"flow.instal\""},
	{"{\"jsonrpc\":\"2.0\",\"method\":\"\\u001b[2J\",\"id\":1}", FAULT_METHOD_NOT_FOUND, "",
		"1", "no method \"\\u001B[2J\""},
	/* Parameters are checked. */
	{ADD "\"id\":1}", FAULT_INVALID_PARAMS, "/a", "1", "missing, expected an integer"},
	{ADD "\"params\":{\"a\":\"x\"},\"id\":1}", FAULT_INVALID_PARAMS, "/a", "1",
		"found \"x\", expected an integer"},
	{ADD "\"params\":{\"a\":1,\"c\":2},\"id\":1}", FAULT_INVALID_PARAMS, "/c", "1",
		"unknown member, expected one of: a, b"},
	{ADD "\"params\":[1,2],\"id\":1}", FAULT_INVALID_PARAMS, "", "1",
		"parameters are passed by name"},
	/* The fault of a method is passed on; one that sets none is an internal error. */
	{"{\"jsonrpc\":\"2.0\",\"method\":\"fail\",\"id\":1}", FAULT_CONFLICT, "/flows/0/id", "1",
		"in use"},
	{"{\"jsonrpc\":\"2.0\",\"method\":\"mute\",\"id\":1}", FAULT_INTERNAL, "", "1",
		"mute: no memory for the reply"},
	/* An empty batch. */
	{"[]", FAULT_INVALID_REQUEST, "", "null", "empty batch"},
};

Test(service, refusals)
{
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++)
		rig_error_check(refusals[i].text, refusals[i].code, refusals[i].pointer,
			refusals[i].id, refusals[i].message);
	cr_expect_eq(rig.n_calls, 0);
}

Test(service, zero_byte_is_a_parse_error)
{
	json_t *reply = rig_call("{\"a\0\":1}", 8);
	json_t *code = json_object_get(json_object_get(reply, "error"), "code");

	cr_expect_eq(json_integer_value(code), FAULT_PARSE);
	json_decref(reply);
}

Test(service, batch)
{
	reply_check("[{\"jsonrpc\":\"2.0\",\"method\":\"add\",\"params\":{\"a\":1},\"id\":1},"
		    "{\"jsonrpc\":\"2.0\",\"method\":\"add\",\"params\":{\"a\":2}},"
		    "{\"jsonrpc\":\"2.0\",\"method\":\"add\",\"params\":{\"a\":3},\"id\":3}]",
		"[{\"jsonrpc\":\"2.0\",\"result\":11,\"id\":1},"
		"{\"jsonrpc\":\"2.0\",\"result\":13,\"id\":3}]");
	cr_expect_eq(rig.n_calls, 3);
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
	cr_expect_eq(rig.n_calls, 1);
}

Test(service, batch_size_is_limited)
{
	char text[2 * RPC_BATCH_MAX + 8] = "[0";

	for (int i = 1; i < RPC_BATCH_MAX; i++)
		strcat(text, ",0");
	strcat(text, "]");
	json_decref(rig_call(text, strlen(text)));
	cr_expect_eq(json_array_size(rig.last_reply), RPC_BATCH_MAX);
	strcpy(text + strlen(text) - 1, ",0]");
	rig_error_check(text, FAULT_LIMIT, "", "null", "batch of 101 requests");
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
	struct rpc_service *bound = rpc_service_create(document, table, n, NULL, NULL);

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
		cr_expect_null(
			rpc_service_create(document, rig_methods, 0, NULL, NULL), "%s", text);
		json_decref(document);
	}
}

TestSuite(call, .init = service_rig_setup, .fini = service_rig_teardown);

static const char request_later[] = "{\"jsonrpc\":\"2.0\",\"method\":\"later\",\"id\":1}";

static void
later_begin(const char *text)
{
	rig.waiting = NULL;
	rpc_service_call(
		rig.service, rig.session, text, strlen(text), rig_answered, &rig.n_replies);
	cr_assert_not_null(rig.waiting);
}

static void
last_reply_check(const char *expected)
{
	char *found = json_dumps(rig.last_reply, JSON_COMPACT);

	cr_expect_str_eq(found, expected, "%s, expected %s", found, expected);
	free(found);
}

Test(call, deferred_call_is_answered_later)
{
	later_begin(request_later);
	cr_expect_eq(rig.n_replies, 0);
	cr_expect_str_eq(rpc_call_session(rig.waiting)->actor.name, "ana");
	cr_expect_str_eq(rpc_call_method(rig.waiting), "later");
	cr_expect_eq(rpc_call_session(rig.waiting), rig.session);
	rpc_call_result(rig.waiting, json_integer(3));
	cr_expect_eq(rig.n_replies, 1);
	last_reply_check("{\"jsonrpc\":\"2.0\",\"result\":3,\"id\":1}");
}

Test(call, deferred_call_may_fail)
{
	struct fault fault;
	int code;

	fault_set(&fault, FAULT_STORE, "/flows/0", "disk full");
	later_begin(request_later);
	rpc_call_fault(rig.waiting, &fault);
	cr_assert_eq(json_unpack(rig.last_reply, "{s:{s:i}}", "error", "code", &code), 0);
	cr_expect_eq(code, FAULT_STORE);
	later_begin(request_later);
	rpc_call_result(rig.waiting, NULL);
	cr_assert_eq(json_unpack(rig.last_reply, "{s:{s:i}}", "error", "code", &code), 0);
	cr_expect_eq(code, FAULT_INTERNAL);
	cr_expect_eq(rig.n_replies, 2);
}

Test(call, deferred_call_may_be_answered_before_its_method_returns)
{
	rig.impatient = true;
	later_begin(request_later);
	cr_expect_eq(rig.n_replies, 1);
	last_reply_check("{\"jsonrpc\":\"2.0\",\"result\":true,\"id\":1}");
}

Test(call, deferred_notification_is_not_answered)
{
	later_begin("{\"jsonrpc\":\"2.0\",\"method\":\"later\"}");
	rpc_call_result(rig.waiting, json_integer(3));
	cr_expect_eq(rig.n_replies, 1, "the connection must learn that it may go on");
	cr_expect_null(rig.last_reply);
}

Test(call, batch_waits_for_its_deferred_calls)
{
	later_begin("[{\"jsonrpc\":\"2.0\",\"method\":\"later\",\"id\":1},"
		    "{\"jsonrpc\":\"2.0\",\"method\":\"add\",\"params\":{\"a\":3},\"id\":2},"
		    "{\"jsonrpc\":\"2.0\",\"method\":\"later\",\"id\":3}]");
	cr_expect_eq(rig.n_calls, 0);
	rpc_call_result(rig.waiting, json_integer(1));
	cr_expect_eq(rig.n_calls, 1);
	cr_expect_eq(rig.n_replies, 0);
	rpc_call_result(rig.waiting, json_integer(2));
	cr_expect_eq(rig.n_replies, 1);
	last_reply_check("[{\"jsonrpc\":\"2.0\",\"result\":1,\"id\":1},"
			 "{\"jsonrpc\":\"2.0\",\"result\":13,\"id\":2},"
			 "{\"jsonrpc\":\"2.0\",\"result\":2,\"id\":3}]");
}

Test(call, reply_of_a_session_that_has_ended_is_dropped)
{
	later_begin("[{\"jsonrpc\":\"2.0\",\"method\":\"later\",\"id\":1},"
		    "{\"jsonrpc\":\"2.0\",\"method\":\"add\",\"params\":{\"a\":3},\"id\":2}]");
	rig_session_end();
	cr_expect_null(rpc_call_session(rig.waiting)->output);
	rpc_call_result(rig.waiting, json_integer(1));
	cr_expect_eq(rig.n_calls, 1, "what was received is done");
	cr_expect_eq(rig.n_replies, 0);
	rig_session_begin(ROLE_VIEWER);
}

Test(call, call_may_outlive_the_service)
{
	later_begin("[{\"jsonrpc\":\"2.0\",\"method\":\"later\",\"id\":1},"
		    "{\"jsonrpc\":\"2.0\",\"method\":\"add\",\"params\":{\"a\":3}}]");
	rpc_service_destroy(rig.service);
	rig.service = NULL;
	rpc_call_result(rig.waiting, json_integer(1));
	cr_expect_eq(rig.n_calls, 0);
	last_reply_check("[{\"jsonrpc\":\"2.0\",\"result\":1,\"id\":1}]");
}

Test(call, role_is_checked_before_the_parameters)
{
	static const char text[] = "{\"jsonrpc\":\"2.0\",\"method\":\"later\","
				   "\"params\":{\"x\":1},\"id\":1}";

	rig_session_end();
	rig_session_begin(ROLE_VIEWER);
	rig_error_check(text, FAULT_FORBIDDEN, "", "1",
		"later requires role operator, ana (uid 1000) has viewer; add an entry under "
		"access.users or access.groups in sluice.yaml");
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
		"rpc.discover requires role viewer, ana (uid 1000) has none");
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
	rig.session = rpc_session_create(users, &ana, rig.output);
	later_begin(batch_make());
	cr_expect_eq(rpc_user_check(user, &fault), 0);
	rig_error_check(batch_make(), FAULT_LIMIT, "", "null", "rpc.max_waiting_bytes");
	rpc_call_result(rig.waiting, json_integer(1));
	while (rig.n_replies < 1)
		event_base_loop(base, EVLOOP_ONCE);
	later_begin(batch_make());
	rpc_call_result(rig.waiting, json_integer(1));
	rig_session_end();
	rig_session_begin(ROLE_OPERATOR);
	rpc_user_unref(user);
	rpc_users_destroy(users);
	event_base_free(base);
}
