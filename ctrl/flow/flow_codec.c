/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * JSON to struct flow_spec and back. A table for each kind of object says which member stands
 * where, for both directions and in the order in which members are written; what tables cannot say
 * is the code beside them: the rules across members. Each refusal names the field by pointer and
 * says what was found and what was expected. A decoder returns 0, or -1 with *fault set, its
 * pointer relative to the object it was given.
 */
#include "flow/flow_codec.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/escape.h"
#include "schema/schema.h"

#define PREFIX_TEXT_MAX 50 /* of an IPv6 address, '/', three digits and the end */

#define SOURCE_RETURN_MS 5000 /* with sources, when nothing is said */
#define LATCH_INTERVAL_MS 1000 /* when latch is follow and nothing is said */
#define BURST_BYTES_MIN 3000 /* two datagrams of an Ethernet MTU: less would drop at any rate */
#define BURST_BYTES_MAX (UINT64_C(1) << 32)

enum field_kind {
	FIELD_TEXT = 1, /* of so many bytes, padded with zeros */
	FIELD_NUMBER, /* unsigned, of so many bytes */
	FIELD_KNOWN, /* a number, and `also` whether it is there */
	FIELD_INTERVAL, /* a number, written when `also` is DP_LATCH_FOLLOW */
	FIELD_UDP_PORT, /* in network order; not written when `also`, or else it, says there is none
			 */
	FIELD_TRUE, /* a byte: 1, or absent */
	FIELD_WORD, /* a byte that counts words; absent is the first */
	FIELD_ADDRESS, /* 16 bytes; `also` is the family, which the first one gives */
	FIELD_MAC, /* of a leg: 6 bytes, and `also` is FLOW_HOP_MAC */
	FIELD_FAMILY, /* of a rule, unless a prefix gives it */
	FIELD_PREFIX, /* of a rule: 16 bytes, and `also` the length */
	FIELD_RANGE, /* of UDP ports in host order: the first, and `also` the last */
	FIELD_ALLOW, /* of a flow: a list of prefixes */
	FIELD_SOURCES, /* of a flow: a list of objects */
	FIELD_RETURN, /* of a flow: a number, written when there are sources */
	FIELD_OBJECT, /* of so many bytes, with fields of its own; absent is all zero */
};

struct field {
	const char *name; /* of the member; NULL ends a table */
	uint8_t name_bytes;
	enum field_kind kind;
	bool always; /* written also when its value is that of an absent one */
	uint8_t bytes;
	uint16_t at; /* offset in the struct */
	uint16_t also; /* another one */
	uint32_t absent; /* a number that is not given */
	const char *const *words; /* NULL after the last */
	unsigned kinds; /* of address, enum address_kind as bits */
	const char *like; /* the field that gives the family */
	const struct field *fields; /* of an object */
	int (*check)(void *object, struct fault *fault); /* of an object that is there, or NULL */
};

#define FIELD(text, sort, type, member, ...) \
	{ \
		.name = (text), .name_bytes = sizeof(text) - 1, .kind = (sort), \
		.at = offsetof(type, member), .bytes = sizeof(((type *)0)->member), __VA_ARGS__ \
	}
#define ALSO(type, member) .also = offsetof(type, member)
#define MULTICAST_TOO (ADDRESS_UNICAST | ADDRESS_MULTICAST)

static const char *const admin_words[] = {"up", "down", NULL};
static const char *const verdicts[] = {
	[DP_FORWARD] = "forward",
	[DP_DROP] = "drop",
	[DP_PUNT] = "punt",
	NULL,
};
static const char *const latches[] = {
	[DP_LATCH_OPEN] = "open",
	[DP_LATCH_FIRST] = "first",
	[DP_LATCH_FOLLOW] = "follow",
	NULL,
};

static const char *const latch_bys[] = {
	[DP_LATCH_BY_ANY] = "any",
	[DP_LATCH_BY_SSRC] = "ssrc",
	[DP_LATCH_BY_RTCP_SSRC] = "rtcp_ssrc",
	[DP_LATCH_BY_CLASS + DP_CLASS_STUN] = "stun",
	[DP_LATCH_BY_CLASS + DP_CLASS_DTLS] = "dtls",
	[DP_LATCH_BY_CLASS + DP_CLASS_RTP] = "rtp",
	[DP_LATCH_BY_CLASS + DP_CLASS_OTHER] = "other",
	[DP_LATCH_BY_COUNT] = NULL,
};

const char *
flow_latch_by_word(enum dp_latch_by by)
{
	return latch_bys[by];
}

static int police_check(void *object, struct fault *fault);

static const struct field match_fields[] = {
	FIELD("port", FIELD_TEXT, struct flow_match, port, .always = true),
	FIELD("vlan", FIELD_NUMBER, struct flow_match, key.vlan, .always = true),
	FIELD("outer_vlan", FIELD_NUMBER, struct flow_match, key.outer_vlan),
	FIELD("src", FIELD_ADDRESS, struct flow_match, key.src, ALSO(struct flow_match, key.family),
		.kinds = ADDRESS_UNICAST, .like = "match/dst"),
	FIELD("src_port", FIELD_UDP_PORT, struct flow_match, key.src_port,
		ALSO(struct flow_match, key.any_source)),
	{0},
};

/* Written after the others, and decoded before, as the source is to be of the same family. */
static const struct field match_dst_fields[] = {
	FIELD("dst", FIELD_ADDRESS, struct flow_match, key.dst, ALSO(struct flow_match, key.family),
		.kinds = MULTICAST_TOO, .always = true),
	FIELD("dst_port", FIELD_UDP_PORT, struct flow_match, key.dst_port),
	{0},
};

static const struct field pool_fields[] = {
	FIELD("pool", FIELD_TEXT, struct flow_pool, name),
	FIELD("rtcp_of", FIELD_TEXT, struct flow_pool, rtcp_of),
	{0},
};

static const struct field rule_fields[] = {
	FIELD("priority", FIELD_NUMBER, struct flow_rule, rule.priority, .always = true),
	FIELD("family", FIELD_FAMILY, struct flow_rule, rule.family),
	FIELD("port", FIELD_TEXT, struct flow_rule, port),
	FIELD("vlan", FIELD_NUMBER, struct flow_rule, rule.vlan, .absent = DP_RULE_ANY),
	FIELD("outer_vlan", FIELD_NUMBER, struct flow_rule, rule.outer_vlan, .absent = DP_RULE_ANY),
	FIELD("src", FIELD_PREFIX, struct flow_rule, rule.src,
		ALSO(struct flow_rule, rule.src_bits)),
	FIELD("dst", FIELD_PREFIX, struct flow_rule, rule.dst,
		ALSO(struct flow_rule, rule.dst_bits)),
	FIELD("src_ports", FIELD_RANGE, struct flow_rule, rule.src_port_first,
		ALSO(struct flow_rule, rule.src_port_last)),
	FIELD("dst_ports", FIELD_RANGE, struct flow_rule, rule.dst_port_first,
		ALSO(struct flow_rule, rule.dst_port_last)),
	{0},
};

