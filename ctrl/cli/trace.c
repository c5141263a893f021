/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * `trace`: why does a packet go where it goes? The packet is given by fields, in hexadecimal digits
 * or in a capture; the trace is shown as a line a stage, then the legs, then what to do next.
 * `inject` sends a packet.
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pcap/pcap.h>

#include "base/escape.h"
#include "cli/args.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "schema/schema.h"
#include "schema/yaml.h"

#define COUNT_MAX 1000
#define HEX_MAX 65536 /* characters that are read from standard input */

/* What stands for a payload of its class, RFC 7983: the shortest header of each. */
static const struct {
	const char *name;
	const char *hex;
} payloads[] = {
	{"rtp", "800000010000000000000001"}, /* version 2, type 0, sequence 1, SSRC 1 */
	{"stun", "000100002112a442000000000000000000000001"}, /* binding request */
	{"dtls", "16fefd00000000000000000000"}, /* a handshake record, empty */
};

static const struct option_spec trace_options[] = {
	{"from", "ADDRESS:PORT", "source of the packet", .member = "src"},
	{"to", "ADDRESS:PORT", "destination of the packet", .member = "dst"},
	{"vlan", "N", "802.1Q VLAN (default: untagged)"},
	{"outer-vlan", "N", "outer 802.1ad VLAN (default: none)"},
	{"ttl", "N", "TTL or hop limit (64)"},
	{"dscp", "DSCP", "0 to 63 or EF, AF41, CS3 ... (0)"},
	{"payload", "rtp|stun|dtls|HEX", "UDP payload (none)"},
	{"hex", "HEX", "complete Ethernet frame; - is standard input"},
	{"pcap", "FILE", "a packet of a capture, pcap or pcapng"},
	{"packet", "N", "number of the packet (1)"},
	{"count", "N", "number of packets (1)"},
	{"legs", "N", "number of legs (16), at most 100", .member = "limit"},
	{"legs-after", "N", "skip the first N legs"},
	{"full", NULL, "print complete frames"},
	{NULL},
};

/*
 * New reference to the digits of a text, without the blanks and colons that people and programs put
 * between them; or NULL having said what is wrong.
 */
static json_t *
hex_parse(const struct cli *cli, const char *option, const char *text)
{
	char *digits = malloc(strlen(text) + 1);
	uint8_t *bytes = malloc(strlen(text) / 2 + 1);
	json_t *json = NULL;
	size_t n = 0;

	if (digits == NULL || bytes == NULL)
		cli_out_of_memory();
	for (; *text != '\0'; text++) {
		if (!isspace((unsigned char)*text) && *text != ':')
			digits[n++] = *text;
	}
	digits[n] = '\0';
	if (hex_read(digits, n, bytes) == 0)
		json = json_string(digits);
	else
		cli_usage(cli, "--%s: found %zu characters, expected two hexadecimal digits a byte",
			option, n);
	free(bytes);
	free(digits);
	return json;
}

/* The packet's fields, a new reference; or NULL having said what is wrong. */
static json_t *
fields_given(const struct cli *cli, const struct arguments *arguments)
{
	json_t *fields = json_object(), *digits;
	char wrong[ARGS_ERROR_MAX];
	const char *payload;

	if (options_set(arguments, trace_options,
		    schema_component(schema_rpc_document(), "trace_fields"), fields, wrong) < 0) {
		cli_usage(cli, "%s", wrong);
		goto fail;
	}
	if (json_object_get(fields, "src") == NULL || json_object_get(fields, "dst") == NULL) {
		cli_usage(cli, "no --%s; a packet is --from A:P --to B:P, --hex HEX or --pcap FILE",
			json_object_get(fields, "src") == NULL ? "from" : "to");
		goto fail;
	}
	payload = json_string_value(json_object_get(fields, "payload"));
	for (size_t i = 0; payload != NULL && i < sizeof(payloads) / sizeof(payloads[0]); i++) {
		if (strcmp(payload, payloads[i].name) == 0)
			payload = payloads[i].hex;
	}
	if (payload != NULL) {
		digits = hex_parse(cli, "payload", payload);
		if (digits == NULL)
			goto fail;
		json_object_set_new(fields, "payload", digits);
	}
	return fields;
fail:
	json_decref(fields);
	return NULL;
}

