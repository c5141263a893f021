/* SPDX-License-Identifier: BSD-3-Clause */
/* Files of declared flows: which are read, in which order, and what their refusals name. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "schema/flow_files.h"
#include "schema/schema.h"

#define FLOW(id, port) \
	"  - id: " id "\n" \
	"    match: {port: p0, dst: 192.0.2.1, dst_port: " port "}\n" \
	"    action: drop\n"

static char folder[32];

static void
begin(void)
{
	strcpy(folder, "/tmp/test-flows-XXXXXX");
	cr_assert_not_null(mkdtemp(folder));
}

static void
end(void)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -r %s", folder);
	cr_assert_eq(system(command), 0);
}

TestSuite(flow_files, .init = begin, .fini = end);

static void
file_write(const char *name, const char *text)
{
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "w");
	cr_assert_not_null(file);
	fputs(text, file);
	fclose(file);
}

/* Loading must fail with that message, where @ stands for the folder. */
static void
refused(const char *path, enum fault_code code, const char *expected)
{
	struct fault fault = {0};
	char name[64], message[FAULT_MESSAGE_MAX] = "";
	char *out = message;

	snprintf(name, sizeof(name), "%s/%s", folder, path);
	cr_assert_null(flow_files_load(name, &fault));
	cr_expect_eq(fault.code, code, "%d", fault.code);
	for (; *expected != '\0'; expected++) {
		if (*expected == '@')
			out = stpcpy(out, folder);
		else
			*out++ = *expected;
	}
	cr_expect_str_eq(fault.message, message);
}

static const char *
id_at(const struct flow_files *files, size_t index)
{
	return json_string_value(
		json_object_get(json_array_get(flow_files_items(files), index), "id"));
}

Test(flow_files, a_directory_is_read_by_name_and_hidden_or_other_files_are_not)
{
	struct fault fault = {0};
	struct flow_files *files;

	file_write("20-b.yaml", "flows:\n" FLOW("b", "2"));
	file_write("10-a.yaml", "flows:\n" FLOW("z", "3") FLOW("a", "1"));
	file_write("30-c.yaml", "flows: []\n");
	file_write(".hidden.yaml", "no: flows\n");
	file_write("10-a.yaml~", "no: flows\n");
	file_write("README", "no: flows\n");
	files = flow_files_load(folder, &fault);
	cr_assert_not_null(files, "%s", fault.message);
	cr_assert_eq(flow_files_count(files), 3);
	cr_assert_eq(json_array_size(flow_files_items(files)), 3);
	cr_expect_str_eq(id_at(files, 0), "z");
	cr_expect_str_eq(id_at(files, 1), "a");
	cr_expect_str_eq(id_at(files, 2), "b");
	flow_files_destroy(files);
}

Test(flow_files, one_file_may_have_any_name_and_be_json)
{
	struct fault fault = {0};
	struct flow_files *files;
	char path[64];

	file_write("studio.json",
		"{\"flows\": [{\"id\": \"cam\", \"action\": \"drop\","
		" \"match\": {\"port\": \"p0\", \"dst\": \"192.0.2.1\", \"dst_port\": 1}}]}");
	snprintf(path, sizeof(path), "%s/studio.json", folder);
	files = flow_files_load(path, &fault);
	cr_assert_not_null(files, "%s", fault.message);
	cr_expect_str_eq(id_at(files, 0), "cam");
	flow_files_destroy(files);
}

Test(flow_files, an_empty_directory_has_no_flows)
{
	struct fault fault = {0};
	struct flow_files *files = flow_files_load(folder, &fault);

	cr_assert_not_null(files);
	cr_expect_eq(flow_files_count(files), 0);
	cr_expect_eq(json_array_size(flow_files_items(files)), 0);
	flow_files_destroy(files);
	flow_files_destroy(NULL);
}

Test(flow_files, what_is_not_there_is_named)
{
	refused("none", FAULT_NOT_FOUND, "@/none: No such file or directory");
}

Test(flow_files, a_name_that_would_be_passed_over_is_refused)
{
	file_write("a.yml", "flows: []\n");
	refused("", FAULT_INVALID_VALUE,
		"@/a.yml: found another extension, expected .yaml; rename or move the file");
}

Test(flow_files, a_fault_names_file_line_flow_and_field)
{
	file_write("a.yaml", "flows:\n" FLOW("a", "1"));
	file_write("b.yaml", "flows:\n" FLOW("b", "1") FLOW("c", "70000"));
	refused("", FAULT_INVALID_PARAMS,
		"@/b.yaml:6: flow c: /match/dst_port: "
		"found 70000, expected an integer from 1 to 65535");
}

Test(flow_files, an_id_is_needed)
{
	file_write("a.yaml", "flows:\n  - match: {port: p0, dst: 192.0.2.1, dst_port: 1}\n");
	refused("a.yaml", FAULT_INVALID_VALUE,
		"@/a.yaml:2: flow without an id: /id: "
		"missing, expected an id: every declared flow needs one");
}

