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

/* Flows whose packets a round has most of. */
#define TURNS_MAX 6

struct turns {
	const struct model_flow *flows[TURNS_MAX];
	unsigned n; /* 0: packets of any kind */
	const struct model_flow *mover; /* whose source changes in between; NULL: none's does */
	unsigned run; /* packets of one flow in a row, then one of the next; 0: at random */
	unsigned fault_one_in;
};

/* A flow that latches, or chooses from its sources; NULL: none was found. */
static const struct model_flow *
moving_flow(struct rng *rng, const struct model *model)
{
	for (unsigned i = 0; i < 2 * model->n_flows; i++) {
		const struct model_flow *flow = model->flows[rng_below(rng, model->n_flows)];

		if (flow->latch != NULL || flow->choice.n > 0)
			return flow;
	}
	return NULL;
}

/*
 * A third of the rounds has frames of any kind; another frames that are alike; the last those of
 * several flows of one port by turns, of both families, tagged and not, of which some are faulty.
 */
static void
turns_random(struct session *session, struct turns *turns)
{
	static const unsigned runs[] = {1, 1, 2, 3, 4, 5, 8};
	static const unsigned faults[] = {3, 15, 60, 1000};
	struct rng *rng = &session->rng;
	const enum likeness likeness = rng_one_in(rng, 2) ? LIKE_FRAME : LIKE_PORT;
	const struct model_flow *first =
		packet_ordinary_flow(rng, &session->model, NULL, LIKE_NONE);

	turns->n = 0;
	turns->mover = rng_one_in(rng, 2) ? moving_flow(rng, &session->model) : NULL;
	turns->fault_one_in = faults[rng_below(rng, sizeof(faults) / sizeof(faults[0]))];
	turns->run = rng_one_in(rng, 4) ? 0 : runs[rng_below(rng, sizeof(runs) / sizeof(runs[0]))];
	if (first == NULL || rng_one_in(rng, 3))
		return;
	turns->flows[turns->n++] = first;
	for (unsigned n = rng_below(rng, TURNS_MAX); n > 0; n--) {
		const struct model_flow *flow =
			packet_ordinary_flow(rng, &session->model, first, likeness);

		if (flow != NULL)
			turns->flows[turns->n++] = flow;
	}
}

static void
frame_random(
	struct session *session, const struct turns *turns, unsigned i, struct test_frame *frame)
{
	struct rng *rng = &session->rng;
	unsigned turn;

	if (session->n_aims > 0 && rng_one_in(rng, 4)) {
		packet_random(rng, &session->model, &session->aims[rng_below(rng, session->n_aims)],
			frame);
		return;
	}
	if (turns->mover != NULL && rng_one_in(rng, 10)) {
		packet_random(rng, &session->model, turns->mover, frame);
		return;
	}
	if (turns->n == 0 || rng_one_in(rng, 60)) {
		packet_random(rng, &session->model, NULL, frame);
		return;
	}
	turn = turns->run == 0 ? rng_below(rng, turns->n) : i / turns->run % turns->n;
	packet_ordinary(rng, &session->model, turns->flows[turn],
		rng_one_in(rng, turns->fault_one_in), frame);
}

static void
round_send(struct session *session)
{
	struct rng *rng = &session->rng;
	unsigned n[MODEL_PORTS] = {0};
	unsigned n_wanted = rng_below(rng, session->options.burst * MODEL_PORTS) + 1;
	struct turns turns;

	session->n_frames = 0;
	turns_random(session, &turns);
	for (unsigned i = 0; i < n_wanted; i++) {
		struct session_frame *f = &session->frames[session->n_frames];

		frame_random(session, &turns, i, &f->frame);
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
	ok = ok && session_compare_latches(session) && session_compare_no_latch(session) &&
	     session_compare_choices(session);
	if (ok && rng_one_in(&session->rng, 8))
		ok = session_compare_notices(session);
	if (ok && rng_one_in(&session->rng, session->punt_polls_one_in))
		ok = session_compare_punted(session, rng_one_in(&session->rng, 4));
	/* After a difference the flows' counters say which of them it is about. */
	if (checkpoint || !ok) {
		session_record_counters(session);
		ok = session_compare_counters(session) && ok;
	}
	if (!ok)
		report_frames(session);
	return ok;
}

/* Frames to both sides. */
static bool
round_run(struct session *session)
{
	unsigned n;

	session->round++;
	session->now_ns += clock_step(&session->rng);
	round_send(session);
	n = rig_round(&session->rig, session->now_ns);
	model_round(session);
	if (n != session->n_frames)
		printf("a round of %u packets, expected %u\n", n, session->n_frames);
	return n == session->n_frames;
}

bool
session_traffic(struct session *session)
{
	bool ok;

	if (!round_run(session))
		return false;
	ok = session_compare_ports(session);
	ok = session_compare_frames(session, false) && ok;
	if (!ok)
		report_frames(session);
	return ok;
}

static bool
session_round(struct session *session)
{
	if (!session_next_hops(session, false))
		return false;
	if (rng_one_in(&session->rng, 2) && !session_change(session))
		return false;
	if (rng_one_in(&session->rng, 8) && !session_forget(session))
		return false;
	return round_run(session) && round_compare(session);
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

/*
 * Every other session has many simple flows, on one port, and may have so few flows that a table
 * has listeners alone for a while, or no flow.
 */
static void
style_random(struct session *session)
{
	static const unsigned aims[] = {60, 60, 16, 4}, listeners[] = {33, 33, 90, 5};
	struct rng *rng = &session->rng;
	static const unsigned learned[] = {0, 10, 30, 60};
	const bool simple = rng_one_in(rng, 2);

	session->flows_aim = aims[rng_below(rng, sizeof(aims) / sizeof(aims[0]))];
	session->style = (struct flow_style){
		.simple_percent = simple ? 85 : 20,
		.listener_percent =
			listeners[rng_below(rng, sizeof(listeners) / sizeof(listeners[0]))],
		.learned_percent = learned[rng_below(rng, sizeof(learned) / sizeof(learned[0]))],
		.one_port = simple && !rng_one_in(rng, 3),
	};
}

static void
totals_add(struct session_totals *totals, const struct session *session)
{
	const struct model *model = &session->model;

	totals->between_steps += session->n_between_steps;
	for (unsigned p = 0; p < MODEL_PORTS; p++) {
		totals->packets += model->ports[p].rx_packets;
		totals->forwarded += model->ports[p].forwarded;
		totals->punted += model->ports[p].punted;
		totals->sent += model->ports[p].tx_packets;
		for (unsigned r = 0; r < DP_DROP_COUNT; r++)
			totals->drops[r] += model->ports[p].drops[r];
	}
}

static bool
links_read(struct session *session)
{
	for (unsigned p = 0; p < MODEL_PORTS; p++) {
		struct model_link *link = &session->model.links[p];
		struct dp_port_info info;

		if (dp_port_info_get(session->rig.dp, p, &info) != 0)
			return false;
		memcpy(link->mac, info.mac, sizeof(link->mac));
		link->mtu = info.mtu;
	}
	return true;
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
	style_random(session);
	model_init(&session->model, &config.model);
	config.level = options->level;
	ok = rig_init(&session->rig, &config, error, sizeof(error)) == 0;
	if (!ok)
		printf("%s\n", error);
	ok = ok && links_read(session) && session_rounds(session);
	if (!ok)
		report_session(session);
	totals_add(totals, session);
	model_fini(&session->model);
	rig_fini(&session->rig);
	free(session);
	return ok;
}
