/* SPDX-License-Identifier: BSD-3-Clause */
/* JSON-RPC 2.0 by the letter, on a document of three methods. */
#include <criterion/criterion.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rpc/service.h"
#include "schema/documents.h"

static const char document_text[] =
	"{\"methods\": ["
	" {\"name\": \"rpc.discover\", \"params\": []},"
	" {\"name\": \"add\", \"params\": ["
	"   {\"name\": \"a\", \"required\": true, \"schema\": {\"type\": \"integer\"}},"
	"   {\"name\": \"b\", \"schema\": {\"type\": \"integer\", \"default\": 10}}]},"
	" {\"name\": \"fail\", \"params\": []},"
	" {\"name\": \"mute\", \"params\": []}]}";

static unsigned n_calls; /* of add, to see that notifications run */

static json_t *
add(void *ctx, json_t *params, struct fault *fault)
{
	json_int_t a = json_integer_value(json_object_get(params, "a"));
	json_int_t b = json_integer_value(json_object_get(params, "b"));

	(void)fault;
	cr_expect_eq(ctx, &n_calls);
	n_calls++;
	return json_integer(a + b);
}

static json_t *
fail(void *ctx, json_t *params, struct fault *fault)
{
	(void)ctx;
	(void)params;
	fault_set(fault, FAULT_CONFLICT, "/flows/0/id", "in use");
	return NULL;
}

static json_t *
mute(void *ctx, json_t *params, struct fault *fault)
{
	(void)ctx;
	(void)params;
	(void)fault;
	return NULL;
}

static const struct rpc_method methods[] = {{"add", add}, {"fail", fail}, {"mute", mute}};

static struct rpc_service *service;

static void
setup(void)
{
	json_t *document = json_loads(document_text, 0, NULL);

	n_calls = 0;
	service = rpc_service_create(document, methods, 3, &n_calls);
	cr_assert_not_null(service);
	json_decref(document);
}

static void
teardown(void)
{
	rpc_service_destroy(service);
	schema_documents_release();
}

TestSuite(service, .init = setup, .fini = teardown);

/* NULL: no reply. */
static void
reply_check(const char *text, const char *expected)
{
	json_t *reply = rpc_service_call_text(service, text, strlen(text));
	char *found = reply ? json_dumps(reply, JSON_COMPACT) : NULL;

	if (!expected)
		cr_expect_null(found, "%s: %s", text, found);
	else
		cr_expect_str_eq(found, expected, "%s: %s, expected %s", text, found, expected);
	free(found);
	json_decref(reply);
}

/* An error reply of that code, name, pointer and id; the message has that text in it. */
static void
error_check(const char *text, enum fault_code code, const char *pointer, const char *id,
	const char *message)
{
	json_t *reply = rpc_service_call_text(service, text, strlen(text));
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
		"0", "-1", "1.5", "\"\"", "\"\\u00e9\"", "null", "9223372036854775807"};
	char text[128], start[64];

	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		json_t *id = json_loads(ids[i], JSON_DECODE_ANY, NULL);
		json_t *reply;

		snprintf(start, sizeof(start), "{\"jsonrpc\":\"2.0\",\"method\":\"add\",");
		snprintf(text, sizeof(text), "%s\"params\":{\"a\":1},\"id\":%s}", start, ids[i]);
		reply = rpc_service_call_text(service, text, strlen(text));
		cr_expect(json_equal(json_object_get(reply, "id"), id), "%s", ids[i]);
		cr_expect_eq(json_integer_value(json_object_get(reply, "result")), 11);
		json_decref(reply);
		json_decref(id);
	}
}

Test(service, notifications_run_and_are_not_answered)
{
	reply_check("{\"jsonrpc\":\"2.0\",\"method\":\"add\",\"params\":{\"a\":1}}", NULL);
	cr_expect_eq(n_calls, 1);
	reply_check("{\"jsonrpc\":\"2.0\",\"method\":\"fail\"}", NULL);
	reply_check("{\"jsonrpc\":\"2.0\",\"method\":\"nothing\"}", NULL);
	reply_check("{\"jsonrpc\":\"2.0\",\"method\":\"add\",\"params\":{}}", NULL);
	reply_check("{\"jsonrpc\":\"2.0\",\"method\":\"add\",\"params\":[1]}", NULL);
	cr_expect_eq(n_calls, 1);
}

