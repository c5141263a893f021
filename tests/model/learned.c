/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Legs that send to what other flows learn: which flow, and what control says that it knows, which
 * is right, out of date or wrong. And latches on both sides: what they hold, forgetting, notices.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "session.h"
#include "world.h"

/* Cookies of a family's flows. Even ones are IPv4's: legs and latches have the same family. */
#define COOKIES 160
#define NOTICES_MAX 4096
#define NS_PER_US 1000 /* of which it is said when a source became active */

static uint64_t
cookie_of(unsigned number, unsigned family)
{
	return 2 * (number + 1) + (family == DP_IPV6);
}

bool
cookie_is_taken(const struct model *model, uint64_t cookie)
{
	for (unsigned i = 0; i < model->n_flows; i++) {
		if (model->flows[i]->spec.latch_cookie == cookie)
			return true;
	}
	return false;
}

uint64_t
cookie_random(struct rng *rng, const struct model *model, unsigned family)
{
	/* A flow that comes back, while legs still send to what it has learned. */
	if (model->n_latches > 0 && rng_one_in(rng, 4)) {
		const uint64_t cookie = model->latches[rng_below(rng, model->n_latches)]->cookie;

		if ((cookie % 2 != 0) == (family == DP_IPV6))
			return cookie;
	}
	return cookie_of(rng_below(rng, COOKIES), family);
}

/* Most often that of a flow that latches; or one that may come, or has gone. */
static uint64_t
learned_random(struct rng *rng, const struct model *model, unsigned family)
{
	for (unsigned i = rng_one_in(rng, 4) ? 0 : 2 * model->n_flows; i > 0; i--) {
		const struct model_flow *flow = model->flows[rng_below(rng, model->n_flows)];

		if (flow->latch != NULL && flow->spec.key.family == family)
			return flow->latch->cookie;
	}
	return cookie_random(rng, model, family);
}

/*
 * The state is the one that the latch has, or another one. What stands beside it need not be what
 * was learned: the data plane is to do as it is told.
 */
static void
known_random(struct rng *rng, const struct model *model, struct dp_leg *leg)
{
	const struct model_latch *latch = model_latch_find(model, leg->learned);
	struct dp_learned *known = &leg->known;

	memset(known, 0, sizeof(*known));
	if (latch == NULL || latch->changed || rng_one_in(rng, 4))
		return;
	known->state = latch->state;
	if (rng_one_in(rng, 4))
		known->state = rng_one_in(rng, 2) ? latch->state_before
						  : rng_next(rng) | UINT64_C(1) << 63;
	memcpy(known->dst, latch->learned.src, sizeof(known->dst));
	known->dst_port = latch->learned.src_port;
	if (rng_one_in(rng, 2)) {
		world_source(rng, leg->family, known->dst);
		known->dst_port = htons((uint16_t)world_udp_port(rng));
	}
	known->next_hop = (uint16_t)rng_below(rng, MODEL_NEXT_HOPS);
	known->vlan = (uint16_t)world_vlan(rng);
	if (rng_one_in(rng, 3))
		known->outer_vlan = (uint16_t)world_outer_vlan(rng);
}

static void
legs_learn(struct rng *rng, const struct model *model, unsigned percent, struct dp_leg *legs,
	unsigned n_legs)
{
	for (unsigned i = 0; i < n_legs; i++) {
		struct dp_leg *leg = &legs[i];

		if (leg->learned == 0) {
			if (rng_below(rng, 100) >= percent)
				continue;
			leg->learned = learned_random(rng, model, leg->family);
			if (rng_one_in(rng, 2))
				leg->dst_port = 0;
		} else if (rng_one_in(rng, 2)) {
			continue;
		}
		known_random(rng, model, leg);
	}
}

void
draft_learn(struct draft *draft, struct rng *rng, const struct flow_style *style,
	const struct model *model)
{
	const unsigned percent = style->learned_percent;

	legs_learn(rng, model, percent, draft->legs, draft->flow.n_legs);
	for (unsigned i = 0; i < draft->flow.n_streams; i++) {
		const struct dp_stream *stream = &draft->streams[i];

		legs_learn(rng, model, percent, (struct dp_leg *)(uintptr_t)stream->legs,
			stream->n_legs);
	}
}

