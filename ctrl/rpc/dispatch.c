/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Finds the method, checks the caller and the parameters, runs it. The requests of a message run
 * one after the other (JSON-RPC 2.0, section 6), and one that is deferred delays those behind it.
 * One struct rpc_call serves all requests of a message in turn. Replies of a batch leave as they
 * are made; when the client does not read them, the batch waits until it does.
 */
#include "rpc/dispatch.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "base/json.h"
#include "schema/schema.h"

#define DISCOVER "rpc.discover"

/* A method of the document, bound to its function. */
struct bound_method {
	const char *name;
	enum role role; /* that it needs */
	struct schema *params_schema;
	rpc_method_fn call;
	void *ctx;
};

static void on_turn(void *arg);

struct rpc_service {
	json_t *document;
	unsigned n_refs; /* one, and one of each call that is not answered yet */
	struct audit *audit;
	LIST_HEAD(, rpc_call) waiting; /* for a turn, or for their client to read */
	bool destroyed;
	size_t n_methods;
	struct bound_method methods[];
};

static int
member_refuse(const char *pointer, const char *expected, struct fault *fault)
{
	return fault_set(
		fault, FAULT_INVALID_REQUEST, pointer, "not a request: expected %s", expected);
}

/* Refuse members that JSON-RPC does not know. */
static int
members_known(json_t *message, struct fault *fault)
{
	static const char *const known[] = {"jsonrpc", "method", "params", "id"};
	const size_t n_known = sizeof(known) / sizeof(known[0]);
	const struct json_path top = {0};
	struct json_path member = {.parent = &top};
	char pointer[FAULT_POINTER_MAX];
	const json_t *value;

	json_object_foreach (message, member.member, value) {
		size_t i = 0;

		while (i < n_known && strcmp(known[i], member.member))
			i++;
		if (i < n_known)
			continue;
		json_path_pointer(&member, pointer, sizeof(pointer));
		return member_refuse(pointer, "no members but jsonrpc, method, params, id", fault);
	}
	return 0;
}

struct request {
	const json_t *method; /* a string */
	json_t *params; /* an object or an array; NULL: absent */
	json_t *id; /* a string, an integer or null; NULL: absent, a notification */
};

/*
 * Check one request; *request is borrowed from the message. Returns 0, or -1 with
 * FAULT_INVALID_REQUEST; request->id is set even then if the message has a valid one.
 */
static int
envelope_open(json_t *message, struct request *request, struct fault *fault)
{
	const char *version = json_string_value(json_object_get(message, "jsonrpc"));
	json_t *id = json_object_get(message, "id");

	*request = (struct request){
		.method = json_object_get(message, "method"),
		.params = json_object_get(message, "params"),
	};
	if (!json_is_object(message))
		return member_refuse("", "an object", fault);
	if (id && !json_is_string(id) && !json_is_integer(id) && !json_is_null(id))
		return member_refuse(
			"/id", "a string, null, or an integer from -2^63 to 2^64 - 1", fault);
	request->id = id;
	if (!version || strcmp(version, "2.0"))
		return member_refuse("/jsonrpc", "\"2.0\"", fault);
	if (!json_is_string(request->method))
		return member_refuse("/method", "a string", fault);
	if (request->params && !json_is_object(request->params) && !json_is_array(request->params))
		return member_refuse("/params", "an object", fault);
	return members_known(message, fault);
}

json_t *
rpc_error_reply(json_t *id, const struct fault *fault)
{
	return json_pack("{s:s, s:{s:i, s:o, s:{s:s, s:o}}, s:O?}", "jsonrpc", "2.0", "error",
		"code", (int)fault->code, "message", json_string_lossy(fault->message), "data",
		"name", fault_code_name(fault->code), "pointer", json_string_lossy(fault->pointer),
		"id", id);
}

/* Takes result over, on failure too. */
static json_t *
rpc_result_reply(json_t *id, json_t *result)
{
	return json_pack("{s:s, s:o, s:O}", "jsonrpc", "2.0", "result", result, "id", id);
}

static json_t *
discover(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault)
{
	const struct rpc_service *service = ctx;

	(void)call;
	(void)params;
	(void)fault;
	return json_incref(service->document);
}

