/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/fault.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/escape.h"

int
fault_set(struct fault *fault, enum fault_code code, const char *pointer, const char *format, ...)
{
	char message[FAULT_MESSAGE_MAX];
	va_list args;

	fault->code = code;
	snprintf(fault->pointer, sizeof(fault->pointer), "%s", pointer);
	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	text_escape(message, fault->message, sizeof(fault->message));
	return -1;
}

void
fault_prefix(struct fault *fault, const char *format, ...)
{
	char joined[FAULT_POINTER_MAX];
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(joined, sizeof(joined), format, args);
	va_end(args);
	if (n >= 0 && (size_t)n < sizeof(joined))
		snprintf(joined + n, sizeof(joined) - (size_t)n, "%s", fault->pointer);
	memcpy(fault->pointer, joined, sizeof(joined));
}

const char *
fault_code_name(enum fault_code code)
{
	static const struct {
		enum fault_code code;
		const char *name;
	} names[] = {
		{FAULT_NONE, "NONE"},
		{FAULT_PARSE, "PARSE"},
		{FAULT_INVALID_REQUEST, "INVALID_REQUEST"},
		{FAULT_METHOD_NOT_FOUND, "METHOD_NOT_FOUND"},
		{FAULT_INVALID_PARAMS, "INVALID_PARAMS"},
		{FAULT_INTERNAL, "INTERNAL"},
		{FAULT_INVALID_VALUE, "INVALID_VALUE"},
		{FAULT_NOT_FOUND, "NOT_FOUND"},
		{FAULT_CONFLICT, "CONFLICT"},
		{FAULT_NO_ROOM, "NO_ROOM"},
		{FAULT_LIMIT, "LIMIT"},
		{FAULT_FORBIDDEN, "FORBIDDEN"},
		{FAULT_STALE, "STALE"},
		{FAULT_STORE, "STORE"},
		{FAULT_BUSY, "BUSY"},
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].code == code)
			return names[i].name;
	return "UNKNOWN";
}
