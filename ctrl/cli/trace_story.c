/* SPDX-License-Identifier: BSD-3-Clause */
/* See trace_story.h. A line a stage, then the legs, then what could be done next. */
#include "cli/trace_story.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "cli/cli.h"
#include "cli/frame_text.h"
#include "cli/paint.h"
#include "cli/quantity.h"
#include "cli/text.h"
#include "cli/trace_hint.h"

#define NAME_WIDTH 11
#define LINE_WIDTH 80 /* in a pipe */
#define FRAME_INDENT 2
#define DUMP_BYTES 96 /* of each leg's frame, unless it is wanted whole */

/* Text behind a name that is `indent` wide; what does not fit in the line goes on below. */
static void
wrap(const char *name, unsigned indent, const struct text *text)
{
	struct text line;

	text_clear(&line);
	text_add(&line, "%-*s%s", (int)indent, name, text->s);
	text_wrap(stdout, paint_columns(stdout, LINE_WIDTH), indent, line.s);
}

static void
line(const char *name, const struct text *text)
{
	wrap(name, NAME_WIDTH, text);
}

/* "1 leg", "3 legs" */
static void
add_count(struct text *text, uint64_t n, const char *one, const char *more)
{
	text_add(text, "%" PRIu64 " %s", n, n == 1 ? one : more);
}

/* "no_flow: no flow matches", on a line of its own, where there is a reason. */
static void
reason_print(const json_t *object)
{
	struct text text;

	if (json_object_get(object, "reason") == NULL)
		return;
	text_clear(&text);
	text_add(&text, "%s: %s", member_text(object, "reason"), member_text(object, "help"));
	line("", &text);
}

/* The packet as it was understood, before what the parser says of it. */
static void
packet_print(const json_t *stage, const char *port)
{
	struct text text, to;

	if (json_object_get(stage, "src") == NULL)
		return;
	text_endpoint(&text, stage, "src");
	text_add(&text, " > %s", text_endpoint(&to, stage, "dst"));
	line(port, &text);
}

static void
parse_add(const json_t *stage, struct text *text)
{
	struct text vlans;

	text_add(text, "ttl %" PRIu64 ", dscp %" PRIu64, member_number(stage, "ttl"),
		member_number(stage, "dscp"));
	if (strcmp(text_vlans(&vlans, stage), "-") != 0)
		text_add(text, ", vlan %s", vlans.s);
	text_add(text, ", ");
	add_count(
		text, member_number(stage, "payload_bytes"), "byte of payload", "bytes of payload");
	if (json_object_get(stage, "udp_checksum") != NULL)
		text_add(text, ", UDP checksum %s", member_text(stage, "udp_checksum"));
	if (member_number(stage, "extension_bytes") > 0)
		text_add(text, ", extension headers taken out");
	if (member_number(stage, "ip_bytes") > member_number(stage, "mtu"))
		text_add(text, "; longer than the port's MTU of %" PRIu64 ", it would not get in",
			member_number(stage, "mtu"));
}

static void
latch_add(const json_t *stage, struct text *text)
{
	const json_t *latched = json_object_get(stage, "latched");
	struct text source;

	text_add(text, "%s, ", member_text(stage, "mode"));
	if (member_is(stage, "source", "learns"))
		text_add(text, "would learn this source, the first one");
	else if (member_is(stage, "source", "same"))
		text_add(text, "the source that was learned");
	else
		text_add(text, "%s %s%s",
			member_is(stage, "source", "moves") ? "would move here from" : "learned is",
			text_endpoint(&source, latched, "src"),
			member_is(stage, "source", "moves") ? "" : ", not this source");
}

static void
police_add(const json_t *police, struct text *text)
{
	text_add_police(text, police);
	text_add(text, ", %" PRIu64 " byte%s left", member_number(police, "left_bytes"),
		plural_s(member_number(police, "left_bytes")));
}

static void
stream_add(const json_t *stage, struct text *text)
{
	if (json_is_integer(json_object_get(stage, "stream")))
		text_add(text, "stream %" PRIu64, member_number(stage, "stream") + 1);
	else
		text_add(text, "in no stream, as the flow says");
}

