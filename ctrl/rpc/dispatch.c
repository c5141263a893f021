/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Finds the method, checks the caller and the parameters, runs it. The requests of a message run
 * one after the other (JSON-RPC 2.0, section 6), and one that is deferred delays those behind it.
 * One struct rpc_call serves all requests of a message in turn. Replies of a batch leave as they
 * are made; when the client does not read them, the batch waits until it does.
 */
#include "rpc/dispatch.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "base/json.h"
#include "rpc/audit.h"
#include "schema/documents.h"
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

/* Calls that wait for a turn, or for their client to read. */
LIST_HEAD(call_list, rpc_call);

/* Go on with all of them at once; the service has been destroyed, so it does not take long. */
static void rpc_calls_finish(struct call_list *resting);

struct rpc_service {
	json_t *document;
	char *document_text; /* compact */
	size_t document_bytes;
	unsigned n_refs;
	struct audit *audit;
	struct call_list resting;
	bool destroyed; /* and kept by calls that are still to be answered */
	size_t n_methods;
	struct bound_method methods[];
};

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
rpc_service_create(json_t *document, const struct rpc_method *methods, size_t n_methods, void *ctx)
{
	size_t n_bound = n_methods + 1;
	struct rpc_service *service =
		calloc(1, sizeof(*service) + n_bound * sizeof(service->methods[0]));

	if (!service)
		return NULL;
	service->document = json_incref(document);
	service->n_refs = 1;
	service->document_text = json_dumps(document, JSON_COMPACT);
	if (!service->document_text)
		goto err;
	service->document_bytes = strlen(service->document_text);
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

/* A service lives until it is destroyed and its last call has been answered. */
static struct rpc_service *
rpc_service_ref(struct rpc_service *service)
{
	service->n_refs++;
	return service;
}

static void
rpc_service_unref(struct rpc_service *service)
{
	if (--service->n_refs)
		return;
	for (size_t i = 0; i < service->n_methods; i++)
		schema_destroy(service->methods[i].params_schema);
	json_decref(service->document);
	free(service->document_text);
	free(service);
}

void
rpc_service_destroy(struct rpc_service *service)
{
	if (!service)
		return;
	service->destroyed = true;
	rpc_calls_finish(&service->resting);
	rpc_service_unref(service);
}

void
rpc_service_audit(struct rpc_service *service, struct audit *audit)
{
	service->audit = audit;
}

static struct audit *
rpc_service_log(const struct rpc_service *service)
{
	return service->audit;
}

const json_t *
rpc_service_document(const struct rpc_service *service, const char **text, size_t *bytes)
{
	*text = service->document_text;
	*bytes = service->document_bytes;
	return service->document;
}

static bool
rpc_service_stopped(const struct rpc_service *service)
{
	return service->destroyed;
}

static struct call_list *
rpc_service_resting(struct rpc_service *service)
{
	return &service->resting;
}

/* What someone who was refused can do about it. */
static const char *
role_hint(const struct actor *actor)
{
	return strcmp(actor->via, "tls") == 0
		       ? "an entry for the certificate under tls.roles in sluice.yaml gives it"
		       : "an entry under access.users or access.groups in sluice.yaml gives it";
}

static int
role_check(const struct bound_method *method, const struct actor *actor, struct fault *fault)
{
	char who[ACTOR_NAME_MAX + 32];

	if (actor->role >= method->role)
		return 0;
	snprintf(who, sizeof(who), "%s", actor->name);
	if (actor->uid != UINT32_MAX && strncmp(actor->name, "uid ", 4) != 0)
		snprintf(who, sizeof(who), "%s (uid %u)", actor->name, actor->uid);
	return fault_set(fault, FAULT_FORBIDDEN, "", "%s needs role %s, %s has %s; %s",
		method->name, role_name(method->role), who, role_name(actor->role),
		role_hint(actor));
}

/*
 * Check the caller's role and the parameters (NULL: none), and run the method. Returns as an
 * rpc_method_fn does.
 */
static json_t *
rpc_service_run(const struct rpc_service *service, const struct bound_method *method,
	struct rpc_call *call, json_t *params, struct fault *fault)
{
	json_t *result = NULL;

	fault->code = FAULT_NONE;
	if (service->destroyed) {
		fault_set(fault, FAULT_BUSY, "", "sluiced is stopping");
		return NULL;
	}
	if (role_check(method, rpc_call_actor(call), fault))
		return NULL;
	if (rpc_user_check(rpc_session_user(rpc_call_session(call)), fault))
		return NULL;
	if (method->role > ROLE_VIEWER && audit_ready(service->audit, fault))
		return NULL;
	if (json_is_array(params)) {
		fault_set(fault, FAULT_INVALID_PARAMS, "",
			"found an array, expected an object: parameters are passed by name");
		return NULL;
	}
	params = params ? json_incref(params) : json_object();
	if (schema_check(method->params_schema, params, fault) == 0)
		result = method->call(method->ctx, call, params, fault);
	json_decref(params);
	if (!result && fault->code == FAULT_NONE)
		fault_set(fault, FAULT_INTERNAL, "", "%s failed and did not say why", method->name);
	return result;
}

struct rpc_call {
	LIST_ENTRY(rpc_call) resting; /* in the service's list until `run` is called */
	struct rpc_service *service;
	struct rpc_session *session;
	json_t *message;
	bool batch;
	size_t tree_bytes; /* of a batch: what it counts for its user */
	size_t n_requests;
	size_t next; /* request of a batch to run */
	json_t *only; /* reply to a message that is no batch; NULL: none */
	rpc_reply_fn reply;
	void *arg;
	struct request request; /* the one that runs; borrowed from message */
	const struct bound_method *method; /* its */
	json_t *what; /* it is about, for the audit log; NULL: it is not logged */
	struct rpc_turn turn; /* of the session's user */
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

/* Pass the reply to a request on, which is taken over; NULL: it gets none. */
static void
reply_pass(struct rpc_call *call, json_t *reply)
{
	if (!call->batch) {
		call->only = reply;
	} else if (rpc_session_closed(call->session)) {
		json_decref(reply);
	} else if (reply) {
		rpc_session_hold(call->session, true);
		call->reply(call->arg, reply, RPC_REPLY_PART);
	}
}

/* The request that runs is answered: result (taken over), or if that is NULL, *fault. */
static void
request_end(struct rpc_call *call, json_t *result, const struct fault *fault)
{
	json_t *id = call->request.id;

	if (call->what) {
		audit_call(rpc_service_log(call->service), rpc_call_actor(call), call->method->name,
			call->what, result, fault);
		json_decref(call->what);
		call->what = NULL;
	}
	if (!id)
		json_decref(result);
	else
		reply_pass(
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
		json_describe(call->request.method, quoted, sizeof(quoted));
		fault_set(&call->fault, FAULT_METHOD_NOT_FOUND, "", "no method %s", quoted);
		return NULL;
	}
	if (call->method->role > ROLE_VIEWER && rpc_service_log(call->service))
		call->what = audit_what(call->request.params);
	call->inside = true;
	call->answered = false;
	result = rpc_service_run(
		call->service, call->method, call, call->request.params, &call->fault);
	call->inside = false;
	return result == &deferred && call->answered ? call->result : result;
}

/* Of a request that is deferred only the id is needed any more. */
static void
message_release(struct rpc_call *call)
{
	if (call->batch)
		return;
	json_incref(call->request.id);
	json_decref(call->message);
	call->message = call->request.id;
}

/* Run a request. True: it is answered, or needs no answer; false: it is deferred. */
static bool
request_run(struct rpc_call *call, json_t *message)
{
	json_t *result;

	if (envelope_open(message, &call->request, &call->fault)) {
		reply_pass(call, rpc_error_reply(call->request.id, &call->fault));
		return true;
	}
	result = method_run(call);
	if (result == &deferred) {
		message_release(call);
		return false;
	}
	request_end(call, result, &call->fault);
	return true;
}

static void
call_end(struct rpc_call *call)
{
	if (rpc_session_closed(call->session)) {
		json_decref(call->only);
	} else {
		call->reply(call->arg, call->only, RPC_REPLY_END);
		rpc_session_hold(call->session, false);
	}
	json_decref(call->message);
	if (call->tree_bytes)
		rpc_user_bytes_remove(rpc_session_user(call->session), call->tree_bytes);
	rpc_session_unref(call->session);
	rpc_service_unref(call->service);
	free(call);
}

static void session_drained(void *arg);

/* `run` is about to be called. */
static void
rest_end(struct rpc_call *call)
{
	LIST_REMOVE(call, resting);
	rpc_turn_cancel(&call->turn);
	rpc_session_cancel_drain(call->session, session_drained, call);
	rpc_session_cancel_close(call->session, session_drained, call);
}

static void
on_turn(void *arg)
{
	struct rpc_call *call = arg;

	rest_end(call);
	call->run(call->run_arg);
}

static void
call_rest(struct rpc_call *call, rpc_session_fn run, void *arg)
{
	call->run = run;
	call->run_arg = arg;
	LIST_INSERT_HEAD(rpc_service_resting(call->service), call, resting);
}

/* Have run(arg) called in a turn. False: there are no turns. */
static bool
turn_take(struct rpc_call *call, rpc_session_fn run, void *arg)
{
	if (rpc_service_stopped(call->service) || !rpc_turn_ask(&call->turn))
		return false;
	call_rest(call, run, arg);
	return true;
}

void
rpc_call_in_turn(struct rpc_call *call, rpc_session_fn run, void *arg)
{
	if (!turn_take(call, run, arg))
		run(arg);
}

/* The client has read, or has gone. */
static void
session_drained(void *arg)
{
	struct rpc_call *call = arg;

	rpc_session_cancel_drain(call->session, session_drained, call);
	rpc_session_cancel_close(call->session, session_drained, call);
	if (!rpc_turn_ask(&call->turn))
		on_turn(call);
}

/* Have run(arg) called when the client has read what waits for it, if much does. */
static bool
drain_wait(struct rpc_call *call, rpc_session_fn run, void *arg)
{
	if (rpc_service_stopped(call->service) || !rpc_session_full(call->session) ||
		rpc_session_on_drain(call->session, session_drained, call) < 0)
		return false;
	if (rpc_session_on_close(call->session, session_drained, call) < 0) {
		rpc_session_cancel_drain(call->session, session_drained, call);
		return false;
	}
	call_rest(call, run, arg);
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

static void
rpc_calls_finish(struct call_list *resting)
{
	struct rpc_call *call;

	while ((call = LIST_FIRST(resting)) != NULL)
		on_turn(call);
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
	struct rpc_user *user = rpc_session_user(call->session);

	if (!call->batch || !user)
		return 0;
	call->tree_bytes = tree_bytes(call->message);
	rpc_user_bytes_add(user, call->tree_bytes);
	return rpc_user_check(user, fault);
}

size_t
rpc_service_call(struct rpc_service *service, struct rpc_session *session, json_t *message,
	rpc_reply_fn reply, void *arg)
{
	const size_t n_requests = json_is_array(message) ? json_array_size(message) : 1;
	struct rpc_call *call;
	struct fault fault;

	if (batch_check(message, &fault)) {
		reply(arg, rpc_error_reply(NULL, &fault), RPC_REPLY_END);
		return 1;
	}
	call = calloc(1, sizeof(*call));
	if (!call) {
		fault_set(&fault, FAULT_NO_ROOM, "", "no memory for the request");
		reply(arg, rpc_error_reply(NULL, &fault), RPC_REPLY_END);
		return 1;
	}
	*call = (struct rpc_call){
		.service = rpc_service_ref(service),
		.session = rpc_session_ref(session),
		.message = json_incref(message),
		.batch = json_is_array(message),
		.n_requests = n_requests,
		.reply = reply,
		.arg = arg,
		.turn = {.user = rpc_session_user(session), .run = on_turn, .arg = call},
	};
	if (batch_count(call, &fault) < 0) {
		call->only = rpc_error_reply(NULL, &fault);
		call_end(call);
		return n_requests;
	}
	call_go_on(call);
	return n_requests;
}

size_t
rpc_service_call_text(struct rpc_service *service, struct rpc_session *session, const char *text,
	size_t bytes, rpc_reply_fn reply, void *arg)
{
	json_error_t error;
	json_t *message = rpc_message_load(text, bytes, &error);
	struct fault fault;
	size_t n_requests;

	if (!message) {
		fault_set(&fault, FAULT_PARSE, "", "not JSON: line %d, column %d: %s", error.line,
			error.column, error.text);
		reply(arg, rpc_error_reply(NULL, &fault), RPC_REPLY_END);
		return 1;
	}
	n_requests = rpc_service_call(service, session, message, reply, arg);
	json_decref(message);
	return n_requests;
}
