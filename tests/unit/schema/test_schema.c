/* SPDX-License-Identifier: BSD-3-Clause */
/* Each keyword, taken and refused, with the words and the pointer of the refusal. */
#include <criterion/criterion.h>
#include <regex.h>
#include <string.h>

#include "schema/schema.h"

static json_t *
json_of(const char *text)
{
	json_error_t error;
	json_t *value = json_loads(text, JSON_DECODE_ANY, &error);

	cr_assert_not_null(value, "test data %s: %s", text, error.text);
	return value;
}

/* NULL pointer: the value fits. */
struct sample {
	const char *schema;
	const char *value;
	const char *pointer;
	const char *message;
};

static void
sample_check(const struct sample *sample)
{
	json_t *schema = json_of(sample->schema);
	json_t *value = json_of(sample->value);
	struct fault fault = {0};
	int error = schema_check_once(schema, schema, value, &fault);

	if (!sample->pointer) {
		cr_expect_eq(
			error, 0, "%s in %s: %s", sample->value, sample->schema, fault.message);
	} else {
		cr_expect_eq(error, -1, "%s in %s", sample->value, sample->schema);
		cr_expect_eq(fault.code, FAULT_INVALID_PARAMS);
		cr_expect_str_eq(fault.pointer, sample->pointer);
		cr_expect_str_eq(fault.message, sample->message);
	}
	json_decref(value);
	json_decref(schema);
}

#define SAMPLES_CHECK(samples) \
	for (size_t i = 0; i < sizeof(samples) / sizeof((samples)[0]); i++) \
	sample_check(&(samples)[i])

Test(schema, type)
{
	static const struct sample samples[] = {
		{"{\"type\": \"integer\"}", "7"},
		{"{\"type\": \"integer\"}", "-7"},
		{"{\"type\": \"integer\"}", "\"x\"", "", "found \"x\", expected an integer"},
		{"{\"type\": \"integer\"}", "7.5", "", "found 7.5, expected an integer"},
		{"{\"type\": \"integer\"}", "1.0", "", "found 1.0, expected an integer"},
		{"{\"type\": \"integer\"}", "true", "", "found true, expected an integer"},
		{"{\"type\": \"string\"}", "\"\""},
		{"{\"type\": \"string\"}", "1", "", "found 1, expected a string"},
		{"{\"type\": \"boolean\"}", "true"},
		{"{\"type\": \"boolean\"}", "false"},
		{"{\"type\": \"boolean\"}", "0", "", "found 0, expected true or false"},
		{"{\"type\": \"object\"}", "{\"any\": 1}"},
		{"{\"type\": \"object\"}", "[]", "",
			"found an array of 0 items, expected an object"},
		{"{\"type\": \"array\"}", "[1, \"a\"]"},
		{"{\"type\": \"array\"}", "{}", "", "found an object, expected an array"},
		{"{\"type\": \"null\"}", "null"},
		{"{\"type\": [\"string\", \"null\"]}", "null"},
		{"{\"type\": [\"string\", \"null\"]}", "\"a\""},
		{"{\"type\": [\"string\", \"null\"]}", "3", "",
			"found 3, expected a string or null"},
		{"{}", "[{\"a\": null}]"},
	};

	SAMPLES_CHECK(samples);
}

Test(schema, number)
{
	static const char share[] = "{\"type\": \"number\", \"minimum\": 0, \"maximum\": 1}";
	static const struct sample samples[] = {
		{share, "0"},
		{share, "1"},
		{share, "0.0"},
		{share, "0.25"},
		{share, "1.0"},
		{share, "1.01", "", "found 1.01, expected a number from 0 to 1"},
		{share, "-0.5", "", "found -0.5, expected a number from 0 to 1"},
		{share, "2", "", "found 2, expected a number from 0 to 1"},
		{share, "\"x\"", "", "found \"x\", expected a number from 0 to 1"},
		{"{\"type\": \"number\"}", "-7.5"},
		{"{\"type\": \"number\"}", "null", "", "found null, expected a number"},
	};

	SAMPLES_CHECK(samples);
}