/* A checksum that makes receivers drop what is forwarded. */
static void
checksum_print(const json_t *stage)
{
	struct text text;

	if (json_object_get(stage, "checksum_found") == NULL)
		return;
	text_clear(&text);
	text_add(&text, "UDP checksum 0x%04" PRIx64 " where its bytes make 0x%04" PRIx64 ": ",
		member_number(stage, "checksum_found"), member_number(stage, "checksum_expected"));
	if (member_is(stage, "udp_checksum", "partial"))
		text_add(&text,
			"the sender left it to a device that did not fill it in; switch that "
			"off there with 'ethtool -K INTERFACE tx off'");
	else
		text_add(&text, "damaged on the way, or made wrong by the sender");
	text_add(&text, "; receivers drop such packets");
	line("", &text);
}

/* What a stage had before it. */
static void
detail_add(const json_t *stage, const json_t *trace, struct text *text)
{
	const char *name = member_text(stage, "stage");

	if (json_object_get(stage, "src") != NULL)
		parse_add(stage, text);
	else if (member_is(stage, "outcome", "match"))
		text_add(text, "flow %s", member_text(trace, "flow"));
	else if (strcmp(name, "allow") == 0)
		add_count(
			text, member_number(stage, "prefixes"), "source prefix", "source prefixes");
	else if (strcmp(name, "class") == 0)
		text_add(text, "%s", member_text(stage, "class"));
	else if (strcmp(name, "latch") == 0)
		latch_add(stage, text);
	else if (strcmp(name, "stream") == 0)
		stream_add(stage, text);
	else if (strcmp(name, "police") == 0)
		police_add(stage, text);
	else if (member_is(stage, "outcome", "forward"))
		add_count(text, member_number(trace, "n_legs"), "leg", "legs");
}

static void
stage_print(const json_t *stage, const json_t *trace)
{
	struct text text, detail;

	packet_print(stage, member_text(trace, "port"));
	text_clear(&detail);
	detail_add(stage, trace, &detail);
	text_clear(&text);
	text_add(&text, "%s%s%s", member_text(stage, "outcome"), detail.length > 0 ? ": " : "",
		detail.s);
	line(member_text(stage, "stage"), &text);
	checksum_print(stage);
	reason_print(stage);
	if (json_is_true(json_object_get(stage, "kernel_beside"))) {
		text_clear(&text);
		text_add(&text,
			"such packets do not reach this port: the kernel gets them, or, at an "
			"address where flows take other sources, nothing does; 'sluicectl "
			"counters' has both under STEERING");
		line("", &text);
	}
}

/* The flow that the packet nearly was one of. */
static void
nearest_print(const json_t *trace)
{
	static const struct {
		const char *field;
		const char *name;
	} fields[] = {
		{"port", "port"},
		{"outer_vlan", "outer VLAN"},
		{"vlan", "VLAN"},
		{"src", "source address"},
		{"src_port", "source port"},
		{"dst", "destination address"},
		{"dst_port", "destination port"},
	};
	const json_t *nearest = json_object_get(trace, "nearest"), *differs;
	struct text text;
	size_t i, f;

	if (nearest == NULL)
		return;
	text_clear(&text);
	text_add(&text, "flow %s takes", member_text(nearest, "flow"));
	json_array_foreach (json_object_get(nearest, "differs"), i, differs) {
		const char *name = member_text(differs, "field");

		for (f = 0; f < sizeof(fields) / sizeof(fields[0]); f++) {
			if (strcmp(fields[f].field, name) == 0)
				name = fields[f].name;
		}
		text_add(&text, "%s %s %s, not %s", i > 0 ? ";" : "", name,
			member_text(differs, "flow"), member_text(differs, "packet"));
	}
	if (member_number(nearest, "looked_at") < member_number(nearest, "flows"))
		text_add(&text, " (the newest %" PRIu64 " of %" PRIu64 " flows were compared)",
			member_number(nearest, "looked_at"), member_number(nearest, "flows"));
	line("nearest", &text);
}

