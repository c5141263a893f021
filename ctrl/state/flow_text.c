/* SPDX-License-Identifier: BSD-3-Clause */
#include "state/flow_text.h"

#include "base/json.h"
#include "schema/documents.h"
#include "schema/schema.h"

char *
flow_text_encode(const struct flow_spec *spec, size_t *bytes)
{
	struct json_writer writer;
	size_t length;

	json_writer_init(&writer);
	flow_spec_write(&writer, spec);
	return json_writer_take(&writer, bytes ? bytes : &length);
}

struct schema *
flow_text_schema(struct fault *fault)
{
	json_t *document = schema_rpc_document();
	struct schema *schema = schema_create(document, schema_component(document, "flow"), fault);

	if (schema)
		schema_leave_items(schema); /* flow_spec_decode() knows what absence means */
	return schema;
}

struct flow_spec *
flow_text_decode(const struct schema *schema, const char *text, size_t bytes, struct fault *fault)
{
	json_error_t error;
	json_t *flow = json_text_load(text, bytes, &error);
	struct flow_spec *spec = NULL;

	if (!flow) {
		fault_set(fault, FAULT_PARSE, "", "not JSON: line %d, column %d: %s", error.line,
			error.column, error.text);
		return NULL;
	}
	if (schema_check(schema, flow, fault) == 0)
		spec = flow_spec_decode(flow, fault);
	json_decref(flow);
	return spec;
}
