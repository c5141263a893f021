/* SPDX-License-Identifier: BSD-3-Clause */
/* What is printed when both sides differ: enough to see it without a debugger, and to replay it. */
#include <arpa/inet.h>
#include <stdio.h>

#include "session.h"

#define HEADERS_BYTES 82 /* two tags, IPv6, UDP and the RTP header: what a flow depends on */

static const char *const verdict_names[DP_VERDICT_COUNT] = {"forward", "drop", "punt"};
static const char *const latch_names[] = {"open", "first", "follow"};

void
report_session(const struct session *session)
{
	printf("seed %llu, round %llu, packet %llu, time %llu ns\n",
		(unsigned long long)session->options.seed, (unsigned long long)session->round,
		(unsigned long long)session->n_packets, (unsigned long long)session->now_ns);
	printf("replay: differential --seed %llu --packets %llu --burst %u\n",
		(unsigned long long)session->options.seed,
		(unsigned long long)session->options.packets, session->options.burst);
}

void
report_hex(const char *what, const uint8_t *bytes, unsigned n_bytes)
{
	printf("%s (%u bytes): ", what, n_bytes);
	for (unsigned i = 0; i < n_bytes; i++)
		printf("%02x", bytes[i]);
	printf("\n");
}

void
report_frames(const struct session *session)
{
	printf("frames of this round and what the model made of them:\n");
	for (unsigned i = 0; i < session->n_frames; i++) {
		const struct session_frame *f = &session->frames[i];

		printf("port %u, split %u, %u bytes, %s: ", f->frame.port, f->frame.split,
			f->frame.n_bytes, f->fate);
		report_hex("headers", f->frame.bytes,
			f->frame.n_bytes < HEADERS_BYTES ? f->frame.n_bytes : HEADERS_BYTES);
	}
}

static const char *
address_text(unsigned family, const uint8_t *address, char text[INET6_ADDRSTRLEN])
{
	return inet_ntop(family == DP_IPV4 ? AF_INET : AF_INET6, address, text, INET6_ADDRSTRLEN);
}

static void
report_match(const struct model_flow *flow)
{
	const struct dp_flow_key *key = &flow->spec.key;
	const struct dp_rule *rule = flow->spec.rule;
	char src[INET6_ADDRSTRLEN], dst[INET6_ADDRSTRLEN];

	if (rule == NULL) {
		printf("  %s port %u vlan %u outer %u: %s %u -> %s %u\n",
			key->any_source != 0 ? "listener" : "exact", key->port, key->vlan,
			key->outer_vlan, address_text(key->family, key->src, src),
			ntohs(key->src_port), address_text(key->family, key->dst, dst),
			ntohs(key->dst_port));
		return;
	}
	printf("  rule priority %u port %u vlan %u outer %u: %s/%u %u-%u -> %s/%u %u-%u\n",
		rule->priority, rule->port, rule->vlan, rule->outer_vlan,
		address_text(rule->family, rule->src, src), rule->src_bits, rule->src_port_first,
		rule->src_port_last, address_text(rule->family, rule->dst, dst), rule->dst_bits,
		rule->dst_port_first, rule->dst_port_last);
}

static void
report_learned(const char *indent, const struct dp_leg *leg, const struct model_latch *latch)
{
	const struct dp_learned *known = &leg->known;
	char known_dst[INET6_ADDRSTRLEN], learned_src[INET6_ADDRSTRLEN];

	printf("%s  learned by %llu: known %llx %s %u hop %u vlan %u outer %u; latch %llx%s "
	       "valid %u %s %u port %u vlan %u outer %u\n",
		indent, (unsigned long long)leg->learned, (unsigned long long)known->state,
		address_text(leg->family, known->dst, known_dst), ntohs(known->dst_port),
		known->next_hop, known->vlan, known->outer_vlan, (unsigned long long)latch->state,
		latch->changed ? " before" : "", latch->learned.valid,
		address_text(leg->family, latch->learned.src, learned_src),
		ntohs(latch->learned.src_port), latch->learned.port, latch->learned.vlan,
		latch->learned.outer_vlan);
}

static void
report_legs(const char *indent, const struct model_set *set)
{
	for (unsigned i = 0; i < set->n_legs; i++) {
		const struct dp_leg *leg = &set->legs[i].spec;
		char src[INET6_ADDRSTRLEN], dst[INET6_ADDRSTRLEN];

		printf("%sleg %u: %s %u -> %s %u hop %u vlan %u outer %u dscp %u ttl %u down %u "
		       "one_in %u police %llu/%llu\n",
			indent, i, address_text(leg->family, leg->src, src), ntohs(leg->src_port),
			address_text(leg->family, leg->dst, dst), ntohs(leg->dst_port),
			leg->next_hop, leg->vlan, leg->outer_vlan, leg->dscp, leg->ttl, leg->down,
			leg->one_in, (unsigned long long)leg->police.rate_bps,
			(unsigned long long)leg->police.burst_bytes);
		if (leg->learned != 0)
			report_learned(indent, leg, set->legs[i].latch);
	}
}

static void
report_features(const struct dp_flow *spec)
{
	printf("  verdict %s, down %u, cookie %llu, latch %s %u ms by %u, allow %u, "
	       "classes %s %s %s %s, police %llu/%llu\n",
		verdict_names[spec->verdict], spec->down, (unsigned long long)spec->latch_cookie,
		latch_names[spec->latch], spec->latch_interval_ms, spec->latch_by, spec->n_allow,
		verdict_names[spec->class_verdict[DP_CLASS_STUN]],
		verdict_names[spec->class_verdict[DP_CLASS_DTLS]],
		verdict_names[spec->class_verdict[DP_CLASS_RTP]],
		verdict_names[spec->class_verdict[DP_CLASS_OTHER]],
		(unsigned long long)spec->police.rate_bps,
		(unsigned long long)spec->police.burst_bytes);
}

static void
report_choice(const struct model_flow *flow)
{
	const struct model_choice *choice = &flow->choice;

	if (choice->n > 0)
		printf("  sources: %u, time-out %u ms, return %u ms; active %u, %llu switches\n",
			choice->n, flow->spec.source_timeout_ms, flow->spec.source_return_ms,
			choice->active, (unsigned long long)choice->switches);
}

void
report_flow(const struct model_flow *flow)
{
	printf("flow %x:\n", flow->handle);
	report_match(flow);
	report_features(&flow->spec);
	report_choice(flow);
	for (unsigned i = 0; i < flow->spec.n_streams; i++) {
		const struct dp_stream *stream = &flow->streams[i].spec;

		printf("  stream %u: ssrc %d %x payload type %d %u, %s\n", i, stream->has_ssrc,
			stream->ssrc, stream->has_payload_type, stream->payload_type,
			verdict_names[stream->verdict]);
		report_legs("    ", &flow->streams[i].set);
	}
	report_legs("  ", &flow->set);
}
