/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A message on its way: its requests run one after the other (JSON-RPC 2.0, 6), and a request that
 * is deferred holds up those behind it. One struct rpc_call serves all requests of a message in
 * turn.
 */
#include "rpc/call.h"

#include <stdbool.h>
#include <stdlib.h>

#include "rpc/dispatch.h"
#include "schema/describe.h"
#include "schema/json_text.h"

struct rpc_call {
	struct rpc_service *service;
	struct rpc_session *session;
	json_t *message;
	bool batch;
	size_t n_requests;
	size_t next; /* request of a batch to run */
	json_t *replies; /* of a batch, so far; otherwise the one, NULL: none */
	rpc_reply_fn reply;
	void *arg;
	struct request request; /* the one that runs; borrowed from message */
	const struct bound_method *method; /* its */
	bool inside; /* its method has not returned yet */
	bool answered; /* and yet was answered, with: */
	json_t *result; /* or if that is NULL, */
	struct fault fault;
};

static json_t deferred = {.type = JSON_NULL, .refcount = (size_t)-1};

json_t *
rpc_call_defer(struct rpc_call *call)
{
	(void)call;
	return &deferred;
}

const struct actor *
rpc_call_actor(const struct rpc_call *call)
{
	return rpc_session_actor(call->session);
}

struct rpc_session *
rpc_call_session(const struct rpc_call *call)
{
	return call->session;
}

const char *
rpc_call_method(const struct rpc_call *call)
{
	return call->method->name;
}

/* Keep the reply to a request, which is taken over; NULL: it gets none. */
static void
reply_keep(struct rpc_call *call, json_t *reply)
{
	if (!call->batch)
		call->replies = reply;
	else if (reply)
		json_array_append_new(call->replies, reply);
}

/* The request that runs is answered: result (taken over), or if that is NULL, *fault. */
static void
request_end(struct rpc_call *call, json_t *result, const struct fault *fault)
{
	json_t *id = call->request.id;

	if (!id)
		json_decref(result);
	else
		reply_keep(
			call, result ? rpc_result_reply(id, result) : rpc_error_reply(id, fault));
}

/* Returns as an rpc_method_fn does. */
static json_t *
method_run(struct rpc_call *call)
{
	const char *name = json_string_value(call->request.method);
	char quoted[128];
	json_t *result;

	call->method = rpc_service_find(call->service, name);
	if (!call->method) {
		describe_found(call->request.method, quoted, sizeof(quoted));
		fault_set(&call->fault, FAULT_METHOD_NOT_FOUND, "", "no method %s", quoted);
		return NULL;
	}
	call->inside = true;
	call->answered = false;
	result = rpc_service_run(
		call->service, call->method, call, call->request.params, &call->fault);
	call->inside = false;
	return result == &deferred && call->answered ? call->result : result;
}

/* Run a request. True: it is answered, or needs no answer; false: it is deferred. */
static bool
request_run(struct rpc_call *call, json_t *message)
{
	json_t *result;

	if (envelope_open(message, &call->request, &call->fault)) {
		reply_keep(call, rpc_error_reply(call->request.id, &call->fault));
		return true;
	}
	result = method_run(call);
	if (result == &deferred)
		return false;
	request_end(call, result, &call->fault);
	return true;
}

static void
call_end(struct rpc_call *call)
{
	if (call->batch && json_array_size(call->replies) == 0) {
		json_decref(call->replies);
		call->replies = NULL;
	}
	if (rpc_session_closed(call->session))
		json_decref(call->replies);
	else
		call->reply(call->arg, call->replies);
	json_decref(call->message);
	rpc_session_unref(call->session);
	rpc_service_unref(call->service);
	free(call);
}

/* Run what is left, up to a request that is deferred. */
static void
call_go_on(struct rpc_call *call)
{
	while (call->next < call->n_requests) {
		json_t *message =
			call->batch ? json_array_get(call->message, call->next) : call->message;

		call->next++;
		if (!request_run(call, message))
			return;
	}
	call_end(call);
}

/* Takes result over. */
static void
call_answer(struct rpc_call *call, json_t *result)
{
	if (call->inside) {
		call->answered = true;
		call->result = result;
		return;
	}
	request_end(call, result, &call->fault);
	call_go_on(call);
}

void
rpc_call_result(struct rpc_call *call, json_t *result)
{
	if (!result)
		fault_set(&call->fault, FAULT_INTERNAL, "", "%s: no memory for the reply",
			call->method->name);
	call_answer(call, result);
}

void
rpc_call_fault(struct rpc_call *call, const struct fault *fault)
{
	call->fault = *fault;
	call_answer(call, NULL);
}

/* A message that cannot be a batch for its size; 0 when it can, or is none. */
static int
batch_check(const json_t *message, struct fault *fault)
{
	const size_t n_requests = json_array_size(message);

	if (!json_is_array(message) || (n_requests >= 1 && n_requests <= RPC_BATCH_MAX))
		return 0;
	if (!n_requests)
		return fault_set(fault, FAULT_INVALID_REQUEST, "",
			"found an empty batch, expected a request in it");
	return fault_set(fault, FAULT_LIMIT, "", "batch of %zu requests, expected at most %d",
		n_requests, RPC_BATCH_MAX);
}

void
rpc_service_call(struct rpc_service *service, struct rpc_session *session, json_t *message,
	rpc_reply_fn reply, void *arg)
{
	struct rpc_call *call;
	struct fault fault;

	if (batch_check(message, &fault)) {
		reply(arg, rpc_error_reply(NULL, &fault));
		return;
	}
	call = calloc(1, sizeof(*call));
	if (!call) {
		fault_set(&fault, FAULT_NO_ROOM, "", "no memory for the request");
		reply(arg, rpc_error_reply(NULL, &fault));
		return;
	}
	*call = (struct rpc_call){
		.service = rpc_service_ref(service),
		.session = rpc_session_ref(session),
		.message = json_incref(message),
		.batch = json_is_array(message),
		.n_requests = json_is_array(message) ? json_array_size(message) : 1,
		.replies = json_is_array(message) ? json_array() : NULL,
		.reply = reply,
		.arg = arg,
	};
	call_go_on(call);
}

void
rpc_service_call_text(struct rpc_service *service, struct rpc_session *session, const char *text,
	size_t bytes, rpc_reply_fn reply, void *arg)
{
	json_error_t error;
	json_t *message = json_text_load(text, bytes, &error);
	struct fault fault;

	if (!message) {
		fault_set(&fault, FAULT_PARSE, "", "not JSON: line %d, column %d: %s", error.line,
			error.column, error.text);
		reply(arg, rpc_error_reply(NULL, &fault));
		return;
	}
	rpc_service_call(service, session, message, reply, arg);
	json_decref(message);
}
