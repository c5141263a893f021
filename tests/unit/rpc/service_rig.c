/* SPDX-License-Identifier: BSD-3-Clause */
#include "service_rig.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "schema/schema.h"

static struct service_rig state;

struct service_rig *
rig(void)
{
	return &state;
}

const char service_rig_document[] =
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
	cr_expect_eq(ctx, &rig()->n_calls);
	rig()->n_calls++;
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
	rig()->waiting = call;
	if (rig()->impatient)
		rpc_call_result(call, json_true());
	return rpc_call_defer(call);
}

const struct rpc_method rig_methods[] = {
	{"add", add}, {"fail", fail}, {"mute", mute}, {"later", later}};

void
rig_replied(void *arg, json_t *reply, enum rpc_reply_part part)
{
	cr_expect_eq(arg, &rig()->n_replies);
	if (part == RPC_REPLY_PART) {
		if (!rig()->parts)
			rig()->parts = json_array();
		json_array_append_new(rig()->parts, reply);
		return;
	}
	json_decref(rig()->last_reply);
	rig()->last_reply = rig()->parts ? rig()->parts : reply;
	rig()->parts = NULL;
	rig()->n_replies++;
}

void
rig_session_begin(enum role role)
{
	const struct actor actor = {
		.uid = 1000, .gid = 100, .name = "ana", .via = "unix", .role = (uint8_t)role};

	rig()->session = rpc_session_create(&actor, NULL, NULL, NULL);
}

void
rig_session_end(void)
{
	rpc_session_close(rig()->session);
	rpc_session_unref(rig()->session);
}

json_t *
rig_call(const char *text, size_t bytes)
{
	rig()->n_replies = 0;
	rpc_service_call_text(
		rig()->service, rig()->session, text, bytes, rig_replied, &rig()->n_replies);
	cr_expect_eq(rig()->n_replies, 1);
	return json_incref(rig()->last_reply);
}

void
service_rig_setup(void)
{
	json_t *document = json_loads(service_rig_document, 0, NULL);

	memset(&state, 0, sizeof(state));
	rig()->service = rpc_service_create(document, rig_methods, RIG_METHODS, &rig()->n_calls);
	rig_session_begin(ROLE_OPERATOR);
	cr_assert_not_null(rig()->service);
	json_decref(document);
}

void
service_rig_teardown(void)
{
	json_decref(rig()->last_reply);
	rig_session_end();
	rpc_service_destroy(rig()->service);
	schema_documents_release();
}

void
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