static const struct field police_fields[] = {
	FIELD("rate_bps", FIELD_NUMBER, struct dp_police, rate_bps, .always = true),
	FIELD("burst_bytes", FIELD_NUMBER, struct dp_police, burst_bytes, .always = true),
	{0},
};

static const struct field leg_fields[] = {
	FIELD("id", FIELD_TEXT, struct flow_leg, id),
	FIELD("port", FIELD_TEXT, struct flow_leg, port, .always = true),
	FIELD("vlan", FIELD_NUMBER, struct flow_leg, dp.vlan, .always = true),
	FIELD("src", FIELD_ADDRESS, struct flow_leg, dp.src, ALSO(struct flow_leg, dp.family),
		.kinds = ADDRESS_UNICAST, .always = true),
	FIELD("src_port", FIELD_UDP_PORT, struct flow_leg, dp.src_port),
	FIELD("learned", FIELD_TEXT, struct flow_leg, learned),
	FIELD("dst", FIELD_ADDRESS, struct flow_leg, dp.dst, ALSO(struct flow_leg, dp.family),
		.kinds = MULTICAST_TOO, .like = "src"),
	FIELD("dst_port", FIELD_UDP_PORT, struct flow_leg, dp.dst_port),
	FIELD("outer_vlan", FIELD_NUMBER, struct flow_leg, dp.outer_vlan),
	FIELD("dscp", FIELD_NUMBER, struct flow_leg, dp.dscp, .absent = DP_DSCP_KEEP),
	FIELD("ttl", FIELD_NUMBER, struct flow_leg, dp.ttl, .absent = DP_TTL_DECREMENT),
	FIELD("mark", FIELD_NUMBER, struct flow_leg, mark),
	FIELD("admin", FIELD_WORD, struct flow_leg, dp.down, .words = admin_words),
	FIELD("one_in", FIELD_NUMBER, struct flow_leg, dp.one_in, .absent = 1),
	FIELD("police", FIELD_OBJECT, struct flow_leg, dp.police, .fields = police_fields,
		.check = police_check),
	FIELD("next_hop", FIELD_ADDRESS, struct flow_leg, next_hop,
		ALSO(struct flow_leg, dp.family), .kinds = ADDRESS_UNICAST, .like = "src"),
	FIELD("mac", FIELD_MAC, struct flow_leg, mac, ALSO(struct flow_leg, hop)),
	FIELD("backup", FIELD_TEXT, struct flow_leg, backup_port),
	FIELD("backup_next_hop", FIELD_ADDRESS, struct flow_leg, backup_next_hop,
		ALSO(struct flow_leg, dp.family), .kinds = ADDRESS_UNICAST, .like = "src"),
	{0},
};

static const struct field stream_fields[] = {
	FIELD("ssrc", FIELD_KNOWN, struct flow_stream, dp.ssrc,
		ALSO(struct flow_stream, dp.has_ssrc)),
	FIELD("payload_type", FIELD_KNOWN, struct flow_stream, dp.payload_type,
		ALSO(struct flow_stream, dp.has_payload_type)),
	FIELD("action", FIELD_WORD, struct flow_stream, dp.verdict, .words = verdicts),
	{0},
};

#define CLASS_FIELD(text, class) \
	{ \
		.name = (text), .name_bytes = sizeof(text) - 1, .kind = FIELD_WORD, .at = (class), \
		.words = verdicts \
	}

static const struct field class_fields[] = {
	CLASS_FIELD("stun", DP_CLASS_STUN),
	CLASS_FIELD("dtls", DP_CLASS_DTLS),
	CLASS_FIELD("rtp", DP_CLASS_RTP),
	CLASS_FIELD("other", DP_CLASS_OTHER),
	{0},
};

/* A source of a flow, and the family that its address has, or is to have. */
struct source_item {
	struct dp_source source;
	uint8_t family;
};

static const struct field source_fields[] = {
	FIELD("src", FIELD_ADDRESS, struct source_item, source.address,
		ALSO(struct source_item, family), .kinds = ADDRESS_UNICAST, .like = "match/dst",
		.always = true),
	FIELD("src_port", FIELD_UDP_PORT, struct source_item, source.port),
	{0},
};

/* What is done to the packets of a flow before its streams. */
static const struct field policy_fields[] = {
	FIELD("admin", FIELD_WORD, struct flow_spec, dp.down, .words = admin_words),
	FIELD("action", FIELD_WORD, struct flow_spec, dp.verdict, .words = verdicts),
	FIELD("latch", FIELD_WORD, struct flow_spec, dp.latch, .words = latches),
	FIELD("latch_interval_ms", FIELD_INTERVAL, struct flow_spec, dp.latch_interval_ms,
		ALSO(struct flow_spec, dp.latch)),
	FIELD("latch_by", FIELD_WORD, struct flow_spec, dp.latch_by, .words = latch_bys),
	FIELD("sources", FIELD_SOURCES, struct flow_spec, sources),
	FIELD("source_timeout_ms", FIELD_NUMBER, struct flow_spec, dp.source_timeout_ms),
	FIELD("source_return_ms", FIELD_RETURN, struct flow_spec, dp.source_return_ms),
	FIELD("allow", FIELD_ALLOW, struct flow_spec, allow),
	FIELD("classes", FIELD_OBJECT, struct flow_spec, dp.class_verdict, .fields = class_fields),
	FIELD("police", FIELD_OBJECT, struct flow_spec, dp.police, .fields = police_fields,
		.check = police_check),
	FIELD("idle_timeout_s", FIELD_NUMBER, struct flow_spec, idle_timeout_s),
	FIELD("media_timeout_s", FIELD_NUMBER, struct flow_spec, media_timeout_s),
	FIELD("reopen", FIELD_TRUE, struct flow_spec, reopen),
	FIELD("max_datagram_bytes", FIELD_NUMBER, struct flow_spec, max_datagram_bytes),
	{0},
};

/* Read and write the members that a table lists. */

