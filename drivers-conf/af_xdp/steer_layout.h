/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The contract between the steering program in the kernel (steer.bpf.c) and the control thread
 * that fills its map (ctrl/net/steer.c): names by which user space recognises our program and its
 * maps, and the bytes of a key. Written once, compiled for both, so it needs only <stdint.h>.
 */
#ifndef STEER_LAYOUT_H
#define STEER_LAYOUT_H

#include <stdint.h>

/* The kernel keeps 15 characters of a name. */
#define STEER_PROGRAM sluice_steer
#define STEER_KEYS sluice_keys /* hash: struct steer_key -> uint32_t, how often it was added */
#define STEER_SOCKETS xsks_map /* the name that DPDK's AF_XDP driver looks for */

#define STEER_TEXT_OF(token) #token
#define STEER_TEXT(token) STEER_TEXT_OF(token)

#define STEER_KEYS_MAX 65536 /* keys of one port; 6 MiB of kernel memory a port */
#define STEER_QUEUES_MAX 128 /* rx queues of one port */

#define STEER_IPV4 4
#define STEER_IPV6 6

/* A local address on which the data plane wants UDP. Keys are compared byte by byte. */
struct steer_key {
	uint8_t addr[16]; /* IPv4: the first four bytes, the rest zero */
	uint16_t port; /* network order */
	uint16_t vlan; /* host order, 802.1Q id 1..4094; 0 = untagged or priority-tagged */
	uint8_t family; /* STEER_IPV4 or STEER_IPV6 */
	uint8_t reserved[3]; /* zero */
};

_Static_assert(sizeof(struct steer_key) == 24, "a steering key has no padding");

#endif