/* A text stands for a number where the schema says which kind of number it is. */
Test(schema, units)
{
	static const struct {
		const char *unit;
		const char *text;
		json_int_t number; /* -1: refused */
	} cases[] = {
		{"s", "60", 60},
		{"s", "60s", 60},
		{"s", "5m", 300},
		{"s", "2h", 7200},
		{"s", "1d", 86400},
		{"s", "1.5m", 90},
		{"s", "2000ms", 2},
		{"s", "500ms", -1},
		{"s", "5 m", -1},
		{"s", "m", -1},
		{"s", "", -1},
		{"s", "1w", -1},
		{"s", "213503983d", -1}, /* 2^64 and some thousandths of a millisecond */
		{"s", "-1s", -1},
		{"ms", "500", 500},
		{"ms", "500ms", 500},
		{"ms", "1.5s", 1500},
		{"ms", "0.5", -1},
		{"decimal", "64k", 64000},
		{"decimal", "2.5M", 2500000},
		{"decimal", "1.5", -1},
		{"decimal", "64 k", -1},
		{"dscp", "EF", 46},
		{"dscp", "ef", 46},
		{"dscp", "VA", 44},
		{"dscp", "BE", 0},
		{"dscp", "DF", 0},
		{"dscp", "LE", 1},
		{"dscp", "CS0", 0},
		{"dscp", "CS3", 24},
		{"dscp", "CS7", 56},
		{"dscp", "CS8", -1},
		{"dscp", "AF11", 10},
		{"dscp", "AF41", 34},
		{"dscp", "AF43", 38},
		{"dscp", "AF44", -1},
		{"dscp", "AF51", -1},
		{"dscp", "46", 46},
		{"dscp", "64", -1},
		{"dscp", "EFX", -1},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_t *schema = json_pack("{s:{s:{s:s, s:i, s:s}}}", "properties", "a", "type",
			"integer", "maximum", 10000000, "x-unit", cases[i].unit);
		json_t *value = json_pack("{s:s, s:i}", "a", cases[i].text, "b", 7);
		struct fault fault = {0};
		int rc = schema_check_once(schema, schema, value, &fault);

		cr_expect_eq(
			rc, cases[i].number < 0 ? -1 : 0, "%s: %s", cases[i].text, fault.message);
		if (rc == 0)
			cr_expect_eq(json_integer_value(json_object_get(value, "a")),
				cases[i].number, "%s", cases[i].text);
		else
			cr_expect_str_eq(fault.pointer, "/a");
		json_decref(value);
		json_decref(schema);
	}
}

Test(schema, integer_bounds)
{
	static const char both[] = "{\"type\": \"integer\", \"minimum\": 0, \"maximum\": 4094}";
	static const char low[] = "{\"type\": \"integer\", \"minimum\": 1}";
	static const char high[] = "{\"type\": \"integer\", \"maximum\": 9}";
	static const struct sample samples[] = {
		{both, "0"},
		{both, "4094"},
		{both, "4095", "", "found 4095, expected an integer from 0 to 4094"},
		{both, "-1", "", "found -1, expected an integer from 0 to 4094"},
		{both, "\"x\"", "", "found \"x\", expected an integer from 0 to 4094"},
		{low, "0", "", "found 0, expected an integer of at least 1"},
		{high, "10", "", "found 10, expected an integer of at most 9"},
		{high, "9223372036854775807", "",
			"found 9223372036854775807, expected an integer of at most 9"},
	};

	SAMPLES_CHECK(samples);
}

Test(schema, string_length_counts_characters)
{
	static const char schema[] = "{\"type\": \"string\", \"minLength\": 1, \"maxLength\": 3}";
	static const struct sample samples[] = {
		{schema, "\"a\""},
		{schema, "\"\\u00e9\\u00e9\\u00e9\""},
		{schema, "\"\"", "", "found \"\", expected a string of 1 to 3 characters"},
		{schema, "\"abcd\"", "", "found \"abcd\", expected a string of 1 to 3 characters"},
	};

	SAMPLES_CHECK(samples);
}