static int
address_decode(const struct field *field, const char *text, uint8_t *bytes, uint8_t *family,
	struct fault *fault)
{
	const uint8_t found = address_parse(text, bytes);
	enum address_kind kind;

	if (*family && found != *family)
		return fault_set(fault, FAULT_INVALID_VALUE, "",
			"family mismatch: found IPv%u, expected IPv%u as in %s", found, *family,
			field->like);
	kind = address_kind(found, bytes);
	if (!(kind & field->kinds))
		return fault_set(fault, FAULT_INVALID_VALUE, "",
			"found %s address %s (%s), expected a unicast%s address",
			address_kind_name(kind), text, address_kind_rule(kind),
			field->kinds & ADDRESS_MULTICAST ? " or multicast" : "");
	*family = found;
	return 0;
}

static uint64_t
burst_default(uint64_t rate_bps)
{
	const uint64_t eighth_second = rate_bps / 8 / 8;

	if (eighth_second < BURST_BYTES_MIN)
		return BURST_BYTES_MIN;
	return eighth_second > BURST_BYTES_MAX ? BURST_BYTES_MAX : eighth_second;
}

static int
police_check(void *object, struct fault *fault)
{
	struct dp_police *police = object;

	if (police->burst_bytes == 0)
		police->burst_bytes = burst_default(police->rate_bps);
	if (police->burst_bytes > police->rate_bps * DP_BURST_PER_BPS_MAX)
		return fault_set(fault, FAULT_INVALID_VALUE, "/burst_bytes",
			"found %" PRIu64 " bytes, expected at most %" PRIu64 " at %" PRIu64
			" bit/s, which is %d s of traffic",
			police->burst_bytes, police->rate_bps * DP_BURST_PER_BPS_MAX,
			police->rate_bps, DP_BURST_PER_BPS_MAX * 8);
	return 0;
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

static void
prefix_format(uint8_t family, const uint8_t address[16], unsigned bits, char text[PREFIX_TEXT_MAX])
{
	char host[ADDRESS_TEXT_MAX];

	address_format(family, address, host);
	snprintf(text, PREFIX_TEXT_MAX, "%s/%u", host, bits);
}

/* Read "address/length"; bits behind the length must be zero. The family, or 0 with *fault set. */
static uint8_t
prefix_read(const char *text, struct dp_prefix *prefix, struct fault *fault)
{
	char address[ADDRESS_TEXT_MAX], bits[4], right[PREFIX_TEXT_MAX];
	uint8_t family = 0;
	int end = 0;

	if (sscanf(text, "%45[^/]/%3[0-9]%n", address, bits, &end) == 2 && text[end] == '\0')
		family = address_parse(address, prefix->address);
	if (family == 0 || atoi(bits) > (family == 4 ? 32 : 128)) {
		fault_set(fault, FAULT_INVALID_VALUE, "",
			"found %s, expected a prefix such as 192.0.2.0/24 or 2001:db8::/32", text);
		return 0;
	}
	prefix->bits = (uint8_t)atoi(bits);
	if (host_bits_clear(prefix)) {
		prefix_format(family, prefix->address, prefix->bits, right);
		fault_set(fault, FAULT_INVALID_VALUE, "",
			"found %s, which has bits set behind its length, expected %s", text, right);
		return 0;
	}
	return family;
}

static int
rule_prefix_decode(const char *text, uint8_t *address, uint8_t *bits, const json_t *json,
	struct flow_rule *rule, struct fault *fault)
{
	struct dp_prefix prefix;
	uint8_t found;

	if (!text)
		return 0;
	found = prefix_read(text, &prefix, fault);
	if (!found)
		return -1;
	if (rule->rule.family && found != rule->rule.family)
		return fault_set(fault, FAULT_INVALID_VALUE, "",
			"family mismatch: found IPv%u, expected IPv%u as in the rule's %s", found,
			rule->rule.family, json_object_get(json, "family") ? "family" : "src");
	rule->rule.family = found;
	*bits = prefix.bits;
	memcpy(address, prefix.address, sizeof(prefix.address));
	return 0;
}

static int
range_decode(const json_t *range, uint16_t *first, uint16_t *last, struct fault *fault)
{
	*first = (uint16_t)json_integer_value(json_array_get(range, 0));
	*last = range ? (uint16_t)json_integer_value(json_array_get(range, 1)) : UINT16_MAX;
	if (*first <= *last)
		return 0;
	return fault_set(fault, FAULT_INVALID_VALUE, "",
		"found first %u above last %u, expected the lower one first", *first, *last);
}

static void
number_store(void *at, uint64_t number, unsigned bytes)
{
	switch (bytes) {
	case 1:
		*(uint8_t *)at = (uint8_t)number;
		break;
	case 2:
		*(uint16_t *)at = (uint16_t)number;
		break;
	case 4:
		*(uint32_t *)at = (uint32_t)number;
		break;
	default:
		*(uint64_t *)at = number;
	}
}

static uint64_t
number_load(const void *at, unsigned bytes)
{
	return bytes == 1   ? *(const uint8_t *)at
	       : bytes == 2 ? *(const uint16_t *)at
	       : bytes == 4 ? *(const uint32_t *)at
			    : *(const uint64_t *)at;
}

static int
allow_decode(const json_t *list, struct flow_spec *spec, struct fault *fault)
{
	unsigned i;

	for (i = 0; i < spec->n_allow; i++) {
		const char *text = json_string_value(json_array_get(list, i));
		const uint8_t family = prefix_read(text, &spec->allow[i], fault);

		if (!spec->match.key.family)
			spec->match.key.family = family; /* a pool gives the address */
		if (family && family == spec->match.key.family)
			continue;
		if (family)
			fault_set(fault, FAULT_INVALID_VALUE, "",
				"family mismatch: found IPv%u, expected IPv%u as in the %s", family,
				spec->match.key.family, spec->rule ? "rule" : "match");
		fault_prefix(fault, "/%u", i);
		return -1;
	}
	return 0;
}

static int table_decode(
	const struct field *fields, const json_t *json, void *object, struct fault *fault);

/* A packet may be of one source only. */
static int
source_apart(const struct dp_source *sources, unsigned n, struct fault *fault)
{
	const struct dp_source *source = &sources[n];
	unsigned i;

	for (i = 0; i < n; i++) {
		if (memcmp(sources[i].address, source->address, sizeof(source->address)) == 0 &&
			(sources[i].port == source->port || sources[i].port == 0 ||
				source->port == 0))
			return fault_set(fault, FAULT_INVALID_VALUE, "",
				"found the source of sources/%u again, expected another address, "
				"or another src_port in both",
				i);
	}
	return 0;
}

static int
sources_decode(const json_t *list, struct flow_spec *spec, struct fault *fault)
{
	unsigned i;

	for (i = 0; i < spec->dp.n_sources; i++) {
		struct source_item item = {.family = spec->match.key.family};

		if (table_decode(source_fields, json_array_get(list, i), &item, fault) < 0)
			goto err_source;
		spec->match.key.family = item.family; /* a pool gives the address */
		spec->sources[i] = item.source;
		if (source_apart(spec->sources, i, fault) < 0)
			goto err_source;
	}
	return 0;
err_source:
	fault_prefix(fault, "/%u", i);
	return -1;
}

static int
field_decode(const struct field *field, const json_t *json, void *object, struct fault *fault)
{
	const json_t *value = json_object_getn(json, field->name, field->name_bytes);
	const char *text = json_string_value(value);
	uint64_t number = value ? (uint64_t)json_integer_value(value) : field->absent;
	void *at = (uint8_t *)object + field->at, *also = (uint8_t *)object + field->also;
	unsigned word = 0;

	switch (field->kind) {
	case FIELD_TEXT:
		if (text)
			strncpy(at, text, field->bytes - 1u);
		return 0;
	case FIELD_KNOWN:
		*(uint8_t *)also = value != NULL;
		/* fall through */
	case FIELD_INTERVAL:
	case FIELD_RETURN:
	case FIELD_FAMILY:
	case FIELD_NUMBER:
		number_store(at, number, field->bytes);
		return 0;
	case FIELD_UDP_PORT:
		*(uint16_t *)at = htons((uint16_t)number);
		return 0;
	case FIELD_TRUE:
		*(uint8_t *)at = json_is_true(value);
		return 0;
	case FIELD_WORD:
		while (text && field->words[word] && strcmp(text, field->words[word]) != 0)
			word++;
		*(uint8_t *)at = field->words[word] ? (uint8_t)word : 0;
		return 0;
	case FIELD_ADDRESS:
		if (!value) /* of a relay whose pool is still to give it */
			return 0;
		return address_decode(field, text, at, also, fault);
	case FIELD_MAC:
		if (!value)
			return 0;
		*(uint8_t *)also = FLOW_HOP_MAC;
		mac_parse(text, at);
		return 0;
	case FIELD_PREFIX:
		return rule_prefix_decode(text, at, also, json, object, fault);
	case FIELD_RANGE:
		return range_decode(value, at, also, fault);
	case FIELD_ALLOW:
		return allow_decode(value, object, fault);
	case FIELD_SOURCES:
		return sources_decode(value, object, fault);
	case FIELD_OBJECT:
		if (!value)
			return 0;
		if (table_decode(field->fields, value, at, fault) < 0)
			return -1;
		return field->check ? field->check(at, fault) : 0;
	}
	return 0;
}

/* Read the members of a table. The object is zero before. */
static int
table_decode(const struct field *fields, const json_t *json, void *object, struct fault *fault)
{
	for (; fields->name; fields++) {
		if (field_decode(fields, json, object, fault) < 0) {
			fault_prefix(fault, "/%s", fields->name);
			return -1;
		}
	}
	return 0;
}

static void
range_write(struct json_writer *out, const char *name, unsigned first, unsigned last)
{
	if (first == 0 && last == UINT16_MAX)
		return;
	json_write_name(out, name);
	json_write_open(out, '[');
	json_write_integer(out, first);
	json_write_integer(out, last);
	json_write_close(out, ']');
}

static void
number_write(struct json_writer *out, const struct field *field, int64_t number)
{
	json_write_name_of(out, field->name, field->name_bytes);
	json_write_integer(out, number);
}

static void
text_write(struct json_writer *out, const struct field *field, const char *text)
{
	json_write_name_of(out, field->name, field->name_bytes);
	json_write_string(out, text);
}

static void
allow_write(struct json_writer *out, const struct flow_spec *spec)
{
	char text[PREFIX_TEXT_MAX];
	unsigned i;

	if (spec->n_allow == 0)
		return;
	json_write_name(out, "allow");
	json_write_open(out, '[');
	for (i = 0; i < spec->n_allow; i++) {
		prefix_format(
			spec->match.key.family, spec->allow[i].address, spec->allow[i].bits, text);
		json_write_string(out, text);
	}
	json_write_close(out, ']');
}

static void table_write(struct json_writer *out, const struct field *field, const void *object);

static void
sources_write(struct json_writer *out, const struct flow_spec *spec)
{
	unsigned i;

	if (spec->dp.n_sources == 0)
		return;
	json_write_name(out, "sources");
	json_write_open(out, '[');
	for (i = 0; i < spec->dp.n_sources; i++) {
		const struct source_item item = {
			.source = spec->sources[i], .family = spec->match.key.family};

		json_write_open(out, '{');
		table_write(out, source_fields, &item);
		json_write_close(out, '}');
	}
	json_write_close(out, ']');
}

/* Write the members of a table that say more than their default. */
static void
table_write(struct json_writer *out, const struct field *field, const void *object)
{
	static const uint8_t none[16];
	char text[PREFIX_TEXT_MAX];
	const struct flow_rule *rule = object;
	uint64_t number;

	for (; field->name; field++) {
		const void *at = (const uint8_t *)object + field->at;
		const void *also = (const uint8_t *)object + field->also;
		const uint8_t byte = *(const uint8_t *)also;

		switch (field->kind) {
		case FIELD_TEXT:
			if (*(const char *)at != '\0')
				text_write(out, field, at);
			break;
		case FIELD_KNOWN:
		case FIELD_INTERVAL:
		case FIELD_NUMBER:
			number = number_load(at, field->bytes);
			if (field->kind == FIELD_KNOWN ? byte
				: field->kind == FIELD_INTERVAL
					? byte == DP_LATCH_FOLLOW
					: field->always || number != field->absent)
				number_write(out, field, (int64_t)number);
			break;
		case FIELD_UDP_PORT:
			if (field->also ? !byte : *(const uint16_t *)at != 0)
				number_write(out, field, ntohs(*(const uint16_t *)at));
			break;
		case FIELD_TRUE:
			if (!*(const uint8_t *)at)
				break;
			json_write_name_of(out, field->name, field->name_bytes);
			json_write_value(out, json_true());
			break;
		case FIELD_WORD:
			if (*(const uint8_t *)at)
				text_write(out, field, field->words[*(const uint8_t *)at]);
			break;
		case FIELD_ADDRESS:
			if (!field->always && memcmp(at, none, sizeof(none)) == 0)
				break;
			address_format(byte, at, text);
			text_write(out, field, text);
			break;
		case FIELD_MAC:
			if (byte != FLOW_HOP_MAC)
				break;
			mac_format(at, text);
			text_write(out, field, text);
			break;
		case FIELD_FAMILY:
			if (rule->rule.src_bits == 0 && rule->rule.dst_bits == 0)
				number_write(out, field, rule->rule.family);
			break;
		case FIELD_PREFIX:
			if (byte == 0)
				break;
			prefix_format(rule->rule.family, at, byte, text);
			text_write(out, field, text);
			break;
		case FIELD_RANGE:
			range_write(
				out, field->name, *(const uint16_t *)at, *(const uint16_t *)also);
			break;
		case FIELD_ALLOW:
			allow_write(out, object);
			break;
		case FIELD_SOURCES:
			sources_write(out, object);
			break;
		case FIELD_RETURN:
			if (((const struct flow_spec *)object)->dp.n_sources > 0)
				number_write(out, field, (int64_t)number_load(at, field->bytes));
			break;
		case FIELD_OBJECT:
			if (memcmp(at, none, field->bytes) == 0)
				break;
			json_write_name_of(out, field->name, field->name_bytes);
			json_write_open(out, '{');
			table_write(out, field->fields, at);
			json_write_close(out, '}');
			break;
		}
	}
}

/* Local address and port come both, unless a pool gives what is absent. */
static int
local_decode(const json_t *json, struct flow_spec *spec, struct fault *fault)
{
	const json_t *dst = json_object_get(json, "dst"), *port = json_object_get(json, "dst_port");

	if (!dst && (port || !spec->pool))
		return fault_set(fault, FAULT_INVALID_VALUE, "/dst",
			"missing, expected the local address%s",
			spec->pool ? " with the port, or neither" : ", or pool to be given one");
	if (!port && !spec->pool)
		return fault_set(fault, FAULT_INVALID_VALUE, "/dst_port",
			"missing, expected the local UDP port, or pool to be given one");
	if (json_object_get(json, "rtcp_of") && !spec->pool)
		return fault_set(fault, FAULT_INVALID_VALUE, "/rtcp_of",
			"found it without pool, expected pool with it");
	if (json_object_get(json, "rtcp_of") && dst && !port)
		return fault_set(fault, FAULT_INVALID_VALUE, "/dst",
			"found dst alone with rtcp_of, expected dst_port with it, or neither");
	if (json_object_get(json, "rtcp_of") && port && json_integer_value(port) % 2 == 0)
		return fault_set(fault, FAULT_INVALID_VALUE, "/dst_port",
			"found %d with rtcp_of, expected the odd port of a pair",
			(int)json_integer_value(port));
	if (spec->pool) {
		table_decode(pool_fields, json, spec->pool, fault);
		spec->pool->address_named = dst != NULL;
	}
	return dst ? table_decode(match_dst_fields, json, &spec->match, fault) : 0;
}

/* Source address and port come both or not at all; without them the flow is a listener. */
static int
match_decode(const json_t *json, struct flow_spec *spec, struct fault *fault)
{
	const json_t *src = json_object_get(json, "src");
	const json_t *src_port = json_object_get(json, "src_port");
	struct flow_match *match = &spec->match;

	if (local_decode(json, spec, fault) < 0 ||
		table_decode(match_fields, json, match, fault) < 0)
		return -1;
	match->key.any_source = !src && !src_port;
	if (match->key.any_source)
		return 0;
	if (!src)
		return fault_set(fault, FAULT_INVALID_VALUE, "/src",
			"found src_port alone, expected src with it, or neither for any source");
	if (!src_port)
		return fault_set(fault, FAULT_INVALID_VALUE, "/src_port",
			"found src alone, expected src_port with it, or neither for any source");
	return 0;
}

/* The rules between the sources to choose from and what else the flow says. */
static int
sources_check(const json_t *flow, struct flow_spec *spec, struct fault *fault)
{
	static const char *const times[] = {"source_timeout_ms", "source_return_ms"};
	size_t i;

	for (i = 0; spec->dp.n_sources == 0 && i < 2; i++) {
		if (!json_object_get(flow, times[i]))
			continue;
		fault_set(fault, FAULT_INVALID_VALUE, "",
			"found it without sources, expected it with sources only");
		fault_prefix(fault, "/%s", times[i]);
		return -1;
	}
	if (spec->dp.n_sources == 0)
		return 0;
	if (spec->rule || !spec->match.key.any_source)
		return fault_set(fault, FAULT_INVALID_VALUE, "/sources",
			"found %u with %s, expected them with a match without src and src_port",
			spec->dp.n_sources,
			spec->rule ? "a rule" : "a match that names its source");
	if (spec->dp.latch != DP_LATCH_OPEN)
		return fault_set(fault, FAULT_INVALID_VALUE, "/sources",
			"found %u with latch %s, expected sources or a latch", spec->dp.n_sources,
			latches[spec->dp.latch]);
	if (spec->dp.source_timeout_ms == 0)
		return fault_set(fault, FAULT_INVALID_VALUE, "/source_timeout_ms",
			"missing, expected 1 to %u with sources", DP_SOURCE_TIMEOUT_MS_MAX);
	if (!json_object_get(flow, "source_return_ms"))
		spec->dp.source_return_ms = SOURCE_RETURN_MS;
	return 0;
}

/* What opens the latch is to reach it: classes are looked at before. */
static int
latch_by_check(const struct flow_spec *spec, struct fault *fault)
{
	const enum dp_latch_by by = (enum dp_latch_by)spec->dp.latch_by;
	const enum dp_class class =
		by < DP_LATCH_BY_CLASS ? DP_CLASS_RTP : (enum dp_class)(by - DP_LATCH_BY_CLASS);

	if (by == DP_LATCH_BY_ANY)
		return 0;
	if (spec->dp.latch == DP_LATCH_OPEN)
		return fault_set(fault, FAULT_INVALID_VALUE, "/latch_by",
			"found it with latch open, expected it with first or follow only");
	if (spec->dp.class_verdict[class] == DP_FORWARD)
		return 0;
	return fault_set(fault, FAULT_INVALID_VALUE, "/latch_by",
		"found %s, whose packets have the verdict %s in classes and never open the latch; "
		"expected forward for that class, or another latch_by",
		latch_bys[by], verdicts[spec->dp.class_verdict[class]]);
}

/* The rules between the latch and what else the flow says. */
static int
latch_check(const json_t *flow, struct flow_spec *spec, struct fault *fault)
{
	const bool interval = json_object_get(flow, "latch_interval_ms") != NULL;

	if (spec->dp.latch != DP_LATCH_OPEN && !spec->rule && !spec->match.key.any_source)
		return fault_set(fault, FAULT_INVALID_VALUE, "/latch",
			"found %s, expected open, as the match names its source",
			latches[spec->dp.latch]);
	if (interval && spec->dp.latch != DP_LATCH_FOLLOW)
		return fault_set(fault, FAULT_INVALID_VALUE, "/latch_interval_ms",
			"found it with latch %s, expected it with follow only",
			latches[spec->dp.latch]);
	if (!interval && spec->dp.latch == DP_LATCH_FOLLOW)
		spec->dp.latch_interval_ms = LATCH_INTERVAL_MS;
	if (spec->reopen && spec->dp.latch == DP_LATCH_OPEN)
		return fault_set(fault, FAULT_INVALID_VALUE, "/reopen",
			"found true with latch open, expected latch first or follow");
	if (spec->reopen && spec->media_timeout_s == 0)
		return fault_set(fault, FAULT_INVALID_VALUE, "/reopen",
			"found true, expected media_timeout_s with it");
	return latch_by_check(spec, fault);
}

/* An address with its UDP port, which only a leg to a learned source may do without. */
static int
leg_dst_check(const json_t *json, const struct flow_leg *leg, struct fault *fault)
{
	const bool learned = leg->learned[0] != '\0';
	const json_t *dst = json_object_get(json, "dst"), *port = json_object_get(json, "dst_port");

	if (!dst && (port || !learned))
		return fault_set(fault, FAULT_INVALID_VALUE, "/dst", "missing, expected %s",
			port ? "the address that dst_port belongs to"
			     : "an IP address, or learned");
	if (dst && !port)
		return fault_set(fault, FAULT_INVALID_VALUE, "/dst_port",
			"missing, expected a UDP port, as there is dst");
	if (!learned)
		return 0;
	if (dst && address_kind(leg->dp.family, leg->dp.dst) == ADDRESS_MULTICAST)
		return fault_set(fault, FAULT_INVALID_VALUE, "/dst",
			"found a multicast group, expected a unicast address, as the leg sends to "
			"a learned source");
	if (!dst && (leg->hop == FLOW_HOP_MAC || json_object_get(json, "next_hop")))
		return fault_set(fault, FAULT_INVALID_VALUE,
			leg->hop == FLOW_HOP_MAC ? "/mac" : "/next_hop",
			"found it without dst, whose next hop it is; expected none");
	return 0;
}

/* It is for a way that the kernel knows, and another one than that. */
static int
leg_backup_check(const struct flow_leg *leg, struct fault *fault)
{
	const char *member = leg->backup_port[0] != '\0' ? "/backup" : "/backup_next_hop";
	const char *port = leg->backup_port[0] != '\0' ? leg->backup_port : leg->port;
	const char *without = NULL;

	if (!leg_has_backup(leg))
		return 0;
	if (leg->hop == FLOW_HOP_MAC)
		without = "mac";
	else if (leg->learned[0] != '\0')
		without = "learned";
	else if (address_kind(leg->dp.family, leg->dp.dst) == ADDRESS_MULTICAST)
		without = "a multicast dst";
	if (without)
		return fault_set(fault, FAULT_INVALID_VALUE, member,
			"found it with %s, expected a leg whose next hop the kernel resolves",
			without);
	if (strcmp(port, leg->port) == 0 &&
		memcmp(leg->backup_next_hop, leg->next_hop, sizeof(leg->next_hop)) == 0)
		return fault_set(fault, FAULT_INVALID_VALUE, member,
			"found the port and next hop of the leg itself, expected another "
			"port, or another next hop on port %s",
			leg->port);
	return 0;
}

static int
leg_decode(const json_t *json, struct flow_leg *leg, struct fault *fault)
{
	memset(leg, 0, sizeof(*leg));
	if (table_decode(leg_fields, json, leg, fault) < 0 || leg_dst_check(json, leg, fault) < 0 ||
		leg_backup_check(leg, fault) < 0)
		return -1;
	if (leg->mark != 0 && (leg->hop == FLOW_HOP_MAC || json_object_get(json, "next_hop")))
		return fault_set(fault, FAULT_INVALID_VALUE, "/mark",
			"found it with %s, which needs no route; expected one of them",
			leg->hop == FLOW_HOP_MAC ? "mac" : "next_hop");
	if (!json_object_get(json, "next_hop"))
		return 0;
	if (leg->hop == FLOW_HOP_MAC)
		return fault_set(fault, FAULT_INVALID_VALUE, "/mac",
			"found mac and next_hop, expected one of them");
	leg->hop = FLOW_HOP_GATEWAY;
	return 0;
}

int
flow_legs_decode(const json_t *legs, struct flow_leg *out, size_t n, struct fault *fault)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (leg_decode(json_array_get(legs, i), &out[i], fault) < 0) {
			fault_prefix(fault, "/legs/%zu", i);
			return -1;
		}
	}
	return 0;
}

