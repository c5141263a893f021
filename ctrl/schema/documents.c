/* SPDX-License-Identifier: BSD-3-Clause */
/* Parses the embedded documents once and finds methods in the OpenRPC one. */
#include "schema/documents.h"

#include <string.h>

/* What embed-json makes of the documents: compact JSON, not terminated. */
extern const char embedded_sluice_rpc[];
extern const unsigned embedded_sluice_rpc_bytes;
extern const char embedded_sluice_config[];
extern const unsigned embedded_sluice_config_bytes;

static json_t *rpc_document;
static json_t *config_document;

json_t *
schema_rpc_document(void)
{
	if (!rpc_document)
		rpc_document = json_loadb(embedded_sluice_rpc, embedded_sluice_rpc_bytes, 0, NULL);
	return rpc_document;
}

json_t *
schema_config_document(void)
{
	if (!config_document)
		config_document =
			json_loadb(embedded_sluice_config, embedded_sluice_config_bytes, 0, NULL);
	return config_document;
}

void
schema_documents_release(void)
{
	json_decref(rpc_document);
	json_decref(config_document);
	rpc_document = NULL;
	config_document = NULL;
}

json_t *
schema_component(const json_t *document, const char *name)
{
	const json_t *components = json_object_get(document, "components");

	return json_object_get(json_object_get(components, "schemas"), name);
}

json_t *
schema_method_find(const json_t *document, const char *name)
{
	json_t *method;
	size_t i;

	json_array_foreach (json_object_get(document, "methods"), i, method) {
		const char *found = json_string_value(json_object_get(method, "name"));

		if (found && !strcmp(found, name))
			return method;
	}
	return NULL;
}

json_t *
schema_method_params(const json_t *method)
{
	json_t *params = json_object_get(method, "params");
	json_t *properties = json_object();
	json_t *required = json_array();
	json_t *param;
	size_t i;

	json_array_foreach (params, i, param) {
		json_t *name = json_object_get(param, "name");

		json_object_set(
			properties, json_string_value(name), json_object_get(param, "schema"));
		if (json_is_true(json_object_get(param, "required")))
			json_array_append(required, name);
	}
	if (!json_is_array(params) || json_object_size(properties) != json_array_size(params)) {
		json_decref(properties);
		json_decref(required);
		return NULL;
	}
	return json_pack("{s:s, s:b, s:o, s:o}", "type", "object", "additionalProperties", 0,
		"properties", properties, "required", required);
}

json_t *
schema_method_result(const json_t *method)
{
	return json_object_get(json_object_get(method, "result"), "schema");
}
