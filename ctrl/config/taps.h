/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The TAPs that are the kernel's interfaces of ports with kernel_interface: they have the MAC
 * address, MTU and link of their port. Control thread.
 */
#ifndef CTRL_CONFIG_TAPS_H
#define CTRL_CONFIG_TAPS_H

#include "base/fault.h"
#include "config/config.h"

struct tap {
	int fd; /* -1: none */
	bool has_link; /* as it was set in the kernel last */
	bool failed; /* to be made again, as reported */
};

struct taps {
	struct dp *dp;
	const struct config *config;
	struct tap of[DP_PORTS_MAX];
};

/*
 * Make those that the configuration asks for, and give them to the data plane, before ports_init().
 * `config` and `dp` are borrowed. 0, or -1 with *fault set; then there are none.
 */
int taps_create(struct taps *taps, const struct config *config, struct dp *dp, struct fault *fault);
void taps_destroy(struct taps *taps);

/*
 * Give the TAP of a port the link of `info`, and make it again if it was deleted. Whether it was
 * made: it then has another index, and no addresses.
 */
bool taps_follow(struct taps *taps, unsigned port, const struct dp_port_info *info);

#endif