Test(schema, pattern)
{
	static const char schema[] = "{\"type\": \"string\", \"pattern\": \"^[a-z.]+$\"}";
	static const struct sample samples[] = {
		{schema, "\"ab.c\""},
		{schema, "\"aB\"", "", "found \"aB\", expected a string matching ^[a-z.]+$"},
		{schema, "\"ab\\n\"", "", "found \"ab\\n\", expected a string matching ^[a-z.]+$"},
	};

	SAMPLES_CHECK(samples);
}

Test(schema, format)
{
	static const char ip[] = "{\"type\": \"string\", \"format\": \"ip\"}";
	static const char mac[] = "{\"type\": \"string\", \"format\": \"mac\"}";
	static const char no_mac[] = "expected a MAC address such as 02:00:5e:00:53:01";
	static const struct sample samples[] = {
		{ip, "\"192.0.2.1\""},
		{ip, "\"2001:db8::1\""},
		{ip, "\"192.0.2.256\"", "",
			"found \"192.0.2.256\", expected an IPv4 or IPv6 address"},
		{ip, "\"192.0.2.1/24\"", "",
			"found \"192.0.2.1/24\", expected an IPv4 or IPv6 address"},
		{ip, "1", "", "found 1, expected an IPv4 or IPv6 address"},
		{mac, "\"02:00:5e:00:53:0A\""},
	};
	static const char *const bad_macs[] = {
		"\"02:00:5e:00:53\"", "\"02-00-5e-00-53-01\"", "\"02:00:5e:00:53:0g\"", "\"\""};
	char message[128];

	SAMPLES_CHECK(samples);
	for (size_t i = 0; i < sizeof(bad_macs) / sizeof(bad_macs[0]); i++) {
		snprintf(message, sizeof(message), "found %s, %s", bad_macs[i], no_mac);
		sample_check(&(struct sample){mac, bad_macs[i], "", message});
	}
}

Test(schema, enumeration)
{
	static const char schema[] = "{\"enum\": [\"up\", \"down\", 3]}";
	static const struct sample samples[] = {
		{schema, "\"up\""},
		{schema, "3"},
		{schema, "\"left\"", "", "found \"left\", expected one of \"up\", \"down\", 3"},
	};

	SAMPLES_CHECK(samples);
}

Test(schema, array_items)
{
	static const char schema[] = "{\"type\": \"array\", \"minItems\": 1, \"maxItems\": 2,"
				     " \"items\": {\"type\": \"integer\"}}";
	static const char pair[] = "{\"type\": \"array\", \"minItems\": 2, \"maxItems\": 2,"
				   " \"items\": {\"type\": \"integer\"}}";
	static const struct sample samples[] = {
		{pair, "[1]", "", "found an array of 1 item, expected an array of 2 items"},
		{schema, "[1]"},
		{schema, "[1, 2]"},
		{schema, "[]", "", "found an array of 0 items, expected an array of 1 to 2 items"},
		{schema, "[1, 2, 3]", "",
			"found an array of 3 items, expected an array of 1 to 2 items"},
		{schema, "[1, null]", "/1", "found null, expected an integer"},
	};

	SAMPLES_CHECK(samples);
}

