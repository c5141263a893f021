/* SPDX-License-Identifier: BSD-3-Clause */
/* See reply.h. */
#include "cli/reply.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "base/fault.h"
#include "cli/cli.h"

int
client_error_set(struct client_error *error, enum client_status status, const char *format, ...)
{
	char text[sizeof(error->text)];
	va_list args;

	error->status = status;
	error->name[0] = error->pointer[0] = error->message[0] = '\0';
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	text_escape(text, error->text, sizeof(error->text));
	return -1;
}

/* Whoever finds that what was asked for is wrong, sluicectl or the daemon, the answer is one. */
static enum client_status
refusal_status(json_int_t code)
{
	static const json_int_t wrong[] = {FAULT_PARSE, FAULT_INVALID_REQUEST,
		FAULT_METHOD_NOT_FOUND, FAULT_INVALID_PARAMS, FAULT_INVALID_VALUE};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		if (code == wrong[i])
			return CLIENT_WRONG;
	}
	return CLIENT_REFUSED;
}

/* Fill *error from the error object of JSON-RPC 2.0 section 5.1. */
static int
reply_refused(const json_t *object, struct client_error *error)
{
	const json_t *data = json_object_get(object, "data");
	const char *message = json_string_value(json_object_get(object, "message"));
	const char *name = json_string_value(json_object_get(data, "name"));
	const char *pointer = json_string_value(json_object_get(data, "pointer"));
	const json_t *code = json_object_get(object, "code");
	enum client_status status = refusal_status(json_integer_value(code));
	char number[32];

	if (!json_is_integer(code) || message == NULL)
		return client_error_set(
			error, CLIENT_BROKEN, "the reply's error has no code or no message");
	if (name == NULL) {
		snprintf(number, sizeof(number), "error %" JSON_INTEGER_FORMAT,
			json_integer_value(code));
		name = number;
	}
	if (pointer != NULL && pointer[0] != '\0')
		client_error_set(error, status, "%s at %s: %s", name, pointer, message);
	else
		client_error_set(error, status, "%s: %s", name, message);
	text_escape(name, error->name, sizeof(error->name));
	text_escape(pointer != NULL ? pointer : "", error->pointer, sizeof(error->pointer));
	text_escape(message, error->message, sizeof(error->message));
	return -1;
}

json_t *
reply_result(json_t *reply, json_int_t id, struct client_error *error)
{
	const char *version = json_string_value(json_object_get(reply, "jsonrpc"));
	const json_t *reply_id = json_object_get(reply, "id");
	const json_t *refusal = json_object_get(reply, "error");
	json_t *result = json_object_get(reply, "result");

	if (version == NULL || strcmp(version, "2.0") != 0) {
		client_error_set(error, CLIENT_BROKEN, "the reply is not JSON-RPC 2.0");
		return NULL;
	}
	/* A message that could not be read has no id to give back: it is null then. */
	if (refusal != NULL && (json_is_null(reply_id) || json_integer_value(reply_id) == id)) {
		reply_refused(refusal, error);
		return NULL;
	}
	if (!json_is_integer(reply_id) || json_integer_value(reply_id) != id) {
		client_error_set(error, CLIENT_BROKEN, "the reply is to another call");
		return NULL;
	}
	if (!json_is_object(result)) {
		client_error_set(error, CLIENT_BROKEN, "the reply has no result object");
		return NULL;
	}
	return json_incref(result);
}

static bool
is_safe(const char *text)
{
	return text[text_plain_length(text)] == '\0';
}

static char *
safe_copy(const char *text)
{
	char *copy = text_escape_copy(text);

	if (copy == NULL)
		cli_out_of_memory();
	return copy;
}

static void
members_make_safe(json_t *object)
{
	const char *name;
	json_t *value;
	void *next;
	char *safe;

	json_object_foreach_safe(object, next, name, value)
	{
		reply_make_safe(value);
		if (is_safe(name))
			continue;
		safe = safe_copy(name);
		json_object_set(object, safe, value);
		json_object_del(object, name);
		free(safe);
	}
}

void
reply_make_safe(json_t *message)
{
	json_t *item;
	char *safe;
	size_t i;

	if (json_is_string(message) && !is_safe(json_string_value(message))) {
		safe = safe_copy(json_string_value(message));
		json_string_set(message, safe);
		free(safe);
	}
	json_array_foreach (message, i, item)
		reply_make_safe(item);
	if (json_is_object(message))
		members_make_safe(message);
}
