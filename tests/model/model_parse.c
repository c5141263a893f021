/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From a frame to numbers, in the order of docs/dataplane.md, "What is refused, forwarded,
 * changed": the first fault names the drop.
 */
#include "model.h"

#include <string.h>

#define ETHERTYPE_IP4 0x0800
#define ETHERTYPE_IP6 0x86dd
#define TPID_CUSTOMER 0x8100
#define TPID_SERVICE 0x88a8
#define PROTOCOL_UDP 17
#define VLAN_ID_MASK 0xfff

/* What of the frame has not been read yet. */
struct rest {
	const uint8_t *bytes;
	unsigned n;
};

static unsigned
read16(const uint8_t *bytes)
{
	return bytes[0] * 256u + bytes[1];
}

static void
skip(struct rest *rest, unsigned n)
{
	rest->bytes += n;
	rest->n -= n;
}

static bool
fail(enum dp_drop *reason, enum dp_drop why)
{
	*reason = why;
	return false;
}

static bool
is_tpid(unsigned ethertype)
{
	return ethertype == TPID_CUSTOMER || ethertype == TPID_SERVICE;
}

/* Points 1 and 2. Leaves *rest at the EtherType behind the tags, which is read into *ethertype. */
static bool
parse_ethernet(
	struct model_packet *packet, struct rest *rest, unsigned *ethertype, enum dp_drop *reason)
{
	unsigned tpids[2] = {0}, ids[2] = {0}, n_tags = 0;

	if (rest->n < 14)
		return fail(reason, DP_DROP_eth_truncated);
	packet->macs = rest->bytes;
	*ethertype = read16(rest->bytes + 12);
	skip(rest, 14);
	while (is_tpid(*ethertype)) {
		if (n_tags == 2 || (n_tags == 1 && *ethertype == TPID_SERVICE))
			return fail(reason, DP_DROP_vlan_stacked);
		if (rest->n < 4)
			return fail(reason, DP_DROP_vlan_truncated);
		tpids[n_tags] = *ethertype;
		ids[n_tags++] = read16(rest->bytes) & VLAN_ID_MASK;
		*ethertype = read16(rest->bytes + 2);
		skip(rest, 4);
	}
	if (n_tags == 2) {
		packet->outer_vlan = ids[0];
		packet->vlan = ids[1];
	} else if (n_tags == 1 && tpids[0] == TPID_SERVICE) {
		packet->outer_vlan = ids[0];
	} else {
		packet->vlan = ids[0];
	}
	return true;
}

/* Point 4. Leaves *rest at the payload, cut to what the header says. */
static bool
parse_ip4(struct model_packet *packet, struct rest *rest, enum dp_drop *reason)
{
	const uint8_t *ip = rest->bytes;

	if (rest->n < 20)
		return fail(reason, DP_DROP_ip4_truncated);
	if (ip[0] / 16 != 4 || ip[0] % 16 < 5)
		return fail(reason, DP_DROP_ip4_header);
	if (ip[0] % 16 != 5)
		return fail(reason, DP_DROP_ip4_options);
	packet->ip_bytes = read16(ip + 2);
	if (packet->ip_bytes < 20 || packet->ip_bytes > rest->n)
		return fail(reason, DP_DROP_ip4_length);
	if (model_sum(ip, 20) % 65535 != 0)
		return fail(reason, DP_DROP_ip4_checksum);
	packet->ip4_flags = read16(ip + 6);
	if ((packet->ip4_flags & 0x3fff) != 0) /* more fragments, or an offset */
		return fail(reason, DP_DROP_ip4_fragment);
	if (ip[9] != PROTOCOL_UDP)
		return fail(reason, DP_DROP_ip4_not_udp);
	packet->tos = ip[1];
	packet->ip4_id = read16(ip + 4);
	packet->ttl = ip[8];
	memcpy(packet->src, ip + 12, 4);
	memcpy(packet->dst, ip + 16, 4);
	skip(rest, 20);
	rest->n = packet->ip_bytes - 20;
	return true;
}

/* Point 5. As parse_ip4(), and behind the extension headers. */
static bool
parse_ip6(struct model_packet *packet, struct rest *rest, enum dp_drop *reason)
{
	const uint8_t *ip = rest->bytes;

	if (rest->n < 40)
		return fail(reason, DP_DROP_ip6_truncated);
	if (ip[0] / 16 != 6)
		return fail(reason, DP_DROP_ip6_header);
	packet->ip_bytes = 40 + read16(ip + 4);
	if (packet->ip_bytes > rest->n)
		return fail(reason, DP_DROP_ip6_length);
	packet->tos = ip[0] % 16 * 16u + ip[1] / 16u;
	packet->flow_label = ip[1] % 16 * 65536u + read16(ip + 2);
	packet->ttl = ip[7];
	memcpy(packet->src, ip + 8, 16);
	memcpy(packet->dst, ip + 24, 16);
	skip(rest, 40);
	rest->n = packet->ip_bytes - 40;
	if (!model_ip6_skip(&rest->bytes, &rest->n, ip[6], reason))
		return false;
	packet->skipped_bytes = packet->ip_bytes - 40 - rest->n;
	packet->ip_bytes -= packet->skipped_bytes;
	return true;
}

/* Point 6. */
static bool
parse_udp(struct model_packet *packet, const struct rest *rest, enum dp_drop *reason)
{
	const uint8_t *udp = rest->bytes;

	if (rest->n < 8)
		return fail(reason, DP_DROP_udp_truncated);
	packet->udp_length = read16(udp + 4);
	packet->udp_checksum = read16(udp + 6);
	if (packet->udp_length < 8 || packet->udp_length > rest->n)
		return fail(reason, DP_DROP_udp_length);
	if (packet->family == DP_IPV6 && packet->udp_checksum == 0)
		return fail(reason, DP_DROP_udp6_no_checksum);
	packet->src_port = read16(udp);
	packet->dst_port = read16(udp + 2);
	packet->udp = udp;
	packet->udp_bytes = rest->n;
	packet->payload = udp + 8;
	packet->payload_bytes = packet->udp_length - 8;
	return true;
}

bool
model_parse(struct model_packet *packet, unsigned port, const uint8_t *bytes, unsigned n_bytes,
	enum dp_drop *reason)
{
	struct rest rest = {bytes, n_bytes};
	unsigned ethertype;
	bool ok;

	memset(packet, 0, sizeof(*packet));
	packet->port = port;
	if (!parse_ethernet(packet, &rest, &ethertype, reason))
		return false;
	if (ethertype != ETHERTYPE_IP4 && ethertype != ETHERTYPE_IP6)
		return fail(reason, DP_DROP_not_ip);
	packet->family = ethertype == ETHERTYPE_IP4 ? DP_IPV4 : DP_IPV6;
	packet->ip_offset = n_bytes - rest.n;
	ok = packet->family == DP_IPV4 ? parse_ip4(packet, &rest, reason)
				       : parse_ip6(packet, &rest, reason);
	return ok && parse_udp(packet, &rest, reason);
}