Test(schema, object_members)
{
	static const char schema[] =
		"{\"type\": \"object\", \"required\": [\"dst\"], \"additionalProperties\": false,"
		" \"properties\": {\"src\": {\"type\": \"integer\"},"
		" \"dst\": {\"type\": \"string\"}}}";
	static const struct sample samples[] = {
		{schema, "{\"dst\": \"a\"}"},
		{schema, "{\"dst\": \"a\", \"src\": 1}"},
		{schema, "{}", "/dst", "missing, expected a string"},
		{schema, "{\"dst\": \"a\", \"sorce\": 1}", "/sorce",
			"unknown member, expected one of: src, dst"},
		{schema, "{\"sorce\": 1}", "/sorce", "unknown member, expected one of: src, dst"},
		{schema, "{\"dst\": \"a\", \"src\": []}", "/src",
			"found an array of 0 items, expected an integer"},
		{"{\"additionalProperties\": false}", "{\"a\": 1}", "/a",
			"unknown member, expected none"},
		{"{\"additionalProperties\": {\"type\": \"integer\"}}", "{\"a\": 1, \"b\": \"x\"}",
			"/b", "found \"x\", expected an integer"},
	};

	SAMPLES_CHECK(samples);
}

Test(schema, pointers_are_nested_and_escaped)
{
	static const char schema[] =
		"{\"items\": {\"additionalProperties\": {\"items\": {\"type\": \"null\"}}}}";
	static const struct sample samples[] = {
		{schema, "[{}, {\"a\": [null, 1]}]", "/1/a/1", "found 1, expected null"},
		{schema, "[{\"a/b~c\": [0]}]", "/0/a~1b~0c/0", "found 0, expected null"},
		{schema, "[{\"\": [0]}]", "/0//0", "found 0, expected null"},
	};

	SAMPLES_CHECK(samples);
}

Test(schema, reference_is_followed_also_for_missing_members)
{
	static const char schema[] =
		"{\"components\": {\"schemas\":"
		" {\"vlan\": {\"type\": \"integer\", \"maximum\": 9}}},"
		" \"required\": [\"vlan\"],"
		" \"properties\": {\"vlan\": {\"$ref\": \"#/components/schemas/vlan\"}}}";
	static const struct sample samples[] = {
		{schema, "{\"vlan\": 9}"},
		{schema, "{\"vlan\": 10}", "/vlan", "found 10, expected an integer of at most 9"},
		{schema, "{}", "/vlan", "missing, expected an integer of at most 9"},
	};

	SAMPLES_CHECK(samples);
}

Test(schema, long_strings_are_cut_at_a_character)
{
	static const struct sample samples[] = {
		{"{\"type\": \"integer\"}", "\"aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeee\"",
			"",
			"found \"aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeee\", "
			"expected an integer"},
		{"{\"type\": \"integer\"}",
			"\"aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeee\\u00e9 tail\"", "",
			"found \"aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeee\"... (54 bytes), "
			"expected an integer"},
		{"{\"type\": \"integer\"}", "\"\\u001b[2J\\u00e9\"", "",
			"found \"\\u001B[2J\\u00E9\", expected an integer"},
	};

	SAMPLES_CHECK(samples);
}

Test(schema, long_pointer_is_cut)
{
	json_t *schema = json_of("{\"additionalProperties\": false}");
	struct fault fault = {0};
	char name[4096];
	json_t *value;

	memset(name, '/', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	value = json_pack("{s:i}", name, 1);
	cr_expect_eq(schema_check_once(schema, schema, value, &fault), -1);
	cr_expect_eq(strncmp(fault.pointer, "/~1~1~1", 7), 0);
	cr_expect_lt(strlen(fault.pointer), sizeof(fault.pointer));
	json_decref(value);
	json_decref(schema);
}

Test(schema, broken_schema_is_an_internal_fault)
{
	static const struct {
		const char *schema;
		const char *message;
	} samples[] = {
		{"{\"properties\": {\"a\": {\"$ref\": \"#/nowhere\"}}}",
			"the schema is broken: found #/nowhere, expected an object in its place"},
		{"{\"items\": [true]}",
			"the schema is broken: found no schema, expected an object in its place"},
		{"{\"format\": \"other\"}",
			"the schema is broken: found other, expected a known format or a valid "
			"pattern"},
		{"{\"format\": \"ip\", \"pattern\": \"(\"}",
			"the schema is broken: found (, expected a known format or a valid "
			"pattern"},
		{"{\"items\": {\"pattern\": \"^[z-a]+$\"}}",
			"the schema is broken: found ^[z-a]+$, expected a known format or a valid "
			"pattern"},
		{"{\"pattern\": \"^[a+$\"}",
			"the schema is broken: found ^[a+$, expected a known format or a valid "
			"pattern"},
	};

	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		json_t *source = json_of(samples[i].schema);
		struct fault fault;

		cr_expect_null(schema_create(source, source, &fault));
		cr_expect_eq(fault.code, FAULT_INTERNAL);
		cr_expect_str_eq(fault.message, samples[i].message);
		json_decref(source);
	}
}

