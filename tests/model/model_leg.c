/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Copies: who gets one, and what it looks like. A frame that leaves is put together from the
 * decoded fields, so what is kept of the one that came is kept on purpose.
 */
#include "model.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#define FRAME_BYTES_MAX 4096
#define DONT_FRAGMENT 0x4000
#define FRAGMENTABLE_MAX 1260 /* RFC 7915, 5.1: bytes of what was translated */

/* Where the next byte of a frame goes. */
struct pen {
	uint8_t *at;
};

static void
write_bytes(struct pen *pen, const uint8_t *bytes, unsigned n)
{
	memcpy(pen->at, bytes, n);
	pen->at += n;
}

static void
write8(struct pen *pen, unsigned value)
{
	*pen->at++ = (uint8_t)value;
}

static void
write16(struct pen *pen, unsigned value)
{
	write8(pen, value / 256);
	write8(pen, value % 256);
}

static unsigned
leg_tos(const struct model_packet *packet, const struct dp_leg *leg)
{
	return leg->dscp == DP_DSCP_KEEP ? packet->tos : leg->dscp * 4u + packet->tos % 4;
}

static unsigned
leg_ttl(const struct model_packet *packet, const struct dp_leg *leg)
{
	return leg->ttl == DP_TTL_DECREMENT ? packet->ttl - 1 : leg->ttl;
}

unsigned
model_leg_bytes(const struct model_packet *packet, const struct dp_leg *leg)
{
	return (leg->family == DP_IPV4 ? 20 : 40) + packet->udp_bytes;
}

/* The UDP checksum that leaves. The pseudo-headers of both families differ in nothing else. */
static unsigned
leg_udp_checksum(const struct model_packet *packet, const struct dp_leg *leg)
{
	uint64_t before = model_endpoints_sum(
		packet->family, packet->src, packet->dst, packet->src_port, packet->dst_port);
	uint64_t after = model_endpoints_sum(
		leg->family, leg->src, leg->dst, ntohs(leg->src_port), ntohs(leg->dst_port));
	unsigned computed;

	if (packet->udp_checksum != 0)
		return model_checksum_moved(packet->udp_checksum, before, after);
	if (leg->family == DP_IPV4)
		return 0; /* RFC 768: the sender did without */
	/* RFC 8200, 8.1: the length stands in the pseudo-header and in the header. */
	computed = model_checksum(after + 17 + packet->udp_length + packet->udp_length +
				  model_sum(packet->payload, packet->payload_bytes));
	return computed == 0 ? 0xffff : computed;
}

static void
write_ip4(struct pen *pen, const struct model_packet *packet, const struct dp_leg *leg)
{
	unsigned bytes = model_leg_bytes(packet, leg), id = packet->ip4_id,
		 flags = packet->ip4_flags;
	uint8_t *header = pen->at;
	struct pen checksum = {header + 10};

	if (packet->family != DP_IPV4) {
		id = leg_udp_checksum(packet, leg);
		flags = bytes > FRAGMENTABLE_MAX ? DONT_FRAGMENT : 0;
	}
	write8(pen, 0x45);
	write8(pen, leg_tos(packet, leg));
	write16(pen, bytes);
	write16(pen, id);
	write16(pen, flags);
	write8(pen, leg_ttl(packet, leg));
	write8(pen, 17);
	write16(pen, 0);
	write_bytes(pen, leg->src, 4);
	write_bytes(pen, leg->dst, 4);
	/* It was right when it came, so there is no error that has to be kept. */
	write16(&checksum, model_checksum(model_sum(header, 20)));
}

static void
write_ip6(struct pen *pen, const struct model_packet *packet, const struct dp_leg *leg)
{
	unsigned tos = leg_tos(packet, leg);
	unsigned label = packet->family == DP_IPV6 ? packet->flow_label : 0;

	write8(pen, 6 * 16 + tos / 16);
	write8(pen, tos % 16 * 16 + label / 65536);
	write16(pen, label % 65536);
	write16(pen, packet->udp_bytes);
	write8(pen, 17);
	write8(pen, leg_ttl(packet, leg));
	write_bytes(pen, leg->src, 16);
	write_bytes(pen, leg->dst, 16);
}