/* NULL: there is none of that name. */
static const struct bound_method *
rpc_service_find(const struct rpc_service *service, const char *name)
{
	for (size_t i = 0; i < service->n_methods; i++)
		if (!strcmp(service->methods[i].name, name))
			return &service->methods[i];
	return NULL;
}

static int
method_bind(struct rpc_service *service, const char *name, rpc_method_fn call, void *ctx)
{
	const json_t *method = schema_method_find(service->document, name);
	enum role role = role_of_name(json_string_value(json_object_get(method, "x-role")));
	struct schema *schema;
	struct fault fault;
	json_t *params;

	if (!method || role == ROLE_NONE || rpc_service_find(service, name))
		return -1;
	params = schema_method_params(method);
	schema = params ? schema_create(service->document, params, &fault) : NULL;
	json_decref(params);
	if (!schema)
		return -1;
	schema_leave_items(
		schema); /* flows and legs: flow_spec_decode() knows what absence means */
	service->methods[service->n_methods++] =
		(struct bound_method){name, role, schema, call, ctx};
	return 0;
}

struct rpc_service *
rpc_service_create(json_t *document, const struct rpc_method *methods, size_t n_methods, void *ctx,
	struct audit *audit)
{
	size_t n_bound = n_methods + 1;
	struct rpc_service *service =
		calloc(1, sizeof(*service) + n_bound * sizeof(service->methods[0]));

	if (!service)
		return NULL;
	service->document = json_incref(document);
	service->audit = audit;
	service->n_refs = 1;
	if (json_array_size(json_object_get(document, "methods")) != n_bound ||
		method_bind(service, DISCOVER, discover, service))
		goto err;
	for (size_t i = 0; i < n_methods; i++)
		if (method_bind(service, methods[i].name, methods[i].call, ctx))
			goto err;
	return service;

err:
	rpc_service_destroy(service);
	return NULL;
}

static void
rpc_service_unref(struct rpc_service *service)
{
	if (--service->n_refs)
		return;
	for (size_t i = 0; i < service->n_methods; i++)
		schema_destroy(service->methods[i].params_schema);
	json_decref(service->document);
	free(service);
}

void
rpc_service_destroy(struct rpc_service *service)
{
	if (!service)
		return;
	service->destroyed = true;
	/* Each is refused at once. */
	while (!LIST_EMPTY(&service->waiting))
		on_turn(LIST_FIRST(&service->waiting));
	rpc_service_unref(service);
}

static int
role_check(const struct bound_method *method, const struct actor *actor, struct fault *fault)
{
	const char *hint = strcmp(actor->via, "tls") == 0
				   ? "an entry for the certificate under tls.roles"
				   : "an entry under access.users or access.groups";
	char who[ACTOR_NAME_MAX + 32];

	if (actor->role >= method->role)
		return 0;
	snprintf(who, sizeof(who), "%s", actor->name);
	if (actor->uid != UINT32_MAX && strncmp(actor->name, "uid ", 4) != 0)
		snprintf(who, sizeof(who), "%s (uid %u)", actor->name, actor->uid);
	return fault_set(fault, FAULT_FORBIDDEN, "",
		"%s requires role %s, %s has %s; add %s in sluice.yaml", method->name,
		role_name(method->role), who, role_name(actor->role), hint);
}

