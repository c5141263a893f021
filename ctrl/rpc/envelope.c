/* SPDX-License-Identifier: BSD-3-Clause */
/* Requests out of their envelope, replies into theirs. */
#include "envelope.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>

#include "base/json.h"
#include "rpc/dispatch.h"

#define TEXT_COPIED_MAX 4096 /* bytes; a longer text is handed over rather than copied */

/* Whether it stands for an integer that jansson has none for. */
static bool
id_is_large(const json_t *id)
{
	return json_string_length(id) > 0 && !json_string_value(id)[0];
}

/* The end of a string, behind its quote; NULL: it has none, or holds a zero byte. */
static const char *
string_end(const char *string, const char *end)
{
	const char *at = string + 1;

	for (; at < end && *at != '"'; at++) {
		if (*at != '\\')
			continue;
		at++;
		if (end - at >= 5 && memcmp(at, "u0000", 5) == 0)
			return NULL;
	}
	return at < end ? at + 1 : NULL;
}

/* Write what stands for an id that is a number; returns its end. */
static const char *
id_write(const char *id, const char *end, FILE *out)
{
	const char *at = id;
	char number[24], *last;
	bool is_integer;
	uint64_t value;

	while (at < end && *at && strchr("+-.eE0123456789", *at))
		at++;
	snprintf(number, sizeof(number), "%.*s", (int)(at - id), id);
	errno = 0;
	value = number[0] == '-' ? (uint64_t)strtoll(number, &last, 10)
				 : strtoull(number, &last, 10);
	is_integer = at - id < (ptrdiff_t)sizeof(number) && !*last && !errno;
	if (!is_integer)
		fputs("0.5", out); /* which is refused as an id, as is any other than an integer */
	else if (number[0] == '-' || number[0] == '0' || value <= INT64_MAX)
		fputs(number, out);
	else
		fprintf(out, "\"\\u0000%s\"", number);
	return at;
}

/* Write the message with other values for ids that are numbers. -1: it is not JSON. */
static int
message_write(const char *text, const char *end, FILE *out)
{
	unsigned depth = 0, id_depth = 1;
	bool is_id = false; /* the value that comes next */

	for (const char *at = text, *token; at < end;) {
		token = at++;
		if (*token == '"') {
			at = string_end(token, end);
			if (!at)
				return -1;
			is_id = depth == id_depth && at - token == 4 &&
				memcmp(token, "\"id\"", 4) == 0;
		} else if (*token == '{' || *token == '[') {
			id_depth = depth == 0 && *token == '[' ? 2 : id_depth;
			depth++;
		} else if (*token == '}' || *token == ']') {
			depth--;
		} else if (*token == ',') {
			is_id = false;
		} else if (is_id && depth == id_depth &&
			   (*token == '-' || isdigit((unsigned char)*token))) {
			at = id_write(token, end, out);
			continue;
		}
		fwrite(token, 1, (size_t)(at - token), out);
	}
	return 0;
}

json_t *
rpc_message_load(const char *text, size_t bytes, json_error_t *error)
{
	json_t *message = json_text_load(text, bytes, error);
	char *copy = NULL;
	size_t copied;
	FILE *out;
	int rc;

	if (message || json_error_code(error) != json_error_numeric_overflow)
		return message;
	out = open_memstream(&copy, &copied);
	if (!out)
		return NULL;
	rc = message_write(text, text + bytes, out);
	if (fclose(out) == 0 && rc == 0)
		message = json_loadb(copy, copied,
			JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, error);
	free(copy);
	return message;
}

static int
member_refuse(const char *pointer, const char *expected, struct fault *fault)
{
	return fault_set(
		fault, FAULT_INVALID_REQUEST, pointer, "not a request: expected %s", expected);
}

/* Refuse members that JSON-RPC does not know. */
static int
members_known(json_t *message, struct fault *fault)
{
	static const char *const known[] = {"jsonrpc", "method", "params", "id"};
	const size_t n_known = sizeof(known) / sizeof(known[0]);
	const struct json_path top = {0};
	struct json_path member = {.parent = &top};
	char pointer[FAULT_POINTER_MAX];
	const json_t *value;

	json_object_foreach (message, member.member, value) {
		size_t i = 0;

		while (i < n_known && strcmp(known[i], member.member))
			i++;
		if (i < n_known)
			continue;
		json_path_pointer(&member, pointer, sizeof(pointer));
		return member_refuse(pointer, "no members but jsonrpc, method, params, id", fault);
	}
	return 0;
}

