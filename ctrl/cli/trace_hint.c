/* SPDX-License-Identifier: BSD-3-Clause */
/* See trace_hint.h. A reason that is not here is in the packet itself, or passes by itself. */
#include "cli/trace_hint.h"

#include <limits.h>
#include <string.h>

/* %s stands for the flow. */
static const struct {
	const char *reason;
	const char *hint;
} hints[] = {
	{"no_flow", "'sluicectl flow list' shows what is there: compare port and addresses"},
	{"martian", "such addresses pass by an exact match only: 'sluicectl flow add --match'"},
	{"flow_down", "'sluicectl flow up %s' brings it up"},
	{"flow_drop", "'sluicectl flow show %s' says what it does, and which legs are up"},
	{"source_refused", "'sluicectl flow show %s' shows whom it allows and latched to"},
	{"class_drop", "'sluicectl flow show %s' shows what it does with each class"},
	{"policed", "'sluicectl flow show %s' shows the rate; a moment later there is more"},
	{"punt_limited", "punt.rate_pps of the configuration is the limit; try again"},
	{"punt_full", "punt.ring of the configuration is the room; try again"},
	{"punted", "'sluicectl punted' shows what control was handed"},
	{"unresolved", "'sluicectl flow show %s' shows the next hop; can the kernel reach it?"},
	{"port_down", "'sluicectl port list' shows the links; is the cable in, the peer up?"},
	{"too_long", "a larger MTU of the port, or shorter packets from the sender"},
	{"ttl_expired", "a leg with ttl=N sets the TTL, whatever came"},
	{"leg_policed", "'sluicectl flow show %s' shows the leg's rate"},
};

bool
trace_hint(struct text *text, const char *reason, const char *flow)
{
	for (size_t i = 0; i < sizeof(hints) / sizeof(hints[0]); i++) {
		const char *hint = hints[i].hint, *place = strstr(hint, "%s");

		if (strcmp(hints[i].reason, reason) != 0)
			continue;
		text_clear(text);
		text_add(text, "%.*s", place != NULL ? (int)(place - hint) : INT_MAX, hint);
		if (place != NULL)
			text_add(text, "%s%s", flow, place + 2);
		return true;
	}
	return false;
}