static void
frame_print(const json_t *leg, bool full)
{
	const char *hex = member_text(leg, "frame");
	const size_t n = strlen(hex) / 2;
	struct text endpoints, fields;
	uint8_t *frame = malloc(n + 1);

	if (frame == NULL)
		cli_out_of_memory();
	text_clear(&endpoints);
	text_clear(&fields);
	if (hex_read(hex, 2 * n, frame) == 0 && frame_describe(frame, n, &endpoints, &fields)) {
		wrap("", FRAME_INDENT, &endpoints);
		wrap("", FRAME_INDENT, &fields);
	}
	frame_dump(hex, full ? SIZE_MAX : DUMP_BYTES, "  ");
	free(frame);
}

/* What became of the copy, in a few words. */
static void
outcome_add(const json_t *leg, struct text *text)
{
	if (member_is(leg, "outcome", "sampled_out"))
		text_add(text, "not sent, packet %" PRIu64 " where it takes 1 in %" PRIu64,
			member_number(leg, "nth"), member_number(leg, "one_in"));
	else if (member_is(leg, "outcome", "sent"))
		text_add(text, "%" PRIu64 " byte%s to %s", member_number(leg, "frame_bytes"),
			plural_s(member_number(leg, "frame_bytes")),
			member_text(json_object_get(leg, "next_hop"), "mac"));
	else
		text_add(text, "%s", member_text(leg, "outcome"));
}

static void
leg_print(const json_t *leg, bool full)
{
	const json_t *police = json_object_get(leg, "police");
	struct text name, text;

	text_clear(&name);
	if (json_object_get(leg, "id") != NULL)
		text_add(&name, "%s", member_text(leg, "id"));
	else
		text_add(&name, "leg %" PRIu64, member_number(leg, "index") + 1);
	if (name.length >= NAME_WIDTH)
		text_add(&name, "  ");
	text_clear(&text);
	text_add(&text, "out of %s: ", member_text(leg, "port"));
	outcome_add(leg, &text);
	printf("\n");
	line(name.s, &text);
	reason_print(leg);
	text_clear(&text);
	if (police != NULL) {
		police_add(police, &text);
		line("", &text);
	}
	if (json_is_false(json_object_get(leg, "link_up")))
		printf("%-*s%s has no link now\n", NAME_WIDTH, "", member_text(leg, "port"));
	if (json_object_get(leg, "frame") != NULL)
		frame_print(leg, full);
}

static void
hint_print(const char *reason, const char *flow)
{
	struct text text;

	if (trace_hint(&text, reason, flow))
		line("next", &text);
}

/* Once for each reason: the packet's own, and those of its legs. */
static void
hints_print(const json_t *trace)
{
	const json_t *stages = json_object_get(trace, "stages");
	const json_t *last = json_array_get(stages, json_array_size(stages) - 1), *leg;
	const char *flow = member_text(trace, "flow"), *before = "";
	size_t i;

	if (json_object_get(last, "reason") != NULL)
		hint_print(member_text(last, "reason"), flow);
	json_array_foreach (json_object_get(trace, "legs"), i, leg) {
		if (json_object_get(leg, "reason") == NULL || member_is(leg, "reason", before))
			continue;
		before = member_text(leg, "reason");
		hint_print(before, flow);
	}
	if (member_is(trace, "verdict", "punt"))
		hint_print("punted", flow);
	if (json_object_get(trace, "next") != NULL && i > 0)
		printf("%-*smore legs, with --legs-after %" PRIu64 "\n", NAME_WIDTH, "next",
			member_number(trace, "next"));
}

void
trace_story_print(const json_t *trace, bool full)
{
	const json_t *item;
	size_t i;

	json_array_foreach (json_object_get(trace, "stages"), i, item)
		stage_print(item, trace);
	nearest_print(trace);
	json_array_foreach (json_object_get(trace, "legs"), i, item)
		leg_print(item, full);
	hints_print(trace);
	if (member_number(trace, "workers") > 1)
		text_print(stdout, NAME_WIDTH,
			"%-*sas worker %" PRIu64 " would; %" PRIu64
			" poll the port, each samples by itself",
			NAME_WIDTH, "note", member_number(trace, "worker"),
			member_number(trace, "workers"));
}