static json_t *
packet_of_hex(const struct cli *cli, const char *text)
{
	char *read = NULL;
	json_t *digits;

	if (strcmp(text, "-") == 0) {
		read = calloc(1, HEX_MAX + 1);
		if (read == NULL)
			cli_out_of_memory();
		text = read;
		if (fread(read, 1, HEX_MAX, stdin) == 0) {
			cli_usage(cli, "--hex -: standard input is empty");
			free(read);
			return NULL;
		}
	}
	digits = hex_parse(cli, "hex", text);
	free(read);
	return digits != NULL ? json_pack("[{s:o}]", "frame", digits) : NULL;
}

/* The packets of an open capture that are asked for; -1 having said what is wrong. */
static int
capture_read(const struct cli *cli, const char *path, pcap_t *file, uint64_t first, uint64_t count,
	json_t *packets)
{
	const char *link = pcap_datalink_val_to_name(pcap_datalink(file));
	struct pcap_pkthdr *header;
	const uint8_t *frame;
	uint64_t number = 0;
	int status = 1;
	char *hex;

	if (pcap_datalink(file) != DLT_EN10MB)
		return -cli_usage(cli,
			"%s: found link layer %s, expected Ethernet (EN10MB); capture on one "
			"interface, not on \"any\"",
			path, link != NULL ? link : "without a name");
	while (json_array_size(packets) < count &&
		(status = pcap_next_ex(file, &header, &frame)) == 1) {
		if (++number < first)
			continue;
		if (header->caplen < header->len)
			return -cli_usage(cli,
				"%s: packet %" PRIu64
				" was cut to %u of its %u byte%s when it was captured; "
				"capture with tcpdump -s 0",
				path, number, header->caplen, header->len, plural_s(header->len));
		hex = malloc(2 * header->caplen + 1);
		if (hex == NULL)
			cli_out_of_memory();
		hex_write(frame, header->caplen, hex);
		json_array_append_new(packets,
			json_pack("{s:I, s:s}", "packet", (json_int_t)number, "frame", hex));
		free(hex);
	}
	if (status == PCAP_ERROR)
		return -cli_usage(
			cli, "%s: after packet %" PRIu64 ": %s", path, number, pcap_geterr(file));
	if (json_array_size(packets) == 0)
		return -cli_usage(cli,
			"%s: found %" PRIu64 " packet%s, expected %" PRIu64 " at least", path,
			number, plural_s(number), first);
	return 0;
}

static json_t *
packets_of_capture(const struct cli *cli, const struct arguments *arguments, const char *path)
{
	uint64_t first = 1, count = 1;
	char why[PCAP_ERRBUF_SIZE] = "";
	json_t *packets = json_array();
	struct fault fault;
	FILE *stream;
	pcap_t *file;
	int rc;

	if (option_number(cli, arguments, "packet", 1, UINT32_MAX, &first) != CLI_OK ||
		option_number(cli, arguments, "count", 1, COUNT_MAX, &count) != CLI_OK)
		goto fail;
	stream = strcmp(path, "-") == 0 ? stdin : input_open(path, &fault);
	if (stream == NULL) {
		cli_usage(cli, "%s", fault.message);
		goto fail;
	}
	file = pcap_fopen_offline(stream, why);
	if (file == NULL) {
		/* libpcap names the file for some errors itself. */
		rc = strncmp(why, path, strlen(path));
		cli_usage(cli, "%s%s%s", rc == 0 ? "" : path, rc == 0 ? "" : ": ", why);
		if (stream != stdin)
			fclose(stream);
		goto fail;
	}
	rc = capture_read(cli, path, file, first, count, packets);
	pcap_close(file);
	if (rc == 0)
		return packets;
fail:
	json_decref(packets);
	return NULL;
}

