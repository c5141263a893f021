/* SPDX-License-Identifier: BSD-3-Clause */
/* See capture.h. */
#include "cli/capture.h"
#include "base/escape.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <pcap/pcap.h>

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