Test(schema, objects_of_too_many_members_are_broken)
{
	json_t *properties = json_object(), *source = json_pack("{s:O}", "properties", properties);
	struct fault fault;
	char name[16];

	for (int i = 0; i < 65; i++) {
		snprintf(name, sizeof(name), "m%d", i);
		json_object_set_new(properties, name, json_object());
	}
	cr_expect_null(schema_create(source, source, &fault));
	cr_expect_str_eq(fault.message,
		"the schema is broken: 65 members in an object, expected at most 64");
	json_decref(source);
	json_decref(properties);
}

Test(schema, references_may_be_round)
{
	static const char schema[] = "{\"type\": \"object\","
				     " \"additionalProperties\": {\"$ref\": \"#/properties/tree\"},"
				     " \"properties\": {\"tree\": {\"type\": \"array\","
				     " \"items\": {\"$ref\": \"#/properties/tree\"}}}}";
	static const struct sample samples[] = {
		{schema, "{\"tree\": [[], [[]]], \"b\": [[]]}"},
		{schema, "{\"tree\": [[], [[1]]]}", "/tree/1/0/0", "found 1, expected an array"},
		{schema, "{\"tree\": [[], [[1]]], \"b\": [2]}", "/b/0",
			"found 2, expected an array"},
	};

	SAMPLES_CHECK(samples);
}

Test(schema, members_are_found_in_any_order)
{
	static const char schema[] =
		"{\"additionalProperties\": false, \"properties\": {\"aa\": {\"type\": \"null\"},"
		" \"ab\": {\"type\": \"integer\"}, \"b\": {\"type\": \"string\"}}}";
	static const struct sample samples[] = {
		{schema, "{\"aa\": null, \"ab\": 1, \"b\": \"\"}"},
		{schema, "{\"b\": \"\", \"ab\": 1, \"aa\": null}"},
		{schema, "{\"ab\": 1, \"b\": \"\", \"aa\": null}"},
		{schema, "{\"b\": 1, \"ab\": \"x\"}", "/ab", "found \"x\", expected an integer"},
		{schema, "{\"b\": 1, \"a\": 0}", "/a",
			"unknown member, expected one of: aa, ab, b"},
	};

	SAMPLES_CHECK(samples);
}

/* Check value, which must fit, and compare what it has become. */
static void
filled_check(const char *schema_text, const char *before, const char *after)
{
	json_t *schema = json_of(schema_text);
	json_t *untouched = json_deep_copy(schema);
	json_t *value = json_of(before);
	json_t *expected = json_of(after);
	struct fault fault = {0};
	char *found;

	cr_assert_eq(schema_check_once(schema, schema, value, &fault), 0, "%s", fault.message);
	found = json_dumps(value, JSON_COMPACT);
	cr_expect(json_equal(value, expected), "%s became %s", before, found);
	cr_expect(json_equal(schema, untouched), "the schema was changed");
	free(found);
	json_decref(expected);
	json_decref(value);
	json_decref(untouched);
	json_decref(schema);
}