/* All that was learned, less the name of the state. */
static bool
source_compare(const char *what, const struct model_latch *latch, const struct dp_latched *got,
	const struct dp_latched *expected)
{
	struct dp_latched a = *got, b = *expected;

	a.state = b.state = 0;
	if (memcmp(&a, &b, sizeof(a)) == 0)
		return true;
	printf("%s, cookie %llu\n", what, (unsigned long long)latch->cookie);
	report_hex("learned", (const uint8_t *)&a, sizeof(a));
	report_hex("expected", (const uint8_t *)&b, sizeof(b));
	return false;
}

/* The same by its flow, which tells an SSRC only if it moves the latch. */
static bool
flow_source_compare(const char *what, const struct model_flow *flow, const struct dp_latched *got,
	const struct dp_latched *learned)
{
	struct dp_latched expected = *learned;

	if (flow->spec.latch_by != DP_LATCH_BY_SSRC && flow->spec.latch_by != DP_LATCH_BY_RTCP_SSRC)
		expected.has_ssrc = expected.ssrc = 0;
	return source_compare(what, flow->latch, got, &expected);
}

bool
latched_compare(struct dp *dp, const struct model_flow *flow)
{
	struct dp_latched got;
	int ret = dp_flow_latched_get(dp, flow->handle, &got);
	int expected = flow->latch == NULL ? -ENOENT : 0;

	if (ret != expected) {
		printf("dp_flow_latched_get returned %d, expected %d\n", ret, expected);
		return false;
	}
	return ret != 0 ||
	       flow_source_compare("dp_flow_latched_get", flow, &got, &flow->latch->learned);
}

/* The state has another name if, and only if, the latch has changed. */
static bool
state_take(struct model_latch *latch, const struct dp_latched *got)
{
	const bool is_new = latch->state == UINT64_MAX;

	if (!latch->changed && got->state != latch->state) {
		printf("latch %llu has not changed, but state %llx is %llx now\n",
			(unsigned long long)latch->cookie, (unsigned long long)latch->state,
			(unsigned long long)got->state);
		return false;
	}
	if (latch->changed && !is_new && got->state == latch->state) {
		printf("latch %llu has changed, but its state is %llx still\n",
			(unsigned long long)latch->cookie, (unsigned long long)latch->state);
		return false;
	}
	if (got->valid != 0 && got->state == 0) {
		printf("latch %llu has learned a source, but its state is 0\n",
			(unsigned long long)latch->cookie);
		return false;
	}
	if (latch->changed)
		latch->state_before = is_new ? 0 : latch->state;
	latch->state = got->state;
	latch->changed = false;
	return true;
}

bool
session_compare_latches(struct session *session)
{
	bool ok = true;

	for (unsigned i = 0; ok && i < session->model.n_latches; i++) {
		struct model_latch *latch = session->model.latches[i];
		struct dp_latched got;
		const int ret = dp_latch_get(session->rig.dp, latch->cookie, &got);

		if (ret != 0) {
			printf("dp_latch_get of cookie %llu returned %d\n",
				(unsigned long long)latch->cookie, ret);
			return false;
		}
		ok = source_compare("dp_latch_get", latch, &got, &latch->learned) &&
		     state_take(latch, &got);
	}
	return ok;
}

/* Latches that nobody uses are gone. */
bool
session_compare_no_latch(struct session *session)
{
	const uint64_t cookie = cookie_of(rng_below(&session->rng, COOKIES), DP_IPV4);
	struct dp_latched got;
	int ret;

	if (model_latch_find(&session->model, cookie) != NULL)
		return true;
	ret = dp_latch_get(session->rig.dp, cookie, &got);
	if (ret != -ENOENT)
		printf("dp_latch_get of cookie %llu, which nobody uses, returned %d\n",
			(unsigned long long)cookie, ret);
	return ret == -ENOENT;
}

