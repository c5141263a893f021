/* SPDX-License-Identifier: BSD-3-Clause */
/* Frames that left, by port and in order, and packets that were punted: byte for byte. */
#include <stdio.h>
#include <string.h>

#include "session.h"

#define FRAME_ROOM 4096

static void
report_origin(const struct session *session, const struct model_frame *expected)
{
	const struct model_flow *flow = model_flow_find(&session->model, expected->handle);

	if (expected->came != NULL)
		report_hex("came", expected->came, expected->n_came);
	if (flow != NULL)
		report_flow(flow);
}

static bool
bytes_compare(const struct session *session, const char *what, unsigned port, const uint8_t *got,
	int n_got, const struct model_frame *expected)
{
	if (n_got == (int)expected->n_bytes && memcmp(got, expected->bytes, (size_t)n_got) == 0)
		return true;
	printf("%s of port %u (flow %x leg %u) differs\n", what, port, expected->handle,
		expected->leg);
	if (n_got < 0)
		printf("got a frame whose mbufs are not in order\n");
	else
		report_hex("got", got, (unsigned)n_got);
	report_hex("expected", expected->bytes, expected->n_bytes);
	report_origin(session, expected);
	return false;
}

static bool
port_compare_frames(struct session *session, unsigned port, unsigned n)
{
	uint8_t got[FRAME_ROOM];
	bool ok = true;

	for (unsigned i = 0; i < n && ok; i++) {
		struct model_frame *expected = model_fifo_take(&session->model.out[port]);
		int n_got = rig_take(&session->rig, port, got, sizeof(got));

		if (n_got > 0)
			session_record(session, got, (size_t)n_got);
		ok = bytes_compare(session, "frame", port, got, n_got, expected);
		model_frame_free(expected);
	}
	return ok;
}

bool
session_compare_frames(struct session *session, bool all)
{
	bool ok = true;

	for (unsigned p = 0; p < MODEL_PORTS && ok; p++) {
		unsigned n_expected = session->model.out[p].n_frames;
		unsigned n_got = rig_sent(&session->rig, p), n = n_expected;

		/* What stays fills the ring, so that the next rounds meet its end. */
		if (!all && rng_one_in(&session->rng, 4))
			n = rng_below(&session->rng, n + 1);
		if (n_got < n)
			n = n_got;
		ok = port_compare_frames(session, p, n);
		if (ok && n_got != n_expected) {
			printf("port %u: %u frames in its ring, expected %u\n", p, n_got,
				n_expected);
			if (session->model.out[p].n_frames > 0)
				report_origin(session, session->model.out[p].first);
			ok = false;
		}
	}
	return ok;
}

struct punt_check {
	struct session *session;
	bool ok;
};

/* dp_punted_fn */
static void
on_punted(void *arg, const struct dp_punted *punted)
{
	struct punt_check *check = arg;
	struct model_frame *expected = model_fifo_take(&check->session->model.punted);

	session_record(check->session, punted->frame, punted->frame_bytes);
	if (!check->ok) {
		model_frame_free(expected);
		return;
	}
	if (expected == NULL) {
		report_hex("punted, but not expected", punted->frame, punted->frame_bytes);
		check->ok = false;
		return;
	}
	check->ok = bytes_compare(check->session, "punted frame", punted->port, punted->frame,
		(int)punted->frame_bytes, expected);
	if (punted->port != expected->port || punted->worker != 0 ||
		punted->handle != expected->handle) {
		printf("punted: port %u worker %u handle %x, expected port %u worker 0 handle %x\n",
			punted->port, punted->worker, punted->handle, expected->port,
			expected->handle);
		report_origin(check->session, expected);
		check->ok = false;
	}
	model_frame_free(expected);
}

bool
session_compare_punted(struct session *session, bool all)
{
	struct punt_check check = {session, true};
	unsigned n_waiting = session->model.punted.n_frames, n;
	unsigned max = all ? n_waiting + 1 : rng_below(&session->rng, n_waiting + 2);

	n = dp_punt_poll(session->rig.dp, max, on_punted, &check);
	if (check.ok && n != (max < n_waiting ? max : n_waiting)) {
		printf("%u punted packets polled of %u, expected %u\n", n, max, n_waiting);
		check.ok = false;
	}
	return check.ok;
}