struct rpc_call {
	LIST_ENTRY(rpc_call) waiting; /* in the service's list until `run` is called */
	struct rpc_service *service;
	struct rpc_session *session;
	json_t *message;
	bool batch;
	size_t tree_bytes; /* of a batch: what it counts for its user */
	size_t n_requests;
	size_t next; /* request of a batch to run */
	unsigned n_parts; /* of the answer to a batch, that have been written */
	rpc_session_fn done;
	void *arg;
	struct request request; /* the one that runs; borrowed from message */
	const struct bound_method *method; /* its */
	json_t *what; /* it is about, for the audit log; NULL: it is not logged */
	struct rpc_turn turn; /* of the session's user */
	struct rpc_watch watch; /* until the client reads or its connection is closed */
	rpc_session_fn run; /* what to do in it */
	void *run_arg;
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

/* Write the reply to a request, which is taken over. */
static void
reply_write(struct rpc_call *call, json_t *reply)
{
	if (!call->batch) {
		rpc_session_write(call->session, "", reply, "\n");
		return;
	}
	call->session->held = true;
	rpc_session_write(call->session, call->n_parts++ ? "," : "[", reply, "");
}

/* The request that runs is answered: result (taken over), or if that is NULL, *fault. */
static void
request_end(struct rpc_call *call, json_t *result, const struct fault *fault)
{
	json_t *id = call->request.id;

	if (call->what) {
		audit_call(call->service->audit, &call->session->actor, call->method->name,
			call->what, result, fault);
		json_decref(call->what);
		call->what = NULL;
	}
	if (!id)
		json_decref(result);
	else
		reply_write(
			call, result ? rpc_result_reply(id, result) : rpc_error_reply(id, fault));
}

/*
 * Check the caller's role and the parameters, and run the method. Returns as an rpc_method_fn does.
 */
static json_t *
method_run(struct rpc_call *call)
{
	const struct rpc_service *service = call->service;
	const struct bound_method *method =
		rpc_service_find(service, json_string_value(call->request.method));
	json_t *params = call->request.params, *result = NULL;
	struct fault *fault = &call->fault;
	char quoted[128];

	call->method = method;
	if (!method) {
		json_describe(call->request.method, quoted, sizeof(quoted));
		return fault_null(fault, FAULT_METHOD_NOT_FOUND, "", "no method %s", quoted);
	}
	if (method->role > ROLE_VIEWER && service->audit)
		call->what = audit_what(params);
	fault->code = FAULT_NONE;
	if (service->destroyed)
		return fault_null(fault, FAULT_BUSY, "", "sluiced is stopping");
	if (role_check(method, &call->session->actor, fault) ||
		rpc_user_check(call->session->user, fault) ||
		(method->role > ROLE_VIEWER && audit_ready(service->audit, fault)))
		return NULL;
	if (json_is_array(params))
		return fault_null(fault, FAULT_INVALID_PARAMS, "",
			"found an array, expected an object: parameters are passed by name");
	params = params ? json_incref(params) : json_object();
	call->inside = true;
	call->answered = false;
	if (schema_check(method->params_schema, params, fault) == 0)
		result = method->call(method->ctx, call, params, fault);
	call->inside = false;
	json_decref(params);
	if (result == &deferred && call->answered)
		return call->result;
	if (!result && fault->code == FAULT_NONE)
		fault_set(fault, FAULT_INTERNAL, "", "%s: no memory for the reply", method->name);
	return result;
}

/* Run a request. True: it is answered, or needs no answer; false: it is deferred. */
static bool
request_run(struct rpc_call *call, json_t *message)
{
	json_t *result;

	if (envelope_open(message, &call->request, &call->fault)) {
		reply_write(call, rpc_error_reply(call->request.id, &call->fault));
		return true;
	}
	result = method_run(call);
	if (result == &deferred) {
		if (!call->batch) { /* of the message only the id is still needed */
			json_incref(call->request.id);
			json_decref(call->message);
			call->message = call->request.id;
		}
		return false;
	}
	request_end(call, result, &call->fault);
	return true;
}

static void
call_end(struct rpc_call *call)
{
	struct rpc_session *session = call->session;

	if (session->output) {
		if (call->n_parts)
			evbuffer_add(session->output, "]\n", 2);
		call->done(call->arg);
		session->held = false;
		if (!rpc_session_full(session))
			rpc_session_drained(session);
	}
	json_decref(call->message);
	if (call->tree_bytes)
		rpc_user_bytes_change(session->user, 0, call->tree_bytes);
	rpc_session_unref(session);
	rpc_service_unref(call->service);
	free(call);
}

static void
on_turn(void *arg)
{
	struct rpc_call *call = arg;

	LIST_REMOVE(call, waiting);
	rpc_turn_cancel(&call->turn);
	rpc_session_unwatch(call->session, &call->watch);
	call->run(call->run_arg);
}

static void
call_wait(struct rpc_call *call, rpc_session_fn run, void *arg)
{
	call->run = run;
	call->run_arg = arg;
	LIST_INSERT_HEAD(&call->service->waiting, call, waiting);
}

/* Have run(arg) called in a turn. False: there are no turns. */
static bool
turn_take(struct rpc_call *call, rpc_session_fn run, void *arg)
{
	if (call->service->destroyed || !rpc_turn_request(&call->turn))
		return false;
	call_wait(call, run, arg);
	return true;
}

void
rpc_call_in_turn(struct rpc_call *call, rpc_session_fn run, void *arg)
{
	if (!turn_take(call, run, arg))
		run(arg);
}

/* The client has read, or its connection is closed. */
static void
session_drained(void *arg)
{
	struct rpc_call *call = arg;

	rpc_session_unwatch(call->session, &call->watch);
	if (!rpc_turn_request(&call->turn))
		on_turn(call);
}

/* Have run(arg) called when the client has read what waits for it, if much does. */
static bool
drain_wait(struct rpc_call *call, rpc_session_fn run, void *arg)
{
	if (call->service->destroyed || !rpc_session_full(call->session) ||
		rpc_session_watch(call->session, &call->watch) < 0)
		return false;
	call_wait(call, run, arg);
	return true;
}

/* Run what is left, up to a request that is deferred, for as long as a turn lasts. */
static void
call_go_on(void *arg)
{
	struct rpc_call *call = arg;
	const uint64_t end_ns = clock_read_ns(CLOCK_MONOTONIC) + TURN_NS;

	while (call->next < call->n_requests) {
		json_t *message =
			call->batch ? json_array_get(call->message, call->next) : call->message;

		call->next++;
		if (!request_run(call, message))
			return;
		if (call->next < call->n_requests &&
			(drain_wait(call, call_go_on, call) ||
				(clock_read_ns(CLOCK_MONOTONIC) > end_ns &&
					turn_take(call, call_go_on, call))))
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

/* About what malloc() and jansson take for a value: some 50 bytes for each byte of its text. */
static size_t
tree_bytes(json_t *value)
{
	json_t *member;
	const char *name;
	size_t i, bytes;

	switch (json_typeof(value)) {
	case JSON_OBJECT:
		bytes = 256;
		json_object_foreach (value, name, member)
			bytes += 64 + strlen(name) + tree_bytes(member);
		return bytes;
	case JSON_ARRAY:
		bytes = 128 + 8 * json_array_size(value);
		json_array_foreach (value, i, member)
			bytes += tree_bytes(member);
		return bytes;
	case JSON_STRING:
		return 64 + json_string_length(value);
	default:
		return 32;
	}
}

/* A batch may wait for long: what it takes then counts for its user. -1 when that is too much. */
static int
batch_count(struct rpc_call *call, struct fault *fault)
{
	struct rpc_user *user = call->session->user;

	if (!call->batch || !user)
		return 0;
	call->tree_bytes = tree_bytes(call->message);
	rpc_user_bytes_change(user, call->tree_bytes, 0);
	return rpc_user_check(user, fault);
}

size_t
rpc_service_call(struct rpc_service *service, struct rpc_session *session, const char *text,
	size_t bytes, rpc_session_fn done, void *arg)
{
	json_error_t error;
	json_t *message = json_text_load(text, bytes, &error);
	const bool batch = json_is_array(message);
	const size_t n_requests = batch ? json_array_size(message) : 1;
	struct rpc_call *call = NULL;
	struct fault fault;

	if (!message)
		fault_set(&fault, FAULT_PARSE, "", "not JSON: line %d, column %d: %s", error.line,
			error.column, error.text);
	else if (!n_requests)
		fault_set(&fault, FAULT_INVALID_REQUEST, "",
			"found an empty batch, expected a request in it");
	else if (batch && n_requests > RPC_BATCH_MAX)
		fault_set(&fault, FAULT_LIMIT, "", "batch of %zu requests, expected at most %d",
			n_requests, RPC_BATCH_MAX);
	else if (!(call = calloc(1, sizeof(*call))))
		fault_set(&fault, FAULT_NO_ROOM, "", "no memory for the request");
	if (!call) {
		json_decref(message);
		rpc_session_write(session, "", rpc_error_reply(NULL, &fault), "\n");
		done(arg);
		return 1;
	}
	*call = (struct rpc_call){
		.service = service,
		.session = rpc_session_ref(session),
		.message = message,
		.batch = batch,
		.n_requests = n_requests,
		.done = done,
		.arg = arg,
		.turn = {.user = session->user, .run = on_turn, .arg = call},
		.watch = {.closed = session_drained, .drained = session_drained, .arg = call},
	};
	service->n_refs++;
	if (batch_count(call, &fault) < 0) {
		rpc_session_write(session, "", rpc_error_reply(NULL, &fault), "\n");
		call_end(call);
	} else {
		call_go_on(call);
	}
	return n_requests;
}