static void
legs_write(struct json_writer *out, const struct flow_leg *legs, size_t n)
{
	size_t i;

	json_write_name(out, "legs");
	json_write_open(out, '[');
	for (i = 0; i < n; i++) {
		json_write_open(out, '{');
		table_write(out, leg_fields, &legs[i]);
		json_write_close(out, '}');
	}
	json_write_close(out, ']');
}

static int
stream_decode(const json_t *json, struct flow_spec *spec, unsigned number, struct fault *fault)
{
	struct flow_stream *stream = &spec->streams[number];
	const json_t *list = json_object_get(json, "legs");
	struct flow_leg *legs = &spec->legs[stream->first_leg];
	unsigned i;

	stream->dp.n_legs = (uint16_t)json_array_size(list);
	if (table_decode(stream_fields, json, stream, fault) < 0)
		return -1;
	if (!stream->dp.has_ssrc && !stream->dp.has_payload_type)
		return fault_set(fault, FAULT_INVALID_VALUE, "",
			"found neither ssrc nor payload_type, expected one of them or both");
	if (stream->dp.verdict == DP_FORWARD && stream->dp.n_legs == 0)
		return fault_set(fault, FAULT_INVALID_VALUE, "/legs",
			"found none, expected a leg, as the stream's action is forward");
	if (flow_legs_decode(list, legs, stream->dp.n_legs, fault) < 0)
		return -1;
	for (i = 0; i < stream->dp.n_legs; i++) {
		if (legs[i].id[0] == '\0')
			continue;
		fault_set(fault, FAULT_INVALID_VALUE, "",
			"found %s, expected none, as legs of streams have no id", legs[i].id);
		fault_prefix(fault, "/legs/%u/id", i);
		return -1;
	}
	for (i = 0; i < number; i++) {
		if (memcmp(&stream->dp, &spec->streams[i].dp,
			    offsetof(struct dp_stream, verdict)) == 0)
			return fault_set(fault, FAULT_INVALID_VALUE, "",
				"found the ssrc and payload_type of stream %u, expected others", i);
	}
	return 0;
}

