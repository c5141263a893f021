/* SPDX-License-Identifier: BSD-3-Clause */
/* Members of JSON objects that have passed the schema, read into plain C and written back. */
#ifndef CTRL_STATE_FIELD_H
#define CTRL_STATE_FIELD_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <dp/flow.h>

#include "base/fault.h"
#include "base/json.h"

#define PREFIX_TEXT_MAX 50 /* of an IPv6 address, '/', three digits and the end */

/* A string member, padded with zeros; "" when it is absent. */
void field_name(const json_t *object, const char *member, char *name, size_t size);

/* An integer member that fits 16 bits; 0 when it is absent. */
uint16_t field_number(const json_t *object, const char *member);

/* "forward", "drop", "punt" to enum dp_verdict and back; absent is DP_FORWARD. */
uint8_t field_verdict(const json_t *object, const char *member);
const char *verdict_name(uint8_t verdict);

/* "up", "down": whether it is down. Absent is up. */
bool field_down(const json_t *object);

/*
 * An address member of one of the kinds (enum address_kind, as bits) and of the family wanted,
 * which is that of the field `like` (0: any). Returns its family, or 0 with *fault set, its pointer
 * the member.
 */
uint8_t field_address(const json_t *object, const char *member, unsigned kinds, uint8_t family,
	const char *like, uint8_t bytes[16], struct fault *fault);

/*
 * Read "address/length"; bits behind the length must be zero. Returns the family, or 0 with
 * *fault set at `pointer`.
 */
uint8_t prefix_read(
	const char *text, const char *pointer, struct dp_prefix *prefix, struct fault *fault);
void prefix_format(
	uint8_t family, const uint8_t address[16], unsigned bits, char text[PREFIX_TEXT_MAX]);

/* Write an address and a UDP port as two members. */
void field_end_write(struct json_writer *out, const char *address_member, const char *port_member,
	uint8_t family, const uint8_t bytes[16], uint16_t port);

#endif
