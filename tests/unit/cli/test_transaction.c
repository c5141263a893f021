/* SPDX-License-Identifier: BSD-3-Clause */
/* What a plan would change, as people read it. */
#include "cli/transaction.h"

#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#define LEG \
	"{'port': 'p1', 'vlan': 0, 'src': '203.0.113.1', 'src_port': 5004, " \
	"'dst': '203.0.113.9', 'dst_port': 6004, 'id': 'wall', 'dscp': 34}"

/* JSON with ' for ". */
static json_t *
json_of(const char *text)
{
	char *copy = strdup(text);
	json_error_t error;
	json_t *value;

	for (char *c = copy; *c != '\0'; c++)
		*c = *c == '\'' ? '"' : *c;
	value = json_loads(copy, 0, &error);
	cr_assert_not_null(value, "%s", error.text);
	free(copy);
	return value;
}

static char *
change_text(const char *json, bool colour)
{
	json_t *change = json_of(json);
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	diff_change_print(change, colour, out);
	fclose(out);
	json_decref(change);
	return text;
}

static void
expect_change(const char *json, const char *expected)
{
	char *text = change_text(json, false);

	cr_expect_str_eq(text, expected);
	for (const char *line = text; *line != '\0'; line += strcspn(line, "\n") + 1)
		cr_expect_leq(strcspn(line, "\n"), 80, "%s", line);
	free(text);
}

Test(diff, added_flows_are_shown_with_their_legs)
{
	expect_change("{'op': 'add', 'id': 'cam1', 'flow': {'id': 'cam1', 'match': {'port': 'p0', "
		      "'dst': '192.0.2.1', 'dst_port': 5004}, 'latch': 'first', "
		      "'legs': [" LEG "]}}",
		"+ cam1  p0 any > 192.0.2.1:5004\n"
		"    latch: first\n"
		"    leg p1 203.0.113.1:5004 > 203.0.113.9:6004 {id: wall, dscp: 34}\n");
}

Test(diff, removed_flows_are_named)
{
	expect_change("{'op': 'remove', 'id': 'old', 'flow': {'id': 'old', 'rule': {'priority': 9, "
		      "'family': 4}, 'legs': [" LEG "]}}",
		"- old  rule 9 IPv4 any > any\n");
}

Test(diff, what_changes_is_shown_field_by_field)
{
	expect_change("{'op': 'change', 'id': 'cam2', 'fields': ["
		      "{'pointer': '/legs/0/dscp', 'before': 34, 'after': 46}, "
		      "{'pointer': '/police', 'after': {'rate_bps': 4000000}}, "
		      "{'pointer': '/idle_timeout_s', 'before': 60}, "
		      "{'pointer': '/legs/1', 'before': " LEG "}]}",
		"~ cam2\n"
		"    ~ /legs/0/dscp: 34 -> 46\n"
		"    + /police: {rate_bps: 4000000}\n"
		"    - /idle_timeout_s: 60\n"
		"    - /legs/1: p1 203.0.113.1:5004 > 203.0.113.9:6004 {id: wall, dscp: 34}\n");
}

Test(diff, long_lines_are_broken_at_blanks)
{
	expect_change("{'op': 'change', 'id': 'cam2', 'fields': [{'pointer': '/allow', 'before': "
		      "['192.0.2.0/28', '192.0.2.16/28', '192.0.2.32/28', '192.0.2.48/28'], "
		      "'after': ['192.0.2.0/26', '198.51.100.0/26']}]}",
		"~ cam2\n"
		"    ~ /allow: [192.0.2.0/28, 192.0.2.16/28, 192.0.2.32/28, 192.0.2.48/28] ->\n"
		"        [192.0.2.0/26, 198.51.100.0/26]\n");
	expect_change("{'op': 'change', 'id': 'cam2', 'fields': [{'pointer': '/legs/1', 'after': "
		      "{'id': 'leg-1', 'port': 'p1', 'src': '198.51.100.1', 'src_port': 5001, "
		      "'dst': '198.51.100.10', 'dst_port': 5001, 'mac': '02:00:00:00:00:10'}}]}",
		"~ cam2\n"
		"    + /legs/1: p1 198.51.100.1:5001 > 198.51.100.10:5001 {id: leg-1,\n"
		"        mac: '02:00:00:00:00:10'}\n");
	expect_change("{'op': 'remove', 'id': "
		      "'a-name-of-sixty-four-characters-which-is-the-longest-that-there-may', "
		      "'flow': {'match': {'port': 'p0', 'vlan': 7, 'src': '2001:db8:1111:2222::1', "
		      "'src_port': 5004, 'dst': '2001:db8:3333:4444::1', 'dst_port': 5004}}}",
		"- a-name-of-sixty-four-characters-which-is-the-longest-that-there-may  p0 vlan 7\n"
		"    [2001:db8:1111:2222::1]:5004 > [2001:db8:3333:4444::1]:5004\n");
}

Test(diff, colour_begins_and_ends_with_a_line)
{
	char *text = change_text("{'op': 'change', 'id': 'c', 'fields': ["
				 "{'pointer': '/admin', 'before': 'up'}]}",
		true);

	cr_expect_str_eq(text, "\033[33m~ c\033[0m\n    \033[31m- /admin: up\033[0m\n");
	free(text);
}

Test(diff, an_older_daemon_makes_a_poorer_diff)
{
	expect_change("{}", "~ -\n    becomes declared, otherwise unchanged\n");
	expect_change("{'op': 'add', 'id': 'x'}", "+ x\n");
}

static void
expect_summary(const char *json, uint64_t size, const char *expected)
{
	json_t *plan = json_of(json);
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	diff_summary_print(plan, out);
	fclose(out);
	cr_expect_str_eq(text, expected);
	cr_expect_eq(diff_size(plan), size);
	free(text);
	json_decref(plan);
}

Test(diff, summary_has_numbers_and_sizes)
{
	expect_summary("{'generation': 41, 'flows': {'added': 2, 'changed': 1, 'removed': 1, "
		       "'unchanged': 97, 'left_alone': 3}, 'legs': {'now': 204, 'then': 210}, "
		       "'table_bytes': {'now': 9984, 'then': 13056}}",
		4,
		"Plan against generation 41: 2 to add, 1 to change, 1 to remove, 97 stay\n"
		"  3 not affected: installed otherwise, not declared; --prune removes them\n"
		"  flows 102 -> 103, legs 204 -> 210, table 9984 bytes -> 13056 bytes\n");
}

Test(diff, summary_of_nothing)
{
	expect_summary("{'generation': 7, 'flows': {'added': 0, 'changed': 0, 'removed': 0, "
		       "'unchanged': 1, 'left_alone': 0}, 'legs': {'now': 1, 'then': 1}, "
		       "'table_bytes': {'now': 128000000, 'then': 128000000}}",
		0,
		"No changes to generation 7: 1 stays\n"
		"  flows 1 -> 1, legs 1 -> 1, table 128000000 bytes -> 128000000 bytes\n");
}

Test(diff, flows_that_become_declared_are_a_change)
{
	expect_summary("{'generation': 7, 'flows': {'unchanged': 3, 'adopted': 2}}", 2,
		"Plan against generation 7: 0 to add, 0 to change, 0 to remove, 5 stay\n"
		"  2 of those that stay become declared\n"
		"  flows 5 -> 5, legs 0 -> 0, table 0 bytes -> 0 bytes\n");
}
