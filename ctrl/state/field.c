/* SPDX-License-Identifier: BSD-3-Clause */
/* Each refusal says what was found and what was expected there. */
#include "state/field.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"

static const char *const verdicts[DP_VERDICT_COUNT] = {
	[DP_FORWARD] = "forward",
	[DP_DROP] = "drop",
	[DP_PUNT] = "punt",
};

void
field_name(const json_t *object, const char *member, char *name, size_t size)
{
	const char *text = json_string_value(json_object_get(object, member));

	memset(name, 0, size);
	if (text)
		strncpy(name, text, size - 1);
}

uint16_t
field_number(const json_t *object, const char *member)
{
	return (uint16_t)json_integer_value(json_object_get(object, member));
}

uint8_t
field_verdict(const json_t *object, const char *member)
{
	const char *text = json_string_value(json_object_get(object, member));
	uint8_t i;

	for (i = 0; text && i < DP_VERDICT_COUNT; i++) {
		if (strcmp(text, verdicts[i]) == 0)
			return i;
	}
	return DP_FORWARD;
}

const char *
verdict_name(uint8_t verdict)
{
	return verdicts[verdict];
}

bool
field_down(const json_t *object)
{
	const char *text = json_string_value(json_object_get(object, "admin"));

	return text && strcmp(text, "down") == 0;
}

/* The pointer of a fault is that of the text itself: no request that is right pays for one. */
static uint8_t
address_of_text(const char *text, unsigned kinds, uint8_t family, const char *like,
	uint8_t bytes[16], struct fault *fault)
{
	const uint8_t found = text ? address_parse(text, bytes) : 0;
	enum address_kind kind;

	if (!found) {
		fault_set(fault, FAULT_INVALID_VALUE, "",
			"found %s, expected an IPv4 or IPv6 address", text ? text : "nothing");
		return 0;
	}
	if (family && found != family) {
		fault_set(fault, FAULT_INVALID_VALUE, "",
			"family mismatch: found IPv%u, expected IPv%u as in %s", found, family,
			like);
		return 0;
	}
	kind = address_kind(found, bytes);
	if (!(kind & kinds)) {
		fault_set(fault, FAULT_INVALID_VALUE, "",
			"found %s address %s (%s), expected a unicast%s address",
			address_kind_name(kind), text, address_kind_rule(kind),
			kinds & ADDRESS_MULTICAST ? " or multicast" : "");
		return 0;
	}
	return found;
}

uint8_t
field_address(const json_t *object, const char *member, unsigned kinds, uint8_t family,
	const char *like, uint8_t bytes[16], struct fault *fault)
{
	const char *text = json_string_value(json_object_get(object, member));
	const uint8_t found = address_of_text(text, kinds, family, like, bytes, fault);

	if (!found)
		fault_prefix(fault, "/%s", member);
	return found;
}

/* Zero the bits behind the length; false when they were zero already. */
static bool
host_bits_clear(struct dp_prefix *prefix)
{
	bool cleared = false;
	unsigned i;

	for (i = 0; i < 16; i++) {
		const unsigned left = prefix->bits > 8 * i ? prefix->bits - 8 * i : 0;
		const uint8_t mask = left >= 8 ? 0xff : (uint8_t)(0xff00 >> left);

		cleared = cleared || (prefix->address[i] & ~mask) != 0;
		prefix->address[i] &= mask;
	}
	return cleared;
}

/* The length behind the slash; -1 when it is no number up to the width. */
static int
length_read(const char *text, unsigned width)
{
	char *end;
	unsigned long bits = strtoul(text, &end, 10);

	return *text < '0' || *text > '9' || *end != '\0' || bits > width ? -1 : (int)bits;
}

uint8_t
prefix_read(const char *text, const char *pointer, struct dp_prefix *prefix, struct fault *fault)
{
	const char *slash = strchr(text, '/');
	const size_t n = slash ? (size_t)(slash - text) : 0;
	char address[ADDRESS_TEXT_MAX] = "", right[PREFIX_TEXT_MAX];
	uint8_t family;
	int bits;

	if (n < sizeof(address))
		memcpy(address, text, n);
	family = address_parse(address, prefix->address);
	bits = family ? length_read(slash + 1, family == 4 ? 32 : 128) : -1;
	if (bits < 0) {
		fault_set(fault, FAULT_INVALID_VALUE, pointer,
			"found %s, expected a prefix such as 192.0.2.0/24 or 2001:db8::/32", text);
		return 0;
	}
	prefix->bits = (uint8_t)bits;
	if (host_bits_clear(prefix)) {
		prefix_format(family, prefix->address, prefix->bits, right);
		fault_set(fault, FAULT_INVALID_VALUE, pointer,
			"found %s, which has bits set behind its length, expected %s", text, right);
		return 0;
	}
	return family;
}

void
prefix_format(uint8_t family, const uint8_t address[16], unsigned bits, char text[PREFIX_TEXT_MAX])
{
	char host[ADDRESS_TEXT_MAX];

	address_format(family, address, host);
	snprintf(text, PREFIX_TEXT_MAX, "%s/%u", host, bits);
}

void
field_end_write(struct json_writer *out, const char *address_member, const char *port_member,
	uint8_t family, const uint8_t bytes[16], uint16_t port)
{
	char text[ADDRESS_TEXT_MAX];

	address_format(family, bytes, text);
	json_write_string_member(out, address_member, text);
	json_write_integer_member(out, port_member, ntohs(port));
}