/* The packets of a capture, or the one given otherwise; NULL having said what is wrong. */
static json_t *
trace_packets(const struct cli *cli, const struct arguments *arguments)
{
	const char *hex = arguments_value(arguments, "hex");
	const char *pcap = arguments_value(arguments, "pcap");
	const bool is_fields = arguments_value(arguments, "from") != NULL ||
			       arguments_value(arguments, "to") != NULL;
	json_t *fields;

	if ((hex != NULL) + (pcap != NULL) + is_fields > 1) {
		cli_usage(cli, "--from and --to, --hex and --pcap exclude each other");
		return NULL;
	}
	if (pcap != NULL)
		return packets_of_capture(cli, arguments, pcap);
	if (hex != NULL)
		return packet_of_hex(cli, hex);
	fields = fields_given(cli, arguments);
	return fields != NULL ? json_pack("[{s:o}]", "fields", fields) : NULL;
}

/* What to do next, as templates of the trace. */
static const struct {
	const char *reason;
	const char *hint;
} hints[] = {
	{"no_flow", "compare port and addresses with 'sluicectl flow list'"},
	{"martian", "such addresses require an exact match: 'sluicectl flow add --match'"},
	{"flow_down", "set it up with 'sluicectl flow up {flow}'"},
	{"flow_drop", "see 'sluicectl flow show {flow}' for its action and legs"},
	{"source_refused", "see 'sluicectl flow show {flow}' for its allowed and latched sources"},
	{"standby_source", "see 'sluicectl flow show {flow}' for its sources and the active one"},
	{"class_drop", "see 'sluicectl flow show {flow}' for the verdict of each class"},
	{"policed", "see 'sluicectl flow show {flow}' for the rate"},
	{"punt_limited", "the limit is punt.rate_pps of the configuration; try again"},
	{"punt_full", "the size of the ring is punt.ring of the configuration; try again"},
	{"punted", "see 'sluicectl punted' for punted packets"},
	{"unresolved",
		"see 'sluicectl flow show {flow}' for the next hop; check that it is reachable"},
	{"port_down", "see 'sluicectl port list' for the links, and check the cable and the peer"},
	{"too_long", "increase the MTU of the port, or send shorter packets"},
	{"ttl_expired", "set the TTL with ttl=N of the leg"},
	{"leg_policed", "see 'sluicectl flow show {flow}' for the rate of the leg"},
	{"peer_unknown", "the other side has sent nothing yet: see 'sluicectl flow list'"},
};

#define NAME_WIDTH 11
#define LINE_WIDTH 80 /* in a pipe */
#define FRAME_INDENT 2
#define DUMP_BYTES 96 /* of each leg's frame, unless it is wanted whole */

/* A text behind a name that is `indent` wide; what does not fit in the line goes on below. */
static void
text_line_print(unsigned indent, const char *name, const char *text)
{
	struct text line;

	text_clear(&line);
	text_add(
		&line, "%-*s%s%s", (int)indent, name, strlen(name) >= NAME_WIDTH ? "  " : "", text);
	text_wrap(stdout, paint_columns(stdout, LINE_WIDTH), indent, "", line.s);
}

/* The same for what a template makes of an object, unless that is "". */
static void
line(const char *name, const json_t *object, const char *template)
{
	struct text text;

	if (text_members(&text, object, template)[0] != '\0')
		text_line_print(NAME_WIDTH, name, text.s);
}