Test(service, parse_errors_name_the_position)
{
	error_check("{\"a\":1,\n}", FAULT_PARSE, "", "null", "line 2, column 1");
	error_check("{\"a\"", FAULT_PARSE, "", "null", "line 1");
	error_check("", FAULT_PARSE, "", "null", "line 1");
	error_check("{\"a\":1,\"a\":2}", FAULT_PARSE, "", "null", "duplicate object key");
	error_check("{\"a\":\"\xff\"}", FAULT_PARSE, "", "null", "0xff");
	error_check("{\"a\":\"\\u0000\"}", FAULT_PARSE, "", "null", "\\u0000");
	error_check("{\"a\":99999999999999999999}", FAULT_PARSE, "", "null", "too big integer");
	error_check("{\"a\":1}x", FAULT_PARSE, "", "null", "end of file expected");
}

Test(service, zero_byte_is_a_parse_error)
{
	json_t *reply = rpc_service_call_text(service, "{\"a\0\":1}", 8);
	json_t *code = json_object_get(json_object_get(reply, "error"), "code");

	cr_expect_eq(json_integer_value(code), FAULT_PARSE);
	json_decref(reply);
}

Test(service, what_is_not_a_request)
{
	error_check("1", FAULT_INVALID_REQUEST, "", "null", "an object");
	error_check("null", FAULT_INVALID_REQUEST, "", "null", "an object");
	error_check("{}", FAULT_INVALID_REQUEST, "/jsonrpc", "null", "\"2.0\"");
	error_check("{\"jsonrpc\":\"1.0\",\"method\":\"add\",\"id\":3}", FAULT_INVALID_REQUEST,
		"/jsonrpc", "3", "\"2.0\"");
	error_check("{\"jsonrpc\":2.0,\"method\":\"add\",\"id\":3}", FAULT_INVALID_REQUEST,
		"/jsonrpc", "3", "\"2.0\"");
	error_check("{\"jsonrpc\":\"2.0\",\"id\":3}", FAULT_INVALID_REQUEST, "/method", "3",
		"a string");
	error_check("{\"jsonrpc\":\"2.0\",\"method\":1,\"params\":\"bar\"}", FAULT_INVALID_REQUEST,
		"/method", "null", "a string");
	error_check("{\"jsonrpc\":\"2.0\",\"method\":\"add\",\"params\":\"bar\",\"id\":\"k\"}",
		FAULT_INVALID_REQUEST, "/params", "\"k\"", "an object");
	error_check("{\"jsonrpc\":\"2.0\",\"method\":\"add\",\"params\":null,\"id\":1}",
		FAULT_INVALID_REQUEST, "/params", "1", "an object");
	error_check("{\"jsonrpc\":\"2.0\",\"method\":\"add\",\"id\":{}}", FAULT_INVALID_REQUEST,
		"/id", "null", "a string, a number or null");
	error_check("{\"jsonrpc\":\"2.0\",\"method\":\"add\",\"id\":true}", FAULT_INVALID_REQUEST,
		"/id", "null", "a string, a number or null");
	error_check("{\"jsonrpc\":\"2.0\",\"method\":\"add\",\"id\":1,\"x/y\":0}",
		FAULT_INVALID_REQUEST, "/x~1y", "1", "no members but");
	cr_expect_eq(n_calls, 0);
}

Test(service, unknown_method_is_named)
{
	error_check("{\"jsonrpc\":\"2.0\",\"method\":\"flow.instal\",\"id\":1}",
		FAULT_METHOD_NOT_FOUND, "", "1", "no method \"flow.instal\"");
	error_check("{\"jsonrpc\":\"2.0\",\"method\":\"\\u001b[2J\",\"id\":1}",
		FAULT_METHOD_NOT_FOUND, "", "1", "no method \"\\u001B[2J\"");
}

