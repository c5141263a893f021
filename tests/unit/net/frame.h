/* SPDX-License-Identifier: BSD-3-Clause */
/* Ethernet frames from a few words. What is left zero is what an ordinary UDP frame has. */
#ifndef TEST_NET_FRAME_H
#define TEST_NET_FRAME_H

#include <stddef.h>
#include <stdint.h>

#define FRAME_MAX 256
#define FRAME_PAYLOAD_BYTES 20
#define FRAME_PROTOCOL_ZERO 255 /* stands for protocol 0, since zero stands for UDP */

struct frame {
	uint16_t tpid[2]; /* tag protocol ids, outermost first; 0 = no tag */
	uint16_t tci[2];
	uint16_t ether_type; /* 0 = by family */
	int family; /* 4 or 6 */
	uint8_t version; /* 0 = by family */
	uint8_t ihl; /* IPv4: 0 = 5; what is beyond 5 words is options (no-operation) */
	uint16_t fragment; /* IPv4: flags and offset, host order */
	uint8_t protocol; /* 0 = UDP */
	const char *dst;
	uint16_t dst_port;
	uint16_t udp_length; /* 0 = the true one */
};

/* Returns the frame's length; *header_bytes is where its UDP payload begins. */
size_t frame_build(const struct frame *frame, uint8_t bytes[FRAME_MAX], size_t *header_bytes);

#endif
