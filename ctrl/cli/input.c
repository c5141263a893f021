/* SPDX-License-Identifier: BSD-3-Clause */
/* See input.h. */
#include "cli/input.h"

#include <errno.h>
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
	FILE *file = from_stdin ? stdin : fopen(path, "re");
	json_t *document = NULL;
	json_error_t error;

	if (file == NULL) {
		cli_usage(cli, "%s: %s", path, strerror(errno));
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

static bool
name_ends(const char *path, const char *ending)
{
	const size_t length = strlen(path), end = strlen(ending);

	return length > end && strcmp(path + length - end, ending) == 0;
}

static json_t *
document_load(const struct cli *cli, const char *path)
{
	struct fault fault;
	json_t *document;

	if (!name_ends(path, ".yaml") && !name_ends(path, ".yml"))
		return cli_load_json(cli, path);
	document = yaml_load(path, &fault);
	if (document == NULL)
		cli_usage(cli, "%s", fault.message);
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
	json_t *document = document_load(cli, path), *array;

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

static int
link_check(pcap_t *file, const char *path, char *error)
{
	const int link = pcap_datalink(file);
	const char *name = pcap_datalink_val_to_name(link);

	if (link == DLT_EN10MB)
		return 0;
	snprintf(error, CAPTURE_ERROR_MAX,
		"%s: found link layer %s, expected Ethernet (EN10MB); capture on one interface, "
		"not on \"any\"",
		path, name != NULL ? name : "without a name");
	return -1;
}

/* 1: handed over; 0: not wanted; -1. */
static int
frame_take(const struct pcap_pkthdr *header, const uint8_t *frame, uint64_t number,
	const char *path, capture_fn fn, void *arg, char *error)
{
	if (header->caplen < header->len) {
		snprintf(error, CAPTURE_ERROR_MAX,
			"%s: packet %" PRIu64
			" was cut to %u of its %u byte%s when it was captured; "
			"capture with tcpdump -s 0",
			path, number, header->caplen, header->len, plural_s(header->len));
		return -1;
	}
	fn(arg, number, frame, header->caplen);
	return 1;
}

static int
frames_take(pcap_t *file, const char *path, uint64_t first, unsigned count, capture_fn fn,
	void *arg, char *error)
{
	struct pcap_pkthdr *header;
	const uint8_t *frame;
	uint64_t number = 0;
	unsigned n = 0;
	int ret = 1;

	while (n < count && (ret = pcap_next_ex(file, &header, &frame)) == 1) {
		if (++number < first)
			continue;
		if (frame_take(header, frame, number, path, fn, arg, error) < 0)
			return -1;
		n++;
	}
	if (ret == PCAP_ERROR)
		snprintf(error, CAPTURE_ERROR_MAX, "%s: behind packet %" PRIu64 ": %s", path,
			number, pcap_geterr(file));
	else if (n == 0)
		snprintf(error, CAPTURE_ERROR_MAX,
			"%s: found %" PRIu64 " packet%s, expected %" PRIu64 " at least", path,
			number, plural_s(number), first);
	return ret == PCAP_ERROR || n == 0 ? -1 : (int)n;
}

int
capture_read(const char *path, uint64_t first, unsigned count, capture_fn fn, void *arg,
	char error[CAPTURE_ERROR_MAX])
{
	char why[PCAP_ERRBUF_SIZE] = "";
	pcap_t *file = pcap_open_offline(path, why);
	int ret;

	if (file == NULL) {
		/* libpcap names the file for some errors itself. */
		snprintf(error, CAPTURE_ERROR_MAX, "%s%s%s",
			strncmp(why, path, strlen(path)) == 0 ? "" : path,
			strncmp(why, path, strlen(path)) == 0 ? "" : ": ", why);
		return -1;
	}
	ret = link_check(file, path, error);
	if (ret == 0)
		ret = frames_take(file, path, first, count, fn, arg, error);
	pcap_close(file);
	return ret;
}
