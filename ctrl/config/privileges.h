/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What of its privileges sluiced keeps: capabilities by the drivers of the ports, in two steps. To
 * make ports takes more than to run them, above all CAP_SYS_ADMIN for AF_XDP.
 *
 * Started as root without process.user, sluiced keeps everything. Otherwise it is a user without
 * privileges but for these capabilities, which process.user or the service manager has made it.
 * Control thread.
 */
#ifndef CTRL_CONFIG_PRIVILEGES_H
#define CTRL_CONFIG_PRIVILEGES_H

#include <stdint.h>

#include "config/config.h"

/* Capabilities as bits, 1 << CAP_NET_ADMIN and so on (capabilities(7)). */
struct privileges {
	uint64_t start; /* to make the ports */
	uint64_t run; /* while they forward, and to close them */
};

/* What these ports require. Pure. */
struct privileges privileges_of_ports(const struct dp_port_config *ports, unsigned n_ports);

/*
 * Become process.user, with the capabilities of the start, and without a way to gain others, also
 * by a program that is executed. Directories of the socket, the store and the audit log that are
 * not there are made, and are the user's. Call it before the first thread starts: threads inherit
 * all that. 0, or -1 with *fault set.
 */
int privileges_enter(const struct config *config, struct fault *fault);

/*
 * The ports run: this thread keeps the capabilities that running takes, and all others none. 0, or
 * -1 with *fault set.
 */
int privileges_reduce(const struct config *config, struct fault *fault);

/*
 * A driver that opened a port since may have started threads, which inherited what this thread
 * keeps: they drop it. Takes some milliseconds, 200 at most; does nothing where privileges_reduce()
 * has dropped nothing. 0, or -1 with *fault set.
 */
int privileges_reduce_threads(struct fault *fault);

#endif
