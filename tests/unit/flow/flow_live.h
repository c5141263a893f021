/* SPDX-License-Identifier: BSD-3-Clause */
/* Flows of the desired state without a commit: they come and go at once. */
#ifndef TESTS_FLOW_FLOW_LIVE_H
#define TESTS_FLOW_FLOW_LIVE_H

#include "flow/flow_db.h"

/* Add a flow and reveal it; its hops are UINT16_MAX. NULL as flow_db_add() says. */
struct flow *flow_live(struct flow_db *db, struct flow_spec *spec, struct fault *fault);

/* Take a live flow out. Returns its spec, which is the caller's. */
struct flow_spec *flow_gone(struct flow_db *db, struct flow *flow);

#endif