/* What the parser says of the packet. */
static void
parsed_add(const json_t *stage, struct text *text)
{
	text_add_members(text, stage, "ttl {#ttl}, dscp {#dscp}");
	if (member_number(stage, "vlan") != 0 || member_number(stage, "outer_vlan") != 0)
		text_add_members(text, stage, ", vlan {:vlans}");
	text_add_members(
		text, stage, ", {payload_bytes byte} of payload[, UDP checksum {udp_checksum}]");
	if (member_number(stage, "extension_bytes") > 0)
		text_add(text, ", extension headers removed");
	if (member_number(stage, "ip_bytes") > member_number(stage, "mtu"))
		text_add_members(text, stage,
			"; exceeds the port's MTU of {#mtu} and would not be "
			"received");
}

/* What a stage has before it, the first that has this member. */
static const struct {
	const char *member, *value, *text;
} details[] = {
	{"outcome", "match", "flow {flow}"},
	{"stage", "allow", "{#prefixes} source prefix"},
	{"stage", "class", "{class}"},
	{"choice", "active", "this is the active source"},
	{"choice", "takes_over", "the active source is silent, this one would take over"},
	{"choice", "returns", "this source is preferred, and would be active again"},
	{"choice", "standby", "another source is active"},
	{"choice", "unlisted", "not one of the sources"},
	{"source", "learns", "{mode}, would learn this source"},
	{"source", "same", "{mode}, this is the learned source"},
	{"source", "moves", "{mode}, would change to this source from {latched/src:endpoint}"},
	{"source", "not_by", "{mode}, opened and moved by {by} only"},
	{"source", "other_ssrc",
		"{mode}, moved by {by} only, the learned source is {latched/src:endpoint}"},
	{"stage", "latch", "{mode}, the learned source is {latched/src:endpoint}"},
	{"stage", "stream", "{stream?no stream}"},
	{"stage", "police", "{:police}, {left_bytes byte} left"},
	{"outcome", "forward", "{n_legs leg}"},
};

static void
stage_print(json_t *stage, const json_t *trace)
{
	const bool is_parsed = json_object_get(stage, "src") != NULL;
	const char *damage = member_is(stage, "udp_checksum", "partial")
				     ? "the sender offloaded it to a device that did not "
				       "compute it; run 'ethtool -K INTERFACE tx off' there"
				     : "corrupted on the path, or wrong from the sender";
	struct text text;
	size_t i = 0;

	json_object_set(stage, "flow", json_object_get(trace, "flow"));
	json_object_set(stage, "n_legs", json_object_get(trace, "n_legs"));
	/* The packet as it was understood, before what the parser says of it. */
	if (is_parsed)
		line(member_text(trace, "port"), stage, "{src:endpoint} > {dst:endpoint}");
	if (json_is_integer(json_object_get(stage, "stream"))) {
		text_clear(&text);
		text_add(&text, "stream %" PRIu64, member_number(stage, "stream") + 1);
		json_object_set_new(stage, "stream", json_string(text.s));
	}
	text_clear(&text);
	while (i < sizeof(details) / sizeof(details[0]) &&
		!member_is(stage, details[i].member, details[i].value))
		i++;
	if (is_parsed)
		parsed_add(stage, &text);
	else if (i < sizeof(details) / sizeof(details[0]))
		text_add_members(&text, stage, details[i].text);
	if (member_is(stage, "stage", "allow") && member_number(stage, "prefixes") != 1)
		text_add(&text, "es");
	json_object_set_new(stage, "detail", json_string(text.s));
	line(member_text(stage, "stage"), stage, "{outcome}[: {detail}]");
	/* A checksum that makes receivers drop what is forwarded. */
	if (json_object_get(stage, "checksum_found") != NULL) {
		text_clear(&text);
		text_add(&text,
			"UDP checksum 0x%04" PRIx64 ", expected 0x%04" PRIx64
			": %s; receivers drop such packets",
			member_number(stage, "checksum_found"),
			member_number(stage, "checksum_expected"), damage);
		text_line_print(NAME_WIDTH, "", text.s);
	}
	line("", stage, "[{reason}: {help}]");
	if (json_is_true(json_object_get(stage, "kernel_beside")))
		line("", NULL,
			"such packets do not reach this port: they pass to the kernel or, if "
			"all flows at the address accept other sources only, are dropped; see "
			"STEERING in 'sluicectl counters'");
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
	json_t *nearest = json_object_get(trace, "nearest"), *differs;
	struct text text;
	size_t i, f;

	if (nearest == NULL)
		return;
	text_clear(&text);
	json_array_foreach (json_object_get(nearest, "differs"), i, differs) {
		for (f = 0; f < sizeof(fields) / sizeof(fields[0]); f++) {
			if (member_is(differs, "field", fields[f].field))
				json_object_set_new(differs, "field", json_string(fields[f].name));
		}
		text_add(&text, "%s", i > 0 ? "; " : " ");
		text_add_members(&text, differs, "{field} {flow}, not {packet}");
	}
	json_object_set_new(nearest, "takes", json_string(text.s));
	line("nearest", nearest,
		member_number(nearest, "looked_at") < member_number(nearest, "flows")
			? "flow {flow} matches{takes} (the newest {#looked_at} of {#flows} "
			  "flows were compared)"
			: "flow {flow} matches{takes}");
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
		text_line_print(FRAME_INDENT, "", endpoints.s);
		text_line_print(FRAME_INDENT, "", fields.s);
	}
	frame_dump(hex, full ? SIZE_MAX : DUMP_BYTES, "  ");
	free(frame);
}