int
envelope_open(json_t *message, struct request *request, struct fault *fault)
{
	const char *version = json_string_value(json_object_get(message, "jsonrpc"));
	json_t *id = json_object_get(message, "id");

	*request = (struct request){
		.method = json_object_get(message, "method"),
		.params = json_object_get(message, "params"),
	};
	if (!json_is_object(message))
		return member_refuse("", "an object", fault);
	if (id && !json_is_string(id) && !json_is_integer(id) && !json_is_null(id))
		return member_refuse(
			"/id", "a string, null, or an integer from -2^63 to 2^64 - 1", fault);
	request->id = id;
	if (!version || strcmp(version, "2.0"))
		return member_refuse("/jsonrpc", "\"2.0\"", fault);
	if (!json_is_string(request->method))
		return member_refuse("/method", "a string", fault);
	if (request->params && !json_is_object(request->params) && !json_is_array(request->params))
		return member_refuse("/params", "an object", fault);
	return members_known(message, fault);
}

json_t *
rpc_text(const char *text)
{
	json_t *string = json_string(text);
	char *ascii;

	if (string)
		return string;
	ascii = strdup(text);
	for (char *c = ascii; c && *c; c++)
		if ((unsigned char)*c > 127)
			*c = '?';
	string = json_string(ascii);
	free(ascii);
	return string;
}

json_t *
rpc_error_reply(json_t *id, const struct fault *fault)
{
	return json_pack("{s:s, s:{s:i, s:o, s:{s:s, s:o}}, s:O?}", "jsonrpc", "2.0", "error",
		"code", (int)fault->code, "message", rpc_text(fault->message), "data", "name",
		fault_code_name(fault->code), "pointer", rpc_text(fault->pointer), "id", id);
}

json_t *
rpc_result_reply(json_t *id, json_t *result)
{
	return json_pack("{s:s, s:o, s:O}", "jsonrpc", "2.0", "result", result, "id", id);
}

static void
text_free(const void *text, size_t bytes, void *arg)
{
	(void)text;
	(void)bytes;
	free(arg);
}

/* A handed-over text costs a chain of its own, so that small ones are copied into shared ones. */
static int
value_write(json_t *value, struct evbuffer *output)
{
	struct json_writer writer;
	size_t bytes = 0;
	char *text;
	int rc = -1;

	json_writer_init(&writer);
	json_write_value(&writer, value);
	text = json_writer_take(&writer, &bytes);

	if (bytes > TEXT_COPIED_MAX &&
		evbuffer_add_reference(output, text, bytes, text_free, text) == 0)
		return 0;
	if (text)
		rc = evbuffer_add(output, text, bytes);
	free(text);
	return rc;
}

/* A member of the reply, whose value may be the document, or an id that is large. */
static int
member_write(
	const struct rpc_service *service, const char *name, json_t *value, struct evbuffer *output)
{
	const char *text;
	size_t bytes;

	if (evbuffer_add_printf(output, "\"%s\":", name) < 0)
		return -1;
	if (value == rpc_service_document(service, &text, &bytes))
		return evbuffer_add_reference(output, text, bytes, NULL, NULL);
	if (strcmp(name, "id") == 0 && id_is_large(value))
		return evbuffer_add(
			output, json_string_value(value) + 1, json_string_length(value) - 1);
	return value_write(value, output);
}

static int
members_write(const struct rpc_service *service, json_t *message, struct evbuffer *output)
{
	const char *name, *comma = "{";
	json_t *value;

	json_object_foreach (message, name, value) {
		if (evbuffer_add(output, comma, 1) < 0 ||
			member_write(service, name, value, output) < 0)
			return -1;
		comma = ",";
	}
	return evbuffer_add(output, "}", 1);
}

int
rpc_message_write(const struct rpc_service *service, const char *before, json_t *message,
	const char *after, struct evbuffer *output)
{
	const json_t *result = json_object_get(message, "result");
	const char *text;
	size_t bytes;
	int rc;

	rc = evbuffer_add(output, before, strlen(before));
	if (rc == 0 && ((result && result == rpc_service_document(service, &text, &bytes)) ||
			       id_is_large(json_object_get(message, "id"))))
		rc = members_write(service, message, output);
	else if (rc == 0)
		rc = value_write(message, output);
	if (rc == 0)
		rc = evbuffer_add(output, after, strlen(after));
	json_decref(message);
	return rc < 0 ? -ENOMEM : 0;
}
