/* SPDX-License-Identifier: BSD-3-Clause */
/* See input.h. */
#include "cli/input.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <pcap/pcap.h>

#include "base/escape.h"
#include "base/fault.h"
#include "schema/yaml.h"

/* Pass over a byte order mark of UTF-8, RFC 8259 section 8.1. -1: the text is in UTF-16 or UTF-32.
 */
static int
encoding_begin(FILE *file)
{
	const int first = getc(file);

	if (first == 0xef && getc(file) == 0xbb && getc(file) == 0xbf)
		return 0;
	if (first != EOF)
		ungetc(first, file);
	return first == 0 || first == 0xfe || first == 0xff ? -1 : 0;
}

json_t *
cli_load_json(const struct cli *cli, const char *path)
{
	const bool from_stdin = strcmp(path, "-") == 0;
	const char *name = from_stdin ? "standard input" : path;
	struct fault fault;
	FILE *file = from_stdin ? stdin : input_open(path, &fault);
	json_t *document = NULL;
	json_error_t error;

	if (file == NULL) {
		cli_usage(cli, "%s", fault.message);
		return NULL;
	}
	if (encoding_begin(file) < 0)
		cli_usage(cli, "%s: found UTF-16 or UTF-32, expected UTF-8", name);
	else if ((document = json_loadf(file, JSON_REJECT_DUPLICATES, &error)) == NULL)
		cli_usage(cli, "%s:%d:%d: %s", name, error.line, error.column, error.text);
	if (!from_stdin)
		fclose(file);
	return document;
}

int
flow_file_given(
	const struct cli *cli, const struct arguments *arguments, size_t word, const char **path)
{
	*path = arguments_value(arguments, "file");
	if (arguments->n_words <= word)
		return CLI_OK;
	if (*path != NULL)
		return cli_usage(cli, "found FILE %s and --file %s, expected one of them",
			arguments->words[word], *path);
	*path = arguments->words[word];
	return CLI_OK;
}

json_t *
flow_file_load(struct cli *cli, const char *path, const char *member)
{
	const char *dot = strrchr(path, '.');
	json_t *document, *array;
	struct fault fault;

	if (dot == NULL || dot == path || (strcmp(dot, ".yaml") != 0 && strcmp(dot, ".yml") != 0))
		document = cli_load_json(cli, path);
	else if ((document = yaml_load(path, &fault)) == NULL)
		cli_usage(cli, "%s", fault.message);
	if (document == NULL)
		return NULL;
	cli->file = path;
	array = json_object_get(document, member);
	if (json_is_array(array)) {
		cli->file_array = member;
		json_incref(array);
		json_decref(document);
		return array;
	}
	cli->file_array = json_is_array(document) ? "" : NULL;
	return json_is_array(document) ? document : json_pack("[o]", document);
}

int
capture_read(const char *path, uint64_t first, unsigned count, capture_fn fn, void *arg,
	char error[CAPTURE_ERROR_MAX])
{
	char why[PCAP_ERRBUF_SIZE] = "";
	struct fault fault;
	FILE *stream = strcmp(path, "-") == 0 ? stdin : input_open(path, &fault);
	pcap_t *file = stream != NULL ? pcap_fopen_offline(stream, why) : NULL;
	struct pcap_pkthdr *header;
	const uint8_t *frame;
	const char *link;
	uint64_t number = 0;
	unsigned n = 0;
	int status = 1, ret = -1;

	if (stream == NULL) {
		snprintf(error, CAPTURE_ERROR_MAX, "%s", fault.message);
		return -1;
	}
	if (file == NULL) {
		if (stream != stdin)
			fclose(stream);
		/* libpcap names the file for some errors itself. */
		snprintf(error, CAPTURE_ERROR_MAX, "%s%s%s",
			strncmp(why, path, strlen(path)) == 0 ? "" : path,
			strncmp(why, path, strlen(path)) == 0 ? "" : ": ", why);
		return -1;
	}
	if (pcap_datalink(file) != DLT_EN10MB) {
		link = pcap_datalink_val_to_name(pcap_datalink(file));
		snprintf(error, CAPTURE_ERROR_MAX,
			"%s: found link layer %s, expected Ethernet (EN10MB); capture on one "
			"interface, not on \"any\"",
			path, link != NULL ? link : "without a name");
		goto out;
	}
	while (n < count && (status = pcap_next_ex(file, &header, &frame)) == 1) {
		if (++number < first)
			continue;
		if (header->caplen < header->len) {
			snprintf(error, CAPTURE_ERROR_MAX,
				"%s: packet %" PRIu64
				" was cut to %u of its %u byte%s when it was captured; "
				"capture with tcpdump -s 0",
				path, number, header->caplen, header->len, plural_s(header->len));
			goto out;
		}
		fn(arg, number, frame, header->caplen);
		n++;
	}
	if (status == PCAP_ERROR)
		snprintf(error, CAPTURE_ERROR_MAX, "%s: behind packet %" PRIu64 ": %s", path,
			number, pcap_geterr(file));
	else if (n == 0)
		snprintf(error, CAPTURE_ERROR_MAX,
			"%s: found %" PRIu64 " packet%s, expected %" PRIu64 " at least", path,
			number, plural_s(number), first);
	else
		ret = (int)n;
out:
	pcap_close(file);
	return ret;
}
