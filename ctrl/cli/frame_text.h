/* SPDX-License-Identifier: BSD-3-Clause */
/* Ethernet frames as people read them: one line of what they say, or their bytes. */
#ifndef CTRL_CLI_FRAME_TEXT_H
#define CTRL_CLI_FRAME_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "cli/text.h"

/*
 * Append "192.0.2.1:5004 > 198.51.100.1:6000" and "ttl 63, dscp 46, vlan 300.20, 12 bytes of
 * payload" of a UDP frame to *endpoints and *fields. false, and nothing appended: it is not one.
 */
bool frame_describe(
	const uint8_t *frame, size_t bytes, struct text *endpoints, struct text *fields);

/*
 * Print hexadecimal digits as lines of an offset and 16 bytes, which text2pcap(1) reads, each
 * behind `indent`; at most max_bytes, then how many more there are.
 */
void frame_dump(const char *hex, size_t max_bytes, const char *indent);

#endif
