/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Flows that survive a restart: the store is opened, changes go through it, and what it holds is in
 * the table before the first packet is received. Control thread.
 */
#ifndef CTRL_PERSISTENCE_H
#define CTRL_PERSISTENCE_H

#include <stdbool.h>

#include "config/config.h"
#include "flow/commit.h"
#include "flow/confirm.h"
#include "flow/restore.h"

struct persistence {
	struct store *store;
	bool is_fresh; /* there was no store before */
	struct confirm confirm; /* of the unconfirmed generation */
	struct restored restored;
};

/* Open the store and say in the log what was found. -1 with *fault set. */
int persistence_open(struct persistence *persistence, const struct config *config,
	struct event_base *base, struct fault *fault);

/* Unless it is closed already. */
void persistence_close(struct persistence *persistence);

/*
 * Changes of flows go through the store from now on: flows->commits is made. Events are raised when
 * flows are restored, and later. -1 with *fault set.
 */
int persistence_attach(struct persistence *persistence, struct flows *flows, struct events *events,
	struct event_base *base, struct fault *fault);

/* No more changes: closes the store, which calls the commits back until then, and destroys them. */
void persistence_detach(struct persistence *persistence);

/*
 * Install what is stored, or what config->state_flows declares when nothing ever was. A generation
 * that was unconfirmed when sluiced ended, and whose deadline is over, is reverted as well. -1 with
 * *fault set.
 */
int persistence_restore(struct persistence *persistence, struct flows *flows,
	const struct config *config, struct fault *fault);

#endif
