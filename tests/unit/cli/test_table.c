/* SPDX-License-Identifier: BSD-3-Clause */
/* Table layout, character by character. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "cli/table.h"

static const struct table_column columns[] = {{"ID", false}, {"PACKETS", true}, {"DROPS", false}};

/* Print and compare; the table is destroyed. */
static void
expect_print(struct table *table, const char *expected)
{
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	table_print(table, out);
	fclose(out);
	cr_assert_str_eq(text, expected);
	free(text);
	table_destroy(table);
}

Test(table, title_alone)
{
	expect_print(table_create(columns, 3), "ID  PACKETS  DROPS\n");
}

Test(table, columns_are_as_wide_as_their_longest_cell)
{
	struct table *table = table_create(columns, 3);

	table_cell(table, "%s", "cam1");
	table_cell(table, "%d", 7);
	table_cell(table, "-");
	table_cell(table, "a");
	table_cell(table, "%s", "1234567890");
	table_cell(table, "tx_full=1");
	expect_print(table, "ID       PACKETS  DROPS\n"
			    "cam1           7  -\n"
			    "a     1234567890  tx_full=1\n");
}

Test(table, nothing_stands_behind_the_last_character)
{
	struct table *table = table_create(columns, 3);

	table_cell(table, "cam1");
	table_cell(table, "%s", "");
	table_cell(table, "%s", "");
	table_cell(table, "%s", "");
	table_cell(table, "5");
	table_cell(table, "%s", "");
	expect_print(table, "ID    PACKETS  DROPS\n"
			    "cam1\n"
			    "            5\n");
}

Test(table, an_unfinished_row_is_printed_as_far_as_it_goes)
{
	struct table *table = table_create(columns, 3);

	table_cell(table, "a");
	expect_print(table, "ID  PACKETS  DROPS\na\n");
}

static const struct table_column wide_columns[] = {
	{"FLOW", false, false}, {"TO", false, false}, {"N", true, false}, {"COMMENT", false, true}};

static struct table *
wide_table(void)
{
	struct table *table = table_create(wide_columns, 4);

	table_cell(table, "cam1");
	table_cell(table, "p1 192.0.2.1:5004 > 192.0.2.9:5004");
	table_cell(table, "%d", 12345);
	table_cell(table, "the caf\xc3\xa9's wall, in the evening only, until Friday");
	table_cell(table, "b");
	table_cell(table, "drop");
	table_cell(table, "%d", 7);
	table_cell(table, "%s", "");
	return table;
}

static void
expect_within(size_t room, const char *expected)
{
	struct table *table = wide_table();
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	table_print_within(table, room, out);
	fclose(out);
	cr_expect_str_eq(text, expected);
	free(text);
	table_destroy(table);
}

Test(table, free_text_is_cut_to_the_room_that_is_left)
{
	expect_within(200,
		"FLOW  TO                                      N  COMMENT\n"
		"cam1  p1 192.0.2.1:5004 > 192.0.2.9:5004  12345  the caf\xc3\xa9's wall, in "
		"the evening only, until Friday\n"
		"b     drop                                    7\n");
	expect_within(70,
		"FLOW  TO                                      N  COMMENT\n"
		"cam1  p1 192.0.2.1:5004 > 192.0.2.9:5004  12345  the caf\xc3\xa9's wall, i...\n"
		"b     drop                                    7\n");
}

Test(table, columns_without_room_go_on_below)
{
	expect_within(60, "FLOW  TO                                      N\n"
			  "    COMMENT\n"
			  "cam1  p1 192.0.2.1:5004 > 192.0.2.9:5004  12345\n"
			  "    the caf\xc3\xa9's wall, in the evening only, until Friday\n"
			  "b     drop                                    7\n");
	expect_within(40, "FLOW  TO\n"
			  "        N  COMMENT\n"
			  "cam1  p1 192.0.2.1:5004 > 192.0.2.9:5004\n"
			  "    12345  the caf\xc3\xa9's wall, in the ev...\n"
			  "b     drop\n"
			  "        7\n");
	expect_within(30, "FLOW\n"
			  "    TO\n"
			  "        N  COMMENT\n"
			  "cam1\n"
			  "    p1 192.0.2.1:5004 >\n"
			  "        192.0.2.9:5004\n"
			  "    12345  the caf\xc3\xa9's wall,...\n"
			  "b\n"
			  "    drop\n"
			  "        7\n");
}

Test(table, many_rows)
{
	struct table *table = table_create(columns, 3);
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	for (int i = 0; i < 1000; i++) {
		table_cell(table, "x");
		table_cell(table, "%d", i);
		table_cell(table, "-");
	}
	table_print(table, out);
	fclose(out);
	cr_assert_eq(length, strlen("ID  PACKETS  DROPS\n") + 1000 * strlen("x       999  -\n"));
	free(text);
	table_destroy(table);
}