static void
leg_print(const json_t *leg, bool full)
{
	struct text name;

	text_clear(&name);
	if (json_object_get(leg, "id") != NULL)
		text_add_members(&name, leg, "{id}");
	else
		text_add(&name, "leg %" PRIu64, member_number(leg, "index") + 1);
	printf("\n");
	line(name.s, leg,
		member_is(leg, "outcome", "sampled_out")
			? "out of {port}: not sent, packet {#nth}, the leg samples 1 "
			  "in {#one_in}"
		: member_is(leg, "outcome", "sent")
			? "out of {port}: {frame_bytes byte} to {next_hop/mac}"
			: "out of {port}: {outcome}");
	line("", leg, "[to the source that {learned} has learned]");
	line("", leg, "[{reason}: {help}]");
	if (json_object_get(leg, "police") != NULL)
		line("", leg, "{police:police}, {police/left_bytes byte} left");
	if (json_is_false(json_object_get(leg, "link_up")))
		line("", leg, "{port} has no link now");
	if (json_object_get(leg, "frame") != NULL)
		frame_print(leg, full);
}

static void
hint_print(const char *reason, const json_t *trace)
{
	for (size_t i = 0; i < sizeof(hints) / sizeof(hints[0]); i++) {
		if (strcmp(hints[i].reason, reason) == 0)
			line("next", trace, hints[i].hint);
	}
}

/* Once for each reason: the packet's own, and those of its legs. */
static void
hints_print(const json_t *trace)
{
	const json_t *stages = json_object_get(trace, "stages");
	const json_t *last = json_array_get(stages, json_array_size(stages) - 1), *leg;
	const char *before = "";
	size_t i;

	if (json_object_get(last, "reason") != NULL)
		hint_print(member_text(last, "reason"), trace);
	json_array_foreach (json_object_get(trace, "legs"), i, leg) {
		if (json_object_get(leg, "reason") == NULL || member_is(leg, "reason", before))
			continue;
		before = member_text(leg, "reason");
		hint_print(before, trace);
	}
	if (member_is(trace, "verdict", "punt"))
		hint_print("punted", trace);
	if (json_object_get(trace, "next") != NULL && i > 0)
		line("next", trace, "more legs, with --legs-after {next}");
}