static int
streams_decode(const json_t *streams, struct flow_spec *spec, struct fault *fault)
{
	uint32_t first_leg = spec->n_legs;
	unsigned i;

	for (i = 0; i < spec->n_streams; i++) {
		spec->streams[i].first_leg = first_leg;
		if (stream_decode(json_array_get(streams, i), spec, i, fault) < 0) {
			fault_prefix(fault, "/streams/%u", i);
			return -1;
		}
		first_leg += spec->streams[i].dp.n_legs;
	}
	return 0;
}

static void
streams_write(struct json_writer *out, const struct flow_spec *spec)
{
	unsigned i;

	if (spec->n_streams == 0)
		return;
	json_write_name(out, "streams");
	json_write_open(out, '[');
	for (i = 0; i < spec->n_streams; i++) {
		const struct flow_stream *stream = &spec->streams[i];

		json_write_open(out, '{');
		table_write(out, stream_fields, stream);
		legs_write(out, &spec->legs[stream->first_leg], stream->dp.n_legs);
		json_write_close(out, '}');
	}
	json_write_close(out, ']');
}

/* Either match or rule classifies the flow's packets. */
static int
classifier_decode(const json_t *flow, struct flow_spec *spec, struct fault *fault)
{
	const json_t *match = json_object_get(flow, "match");

	if (match && spec->rule)
		return fault_set(fault, FAULT_INVALID_VALUE, "/rule",
			"found match and rule, expected one of them");
	if (!match && !spec->rule)
		return fault_set(fault, FAULT_INVALID_VALUE, "/match",
			"found neither match nor rule, expected one of them");
	if (match && match_decode(match, spec, fault) < 0) {
		fault_prefix(fault, "/match");
		return -1;
	}
	if (!spec->rule)
		return 0;
	spec->rule->rule.port = DP_RULE_ANY;
	if (table_decode(rule_fields, json_object_get(flow, "rule"), spec->rule, fault) < 0) {
		fault_prefix(fault, "/rule");
		return -1;
	}
	spec->match.key.family = spec->rule->rule.family;
	if (spec->match.key.family)
		return 0;
	return fault_set(fault, FAULT_INVALID_VALUE, "/rule/family",
		"found no prefix that determines the family, expected 4 or 6");
}

