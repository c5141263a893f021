/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/fault.h"

#include <stdarg.h>
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
	switch (code) {
	case FAULT_NONE:
		return "NONE";
	case FAULT_PARSE:
		return "PARSE";
	case FAULT_INVALID_REQUEST:
		return "INVALID_REQUEST";
	case FAULT_METHOD_NOT_FOUND:
		return "METHOD_NOT_FOUND";
	case FAULT_INVALID_PARAMS:
		return "INVALID_PARAMS";
	case FAULT_INTERNAL:
		return "INTERNAL";
	case FAULT_INVALID_VALUE:
		return "INVALID_VALUE";
	case FAULT_NOT_FOUND:
		return "NOT_FOUND";
	case FAULT_CONFLICT:
		return "CONFLICT";
	case FAULT_NO_ROOM:
		return "NO_ROOM";
	case FAULT_LIMIT:
		return "LIMIT";
	case FAULT_FORBIDDEN:
		return "FORBIDDEN";
	case FAULT_STALE:
		return "STALE";
	case FAULT_STORE:
		return "STORE";
	case FAULT_BUSY:
		return "BUSY";
	}
	return "UNKNOWN";
}
