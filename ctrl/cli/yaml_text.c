/* SPDX-License-Identifier: BSD-3-Clause */
/* See yaml_text.h. What fits a line is written on one, all else a member or an item a line. */
#include "cli/yaml_text.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "cli/cli.h"
#include "schema/yaml.h"

#define COLUMNS_MAX 120

/*
 * May the string stand without quotes? Only of what is common in names and addresses, and not when
 * it would be read as a number or a word of YAML. A colon at the end would end a key.
 */
static bool
string_is_plain(const char *text)
{
	const size_t length = strlen(text);
	const char *why;
	json_t *value;
	bool plain;

	if (length == 0 || !isalnum((unsigned char)text[0]) || text[length - 1] == ':')
		return false;
	for (const char *c = text; *c != '\0'; c++) {
		if (!isalnum((unsigned char)*c) && strchr("._/:-", *c) == NULL)
			return false;
	}
	value = scalar_value(text, &why);
	plain = json_is_string(value);
	json_decref(value);
	return plain;
}

/* Quoted text is the same in YAML and in JSON; nothing of it acts on a terminal. */
static void
string_print(FILE *out, json_t *string)
{
	char *text, *safe;

	if (string_is_plain(json_string_value(string))) {
		fputs(json_string_value(string), out);
		return;
	}
	text = json_dumps(string, JSON_ENCODE_ANY);
	safe = text != NULL ? text_escape_copy(text) : NULL;
	if (safe == NULL)
		cli_out_of_memory();
	fputs(safe, out);
	free(safe);
	free(text);
}

static void
key_print(FILE *out, const char *key)
{
	json_t *string = json_string(key);

	string_print(out, string);
	json_decref(string);
}

static void
members_print(FILE *out, json_t *object)
{
	const char *separator = "", *key;
	json_t *value;

	fputc('{', out);
	json_object_foreach (object, key, value) {
		fputs(separator, out);
		key_print(out, key);
		fputs(": ", out);
		yaml_text_print(out, value);
		separator = ", ";
	}
	fputc('}', out);
}

static void
items_print(FILE *out, json_t *array)
{
	json_t *value;
	size_t i;

	fputc('[', out);
	json_array_foreach (array, i, value) {
		fputs(i > 0 ? ", " : "", out);
		yaml_text_print(out, value);
	}
	fputc(']', out);
}

void
yaml_text_print(FILE *out, json_t *value)
{
	if (json_is_object(value))
		members_print(out, value);
	else if (json_is_array(value))
		items_print(out, value);
	else if (json_is_string(value))
		string_print(out, value);
	else if (value != NULL)
		json_dumpf(value, out, JSON_ENCODE_ANY);
}

/* The value on one line, to be freed. */
static char *
line_of(json_t *value, size_t *length)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, length);

	if (out == NULL)
		cli_out_of_memory();
	yaml_text_print(out, value);
	if (fclose(out) != 0)
		cli_out_of_memory();
	return text;
}

static void value_print(FILE *out, json_t *value, size_t used, unsigned indent);

/* Members a line each; the first one goes on in the line that there is. */
static void
mapping_print(FILE *out, json_t *object, unsigned indent)
{
	bool first = true;
	const char *key;
	json_t *value;

	json_object_foreach (object, key, value) {
		fprintf(out, "%*s", first ? 0 : (int)indent, "");
		key_print(out, key);
		fputc(':', out);
		value_print(out, value, indent + strlen(key) + 1, indent + 2);
		first = false;
	}
}

/* Objects of a list, a line each or, when too long for one, a line a member. */
static void
list_print(FILE *out, json_t *array, unsigned indent)
{
	json_t *item;
	size_t i;

	json_array_foreach (array, i, item) {
		size_t length;
		char *line = line_of(item, &length);

		fprintf(out, "%*s- ", (int)indent, "");
		if (indent + 2 + length <= COLUMNS_MAX)
			fprintf(out, "%s\n", line);
		else
			mapping_print(out, item, indent + 2);
		free(line);
	}
}

/* What follows `key:`, with the end of the line; `used` columns of it are taken. */
static void
value_print(FILE *out, json_t *value, size_t used, unsigned indent)
{
	size_t length;
	char *line = line_of(value, &length);

	if (json_is_object(json_array_get(value, 0))) {
		fputc('\n', out);
		list_print(out, value, indent);
	} else if (json_is_object(value) && used + 1 + length > COLUMNS_MAX) {
		fprintf(out, "\n%*s", (int)indent, "");
		mapping_print(out, value, indent);
	} else {
		fprintf(out, " %s\n", line);
	}
	free(line);
}

void
yaml_item_print(FILE *out, json_t *object)
{
	fputs("  - ", out);
	mapping_print(out, object, 4);
}
