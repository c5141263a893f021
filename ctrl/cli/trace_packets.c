/* SPDX-License-Identifier: BSD-3-Clause */
/* See trace_packets.h: by fields, in hexadecimal digits, or out of a capture. */
#include "cli/trace_packets.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "cli/capture.h"
#include "cli/endpoint.h"
#include "schema/schema.h"

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

static int
endpoint_set(const struct cli *cli, const struct arguments *arguments, const char *option,
	const char *member, json_t *fields)
{
	const char *text = arguments_value(arguments, option);
	struct endpoint endpoint;
	const char *wrong;
	char port[16];

	if (text == NULL)
		return cli_usage(cli,
			"no --%s; a packet is --from A:P --to B:P, --hex HEX or --pcap FILE",
			option);
	wrong = endpoint_parse(text, &endpoint);
	if (wrong != NULL)
		return cli_usage(cli, "--%s %s: %s", option, text, wrong);
	snprintf(port, sizeof(port), "%s_port", member);
	json_object_set_new(fields, member, json_string(endpoint.address));
	json_object_set_new(fields, port, json_integer(endpoint.port));
	return CLI_OK;
}

static int
numbers_set(const struct cli *cli, const struct arguments *arguments, json_t *fields)
{
	static const struct {
		const char *option;
		const char *member;
		uint64_t max;
	} numbers[] = {
		{"vlan", "vlan", 4094},
		{"outer-vlan", "outer_vlan", 4094},
		{"ttl", "ttl", 255},
	};
	const char *dscp = arguments_value(arguments, "dscp");

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		const char *text = arguments_value(arguments, numbers[i].option);
		uint64_t number;

		if (text == NULL)
			continue;
		if (number_parse(text, 0, numbers[i].max, &number) < 0)
			return cli_usage(cli, "--%s: \"%s\" is not a number from 0 to %u",
				numbers[i].option, text, (unsigned)numbers[i].max);
		json_object_set_new(fields, numbers[i].member, json_integer((json_int_t)number));
	}
	if (dscp != NULL && json_object_set_new(fields, "dscp", unit_value("dscp", dscp)) < 0)
		return cli_usage(cli,
			"--dscp: \"%s\" is not a DSCP from 0 to 63, nor a name as EF, AF41 or CS3",
			dscp);
	return CLI_OK;
}

/* Digits without the blanks and colons that people and programs put between them. */
static json_t *
digits_of(const char *text)
{
	char *digits = malloc(strlen(text) + 1);
	json_t *json;
	size_t n = 0;

	if (digits == NULL)
		cli_out_of_memory();
	for (; *text != '\0'; text++) {
		if (!isspace((unsigned char)*text) && *text != ':')
			digits[n++] = *text;
	}
	digits[n] = '\0';
	json = json_string(digits);
	free(digits);
	return json;
}

/* New reference to the digits of a text, or NULL having said what is wrong. */
static json_t *
hex_parse(const struct cli *cli, const char *option, const char *text)
{
	json_t *digits = digits_of(text);
	const size_t n = json_string_length(digits);
	uint8_t *bytes = malloc(n / 2 + 1);

	if (bytes == NULL)
		cli_out_of_memory();
	if (digits == NULL || hex_read(json_string_value(digits), n, bytes) < 0) {
		cli_usage(cli, "--%s: found %zu characters, expected two hexadecimal digits a byte",
			option, n);
		json_decref(digits);
		digits = NULL;
	}
	free(bytes);
	return digits;
}

static int
payload_set(const struct cli *cli, const struct arguments *arguments, json_t *fields)
{
	const char *text = arguments_value(arguments, "payload");
	json_t *digits;

	if (text == NULL)
		return CLI_OK;
	for (size_t i = 0; i < sizeof(payloads) / sizeof(payloads[0]); i++) {
		if (strcmp(text, payloads[i].name) == 0)
			text = payloads[i].hex;
	}
	digits = hex_parse(cli, "payload", text);
	return digits != NULL ? json_object_set_new(fields, "payload", digits) : CLI_USAGE;
}

static json_t *
packet_of_fields(const struct cli *cli, const struct arguments *arguments)
{
	json_t *fields = json_object();

	if (endpoint_set(cli, arguments, "from", "src", fields) == CLI_OK &&
		endpoint_set(cli, arguments, "to", "dst", fields) == CLI_OK &&
		numbers_set(cli, arguments, fields) == CLI_OK &&
		payload_set(cli, arguments, fields) == CLI_OK)
		return json_pack("[{s:o}]", "fields", fields);
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

static void
captured_add(void *arg, uint64_t number, const uint8_t *frame, size_t bytes)
{
	char *hex = malloc(2 * bytes + 1);

	if (hex == NULL)
		cli_out_of_memory();
	hex_write(frame, bytes, hex);
	json_array_append_new(
		arg, json_pack("{s:I, s:s}", "packet", (json_int_t)number, "frame", hex));
	free(hex);
}

static json_t *
packets_of_capture(const struct cli *cli, const struct arguments *arguments, const char *path)
{
	const char *packet = arguments_value(arguments, "packet");
	const char *number = arguments_value(arguments, "count");
	uint64_t first = 1, count = 1;
	char error[CAPTURE_ERROR_MAX];
	json_t *packets;

	if ((packet != NULL && number_parse(packet, 1, UINT32_MAX, &first) < 0) ||
		(number != NULL && number_parse(number, 1, COUNT_MAX, &count) < 0)) {
		cli_usage(cli, "--packet and --count are numbers from 1, --count at most %d",
			COUNT_MAX);
		return NULL;
	}
	packets = json_array();
	if (capture_read(path, first, (unsigned)count, captured_add, packets, error) >= 0)
		return packets;
	cli_usage(cli, "%s", error);
	json_decref(packets);
	return NULL;
}

json_t *
trace_packets(const struct cli *cli, const struct arguments *arguments)
{
	const char *hex = arguments_value(arguments, "hex");
	const char *pcap = arguments_value(arguments, "pcap");
	const bool fields = arguments_value(arguments, "from") != NULL ||
			    arguments_value(arguments, "to") != NULL;

	if ((hex != NULL) + (pcap != NULL) + fields > 1) {
		cli_usage(cli, "--from and --to, --hex and --pcap exclude each other");
		return NULL;
	}
	if (pcap != NULL)
		return packets_of_capture(cli, arguments, pcap);
	return hex != NULL ? packet_of_hex(cli, hex) : packet_of_fields(cli, arguments);
}