Test(schema, defaults_are_filled_in)
{
	static const char schema[] =
		"{\"properties\": {\"vlan\": {\"type\": \"integer\", \"default\": 0},"
		" \"rpc\": {\"type\": \"object\", \"default\": {}, \"properties\":"
		"  {\"depth\": {\"type\": \"integer\", \"default\": 32}}}}}";

	filled_check(schema, "{}", "{\"vlan\": 0, \"rpc\": {\"depth\": 32}}");
	filled_check(schema, "{\"vlan\": 5, \"rpc\": {\"depth\": 1}}",
		"{\"vlan\": 5, \"rpc\": {\"depth\": 1}}");
	filled_check(schema, "{\"rpc\": {}}", "{\"vlan\": 0, \"rpc\": {\"depth\": 32}}");
}

Test(schema, items_may_be_left_without_defaults)
{
	json_t *source = json_of(
		"{\"properties\": {\"n\": {\"default\": 1}, \"list\": {\"items\": {\"properties\":"
		" {\"m\": {\"default\": 2}, \"k\": {\"type\": \"integer\"}}}}}}");
	json_t *value = json_of("{\"list\": [{}, {\"k\": 3}]}");
	json_t *expected = json_of("{\"n\": 1, \"list\": [{}, {\"k\": 3}]}");
	json_t *bad = json_of("{\"list\": [{}, {\"k\": \"3\"}]}");
	struct fault fault = {0};
	struct schema *schema = schema_create(source, source, &fault);

	schema_leave_items(schema);
	cr_expect_eq(schema_check(schema, value, &fault), 0);
	cr_expect(json_equal(value, expected));
	cr_expect_eq(schema_check(schema, bad, &fault), -1);
	cr_expect_str_eq(fault.pointer, "/list/1/k");
	schema_destroy(schema);
	json_decref(bad);
	json_decref(expected);
	json_decref(value);
	json_decref(source);
}

Test(schema, defaults_are_checked)
{
	static const struct sample samples[] = {
		{"{\"properties\": {\"a\": {\"type\": \"integer\", \"default\": \"x\"}}}", "{}",
			"/a", "found \"x\", expected an integer"},
	};

	SAMPLES_CHECK(samples);
}

/* Sets of characters are looked up, all else is regcomp()'s: both must say the same. */
static struct schema *
pattern_schema(const char *expression)
{
	json_t *source = json_pack("{s:s, s:s}", "type", "string", "pattern", expression);
	struct fault fault;
	struct schema *schema = schema_create(source, source, &fault);

	cr_assert_not_null(schema, "%s", expression);
	json_decref(source);
	return schema;
}

static bool
text_allowed(const struct schema *schema, const char *text)
{
	json_t *value = json_stringn_nocheck(text, strlen(text)); /* UTF-8 or not */
	struct fault fault;
	const bool allowed = schema_check(schema, value, &fault) == 0;

	json_decref(value);
	return allowed;
}

static void
alike_check(const char *expression)
{
	struct schema *schema = pattern_schema(expression);
	regex_t regex;

	cr_assert_eq(regcomp(&regex, expression, REG_EXTENDED | REG_NOSUB), 0, "%s", expression);
	for (unsigned c = 0; c < 256; c++) {
		const char texts[][4] = {
			{(char)c}, {'a', (char)c}, {(char)c, 'a'}, {'a', (char)c, '\n'}};

		for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
			cr_expect_eq(text_allowed(schema, texts[i]),
				!regexec(&regex, texts[i], 0, NULL, 0), "%s, byte %u, form %zu",
				expression, c, i);
	}
	regfree(&regex);
	schema_destroy(schema);
}

Test(pattern, sets_are_those_of_regular_expressions)
{
	static const char *const expressions[] = {"^[A-Za-z0-9_.:-]+$", "^[a]+$", "^[-a]+$",
		"^[a-]+$", "^[+--]+$", "^[a\\b]+$", "^[^a]+$", "^[[:digit:]a]+$", "^[]a]+$",
		"^[a^]+$", "^[a]+[b]+$", "^[a-c]*$", "^/[^,]+$", "[a-c]+$", "^[ -~]+$"};

	for (size_t i = 0; i < sizeof(expressions) / sizeof(expressions[0]); i++)
		alike_check(expressions[i]);
}
