/* SPDX-License-Identifier: BSD-3-Clause */
/* Starting the data plane as the configuration says. */
#ifndef CTRL_CONFIG_DATAPLANE_INIT_H
#define CTRL_CONFIG_DATAPLANE_INIT_H

#include <dp/dp.h>

#include "base/fault.h"
#include "config/config.h"

/* dp_eal_init() with what the configuration holds. 0, or -1 with *fault set. */
int data_plane_eal_init(const struct config *config, struct fault *fault);

/*
 * dp_create() with what the configuration holds, and with the kernel's MTU for AF_XDP ports.
 * Warnings go to `warn`, a line each. NULL with *fault set.
 */
struct dp *data_plane_create(const struct config *config,
	void (*warn)(void *arg, const char *message), struct fault *fault);

/* dp_start(). 0, or -1 with *fault set. */
int data_plane_start(struct dp *dp, struct fault *fault);

#endif
