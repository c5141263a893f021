/* SPDX-License-Identifier: BSD-3-Clause */
/* Requests out of their envelope, replies into theirs. */
#include "envelope.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>

#include "rpc/service.h"
#include "schema/describe.h"

#define TEXT_COPIED_MAX 4096 /* bytes; a longer text is handed over rather than copied */

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
	const struct place top = {0};
	struct place member = {.parent = &top};
	char pointer[FAULT_POINTER_MAX];
	const json_t *value;

	json_object_foreach (message, member.member, value) {
		size_t i = 0;

		while (i < n_known && strcmp(known[i], member.member))
			i++;
		if (i < n_known)
			continue;
		place_pointer(&member, pointer, sizeof(pointer));
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
	if (id && !json_is_string(id) && !json_is_number(id) && !json_is_null(id))
		return member_refuse("/id", "a string, a number or null", fault);
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
value_write(const json_t *value, struct evbuffer *output)
{
	char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
	const size_t bytes = text ? strlen(text) : 0;
	int rc = -1;

	if (bytes > TEXT_COPIED_MAX &&
		evbuffer_add_reference(output, text, bytes, text_free, text) == 0)
		return 0;
	if (text)
		rc = evbuffer_add(output, text, bytes);
	free(text);
	return rc;
}

/* A member of the reply, whose value may be the document. */
static int
member_write(const struct rpc_service *service, const char *name, const json_t *value,
	struct evbuffer *output)
{
	const char *text;
	size_t bytes;

	if (evbuffer_add_printf(output, "\"%s\":", name) < 0)
		return -1;
	if (value == rpc_service_document(service, &text, &bytes))
		return evbuffer_add_reference(output, text, bytes, NULL, NULL);
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
	if (rc == 0 && result && result == rpc_service_document(service, &text, &bytes))
		rc = members_write(service, message, output);
	else if (rc == 0)
		rc = value_write(message, output);
	if (rc == 0)
		rc = evbuffer_add(output, after, strlen(after));
	json_decref(message);
	return rc < 0 ? -ENOMEM : 0;
}