/* Times are by the worker's clock, which is the test's. */
static bool
choice_compare(const struct session *session, const struct model_flow *flow)
{
	const struct model_choice *choice = &flow->choice;
	const int expected_ret = choice->n == 0 ? -ENOENT : 0;
	struct dp_sources got = {0}, expected = {0};
	const int ret = dp_flow_sources_get(session->rig.dp, flow->handle, &got);

	if (ret != expected_ret) {
		printf("dp_flow_sources_get returned %d, expected %d\n", ret, expected_ret);
		return false;
	}
	if (ret != 0)
		return true;
	expected.switches = choice->switches;
	expected.active_ns = got.active_ns;
	if (choice->switches > 0 && choice->switched_ns / NS_PER_US != 0)
		expected.active_ns = session->now_ns - choice->switched_ns / NS_PER_US * NS_PER_US;
	expected.active = (uint8_t)choice->active;
	expected.previous = (uint8_t)choice->previous;
	expected.returned = choice->returned;
	expected.n = (uint8_t)choice->n;
	for (unsigned i = 0; i < choice->n; i++) {
		expected.of[i].packets = choice->of[i].packets;
		if (choice->of[i].heard)
			expected.of[i].silent_ns = session->now_ns - choice->of[i].heard_ns;
	}
	if (memcmp(&got, &expected, sizeof(got)) == 0)
		return true;
	printf("dp_flow_sources_get, flow %x\n", flow->handle);
	report_hex("got", (const uint8_t *)&got, sizeof(got));
	report_hex("expected", (const uint8_t *)&expected, sizeof(expected));
	report_flow(flow);
	return false;
}

bool
session_compare_choices(struct session *session)
{
	bool ok = true;

	for (unsigned i = 0; ok && i < session->model.n_flows; i++)
		ok = choice_compare(session, session->model.flows[i]);
	return ok;
}

bool
session_forget(struct session *session)
{
	const struct model *model = &session->model;
	struct dp_latched got, expected;
	const struct model_flow *flow;
	int ret, ret_expected;

	if (model->n_flows == 0)
		return true;
	flow = model->flows[rng_below(&session->rng, model->n_flows)];
	ret = dp_flow_forget(session->rig.dp, flow->handle, &got);
	ret_expected = flow->latch == NULL ? -ENOENT : 0;
	if (ret != ret_expected) {
		printf("dp_flow_forget returned %d, expected %d\n", ret, ret_expected);
		return false;
	}
	if (ret != 0)
		return true;
	model_latch_forget(flow->latch, &expected);
	return flow_source_compare("dp_flow_forget", flow, &got, &expected) &&
	       session_compare_latches(session);
}

struct notices {
	unsigned n;
	uint64_t cookies[NOTICES_MAX];
};

/* dp_latch_moved_fn */
static void
on_moved(void *arg, uint64_t cookie)
{
	struct notices *notices = arg;

	if (notices->n < NOTICES_MAX)
		notices->cookies[notices->n++] = cookie;
}

static bool
notice_check(const struct notices *notices, uint64_t cookie)
{
	for (unsigned n = 0; n < notices->n; n++) {
		if (notices->cookies[n] == cookie)
			return true;
	}
	printf("the source of %llu has changed, but dp_latch_poll does not say so\n",
		(unsigned long long)cookie);
	return false;
}

bool
session_compare_notices(struct session *session)
{
	struct notices *notices = model_alloc(1, sizeof(*notices));
	bool lost, ok = true;

	dp_latch_poll(session->rig.dp, NOTICES_MAX, on_moved, notices, &lost);
	for (unsigned i = 0; i < session->model.n_latches; i++) {
		struct model_latch *latch = session->model.latches[i];

		ok &= !latch->moved || lost || notice_check(notices, latch->cookie);
		latch->moved = false;
	}
	for (unsigned i = 0; i < session->model.n_flows; i++) {
		struct model_flow *flow = session->model.flows[i];

		ok &= !flow->choice.moved || lost || notice_check(notices, flow->spec.latch_cookie);
		flow->choice.moved = false;
	}
	free(notices);
	return ok;
}