static void
trace_print(const json_t *trace, bool full)
{
	json_t *item;
	size_t i;

	json_array_foreach (json_object_get(trace, "stages"), i, item)
		stage_print(item, trace);
	nearest_print(trace);
	json_array_foreach (json_object_get(trace, "legs"), i, item)
		leg_print(item, full);
	hints_print(trace);
	if (member_number(trace, "workers") > 1)
		line("note", trace,
			"as worker {#worker} would; {#workers} poll the port, and each samples "
			"separately");
}

/* Trace each packet; its result takes the packet's place. */
static int
packets_trace(struct cli *cli, json_t *packets, json_t *params)
{
	int exit_code = CLI_OK;
	json_t *packet;
	size_t i;

	json_array_foreach (packets, i, packet) {
		json_t *number = json_incref(json_object_get(packet, "packet")), *result;

		json_object_del(packet, "packet");
		json_object_update_missing(packet, params);
		result = cli_call(cli, "packet.trace", json_incref(packet), &exit_code);
		if (result != NULL && number != NULL)
			json_object_set(result, "packet", number);
		json_decref(number);
		if (result == NULL)
			return exit_code;
		json_array_set_new(packets, i, result);
	}
	return CLI_OK;
}

static int
traces_print(const struct cli *cli, json_t *traces, bool full)
{
	const json_t *trace;
	size_t i;

	if (cli->json)
		return cli_end(cli,
			json_array_size(traces) == 1 ? json_incref(json_array_get(traces, 0))
						     : json_pack("{s:O}", "packets", traces),
			CLI_OK);
	json_array_foreach (traces, i, trace) {
		if (i > 0)
			putchar('\n');
		line("packet", trace, "[{packet}]");
		trace_print(trace, full);
	}
	return CLI_OK;
}

static int
run_trace(struct cli *cli, const struct arguments *arguments)
{
	json_t *params = json_pack("{s:s}", "port", arguments->words[0]);
	json_t *packets = trace_packets(cli, arguments), *fields;
	int exit_code = CLI_USAGE;

	fields = json_object_get(json_array_get(packets, 0), "fields");
	if (fields != NULL)
		json_object_set(params, "fields", fields);
	if (packets != NULL)
		exit_code = params_add(cli, arguments, "packet.trace", params);
	if (exit_code == CLI_OK)
		exit_code = packets_trace(cli, packets, params);
	if (exit_code == CLI_OK)
		exit_code = traces_print(cli, packets, arguments_value(arguments, "full") != NULL);
	json_decref(packets);
	json_decref(params);
	return exit_code;
}

const struct command command_trace = {
	.name = "trace",
	.arguments = "PORT (--from A:P --to B:P | --hex HEX | --pcap FILE) [OPTION]...",
	.summary = "Show how a packet would be processed, without sending it",
	.example = "  sluicectl trace p0 --from 192.0.2.10:5004 --to 192.0.2.1:6000",
	.options = trace_options,
	.min_words = 1,
	.max_words = 1,
	.run = run_trace,
};

static const struct option_spec inject_options[] = {
	{"payload", "HEX", "UDP payload"},
	{"punted", "N", "answer this packet of 'sluicectl punted'"},
	{"to", "ADDRESS:PORT", "destination (default: the flow's source)", .member = "dst"},
	{"dscp", "DSCP", "0 to 63 or EF, AF41, CS3 ... (0)"},
	{"comment", "TEXT", "why, for the audit log"},
	{NULL},
};

const struct command command_inject = {
	.name = "inject",
	.arguments = "[FLOW] --payload HEX [OPTION]...",
	.summary = "Send a packet from a flow's local address",
	.example = "  sluicectl inject cam1 --to 192.0.2.10:5004 --payload 00\n"
		   "  sluicectl inject --punted 7 --payload 0101000c2112a442...",
	.options = inject_options,
	.max_words = 1,
	.method = "packet.inject",
	.words = "flow",
	.says = "sent {src:endpoint} > {dst:endpoint} by {port}",
};
