/* SPDX-License-Identifier: BSD-3-Clause */
/* The documents keep to what schema_check() understands, and their own examples fit them. */
#include <criterion/criterion.h>

#include "schema/schema.h"

static const char *const keywords[] = {"type", "enum", "required", "properties",
	"additionalProperties", "items", "minItems", "maxItems", "minimum", "maximum", "minLength",
	"maxLength", "pattern", "format", "x-unit", "default", "$ref", "description", "title",
	"$schema"};

static void
keywords_check(json_t *schema, const char *where)
{
	json_t *member;
	const char *name;

	json_object_foreach (schema, name, member) {
		size_t i = 0;

		while (i < sizeof(keywords) / sizeof(keywords[0]) && strcmp(keywords[i], name))
			i++;
		cr_expect_lt(
			i, sizeof(keywords) / sizeof(keywords[0]), "%s: keyword %s", where, name);
	}
	if (json_object_get(schema, "$ref"))
		cr_expect_eq(json_object_size(schema), 1, "%s: $ref stands alone", where);
	json_object_foreach (json_object_get(schema, "properties"), name, member) {
		keywords_check(member, name);
		cr_expect(json_object_get(member, "description") || json_object_get(member, "$ref"),
			"%s/%s has no description", where, name);
	}
	if (json_object_get(schema, "items"))
		keywords_check(json_object_get(schema, "items"), where);
	if (json_is_object(json_object_get(schema, "additionalProperties")))
		keywords_check(json_object_get(schema, "additionalProperties"), where);
}

Test(documents, config_schema_uses_known_keywords)
{
	keywords_check(schema_config_document(), "config");
}

Test(documents, profile_schema_uses_known_keywords)
{
	keywords_check(schema_profile_document(), "profile");
}

Test(documents, rpc_schemas_use_known_keywords)
{
	json_t *document = schema_rpc_document();
	json_t *schemas = json_object_get(json_object_get(document, "components"), "schemas");
	json_t *method, *param, *schema;
	const char *name;
	size_t i, j;

	json_object_foreach (schemas, name, schema)
		keywords_check(schema, name);
	json_array_foreach (json_object_get(document, "methods"), i, method) {
		keywords_check(
			json_object_get(json_object_get(method, "result"), "schema"), "result");
		json_array_foreach (json_object_get(method, "params"), j, param)
			keywords_check(json_object_get(param, "schema"), "param");
	}
}

Test(documents, errors_are_the_fault_codes)
{
	json_t *components = json_object_get(schema_rpc_document(), "components");
	json_t *errors = json_object_get(components, "errors");
	const char *name;
	json_t *error;

	json_object_foreach (errors, name, error) {
		json_int_t code = json_integer_value(json_object_get(error, "code"));

		cr_expect_str_eq(fault_code_name((enum fault_code)code), name);
	}
	cr_expect_eq(json_object_size(errors), 14);
}

/* Example params come as a list of name and value. */
static json_t *
example_params(const json_t *example)
{
	json_t *params = json_object();
	json_t *param;
	size_t i;

	json_array_foreach (json_object_get(example, "params"), i, param)
		json_object_set(params, json_string_value(json_object_get(param, "name")),
			json_object_get(param, "value"));
	return params;
}

Test(documents, methods_are_described_and_their_examples_fit)
{
	json_t *document = schema_rpc_document();
	json_t *method, *example;
	struct fault fault;
	size_t i, j;

	json_array_foreach (json_object_get(document, "methods"), i, method) {
		const char *name = json_string_value(json_object_get(method, "name"));
		json_t *schema = schema_method_params(method);

		cr_assert_not_null(schema, "%s", name);
		cr_expect(json_object_get(method, "summary") &&
				  json_object_get(method, "description"),
			"%s", name);
		cr_expect_geq(json_array_size(json_object_get(method, "examples")), 1, "%s", name);
		json_array_foreach (json_object_get(method, "examples"), j, example) {
			json_t *result =
				json_object_get(json_object_get(example, "result"), "value");
			json_t *params = example_params(example);

			cr_expect_eq(schema_check_once(document, schema, params, &fault), 0,
				"%s params %s: %s", name, fault.pointer, fault.message);
			cr_expect_eq(schema_check_once(document,
					     json_object_get(
						     json_object_get(method, "result"), "schema"),
					     result, &fault),
				0, "%s result %s: %s", name, fault.pointer, fault.message);
			json_decref(params);
		}
		json_decref(schema);
	}
}

Test(documents, methods_are_found_by_name)
{
	json_t *document = schema_rpc_document();

	cr_expect_not_null(schema_method_find(document, "flow.install"));
	cr_expect_null(schema_method_find(document, "flow.instal"));
}

Test(documents, params_of_a_method_are_strict)
{
	json_t *document = schema_rpc_document();
	json_t *schema = schema_method_params(schema_method_find(document, "flow.get"));
	json_t *unknown = json_pack("{s:s, s:i}", "id", "a", "x", 1);
	json_t *missing = json_object();
	struct fault fault;

	cr_expect_eq(schema_check_once(document, schema, missing, &fault), -1);
	cr_expect_str_eq(fault.pointer, "/id");
	cr_expect_eq(schema_check_once(document, schema, unknown, &fault), -1);
	cr_expect_str_eq(fault.pointer, "/x");
	json_decref(missing);
	json_decref(unknown);
	json_decref(schema);
}

Test(documents, params_of_no_method_are_null)
{
	json_t *no_params = json_pack("{s:s}", "name", "a");
	json_t *no_name = json_pack("{s:[{s:{}}]}", "params", "schema");

	cr_expect_null(schema_method_params(no_params));
	cr_expect_null(schema_method_params(no_name));
	json_decref(no_params);
	json_decref(no_name);
}

Test(documents, smallest_config_gets_its_defaults)
{
	json_t *document = schema_config_document();
	json_t *config = json_pack("{s:[i], s:[{s:s, s:s}]}", "workers", 1, "ports", "name", "p0",
		"devargs", "net_null0");
	struct fault fault;
	const char *socket = NULL;
	int bytes = 0, depth = 0, connections = 0, core = -1, ipv4 = 0, mtu = -1;

	cr_assert_eq(schema_check_once(document, document, config, &fault), 0, "%s", fault.message);
	cr_assert_eq(json_unpack(config, "{s:{s:s, s:i, s:i, s:i}, s:{s:i}, s:{s:i}, s:[{s:i}]}",
			     "rpc", "socket", &socket, "max_message_bytes", &bytes, "max_depth",
			     &depth, "max_connections", &connections, "control", "core", &core,
			     "tables", "ipv4_flows", &ipv4, "ports", "mtu", &mtu),
		0);
	cr_expect_str_eq(socket, "/run/sluice/rpc.sock");
	cr_expect_eq(bytes, 4194304);
	cr_expect_eq(depth, 32);
	cr_expect_eq(connections, 1024);
	cr_expect_eq(core, 0);
	cr_expect_eq(ipv4, 65536);
	cr_expect_eq(mtu, 0);
	json_decref(config);
}
