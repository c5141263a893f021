/* SPDX-License-Identifier: BSD-3-Clause */
/* See reply.h. */
#include "cli/reply.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int
client_error_set(struct client_error *error, enum client_status status, const char *format, ...)
{
	va_list args;

	error->status = status;
	error->name[0] = error->pointer[0] = error->message[0] = '\0';
	va_start(args, format);
	vsnprintf(error->text, sizeof(error->text), format, args);
	va_end(args);
	return -1;
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
		client_error_set(error, CLIENT_REFUSED, "%s at %s: %s", name, pointer, message);
	else
		client_error_set(error, CLIENT_REFUSED, "%s: %s", name, message);
	snprintf(error->name, sizeof(error->name), "%s", name);
	snprintf(error->pointer, sizeof(error->pointer), "%s", pointer != NULL ? pointer : "");
	snprintf(error->message, sizeof(error->message), "%s", message);
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