/* A flow of a relay is named after it. */
static int
relay_decode(const json_t *flow, struct flow_spec *spec, struct fault *fault)
{
	const char *relay = json_string_value(json_object_get(flow, "relay"));

	if (!relay)
		return 0;
	if (relay_flow_find(relay, strlen(relay), spec->id) == RELAY_FLOWS &&
		relay_receiver_side(spec->id, strlen(relay)) == RELAY_FLOWS)
		return fault_set(fault, FAULT_INVALID_VALUE, "/relay",
			"found %s, expected the relay that flow %s is named after", relay,
			spec->id);
	spec->relay_bytes = (uint8_t)strlen(relay);
	return 0;
}

static int
spec_decode(const json_t *flow, struct flow_spec *spec, struct fault *fault)
{
	const char *id = json_string_value(json_object_get(flow, "id"));

	strncpy(spec->id, id ? id : "", sizeof(spec->id) - 1);
	if (relay_decode(flow, spec, fault) < 0 || classifier_decode(flow, spec, fault) < 0 ||
		table_decode(policy_fields, flow, spec, fault) < 0 ||
		latch_check(flow, spec, fault) < 0 || sources_check(flow, spec, fault) < 0)
		return -1;
	if (spec->dp.verdict == DP_FORWARD && spec->n_all_legs == 0)
		return fault_set(fault, FAULT_INVALID_VALUE, "/legs",
			"found none, expected a leg here or in a stream, "
			"as the flow's action is forward");
	if (flow_legs_decode(json_object_get(flow, "legs"), spec->legs, spec->n_legs, fault) < 0 ||
		leg_ids_check(spec->legs, spec->n_legs, 0, fault) < 0)
		return -1;
	return streams_decode(json_object_get(flow, "streams"), spec, fault);
}

