/* SPDX-License-Identifier: BSD-3-Clause */
#include "session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECOND_NS UINT64_C(1000000000)
#define CHECKPOINT_ROUNDS 16
#define FIRST_CHANGES 10

/* A clock of any origin. Some of them are near where a 64-bit time in 2^-12 ns wraps around. */
static uint64_t
clock_start(struct rng *rng)
{
	static const uint64_t starts[] = {0, SECOND_NS, (UINT64_C(1) << 52) - SECOND_NS,
		UINT64_C(86400) * 365 * SECOND_NS, (UINT64_C(1) << 62) + 12345};

	return starts[rng_below(rng, sizeof(starts) / sizeof(starts[0]))];
}

static uint64_t
clock_step(struct rng *rng)
{
	switch (rng_below(rng, 8)) {
	case 0:
	case 1:
		return 0;
	case 2:
		return rng_below(rng, 1000);
	case 3:
	case 4:
		return rng_below(rng, 1000000);
	case 5:
		return rng_below(rng, 50000000);
	case 6:
		return rng_below(rng, 2000000000);
	default:
		/* Now and then the idle time of weeks. */
		return rng_one_in(rng, 20) ? rng_below(rng, 1u << 22) * SECOND_NS
					   : rng_below(rng, 10) * SECOND_NS;
	}
}

static struct rig_config
config_random(struct rng *rng)
{
	static const unsigned rates[] = {1, 5, 100, 1000, 10000, 1000000};
	static const unsigned places[] = {1000, 1000, 200, 40};
	struct rig_config config = {.indirect = rng_one_in(rng, 4)};
	unsigned turn = rng_below(rng, MODEL_PORTS);

	for (unsigned p = 0; p < MODEL_PORTS; p++) {
		config.model.punt_unmatched[p] = rng_one_in(rng, 3);
		config.model.tx_places[p] = places[(p + turn) % MODEL_PORTS];
		config.whole_copies[p] = rng_one_in(rng, 3);
	}
	config.model.punt_places = 64u << rng_below(rng, 4);
	/* Divisors of 10^9, and ones that never limit or nearly always do. */
	config.model.punt_rate = rates[rng_below(rng, sizeof(rates) / sizeof(rates[0]))];
	return config;
}

static void
round_send(struct session *session)
{
	struct rng *rng = &session->rng;
	unsigned n[MODEL_PORTS] = {0};
	unsigned n_wanted = rng_below(rng, session->options.burst * MODEL_PORTS) + 1;
	/* Every other round has frames that are alike. */
	const struct model_flow *first =
		rng_one_in(rng, 2) ? packet_ordinary_flow(rng, &session->model, NULL) : NULL;

	session->n_frames = 0;
	for (unsigned i = 0; i < n_wanted; i++) {
		struct session_frame *f = &session->frames[session->n_frames];
		const struct model_flow *flow = first;

		if (first != NULL && rng_one_in(rng, 2))
			flow = packet_ordinary_flow(rng, &session->model, first);
		if (flow == NULL || rng_one_in(rng, 60))
			packet_random(rng, &session->model, &f->frame);
		else
			packet_ordinary(rng, flow, &f->frame);
		if (n[f->frame.port] == session->options.burst)
			continue;
		n[f->frame.port]++;
		session->n_frames++;
		f->fate = NULL;
		rig_send(&session->rig, &f->frame);
	}
	session->n_packets += session->n_frames;
}

static unsigned
frame_family(const struct test_frame *frame)
{
	struct model_packet packet;
	enum dp_drop reason;

	if (frame->split != 0 ||
		!model_parse(&packet, frame->port, frame->bytes, frame->n_bytes, &reason))
		return 0;
	return packet.family;
}

static void
model_round(struct session *session)
{
	static const unsigned families[] = {0, DP_IPV4, DP_IPV6};

	session->model.now_ns = session->now_ns;
	/* The order of a round: port by port, and of a burst IPv4 first. */
	for (unsigned i = 0; i < MODEL_PORTS * 3; i++) {
		for (unsigned j = 0; j < session->n_frames; j++) {
			struct session_frame *f = &session->frames[j];

			if (f->frame.port == i / 3 && frame_family(&f->frame) == families[i % 3])
				f->fate = model_receive(&session->model, f->frame.port,
					f->frame.bytes, f->frame.n_bytes, f->frame.split != 0);
		}
	}
}

static bool
round_compare(struct session *session)
{
	bool checkpoint = session->round % CHECKPOINT_ROUNDS == 0;
	bool ok = session_compare_ports(session);

	ok = session_compare_frames(session, checkpoint) && ok;
	if (ok && rng_one_in(&session->rng, session->punt_polls_one_in))
		ok = session_compare_punted(session, rng_one_in(&session->rng, 4));
	/* After a difference the flows' counters say which of them it is about. */
	if (checkpoint || !ok)
		ok = session_compare_counters(session) && ok;
	if (!ok)
		report_frames(session);
	return ok;
}

static bool
session_round(struct session *session)
{
	unsigned n;

	session->round++;
	session->now_ns += clock_step(&session->rng);
	if (!session_next_hops(session, false))
		return false;
	if (rng_one_in(&session->rng, 2) && !session_change(session))
		return false;
	round_send(session);
	n = rig_round(&session->rig, session->now_ns);
	model_round(session);
	if (n != session->n_frames) {
		printf("a round of %u packets, expected %u\n", n, session->n_frames);
		return false;
	}
	return round_compare(session);
}

static bool
session_rounds(struct session *session)
{
	bool ok = session_next_hops(session, true);

	for (unsigned i = 0; i < FIRST_CHANGES && ok; i++)
		ok = session_change(session);
	while (ok && session->n_packets < session->options.packets)
		ok = session_round(session);
	ok = ok && session_compare_frames(session, true) && session_compare_punted(session, true) &&
	     session_compare_counters(session) && session_clear(session);
	return ok && rig_buffers_are_back();
}

static void
totals_add(struct session_totals *totals, const struct model *model)
{
	for (unsigned p = 0; p < MODEL_PORTS; p++) {
		totals->packets += model->ports[p].rx_packets;
		totals->forwarded += model->ports[p].forwarded;
		totals->punted += model->ports[p].punted;
		totals->sent += model->ports[p].tx_packets;
		for (unsigned r = 0; r < DP_DROP_COUNT; r++)
			totals->drops[r] += model->ports[p].drops[r];
	}
}

bool
session_run(const struct session_options *options, struct session_totals *totals)
{
	struct session *session = model_alloc(1, sizeof(*session));
	struct rig_config config;
	char error[256];
	bool ok;

	session->options = *options;
	session->rng.state = options->seed;
	config = config_random(&session->rng);
	session->now_ns = clock_start(&session->rng);
	/* Control that is seldom there lets the ring of punted packets run full. */
	session->punt_polls_one_in = rng_one_in(&session->rng, 2) ? 2 : 200;
	model_init(&session->model, &config.model);
	ok = rig_init(&session->rig, &config, error, sizeof(error)) == 0;
	if (!ok)
		printf("%s\n", error);
	ok = ok && session_rounds(session);
	if (!ok)
		report_session(session);
	totals_add(totals, &session->model);
	model_fini(&session->model);
	rig_fini(&session->rig);
	free(session);
	return ok;
}
