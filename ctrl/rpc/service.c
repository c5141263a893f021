/* SPDX-License-Identifier: BSD-3-Clause */
/* Finds the method, checks who calls and with what parameters, runs it. */
#include "rpc/service.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "rpc/dispatch.h"
#include "schema/documents.h"
#include "schema/schema.h"

#define DISCOVER "rpc.discover"

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

const struct bound_method *
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

struct rpc_service *
rpc_service_ref(struct rpc_service *service)
{
	service->n_refs++;
	return service;
}

void
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

struct audit *
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

bool
rpc_service_stopped(const struct rpc_service *service)
{
	return service->destroyed;
}

struct call_list *
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

json_t *
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
