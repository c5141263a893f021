/* SPDX-License-Identifier: BSD-3-Clause */
/* The line of `watch`, as it is seen. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "cli/watch_line.h"

static char *
line_of(const char *source)
{
	json_t *record = json_loads(source, 0, NULL);
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	cr_assert_not_null(record, "%s", source);
	watch_line_print(record, out);
	fclose(out);
	json_decref(record);
	return text;
}

static void
expect_line(const char *source, const char *expected)
{
	char *line = line_of(source);

	cr_assert_str_eq(line, expected);
	free(line);
}

static void
utc(void)
{
	setenv("TZ", "UTC", 1);
	tzset();
}

TestSuite(watch_line, .init = utc);

Test(watch_line, columns_stand_below_their_titles)
{
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	watch_line_header(out);
	fclose(out);
	cr_assert_str_eq(text,
		"TIME      IN PKT/S   MBIT/S OUT PKT/S   MBIT/S  SENT BY LEG          DROPS\n");
	free(text);
	expect_line("{\"time_ns\":3661999999999,\"rx_pps\":480,\"rx_bps\":5143892,\"tx_pps\":960,"
		    "\"tx_bps\":10349999,\"installed\":1,"
		    "\"flows\":[{\"id\":\"cam1\",\"sent\":[1200,1199]}],\"drops\":{\"tx_full\":1}}",
		"01:01:01       480      5.1       960     10.3  cam1 1200 1199       tx_full=1\n");
}

Test(watch_line, without_a_flow_to_show)
{
	expect_line("{\"time_ns\":0,\"rx_pps\":0,\"rx_bps\":49999,\"tx_pps\":0,\"tx_bps\":50000,"
		    "\"installed\":12,\"flows\":[],\"drops\":{}}",
		"00:00:00         0      0.0         0      0.1  12 flows             -\n");
}

Test(watch_line, flows_that_are_gone_or_many_or_wide)
{
	expect_line(
		"{\"time_ns\":0,\"rx_pps\":148809523,\"rx_bps\":100000000000,\"tx_pps\":1,"
		"\"tx_bps\":1,\"installed\":2,\"drops\":{},\"flows\":[{\"id\":\"a\",\"sent\":null},"
		"{\"id\":\"b\",\"sent\":[5,4,6,5,5,5,5,5,5]}]}",
		"00:00:00 148809523 100000.0         1      0.0  a gone, b 9 legs 4..6  -\n");
}
