/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The flows that outlive sluiced: the store is opened and told of, changes go through it, and what
 * it holds is in the table before the first packet is received. Control thread.
 */
#ifndef CTRL_KEPT_STATE_H
#define CTRL_KEPT_STATE_H

#include <stdbool.h>

#include "config/config.h"
#include "state/commits.h"
#include "state/confirm.h"
#include "state/restore.h"

struct kept_state {
	struct store *store;
	bool is_fresh; /* there was none before */
	struct confirm confirm; /* what is on trial */
	struct restored restored;
};

/* Open the store and say in the log what was found. -1 with *fault set. */
int kept_state_open(struct kept_state *kept, const struct config *config, struct event_base *base,
	struct fault *fault);

/* Unless it is closed already. */
void kept_state_close(struct kept_state *kept);

/*
 * Changes of flows go through the store from now on: flows->commits is made. Events are raised when
 * flows are restored, and later. -1 with *fault set.
 */
int kept_state_attach(struct kept_state *kept, struct flows *flows, struct events *events,
	struct event_base *base, struct fault *fault);

/* No more changes: closes the store, which calls the commits back until then, and destroys them. */
void kept_state_detach(struct kept_state *kept);

/*
 * Install what is stored, or what config->state_flows declares when nothing ever was. What was on
 * trial when sluiced ended, and has not been confirmed in time, is taken back as well. -1 with
 * *fault set.
 */
int kept_state_restore(struct kept_state *kept, struct flows *flows, const struct config *config,
	struct fault *fault);

#endif
