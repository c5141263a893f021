/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is wrong with a request or a configuration. Each step can fill it, and only the outermost
 * one reports it: a code for programs, a JSON pointer (RFC 6901) to the offending field, and a
 * sentence for people that says what was found and what was expected.
 */
#ifndef CTRL_BASE_FAULT_H
#define CTRL_BASE_FAULT_H

#include <stddef.h>

#define FAULT_POINTER_MAX 256
#define FAULT_MESSAGE_MAX 512

/* JSON-RPC 2.0 section 5.1 for the first five, the server range for our own. */
enum fault_code {
	FAULT_NONE = 0,
	FAULT_PARSE = -32700,
	FAULT_INVALID_REQUEST = -32600,
	FAULT_METHOD_NOT_FOUND = -32601,
	FAULT_INVALID_PARAMS = -32602, /* against the schema */
	FAULT_INTERNAL = -32603,
	FAULT_INVALID_VALUE = -32001, /* fits the schema, but not the other fields */
	FAULT_NOT_FOUND = -32002, /* no flow, port or cursor of that name */
	FAULT_CONFLICT = -32003, /* id or match is in use */
	/* -32004 was UNRESOLVED: a next hop that cannot be reached yet is no fault any more */
	FAULT_NO_ROOM = -32005, /* table or memory full */
	FAULT_LIMIT = -32006, /* a limit of the server, named in the message */
	FAULT_FORBIDDEN = -32007, /* the caller's role does not allow it */
	FAULT_STALE = -32008, /* the state changed since the caller read it */
	FAULT_STORE = -32009, /* the store could not be written */
	FAULT_BUSY = -32010, /* an operation that excludes this one is in progress */
};

struct fault {
	enum fault_code code;
	char pointer[FAULT_POINTER_MAX]; /* "" = the whole document */
	char message[FAULT_MESSAGE_MAX];
};

/*
 * Fill *fault; the message is a printf-style result. Both texts are cut to their room, and what the
 * message quotes is made safe for a terminal, see text_escape(). Always returns -1, so that a step
 * can say `return fault_set(...)`.
 */
int fault_set(struct fault *fault, enum fault_code code, const char *pointer, const char *format,
	...) __attribute__((format(printf, 4, 5)));

/* The same in a function that returns a pointer: NULL. */
#define fault_null(...) (fault_set(__VA_ARGS__), NULL)

/* Put `prefix` before the pointer of a fault that was set deeper down. */
void fault_prefix(struct fault *fault, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* "INVALID_PARAMS", for messages and tests. Static storage. */
const char *fault_code_name(enum fault_code code);

#endif
