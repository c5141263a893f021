/* SPDX-License-Identifier: BSD-3-Clause */
/* Requests out of their envelope, replies into theirs. */
#include "envelope.h"

#include <stdlib.h>
#include <string.h>

#include "schema/describe.h"

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
