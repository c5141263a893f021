/* SPDX-License-Identifier: BSD-3-Clause */
/* The envelope of JSON-RPC 2.0, sections 4 and 5: what is around a call and around its outcome. */
#ifndef CTRL_RPC_ENVELOPE_H
#define CTRL_RPC_ENVELOPE_H

#include <jansson.h>

#include "base/fault.h"

/*
 * A message out of its text, as json_text_load() reads it. An id from 2^63 to 2^64 - 1, for which
 * jansson has no integer, becomes a string that no text can hold: a zero byte, and the digits.
 */
json_t *rpc_message_load(const char *text, size_t bytes, json_error_t *error);

/* One request; everything is borrowed from the message. */
struct request {
	const json_t *method; /* a string */
	json_t *params; /* an object or an array; NULL: absent */
	json_t *id; /* a string, an integer or null; NULL: absent, a notification */
};

/*
 * Take a message apart. Returns 0, or -1 with FAULT_INVALID_REQUEST and a pointer relative to the
 * message; request->id is set even then if the message has a valid one. Any thread.
 */
int envelope_open(json_t *message, struct request *request, struct fault *fault);

/* A text that may be cut in the middle of a character: what is not UTF-8 becomes '?'. */
json_t *rpc_text(const char *text);

/*
 * Replies, as new references; NULL: out of memory. id is borrowed, and NULL stands for null in an
 * error reply; result is taken over, also on failure.
 */
json_t *rpc_result_reply(json_t *id, json_t *result);
json_t *rpc_error_reply(json_t *id, const struct fault *fault);

struct evbuffer;
struct rpc_service;

/*
 * Append the message, which is taken over, as compact JSON between the two texts. The result of
 * rpc.discover is not copied, but refers to the text of the service, which outlives the output.
 * 0 or -ENOMEM.
 */
int rpc_message_write(const struct rpc_service *service, const char *before, json_t *message,
	const char *after, struct evbuffer *output);

#endif