struct flow_spec *
flow_spec_decode(const json_t *flow, struct fault *fault)
{
	const json_t *streams = json_object_get(flow, "streams"), *stream;
	struct flow_room room = {
		.n_legs = json_array_size(json_object_get(flow, "legs")),
		.n_streams = json_array_size(streams),
		.n_allow = json_array_size(json_object_get(flow, "allow")),
		.n_sources = json_array_size(json_object_get(flow, "sources")),
		.rule = json_object_get(flow, "rule") != NULL,
		.pool = json_object_get(json_object_get(flow, "match"), "pool") != NULL,
	};
	struct flow_spec *spec;
	size_t i;

	room.n_all_legs = room.n_legs;
	json_array_foreach (streams, i, stream)
		room.n_all_legs += json_array_size(json_object_get(stream, "legs"));
	spec = flow_spec_create(&room);
	if (!spec) {
		fault_set(fault, FAULT_NO_ROOM, "", "no memory for a flow of %zu leg%s",
			room.n_all_legs, plural_s(room.n_all_legs));
		return NULL;
	}
	if (spec_decode(flow, spec, fault) < 0) {
		free(spec);
		return NULL;
	}
	return spec;
}

struct flow_spec *
flow_request_decode(const json_t *flow, struct fault *fault)
{
	struct flow_spec *spec = flow_spec_decode(flow, fault);
	int rc = spec ? flow_legs_apart(spec, fault) : -1;

	if (rc == 0 && spec->relay_bytes > 0)
		rc = fault_set(fault, FAULT_INVALID_VALUE, "/relay",
			"found %.*s, expected no member relay; change the relay instead",
			spec->relay_bytes, spec->id);
	if (rc == 0)
		return spec;
	free(spec);
	return NULL;
}