Test(service, params_are_checked)
{
	error_check("{\"jsonrpc\":\"2.0\",\"method\":\"add\",\"id\":1}", FAULT_INVALID_PARAMS, "/a",
		"1", "missing, expected an integer");
	error_check("{\"jsonrpc\":\"2.0\",\"method\":\"add\",\"params\":{\"a\":\"x\"},\"id\":1}",
		FAULT_INVALID_PARAMS, "/a", "1", "found \"x\", expected an integer");
	error_check(
		"{\"jsonrpc\":\"2.0\",\"method\":\"add\",\"params\":{\"a\":1,\"c\":2},\"id\":1}",
		FAULT_INVALID_PARAMS, "/c", "1", "unknown member, expected one of: a, b");
	error_check("{\"jsonrpc\":\"2.0\",\"method\":\"add\",\"params\":[1,2],\"id\":1}",
		FAULT_INVALID_PARAMS, "", "1", "parameters are passed by name");
	cr_expect_eq(n_calls, 0);
}

Test(service, fault_of_a_method_is_passed_on)
{
	error_check("{\"jsonrpc\":\"2.0\",\"method\":\"fail\",\"id\":1}", FAULT_CONFLICT,
		"/flows/0/id", "1", "in use");
}

Test(service, method_that_sets_no_fault_is_an_internal_error)
{
	error_check("{\"jsonrpc\":\"2.0\",\"method\":\"mute\",\"id\":1}", FAULT_INTERNAL, "", "1",
		"mute failed");
}

Test(service, batch)
{
	reply_check("[{\"jsonrpc\":\"2.0\",\"method\":\"add\",\"params\":{\"a\":1},\"id\":1},"
		    "{\"jsonrpc\":\"2.0\",\"method\":\"add\",\"params\":{\"a\":2}},"
		    "{\"jsonrpc\":\"2.0\",\"method\":\"add\",\"params\":{\"a\":3},\"id\":3}]",
		"[{\"jsonrpc\":\"2.0\",\"result\":11,\"id\":1},"
		"{\"jsonrpc\":\"2.0\",\"result\":13,\"id\":3}]");
	cr_expect_eq(n_calls, 3);
}

Test(service, batch_of_noise_is_answered_item_by_item)
{
	json_t *reply = rpc_service_call_text(service, "[1,{},[]]", 9);
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
	cr_expect_eq(n_calls, 1);
}

Test(service, empty_batch)
{
	error_check("[]", FAULT_INVALID_REQUEST, "", "null", "empty batch");
}

Test(service, batch_size_is_limited)
{
	json_t *batch = json_array();
	json_t *reply;
	int code;

	for (int i = 0; i < RPC_BATCH_MAX; i++)
		json_array_append_new(batch, json_integer(i));
	reply = rpc_service_call(service, batch);
	cr_expect_eq(json_array_size(reply), RPC_BATCH_MAX);
	json_decref(reply);
	json_array_append_new(batch, json_integer(0));
	reply = rpc_service_call(service, batch);
	cr_assert_eq(json_unpack(reply, "{s:{s:i}}", "error", "code", &code), 0);
	cr_expect_eq(code, FAULT_LIMIT);
	json_decref(reply);
	json_decref(batch);
}

Test(service, discover_returns_the_document)
{
	static const char text[] = "{\"jsonrpc\":\"2.0\",\"method\":\"rpc.discover\",\"id\":1}";
	json_t *reply = rpc_service_call_text(service, text, strlen(text));
	json_t *document = json_loads(document_text, 0, NULL);

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
		"cut ??");
	json_decref(reply);
}

static bool
bindable(const struct rpc_method *table, size_t n)
{
	json_t *document = json_loads(document_text, 0, NULL);
	struct rpc_service *bound = rpc_service_create(document, table, n, NULL);

	rpc_service_destroy(bound);
	json_decref(document);
	return bound != NULL;
}

Test(service, methods_must_be_those_of_the_document)
{
	const struct rpc_method twice[] = {{"add", add}, {"fail", fail}, {"add", add}};
	const struct rpc_method unknown[] = {{"add", add}, {"fail", fail}, {"other", mute}};
	const struct rpc_method own[] = {{"add", add}, {"fail", fail}, {"rpc.discover", mute}};

	cr_expect(bindable(methods, 3));
	cr_expect_not(bindable(methods, 2), "one has no entry");
	cr_expect_not(bindable(twice, 3));
	cr_expect_not(bindable(unknown, 3));
	cr_expect_not(bindable(own, 3));
}