Test(flow_files, an_id_that_is_there_twice_names_both_places)
{
	file_write("a.yaml", "# first\nflows:\n" FLOW("a", "1") FLOW("b", "2"));
	file_write("b.yaml", "flows:\n" FLOW("c", "3") "\n" FLOW("b", "4"));
	refused("", FAULT_CONFLICT,
		"@/b.yaml:6: flow b: /id: declared twice, first at @/a.yaml:6; "
		"rename or remove one of them");
}

Test(flow_files, a_file_is_a_mapping_with_flows)
{
	file_write("a.yaml", "\n- id: a\n");
	refused("a.yaml", FAULT_INVALID_PARAMS,
		"@/a.yaml:2: /: found an array of 1 item, expected an object");
	file_write("a.yaml", "flows: []\nflow: []\n");
	refused("a.yaml", FAULT_INVALID_PARAMS,
		"@/a.yaml:2: /flow: unknown member, expected one of: flows, relays");
	file_write("a.yaml", "flows: {a: 1}\n");
	refused("a.yaml", FAULT_INVALID_PARAMS,
		"@/a.yaml:1: /flows: found an object, expected an array");
	file_write("a.yaml", "{}\n");
	refused("a.yaml", FAULT_INVALID_PARAMS, "@/a.yaml:1: /flows: missing, expected an array");
	file_write("a.yaml", "flows: [1\n");
	refused("a.yaml", FAULT_PARSE, "@/a.yaml:2: did not find expected ',' or ']'");
}

#define RELAY(id, port) \
	"  - id: " id "\n" \
	"    a: {port: p0, local: 192.0.2.1, local_port: " port "}\n" \
	"    b: {port: p1, local: 192.0.2.1, local_port: " port "}\n"

Test(flow_files, relays_stand_beside_flows)
{
	struct fault fault = {0};
	struct flow_files *files;

	file_write("a.yaml", "relays:\n" RELAY("x", "2") "flows:\n" FLOW("a", "1"));
	file_write("b.yaml", "flows:\n" FLOW("b", "3"));
	file_write("c.yaml", "relays:\n" RELAY("a", "4") RELAY("b", "6"));
	files = flow_files_load(folder, &fault);
	cr_assert_not_null(files, "%s", fault.message);
	cr_assert_eq(json_array_size(flow_files_items(files)), 5);
	cr_expect_eq(flow_files_relays(files), 3);
	for (size_t i = 0; i < 5; i++)
		cr_expect_eq(flow_files_is_relay(json_array_get(flow_files_items(files), i)),
			i == 1 || i >= 3);
	cr_expect_str_eq(id_at(files, 1), "x");
	fault_set(&fault, FAULT_CONFLICT, "/b/local", "taken");
	flow_files_locate(files, 4, &fault);
	cr_expect_str_eq(fault.pointer, "/relays/1/b/local");
	cr_expect_not_null(
		strstr(fault.message, "/c.yaml:7: relay b: /b/local: taken"), "%s", fault.message);
	flow_files_destroy(files);
}

Test(flow_files, a_fault_of_a_relay_names_it)
{
	file_write("a.yaml", "flows:\n" FLOW("a", "1") "relays:\n" RELAY("x", "0"));
	refused("", FAULT_INVALID_PARAMS,
		"@/a.yaml:7: relay x: /a/local_port: found 0, expected an integer from 1 to 65535");
	file_write("a.yaml", "relays:\n" RELAY("x", "2") RELAY("y", "4") RELAY("x", "6"));
	refused("", FAULT_CONFLICT,
		"@/a.yaml:8: relay x: /id: declared twice, first at @/a.yaml:2; "
		"rename or remove one of them");
	file_write("a.yaml", "relays: 1\n");
	refused("", FAULT_INVALID_PARAMS, "@/a.yaml:1: /relays: found 1, expected an array");
}

Test(flow_files, a_fault_that_is_found_later_is_located_too)
{
	struct fault fault = {0};
	struct flow_files *files;
	char expected[FAULT_MESSAGE_MAX];

	file_write("a.yaml", "flows:\n" FLOW("a", "1"));
	file_write("b.yaml", "flows:\n" FLOW("b", "1"));
	files = flow_files_load(folder, &fault);
	cr_assert_not_null(files, "%s", fault.message);
	fault_set(&fault, FAULT_CONFLICT, "/match", "found the match of flow a");
	flow_files_locate(files, 1, &fault);
	snprintf(expected, sizeof(expected),
		"%s/b.yaml:3: flow b: /match: found the match of flow a", folder);
	cr_expect_str_eq(fault.message, expected);
	cr_expect_str_eq(fault.pointer, "/flows/0/match");
	cr_expect_eq(fault.code, FAULT_CONFLICT);
	fault_set(&fault, FAULT_LIMIT, "", "all over");
	flow_files_locate(files, 2, &fault);
	cr_expect_str_eq(fault.message, "all over");
	flow_files_destroy(files);
}
