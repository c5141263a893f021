/* SPDX-License-Identifier: BSD-3-Clause */
/* Text of a flow and back: the flows of the document's examples, and many drawn at random. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "flow/flow_codec.h"
#include "schema/documents.h"
#include "schema/schema.h"

static struct schema *
flow_schema(void)
{
	json_t *document = schema_rpc_document();
	struct fault fault = {0};
	struct schema *schema = schema_create(document, schema_component(document, "flow"), &fault);

	cr_assert_not_null(schema, "%s", fault.message);
	return schema;
}

static char *
text_of(const struct flow_spec *spec)
{
	struct json_writer writer;
	size_t bytes;

	json_writer_init(&writer);
	flow_spec_write(&writer, spec);
	return json_writer_take(&writer, &bytes);
}

/* NULL: the schema or the rules of one flow do not take it. */
static struct flow_spec *
spec_of(const struct schema *schema, json_t *flow)
{
	struct fault fault;

	return schema_check(schema, flow, &fault) < 0 ? NULL : flow_spec_decode(flow, &fault);
}

/* Byte for byte, but for where the parts of the one piece of memory stand. */
static bool
spec_same(const struct flow_spec *a, const struct flow_spec *b)
{
	struct flow_spec head = *a;

	head.legs = b->legs;
	head.streams = b->streams;
	head.allow = b->allow;
	head.rule = b->rule;
	return !memcmp(&head, b, sizeof(head)) && !a->rule == !b->rule &&
	       !memcmp(a->legs, b->legs, a->n_all_legs * sizeof(a->legs[0])) &&
	       !memcmp(a->streams, b->streams, a->n_streams * sizeof(a->streams[0])) &&
	       !memcmp(a->allow, b->allow, a->n_allow * sizeof(a->allow[0])) &&
	       (!a->rule || !memcmp(a->rule, b->rule, sizeof(*a->rule)));
}

/* Whether the flow was one that is taken; it must then come back from its text as it was. */
static bool
round_trip(const struct schema *schema, json_t *flow)
{
	struct flow_spec *spec = spec_of(schema, flow), *back;
	json_error_t error;
	json_t *read;
	char *text, *again;

	if (!spec)
		return false;
	if (!spec->id[0])
		strcpy(spec->id, "flow-1"); /* a flow that is installed has one */
	text = text_of(spec);
	read = json_text_load(text, strlen(text), &error);
	cr_assert_not_null(read, "%s", text);
	back = spec_of(schema, read);
	cr_assert_not_null(back, "%s", text);
	cr_expect(spec_same(spec, back), "%s", text);
	again = text_of(back);
	cr_expect_str_eq(again, text);
	free(again);
	free(text);
	json_decref(read);
	free(back);
	free(spec);
	return true;
}

Test(flow_encode, examples_come_back)
{
	const json_t *methods = json_object_get(schema_rpc_document(), "methods");
	struct schema *schema = flow_schema();
	json_t *method, *example, *param, *flow;
	size_t i, j, k, l, n = 0;

	json_array_foreach (methods, i, method) {
		json_array_foreach (json_object_get(method, "examples"), j, example) {
			json_array_foreach (json_object_get(example, "params"), k, param) {
				if (strcmp(json_string_value(json_object_get(param, "name")),
					    "flows"))
					continue;
				json_array_foreach (json_object_get(param, "value"), l, flow)
					n += round_trip(schema, flow);
			}
		}
	}
	cr_expect_geq(n, 3);
	schema_destroy(schema);
	schema_documents_release();
}

static unsigned
draw(unsigned n)
{
	return (unsigned)rand() % n;
}

static void
put_string(json_t *object, const char *name, const char *const *choices, unsigned n)
{
	json_object_set_new(object, name, json_string(choices[draw(n)]));
}

