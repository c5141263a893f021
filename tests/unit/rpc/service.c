/* SPDX-License-Identifier: BSD-3-Clause */
#include "service.h"

#include <criterion/criterion.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "rpc/methods.h"
#include "schema/schema.h"

static struct room room;
static struct methods_context context;
static struct rpc_service *service;
static struct evbuffer *output;
static struct rpc_session *session;
static struct monitor monitor;

static void
session_begin(void)
{
	const struct actor actor = {.name = "root", .via = "unix", .role = ROLE_ADMIN};

	output = evbuffer_new();
	session = rpc_session_create(NULL, &actor, output);
}

static void
session_end(void)
{
	rpc_session_close(session);
	rpc_session_unref(session);
	evbuffer_free(output);
}

void
service_reconnect(void)
{
	session_end();
	session_begin();
}

void
service_setup(void)
{
	room_init(&room);
	room.config.max_message_bytes = 1024;
	context = (struct methods_context){
		.dp = room.dp,
		.config = &room.config,
		.flows = &room.flows,
		.monitor = &monitor,
	};
	events_init(&monitor.events);
	latches_init(&monitor.latches, &room.flows, &monitor.events, NULL);
	session_begin();
	service = methods_service_create(&context);
	cr_assert_not_null(service, "table and document must fit each other");
}

void
service_teardown(void)
{
	session_end();
	cr_expect_eq(context.n_transactions, 0, "a transaction outlives its connection");
	rpc_service_destroy(service);
	room_fini(&room);
}

struct room *
service_room(void)
{
	return &room;
}

struct monitor *
service_monitor(void)
{
	return &monitor;
}

static void
answered(void *arg)
{
	*(bool *)arg = true;
}

/* Takes the reference of params; *done is set when the call is answered. */
static void
call(struct rpc_session *caller, const char *method, json_t *params, bool *done)
{
	json_t *request = json_pack("{s:s, s:i, s:s, s:o}", "jsonrpc", "2.0", "id", 1, "method",
		method, "params", params);
	char *text = json_dumps(request, JSON_COMPACT);

	*done = false;
	rpc_service_call(service, caller, text, strlen(text), answered, done);
	json_decref(request);
	free(text);
}

/* Takes the reference of params; returns the whole reply. */
static json_t *
called(struct rpc_session *caller, const char *method, json_t *params)
{
	json_t *reply;
	char *line;
	bool done;

	call(caller, method, params, &done);
	cr_assert(done, "%s was not answered at once", method);
	line = evbuffer_readln(caller->output, NULL, EVBUFFER_EOL_LF);
	reply = json_loads(line, 0, NULL);
	cr_assert_not_null(reply, "%s", line);
	free(line);
	return reply;
}

void
service_hangs_up(const char *method, json_t *params, struct event_base *base)
{
	bool done;

	call(session, method, params, &done);
	cr_assert_not(done, "%s was answered at once", method);
	service_reconnect();
	event_base_dispatch(base);
	cr_expect_not(done);
}

json_t *
service_result_as(struct rpc_session *caller, const char *method, json_t *params)
{
	json_t *reply = called(caller, method, params);
	json_t *document = schema_rpc_document();
	json_t *result = json_incref(json_object_get(reply, "result")), *checked;
	struct fault fault = {0};

	cr_assert_not_null(result, "%s", json_dumps(reply, 0));
	checked = json_deep_copy(result); /* the check fills in defaults */
	cr_expect_eq(schema_check_once(document,
			     json_object_get(json_object_get(schema_method_find(document, method),
						     "result"),
				     "schema"),
			     checked, &fault),
		0, "%s: %s: %s", method, fault.pointer, fault.message);
	json_decref(checked);
	json_decref(reply);
	return result;
}

json_t *
service_result(const char *method, json_t *params)
{
	return service_result_as(session, method, params);
}

json_t *
service_error(const char *method, json_t *params)
{
	json_t *reply = called(session, method, params);
	json_t *error = json_incref(json_object_get(reply, "error"));

	cr_assert_not_null(error, "%s", json_dumps(reply, 0));
	json_decref(reply);
	return error;
}

void
service_refuses(const char *method, json_t *params, int code, const char *pointer)
{
	json_t *error = service_error(method, params);
	json_t *data = json_object_get(error, "data");

	cr_expect_eq(json_integer_value(json_object_get(error, "code")), code, "%s",
		json_dumps(error, 0));
	cr_expect_str_eq(json_string_value(json_object_get(data, "pointer")), pointer);
	json_decref(error);
}

void
json_expect(json_t *json, const char *text)
{
	json_t *expected = json_of_text(text);

	if (!json_object_get(expected, "generation") && json_object_get(json, "generation")) {
		cr_expect_gt(json_integer_value(json_object_get(json, "generation")), 0);
		json_object_del(json, "generation");
	}
	cr_expect(json_equal(json, expected), "%s", json_dumps(json, 0));
	json_decref(expected);
}

void
service_answers(const char *method, json_t *params, const char *text)
{
	json_t *result = service_result(method, params);

	json_expect(result, text);
	json_decref(result);
}

void
service_installs(const char *flow)
{
	json_decref(
		service_result("flow.install", json_pack("{s:[o]}", "flows", json_of_text(flow))));
}
