/* SPDX-License-Identifier: BSD-3-Clause */
#include "flow_json.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

json_t *
json_of_text(const char *text)
{
	char *copy = strdup(text);
	json_error_t error;
	json_t *json;

	for (char *c = copy; *c; c++)
		*c = *c == '\'' ? '"' : *c;
	json = json_loads(copy, 0, &error);
	cr_assert_not_null(json, "%s in %s", error.text, copy);
	free(copy);
	return json;
}

json_t *
flow_json(const char *id, int port, int last)
{
	char dst[32];
	json_t *flow;

	snprintf(dst, sizeof(dst), "198.51.100.%d", last);
	flow = json_pack("{s:{s:s, s:i, s:s, s:i}, s:[{s:s, s:i, s:s, s:i, s:s, s:i}]}", "match",
		"port", "p0", "vlan", 0, "dst", "192.0.2.1", "dst_port", port, "legs", "port", "p1",
		"vlan", 0, "src", "198.51.100.1", "src_port", 6000, "dst", dst, "dst_port", 5004);
	if (id)
		json_object_set_new(flow, "id", json_string(id));
	cr_assert_not_null(flow);
	return flow;
}

struct flow_spec *
flow_spec_made(const char *id, int port, int last)
{
	json_t *json = flow_json(id, port, last);
	struct fault fault;
	struct flow_spec *spec = flow_spec_decode(json, &fault);

	cr_assert_not_null(spec);
	json_decref(json);
	return spec;
}

struct flow_spec *
flow_spec_of_text(const char *text, struct fault *fault)
{
	json_t *json = json_of_text(text);
	struct flow_spec *spec = flow_spec_decode(json, fault);

	json_decref(json);
	return spec;
}