int
flow_relay_decode(const json_t *relay, struct flow_spec *specs[RELAY_FLOWS], struct fault *fault)
{
	json_t *flows[RELAY_FLOWS];
	int rc = relay_expand(relay, flows, fault);
	unsigned i;

	for (i = 0; i < RELAY_FLOWS; i++) {
		specs[i] = rc == 0 && flows[i] ? flow_spec_decode(flows[i], fault) : NULL;
		if (rc == 0 && flows[i] && (!specs[i] || flow_legs_apart(specs[i], fault) < 0)) {
			relay_fault_place(i, fault);
			rc = -1;
		}
		json_decref(flows[i]);
	}
	for (i = 0; rc < 0 && i < RELAY_FLOWS; i++) {
		free(specs[i]);
		specs[i] = NULL;
	}
	return rc;
}

struct flow_spec *
flow_receiver_decode(const json_t *side, const json_t *receiver, struct fault *fault)
{
	json_t *flow = relay_receiver_expand(side, receiver, fault);
	struct flow_spec *spec = flow ? flow_spec_decode(flow, fault) : NULL;

	if (flow && !spec)
		relay_receiver_fault_place(fault);
	json_decref(flow);
	return spec;
}

/* A list has each name once; `seen` has those before. */
static int
receiver_name_check(json_t *seen, const json_t *receiver, struct fault *fault)
{
	const char *name = json_string_value(json_object_get(receiver, "name"));

	if (json_object_get(seen, name))
		return fault_set(fault, FAULT_INVALID_VALUE, "/name",
			"found %s twice, expected each name once", name);
	json_object_set_new(seen, name, json_true());
	return 0;
}

int
flow_receivers_decode(const json_t *relay, flow_receiver_fn fn, void *arg, struct fault *fault)
{
	const json_t *lists[] = {json_object_get(json_object_get(relay, "a"), "receivers"),
		json_object_get(json_object_get(relay, "b"), "receivers")};
	json_t *flows[RELAY_FLOWS], *receiver;
	unsigned side;
	int rc = 0;
	size_t i;

	if (json_array_size(lists[RELAY_A]) + json_array_size(lists[RELAY_B]) == 0)
		return 0;
	if (relay_expand(relay, flows, fault) < 0)
		return -1;
	for (side = RELAY_A; rc == 0 && side <= RELAY_B; side++) {
		json_t *seen = json_object();

		json_array_foreach (lists[side], i, receiver) {
			struct flow_spec *spec =
				receiver_name_check(seen, receiver, fault) < 0
					? NULL
					: flow_receiver_decode(flows[side], receiver, fault);

			if (!spec)
				fault_prefix(fault, "/%s/receivers/%zu", relay_flow_name(side), i);
			rc = spec ? fn(arg, side, (uint32_t)i, spec, fault) : -1;
			if (rc < 0)
				break;
		}
		json_decref(seen);
	}
	for (side = 0; side < RELAY_FLOWS; side++)
		json_decref(flows[side]);
	return rc;
}

/* struct flow_spec back to JSON: what says no more than its default stays out, but for VLANs. */

/* Without what a pool is still to give. */
static void
local_write(struct json_writer *out, const struct flow_spec *spec)
{
	char address[ADDRESS_TEXT_MAX];

	if (!spec->pool || spec->match.key.dst_port != 0) {
		table_write(out, match_dst_fields, &spec->match);
	} else if (spec->pool->address_named) {
		address_format(spec->match.key.family, spec->match.key.dst, address);
		json_write_string_member(out, "dst", address);
	}
	if (spec->pool)
		table_write(out, pool_fields, spec->pool);
}

/* With so many of its own legs. */
static void
flow_spec_write(struct json_writer *out, const struct flow_spec *spec, size_t n_legs)
{
	char relay[FLOW_ID_MAX];

	json_write_open(out, '{');
	json_write_string_member(out, "id", spec->id);
	if (spec->relay_bytes) {
		snprintf(relay, sizeof(relay), "%.*s", spec->relay_bytes, spec->id);
		json_write_string_member(out, "relay", relay);
	}
	json_write_name(out, spec->rule ? "rule" : "match");
	json_write_open(out, '{');
	if (spec->rule) {
		table_write(out, rule_fields, spec->rule);
	} else {
		table_write(out, match_fields, &spec->match);
		local_write(out, spec);
	}
	json_write_close(out, '}');
	table_write(out, policy_fields, spec);
	streams_write(out, spec);
	legs_write(out, spec->legs, n_legs);
	json_write_close(out, '}');
}

static char *
spec_text(const struct flow_spec *spec, size_t n_legs, size_t *bytes)
{
	struct json_writer writer;

	json_writer_init(&writer);
	flow_spec_write(&writer, spec, n_legs);
	return json_writer_take(&writer, bytes);
}

static json_t *
spec_json(const struct flow_spec *spec, size_t n_legs)
{
	json_error_t error;
	json_t *flow;
	size_t bytes;
	char *text = spec_text(spec, n_legs, &bytes);

	if (!text)
		return NULL;
	flow = json_text_load(text, bytes, &error);
	free(text);
	return flow;
}

json_t *
flow_spec_encode(const struct flow_spec *spec)
{
	return spec_json(spec, spec->n_legs);
}

json_t *
flow_own_encode(const struct flow_spec *spec)
{
	return spec_json(spec, (size_t)spec->n_legs - spec->n_receivers);
}

char *
flow_text_encode(const struct flow_spec *spec, size_t *bytes)
{
	size_t length;

	return spec_text(spec, (size_t)spec->n_legs - spec->n_receivers, bytes ? bytes : &length);
}

struct schema *
flow_text_schema(struct fault *fault)
{
	json_t *document = schema_rpc_document();
	struct schema *schema = schema_create(document, schema_component(document, "flow"), fault);

	if (schema)
		schema_leave_items(schema); /* flow_spec_decode() knows what absence means */
	return schema;
}

struct flow_spec *
flow_text_decode(const struct schema *schema, const char *text, size_t bytes, struct fault *fault)
{
	json_error_t error;
	json_t *flow = json_text_load(text, bytes, &error);
	struct flow_spec *spec = NULL;

	if (!flow) {
		fault_set(fault, FAULT_PARSE, "", "not JSON: line %d, column %d: %s", error.line,
			error.column, error.text);
		return NULL;
	}
	if (schema_check(schema, flow, fault) == 0)
		spec = flow_spec_decode(flow, fault);
	json_decref(flow);
	return spec;
}
