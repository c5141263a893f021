/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The settings of a port and where each comes from: the data plane's default, the profile of its
 * driver, or its site, which is sluice.yaml; a later one of these counts. What is left of it on the
 * device is negotiated. The names are those of ctrl/schema/sluice-profile.json. Control thread.
 */
#ifndef CTRL_CONFIG_PORT_SETTINGS_H
#define CTRL_CONFIG_PORT_SETTINGS_H

#include <dp/dp.h>
#include <jansson.h>

#include "config/profile.h"

/* What is asked for a port, and by whom. */
struct port_asked {
	const struct profile *profile; /* borrowed; NULL: no file has its driver */
	json_t *values; /* owned; name -> {"value", "from"}; "limited" is what a limit cut */
};

/*
 * Put together what is asked for a port, and set its part of *config, where the MTU and the number
 * of receive queues of the site are. `site`: the object of its settings, checked against the
 * schema; n_workers: as many receive queues there may be. *asked must be empty, or of an earlier
 * call.
 */
void port_settings_merge(struct port_asked *asked, const struct profile *profile, json_t *site,
	unsigned n_workers, struct dp_port_config *config);

void port_settings_fini(struct port_asked *asked);

/*
 * Append to a port's devargs (DP_DEVARGS_MAX bytes) the arguments that its site or the profile has
 * and they do not. 0, or -1 with *fault set: too long; pointer "/devargs".
 */
int port_settings_add_devargs(
	const struct profile *profile, const json_t *site, char *devargs, struct fault *fault);

/*
 * What is in effect: a new array of {"name", "value", "from", "asked", "source"}, as the contract
 * has it for port.list. Settings without a value and a default are left out.
 */
json_t *port_settings_report(const struct port_asked *asked, const struct dp_port_info *info);

/* Log a line on what differs from what was asked for, or is known to be slow, if there is any. */
void port_settings_log(const struct port_asked *asked, const struct dp_port_info *info);

#endif