unsigned
model_frame_build(const struct model_packet *packet, const struct dp_leg *leg,
	const struct dp_next_hop *hop, uint8_t *out)
{
	struct pen pen = {out};

	write_bytes(&pen, hop->dst_mac, 6);
	write_bytes(&pen, hop->src_mac, 6);
	if (leg->outer_vlan != 0) {
		write16(&pen, 0x88a8);
		write16(&pen, leg->outer_vlan);
	}
	if (leg->vlan != 0) {
		write16(&pen, 0x8100);
		write16(&pen, leg->vlan);
	}
	write16(&pen, leg->family == DP_IPV4 ? 0x0800 : 0x86dd);
	if (leg->family == DP_IPV4)
		write_ip4(&pen, packet, leg);
	else
		write_ip6(&pen, packet, leg);
	write16(&pen, ntohs(leg->src_port));
	write16(&pen, ntohs(leg->dst_port));
	write16(&pen, packet->udp_length);
	write16(&pen, leg_udp_checksum(packet, leg));
	write_bytes(&pen, packet->udp + 8, packet->udp_bytes - 8);
	return (unsigned)(pen.at - out);
}

/* Why a copy to this next hop is not sent; DP_DROP_COUNT = it is. */
static enum dp_drop
leg_refuses(struct model *model, struct model_leg *leg, const struct dp_next_hop *hop,
	const struct model_packet *packet)
{
	unsigned n_bytes = model_leg_bytes(packet, &leg->spec);

	if (hop->mtu == 0)
		return model->down[hop->port] ? DP_DROP_port_down : DP_DROP_unresolved;
	if (n_bytes > hop->mtu)
		return DP_DROP_too_long;
	if (leg->spec.ttl == DP_TTL_DECREMENT && packet->ttl <= 1)
		return DP_DROP_ttl_expired;
	if (!model_bucket_take(&leg->bucket, &leg->spec.police, n_bytes, model->now_ns))
		return DP_DROP_leg_policed;
	if (model->down[hop->port])
		return DP_DROP_port_down;
	if (model->out[hop->port].n_frames == model->config.tx_places[hop->port])
		return DP_DROP_tx_full;
	return DP_DROP_COUNT;
}

static void
leg_send(struct model *model, struct model_leg *leg, const struct model_packet *packet,
	struct model_frame *copy)
{
	struct dp_next_hop hop;
	struct dp_leg to;
	const bool is_known = model_leg_resolve(model, leg, &to, &hop);
	/* Without a destination there is no egress port to count on. */
	struct dp_port_stats *port = &model->ports[is_known ? hop.port : packet->port];
	enum dp_drop reason =
		is_known ? leg_refuses(model, leg, &hop, packet) : DP_DROP_peer_unknown;

	leg->stats.copies++;
	leg->stats.bytes += model_leg_bytes(packet, &leg->spec);
	port->copies++;
	if (reason != DP_DROP_COUNT) {
		leg->stats.drops[reason - DP_COPY_DROP_FIRST]++;
		port->drops[reason]++;
		model_frame_free(copy);
		return;
	}
	copy->bytes = model_alloc(FRAME_BYTES_MAX, 1);
	copy->n_bytes = model_frame_build(packet, &to, &hop, copy->bytes);
	copy->port = hop.port;
	port->tx_packets++;
	port->tx_bytes += copy->n_bytes;
	model_fifo_put(&model->out[hop.port], copy);
}

void
model_set_send(struct model *model, const struct model_flow *flow, struct model_set *set,
	const struct model_packet *packet, const struct model_frame *came)
{
	uint64_t n_before = set->numbered++;

	set->forwarded++;
	for (unsigned i = 0; i < set->n_legs; i++) {
		struct model_leg *leg = &set->legs[i];
		struct model_frame *copy;

		if (leg->spec.down != 0)
			continue;
		if (leg->spec.one_in > 1 && n_before % leg->spec.one_in != 0)
			continue;
		copy = model_alloc(1, sizeof(*copy));
		copy->handle = flow->handle;
		copy->leg = i;
		copy->n_came = came->n_bytes;
		copy->came = model_alloc(came->n_bytes, 1);
		memcpy(copy->came, came->bytes, came->n_bytes);
		leg_send(model, leg, packet, copy);
	}
}