#define PUT(object, name, ...) \
	put_string(object, name, (const char *const[]){__VA_ARGS__}, \
		sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

static void
put_number(json_t *object, const char *name, unsigned low, unsigned high)
{
	json_object_set_new(object, name, json_integer(low + draw(high - low + 1)));
}

static void
put_end(json_t *object, const char *address, const char *port, bool ipv6)
{
	char text[64];

	if (ipv6)
		snprintf(text, sizeof(text), "2001:db8:%x::%x", draw(65536), draw(65536));
	else
		snprintf(text, sizeof(text), "%u.%u.%u.%u", 1 + draw(126), draw(256), draw(256),
			draw(256));
	json_object_set_new(object, address, json_string(text));
	if (port)
		put_number(object, port, 1, 65535);
}

static void
put_police(json_t *object)
{
	json_t *police = json_object();

	put_number(police, "rate_bps", 8000, 1000000000);
	if (draw(2))
		put_number(police, "burst_bytes", 3000, 1000000);
	json_object_set_new(object, "police", police);
}

static json_t *
legs_drawn(bool ids)
{
	json_t *legs = json_array();
	char id[16];

	for (unsigned i = draw(4); i > 0; i--) {
		json_t *leg = json_object();
		const bool ipv6 = draw(2);

		snprintf(id, sizeof(id), "l%u", i);
		if (ids && draw(2))
			json_object_set_new(leg, "id", json_string(id));
		PUT(leg, "port", "p0", "uplink-1", "a.b:c");
		put_end(leg, "src", "src_port", ipv6);
		put_end(leg, "dst", "dst_port", ipv6);
		if (draw(2))
			put_number(leg, "vlan", 0, 4094);
		if (draw(3) == 0)
			put_number(leg, "outer_vlan", 0, 4094);
		if (draw(3) == 0)
			put_number(leg, "dscp", 0, 63);
		if (draw(3) == 0)
			put_number(leg, "ttl", 1, 255);
		if (draw(3) == 0)
			put_number(leg, "one_in", 1, 100);
		if (draw(3) == 0)
			PUT(leg, "admin", "up", "down");
		if (draw(3) == 0)
			put_police(leg);
		if (draw(2))
			put_end(leg, "next_hop", NULL, ipv6);
		else if (draw(2))
			PUT(leg, "mac", "02:00:00:00:00:01", "0A:bc:DE:00:53:ff");
		json_array_append_new(legs, leg);
	}
	return legs;
}

static json_t *
streams_drawn(void)
{
	json_t *streams = json_array();

	for (unsigned i = draw(3); i > 0; i--) {
		json_t *stream = json_object();

		if (draw(2))
			put_number(stream, "ssrc", 0, 2000000000);
		if (draw(2))
			put_number(stream, "payload_type", 0, 127);
		PUT(stream, "action", "forward", "drop", "punt");
		json_object_set_new(stream, "legs", legs_drawn(false));
		json_array_append_new(streams, stream);
	}
	return streams;
}

static json_t *
match_drawn(bool ipv6)
{
	json_t *match = json_object();

	PUT(match, "port", "p0", "p1");
	put_end(match, "dst", "dst_port", ipv6);
	if (draw(2))
		put_end(match, "src", "src_port", ipv6);
	if (draw(2))
		put_number(match, "vlan", 0, 4094);
	if (draw(3) == 0)
		put_number(match, "outer_vlan", 0, 4094);
	return match;
}

static json_t *
rule_drawn(bool ipv6)
{
	json_t *rule = json_object();

	put_number(rule, "priority", 1, 1000000);
	if (draw(2))
		json_object_set_new(rule, "family", json_integer(ipv6 ? 6 : 4));
	if (draw(2))
		PUT(rule, "port", "p0", "p1");
	if (draw(2))
		put_number(rule, "vlan", 0, 4094);
	if (draw(2) && ipv6)
		PUT(rule, "src", "2001:db8::/32", "::/0", "2001:db8::1/128");
	else if (draw(2))
		PUT(rule, "dst", "192.0.2.0/24", "0.0.0.0/0", "192.0.2.1/32", "10.0.0.0/7");
	if (draw(2))
		json_object_set_new(rule, "dst_ports",
			json_pack("[i, i]", (int)draw(100), (int)draw(65436) + 100));
	return rule;
}

static json_t *
flow_drawn(void)
{
	json_t *flow = json_object();
	const bool ipv6 = draw(2);

	if (draw(2))
		PUT(flow, "id", "call-1", "a.b:c_d");
	if (draw(4))
		json_object_set_new(flow, "match", match_drawn(ipv6));
	else
		json_object_set_new(flow, "rule", rule_drawn(ipv6));
	if (draw(3) == 0)
		PUT(flow, "admin", "up", "down");
	PUT(flow, "action", "forward", "forward", "drop", "punt");
	if (draw(3) == 0)
		PUT(flow, "latch", "open", "first", "follow");
	if (draw(8) == 0)
		put_number(flow, "latch_interval_ms", 0, 3600000);
	if (draw(4) == 0)
		json_object_set_new(flow, "allow",
			ipv6 ? json_pack("[s, s]", "2001:db8::/32", "2001:db8:1::/64")
			     : json_pack("[s]", "198.51.100.0/24"));
	if (draw(3) == 0)
		json_object_set_new(
			flow, "classes", json_pack("{s:s, s:s}", "stun", "punt", "rtp", "forward"));
	if (draw(3) == 0)
		put_police(flow);
	if (draw(3) == 0)
		put_number(flow, "idle_timeout_s", 1, 31536000);
	if (draw(3) == 0)
		put_number(flow, "max_datagram_bytes", 64, 65535);
	if (draw(2))
		json_object_set_new(flow, "streams", streams_drawn());
	json_object_set_new(flow, "legs", legs_drawn(true));
	return flow;
}

Test(flow_encode, random_flows_come_back)
{
	struct schema *schema = flow_schema();
	unsigned n = 0;

	srand(1);
	for (int i = 0; i < 20000; i++) {
		json_t *flow = flow_drawn();

		n += round_trip(schema, flow);
		json_decref(flow);
	}
	cr_expect_geq(n, 5000, "only %u of the flows were taken", n);
	schema_destroy(schema);
	schema_documents_release();
}
