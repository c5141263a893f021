/* SPDX-License-Identifier: BSD-3-Clause */
/* Finds the method, checks its parameters, runs it; takes batches apart (JSON-RPC 2.0, 6). */
#include "service.h"

#include <stdlib.h>
#include <string.h>

#include "schema/describe.h"
#include "schema/documents.h"
#include "schema/schema.h"

#define DISCOVER "rpc.discover"

struct bound_method {
	const char *name;
	struct schema *params_schema;
	rpc_method_fn call;
	void *ctx;
};

struct rpc_service {
	json_t *document;
	size_t n_methods;
	struct bound_method methods[];
};

static json_t *
discover(void *ctx, json_t *params, struct fault *fault)
{
	const struct rpc_service *service = ctx;

	(void)params;
	(void)fault;
	return json_incref(service->document);
}

static const struct bound_method *
method_find(const struct rpc_service *service, const char *name)
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
	struct schema *schema;
	struct fault fault;
	json_t *params;

	if (!method || method_find(service, name))
		return -1;
	params = schema_method_params(method);
	schema = params ? schema_create(service->document, params, &fault) : NULL;
	json_decref(params);
	if (!schema)
		return -1;
	service->methods[service->n_methods++] = (struct bound_method){name, schema, call, ctx};
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

void
rpc_service_destroy(struct rpc_service *service)
{
	if (!service)
		return;
	for (size_t i = 0; i < service->n_methods; i++)
		schema_destroy(service->methods[i].params_schema);
	json_decref(service->document);
	free(service);
}

/* Check params, or the lack of them, and run the method. */
static json_t *
method_call(const struct bound_method *method, json_t *params, struct fault *fault)
{
	if (json_is_array(params)) {
		fault_set(fault, FAULT_INVALID_PARAMS, "",
			"found an array, expected an object: parameters are passed by name");
		return NULL;
	}
	if (schema_check(method->params_schema, params, fault))
		return NULL;
	return method->call(method->ctx, params, fault);
}

static json_t *
request_run(const struct rpc_service *service, const struct request *request, struct fault *fault)
{
	const char *name = json_string_value(request->method);
	const struct bound_method *method = method_find(service, name);
	char quoted[128];
	json_t *params;
	json_t *result;

	if (!method) {
		describe_found(request->method, quoted, sizeof(quoted));
		fault_set(fault, FAULT_METHOD_NOT_FOUND, "", "no method %s", quoted);
		return NULL;
	}
	fault_set(fault, FAULT_INTERNAL, "", "%s failed and did not say why", name);
	params = request->params ? json_incref(request->params) : json_object();
	result = method_call(method, params, fault);
	json_decref(params);
	return result;
}

static json_t *
message_call(const struct rpc_service *service, json_t *message)
{
	struct request request;
	struct fault fault;
	json_t *result;

	if (envelope_open(message, &request, &fault))
		return rpc_error_reply(request.id, &fault);
	result = request_run(service, &request, &fault);
	if (!request.id) {
		json_decref(result);
		return NULL;
	}
	if (!result)
		return rpc_error_reply(request.id, &fault);
	return rpc_result_reply(request.id, result);
}

static json_t *
batch_call(const struct rpc_service *service, const json_t *batch)
{
	json_t *replies = json_array();
	json_t *message;
	size_t i;

	json_array_foreach (batch, i, message) {
		json_t *reply = message_call(service, message);

		if (reply)
			json_array_append_new(replies, reply);
	}
	if (json_array_size(replies))
		return replies;
	json_decref(replies);
	return NULL;
}

json_t *
rpc_service_call(struct rpc_service *service, json_t *message)
{
	size_t n_requests = json_array_size(message);
	struct fault fault;

	if (!json_is_array(message))
		return message_call(service, message);
	if (n_requests >= 1 && n_requests <= RPC_BATCH_MAX)
		return batch_call(service, message);
	if (!n_requests)
		fault_set(&fault, FAULT_INVALID_REQUEST, "",
			"found an empty batch, expected a request in it");
	else
		fault_set(&fault, FAULT_LIMIT, "", "batch of %zu requests, expected at most %d",
			n_requests, RPC_BATCH_MAX);
	return rpc_error_reply(NULL, &fault);
}

json_t *
rpc_service_call_text(struct rpc_service *service, const char *text, size_t bytes)
{
	json_error_t error;
	json_t *message = json_loadb(text, bytes, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
	struct fault fault;
	json_t *reply;

	if (!message) {
		fault_set(&fault, FAULT_PARSE, "", "not JSON: line %d, column %d: %s", error.line,
			error.column, error.text);
		return rpc_error_reply(NULL, &fault);
	}
	reply = rpc_service_call(service, message);
	json_decref(message);
	return reply;
}
