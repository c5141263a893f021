/* SPDX-License-Identifier: BSD-3-Clause */
/* The argument parser: kinds of arguments, values, and what is refused. */
#include <criterion/criterion.h>
#include <errno.h>

#include "cli/options.h"

static const struct option_spec globals[] = {
	{"json", NULL, ""}, {"socket", "PATH", ""}, {"help", NULL, "", 'h'}, {NULL}};
static const struct option_spec locals[] = {
	{"leg", "K=V", ""}, {"flows", NULL, ""}, {"output", "FILE", "", 'o'}, {NULL}};

static struct option_scan
scan_of(int argc, const char *const *argv)
{
	return (struct option_scan){
		.argc = argc, .argv = argv, .globals = globals, .locals = locals};
}

#define SCAN(...) \
	const char *const argv[] = {__VA_ARGS__}; \
	struct option_scan scan = scan_of(sizeof(argv) / sizeof(argv[0]), argv)

static void
expect(struct option_scan *scan, enum option_kind kind, const char *name, const char *value)
{
	cr_assert_eq(options_next(scan), kind, "before argument %d", scan->next);
	if (name != NULL)
		cr_assert_str_eq(scan->spec->name, name);
	if (value != NULL)
		cr_assert_str_eq(scan->value, value);
	else
		cr_assert_null(scan->value);
}

static void
expect_error(struct option_scan *scan, const char *message)
{
	cr_assert_eq(options_next(scan), OPTION_ERROR);
	cr_assert_str_eq(scan->error, message);
}

Test(options, words_and_options_mix)
{
	SCAN("--json", "flow", "--leg", "port=p0,dst=x", "id", "--flows", "--socket=/a=b");

	expect(&scan, OPTION_GLOBAL, "json", NULL);
	expect(&scan, OPTION_WORD, NULL, "flow");
	expect(&scan, OPTION_LOCAL, "leg", "port=p0,dst=x");
	expect(&scan, OPTION_WORD, NULL, "id");
	expect(&scan, OPTION_LOCAL, "flows", NULL);
	expect(&scan, OPTION_GLOBAL, "socket", "/a=b");
	cr_assert_eq(options_next(&scan), OPTION_END);
	cr_assert_eq(options_next(&scan), OPTION_END);
}

Test(options, a_value_may_look_like_an_option)
{
	SCAN("--leg", "--json", "--leg=");

	expect(&scan, OPTION_LOCAL, "leg", "--json");
	expect(&scan, OPTION_LOCAL, "leg", "");
}

Test(options, dash_is_a_word_and_two_dashes_end_options)
{
	SCAN("-", "-h", "--", "--json", "--");

	expect(&scan, OPTION_WORD, NULL, "-");
	expect(&scan, OPTION_GLOBAL, "help", NULL);
	expect(&scan, OPTION_WORD, NULL, "--json");
	expect(&scan, OPTION_WORD, NULL, "--");
	cr_assert_eq(options_next(&scan), OPTION_END);
}

Test(options, unknown_options_are_refused)
{
	SCAN("--jso", "--jsonx", "-x", "-json", "-elp");

	expect_error(&scan, "unknown option --jso");
	expect_error(&scan, "unknown option --jsonx");
	expect_error(&scan, "unknown option -x");
	expect_error(&scan, "unknown option -json");
	expect_error(&scan, "unknown option -elp");
}

Test(options, locals_are_unknown_before_the_command)
{
	SCAN("--leg", "x");

	scan.locals = NULL;
	expect_error(&scan, "unknown option --leg");
}

Test(options, values_must_fit)
{
	SCAN("--json=1", "--leg");

	expect_error(&scan, "option takes no value: --json=1");
	expect_error(&scan, "value missing after --leg");
}

Test(arguments, repeated_options_keep_their_order)
{
	struct arguments arguments;
	size_t position = 0;

	cr_assert_eq(arguments_init(&arguments, 4), 0);
	arguments.options[arguments.n_options].name = "leg";
	arguments.options[arguments.n_options++].value = "a";
	arguments.options[arguments.n_options].name = "flows";
	arguments.options[arguments.n_options++].value = NULL;
	arguments.options[arguments.n_options].name = "leg";
	arguments.options[arguments.n_options++].value = "b";
	cr_assert_str_eq(arguments_next(&arguments, "leg", &position), "a");
	cr_assert_str_eq(arguments_next(&arguments, "leg", &position), "b");
	cr_assert_null(arguments_next(&arguments, "leg", &position));
	cr_assert_str_eq(arguments_value(&arguments, "leg"), "b");
	cr_assert_str_eq(arguments_value(&arguments, "flows"), "");
	cr_assert_null(arguments_value(&arguments, "id"));
	arguments_fini(&arguments);
}

Test(numbers, only_digits_in_range)
{
	uint64_t number = 99;

	cr_assert_eq(number_parse("0", 0, 10, &number), 0);
	cr_assert_eq(number, 0);
	cr_assert_eq(number_parse("18446744073709551615", 0, UINT64_MAX, &number), 0);
	cr_assert_eq(number, UINT64_MAX);
	number = 99;
	cr_assert_eq(number_parse("18446744073709551616", 0, UINT64_MAX, &number), -EINVAL);
	cr_assert_eq(number_parse("", 0, 10, &number), -EINVAL);
	cr_assert_eq(number_parse("-1", 0, 10, &number), -EINVAL);
	cr_assert_eq(number_parse("+1", 0, 10, &number), -EINVAL);
	cr_assert_eq(number_parse("1 ", 0, 10, &number), -EINVAL);
	cr_assert_eq(number_parse("0x1", 0, 10, &number), -EINVAL);
	cr_assert_eq(number_parse("11", 0, 10, &number), -EINVAL);
	cr_assert_eq(number_parse("0", 1, 10, &number), -EINVAL);
	cr_assert_eq(number, 99, "written in spite of the error");
}

Test(numbers, seconds_become_milliseconds)
{
	static const struct {
		const char *text;
		uint64_t ms; /* 0: refused */
	} cases[] = {
		{"1", 1000},
		{"0.5", 500},
		{"1.25", 1250},
		{"0.001", 1},
		{"0.05", 50},
		{"86400", 86400000},
		{"0", 0},
		{"0.000", 0},
		{"86400.001", 0},
		{"1.", 0},
		{".5", 0},
		{"1.0001", 0},
		{"1.2.3", 0},
		{"1s", 1000},
		{"500ms", 500},
		{"1.5s", 1500},
		{"2m", 120000},
		{"0.5ms", 0},
		{"1w", 0},
		{"", 0},
		{"-1", 0},
		{"123456789", 0},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t ms = 0;

		cr_expect_eq(seconds_parse(cases[i].text, &ms), cases[i].ms != 0 ? 0 : -EINVAL,
			"%s", cases[i].text);
		cr_expect_eq(ms, cases[i].ms, "%s", cases[i].text);
	}
}

Test(options, some_have_a_letter)
{
	SCAN("-o", "flows.yaml", "-oflows.yaml");

	expect(&scan, OPTION_LOCAL, "output", "flows.yaml");
	cr_assert_eq(options_next(&scan), OPTION_ERROR);
	cr_assert_str_eq(scan.error, "unknown option -oflows.yaml");
}
