/* SPDX-License-Identifier: BSD-3-Clause */
/* What a session came to, in bytes, so that the same session of another level can be held to it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "session.h"

void
session_record(struct session *session, const void *bytes, size_t n_bytes)
{
	if (session->options.record != NULL)
		fwrite(bytes, n_bytes, 1, session->options.record);
}

static void
streams_record(struct session *session, const struct model_flow *flow)
{
	for (unsigned i = 0; i < flow->spec.n_streams; i++) {
		const unsigned n_legs = flow->streams[i].set.n_legs;
		struct dp_leg_stats *legs = model_alloc(n_legs, sizeof(*legs));
		struct dp_stream_stats stats = {0};

		dp_stream_stats_get(session->rig.dp, flow->handle, i, &stats, legs, n_legs);
		session_record(session, &stats, sizeof(stats));
		session_record(session, legs, n_legs * sizeof(*legs));
		free(legs);
	}
}

static void
flow_record(struct session *session, const struct model_flow *flow)
{
	const unsigned n_legs = flow->set.n_legs;
	struct dp_leg_stats *legs = model_alloc(n_legs, sizeof(*legs));
	struct dp_flow_stats stats = {0};
	struct dp_latched latched = {0};

	dp_flow_stats_get(session->rig.dp, flow->handle, &stats, legs, n_legs);
	dp_flow_latched_get(session->rig.dp, flow->handle, &latched);
	session_record(session, &stats, sizeof(stats));
	session_record(session, legs, n_legs * sizeof(*legs));
	session_record(session, &latched, sizeof(latched));
	free(legs);
	streams_record(session, flow);
}

void
session_record_counters(struct session *session)
{
	struct dp_port_stats port = {0};

	if (session->options.record == NULL)
		return;
	for (unsigned p = 0; p < MODEL_PORTS; p++) {
		dp_port_stats_get(session->rig.dp, p, &port);
		session_record(session, &port, sizeof(port));
	}
	for (unsigned i = 0; i < session->model.n_flows; i++)
		flow_record(session, session->model.flows[i]);
}
