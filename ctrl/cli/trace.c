/* SPDX-License-Identifier: BSD-3-Clause */
/* `trace`: why does a packet go where it goes? */
#include <inttypes.h>

#include "cli/commands.h"
#include "cli/text.h"
#include "cli/trace_packets.h"
#include "cli/trace_story.h"

static const struct option_spec trace_options[] = {
	{"from", "ADDRESS:PORT", "the sender"},
	{"to", "ADDRESS:PORT", "where it is sent to"},
	{"vlan", "N", "802.1Q VLAN; without: untagged"},
	{"outer-vlan", "N", "802.1ad VLAN around it; without: none"},
	{"ttl", "N", "TTL or hop limit (64)"},
	{"dscp", "DSCP", "0 to 63 or EF, AF41, CS3 ... (0)"},
	{"payload", "HEX", "UDP payload, or one of rtp, stun, dtls (none)"},
	{"hex", "HEX", "the frame from its Ethernet header on; - reads it"},
	{"pcap", "FILE", "a packet of a capture, pcap or pcapng"},
	{"packet", "N", "the N-th of it (1)"},
	{"count", "N", "that many from there on (1)"},
	{"legs", "N", "show so many legs (16), at most 100"},
	{"legs-after", "N", "those behind the first N"},
	{"full", NULL, "print frames whole, however long"},
	{NULL},
};

static int
number_set(const struct cli *cli, const struct arguments *arguments, const char *option,
	uint64_t max, const char *member, json_t *params)
{
	const char *text = arguments_value(arguments, option);
	uint64_t number;

	if (text == NULL)
		return CLI_OK;
	if (number_parse(text, 0, max, &number) < 0)
		return cli_usage(
			cli, "--%s: \"%s\" is not a number from 0 to %" PRIu64, option, text, max);
	json_object_set_new(params, member, json_integer((json_int_t)number));
	return CLI_OK;
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
	const bool one = json_array_size(traces) == 1;
	const json_t *trace;
	size_t i;

	if (cli->json && one)
		return cli_print_json(json_array_get(traces, 0));
	if (cli->json) {
		json_t *document = json_pack("{s:O}", "packets", traces);

		cli_print_json(document);
		json_decref(document);
		return CLI_OK;
	}
	json_array_foreach (traces, i, trace) {
		if (json_object_get(trace, "packet") != NULL)
			printf("%spacket     %" PRIu64 "\n", i > 0 ? "\n" : "",
				member_number(trace, "packet"));
		trace_story_print(trace, full);
	}
	return CLI_OK;
}

static int
run_trace(struct cli *cli, const struct arguments *arguments)
{
	json_t *params, *packets;
	int exit_code;

	if (arguments->n_words != 1)
		return cli_usage(cli, "which port does the packet come in by?");
	params = json_pack("{s:s}", "port", arguments->words[0]);
	if (params == NULL)
		cli_out_of_memory();
	exit_code = number_set(cli, arguments, "legs", 100, "limit", params);
	if (exit_code == CLI_OK)
		exit_code = number_set(cli, arguments, "legs-after", 4096, "legs_after", params);
	packets = exit_code == CLI_OK ? trace_packets(cli, arguments) : NULL;
	if (packets != NULL)
		exit_code = packets_trace(cli, packets, params);
	else
		exit_code = CLI_USAGE;
	if (exit_code == CLI_OK)
		exit_code = traces_print(cli, packets, arguments_value(arguments, "full") != NULL);
	json_decref(packets);
	json_decref(params);
	return exit_code;
}

const struct command command_trace = {
	.name = "trace",
	.arguments = "PORT (--from A:P --to B:P | --hex HEX | --pcap FILE) [OPTION]...",
	.summary = "Tell why a packet goes where it goes, without sending it",
	.example = "  sluicectl trace p0 --from 192.0.2.10:5004 --to 192.0.2.1:6000",
	.options = trace_options,
	.max_words = 1,
	.run = run_trace,
};
