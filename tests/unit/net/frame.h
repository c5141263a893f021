/* SPDX-License-Identifier: BSD-3-Clause */
/* Ethernet frames from a few words. What is left zero is what an ordinary UDP frame has. */
#ifndef TEST_NET_FRAME_H
#define TEST_NET_FRAME_H

#include <stddef.h>
#include <stdint.h>

#define FRAME_MAX 512
#define FRAME_TAGS_MAX 3
#define FRAME_EXTENSIONS_MAX 9
#define FRAME_PAYLOAD_BYTES 20
#define FRAME_PROTOCOL_ZERO 255 /* stands for protocol 0, since zero stands for UDP */

struct frame {
	uint8_t dst_mac[6]; /* zeros = 02:00:00:00:00:01 */
	uint16_t tpid[FRAME_TAGS_MAX]; /* tag protocol ids, outermost first; 0 = no tag */
	uint16_t tci[FRAME_TAGS_MAX];
	uint16_t ether_type; /* 0 = by family */
	int family; /* 4 or 6 */
	uint8_t version; /* 0 = by family */
	uint8_t ihl; /* IPv4: 0 = 5; what is beyond 5 words is options (no-operation) */
	uint16_t fragment; /* IPv4: flags and offset, host order */
	uint8_t protocol; /* 0 = UDP */
	/* IPv6: extension headers before what `protocol` says; 0 ends the list. */
	struct frame_extension {
		uint8_t type; /* or FRAME_PROTOCOL_ZERO */
		uint8_t words; /* eight bytes each, beside the first eight */
		uint8_t segments_left;
	} extensions[FRAME_EXTENSIONS_MAX];
	const char *src; /* NULL = 198.51.100.9 or 2001:db8:1::9 */
	const char *dst;
	uint16_t src_port; /* 0 = 40000 */
	uint16_t dst_port;
	uint16_t udp_length; /* 0 = the true one */
};

/* Returns the frame's length; *header_bytes is where its UDP payload begins. */
size_t frame_build(const struct frame *frame, uint8_t bytes[FRAME_MAX], size_t *header_bytes);

#endif
