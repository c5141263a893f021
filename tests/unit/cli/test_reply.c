/* SPDX-License-Identifier: BSD-3-Clause */
/* The reply's envelope: results, refusals, and what is neither. */
#include <criterion/criterion.h>

#include "cli/reply.h"

static json_t *
result_of(const char *source, struct client_error *error)
{
	json_t *reply = json_loads(source, 0, NULL);
	json_t *result;

	cr_assert_not_null(reply, "%s", source);
	error->text[0] = '\0';
	result = reply_result(reply, 7, error);
	json_decref(reply);
	return result;
}

static void
expect_error(const char *source, enum client_status status, const char *name, const char *text)
{
	struct client_error error;

	cr_assert_null(result_of(source, &error));
	cr_expect_eq(error.status, status, "%s", source);
	cr_expect_str_eq(error.name, name);
	cr_expect_str_eq(error.text, text);
}

Test(reply, result)
{
	struct client_error error;
	json_t *result = result_of("{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{\"a\":1}}", &error);

	cr_assert_eq(json_integer_value(json_object_get(result, "a")), 1);
	json_decref(result);
}

Test(reply, refusals)
{
	expect_error(
		"{\"jsonrpc\":\"2.0\",\"id\":7,\"error\":{\"code\":-32003,\"message\":\"in use\","
		"\"data\":{\"name\":\"CONFLICT\",\"pointer\":\"/flows/0/id\"}}}",
		CLIENT_REFUSED, "CONFLICT", "CONFLICT at /flows/0/id: in use");
	expect_error(
		"{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32006,\"message\":\"full\","
		"\"data\":{\"name\":\"LIMIT\",\"pointer\":\"\"}}}",
		CLIENT_REFUSED, "LIMIT", "LIMIT: full");
	expect_error(
		"{\"jsonrpc\":\"2.0\",\"id\":7,\"error\":{\"code\":-32000,\"message\":\"no\"}}",
		CLIENT_REFUSED, "error -32000", "error -32000: no");
}

Test(reply, what_is_no_reply)
{
	expect_error("[]", CLIENT_BROKEN, "", "the reply is not JSON-RPC 2.0");
	expect_error(
		"{\"id\":7,\"result\":{}}", CLIENT_BROKEN, "", "the reply is not JSON-RPC 2.0");
	expect_error("{\"jsonrpc\":\"1.0\",\"id\":7,\"result\":{}}", CLIENT_BROKEN, "",
		"the reply is not JSON-RPC 2.0");
	expect_error("{\"jsonrpc\":\"2.0\",\"id\":8,\"result\":{}}", CLIENT_BROKEN, "",
		"the reply is to another call");
	expect_error("{\"jsonrpc\":\"2.0\",\"id\":null,\"result\":{}}", CLIENT_BROKEN, "",
		"the reply is to another call");
	expect_error("{\"jsonrpc\":\"2.0\",\"id\":8,\"error\":{\"code\":1,\"message\":\"m\"}}",
		CLIENT_BROKEN, "", "the reply is to another call");
	expect_error("{\"jsonrpc\":\"2.0\",\"id\":7}", CLIENT_BROKEN, "",
		"the reply has no result object");
	expect_error("{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":[]}", CLIENT_BROKEN, "",
		"the reply has no result object");
	expect_error("{\"jsonrpc\":\"2.0\",\"id\":7,\"error\":{\"message\":\"m\"}}", CLIENT_BROKEN,
		"", "the reply's error has no code or no message");
}
