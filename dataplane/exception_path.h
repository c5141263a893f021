/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The exception path: what no flow claims goes to the kernel, through a TAP that stands for the
 * port there, and what the kernel sends by it leaves by the port. Workers make no system calls:
 * they put frames into a ring for each class, and a thread of the data plane writes them. Each
 * class of a port has a bucket of its own, so that a flood of one leaves the others alone.
 */
#ifndef DATAPLANE_EXCEPTION_PATH_H
#define DATAPLANE_EXCEPTION_PATH_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_ether.h>

#include <dp/stats.h>

#include "police.h"

#define EXCEPTION_LINK_BYTES (RTE_ETHER_HDR_LEN + 2 * RTE_VLAN_HLEN)

struct dp;
struct lcore;

/* The path of one port. */
struct exception {
	struct police police[DP_EXCEPTION_COUNT]; /* workers; a frame is one byte */
	/* Control's, set before the thread runs. */
	int fd __rte_cache_aligned; /* the TAP; another one is put in its place by dup2(2) */
	struct lcore *worker; /* that sends what the kernel does */
	uint32_t frame_bytes_max;
	/* The thread's; control reads them. */
	uint64_t refused; /* frames that the kernel did not take */
	uint64_t lost; /* of the kernel's: no buffer, or no place in the worker's ring */
};

/*
 * Control. Make the path of each port that is to have one, after workers and before they run; the
 * rings are theirs. 0 or -ENOMEM.
 */
int exceptions_create(struct dp *dp);
void exceptions_destroy(struct dp *dp);

/* Control. Start the thread, if a port has a path, and stop it. 0 or a negative errno. */
int exceptions_start(struct dp *dp);
void exceptions_stop(struct dp *dp);

/*
 * One turn of the thread: write what workers have handed up, the first classes first, and read what
 * the kernel sends. Returns whether there may be more at once.
 */
bool exceptions_turn(struct dp *dp);

#endif
