/* SPDX-License-Identifier: BSD-3-Clause */
#include "flow.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_udp.h>

#define TTL 255 /* frames start with it; so that cycles of decrementing flows last */
#define SSRC_FIRST 1000u
#define RTP_VERSION 0x80 /* 2, and no more in the first byte (RFC 3550, 5.1) */
#define SEED 1 /* the same cycle in every run */
/* One unit in so many renews the TTL, which starts at 255 and loses at most two a unit. */
#define UNITS_A_RENEWAL 120
#define SOURCE4_BITS 17 /* 198.18.0.0/15; the rest of the index goes into the port */
#define LOCAL4_BITS 8 /* 203.0.113.0/24; the same */
#define SOURCE_PORT 1024
#define LOCAL_PORT 5004
#define POLICE_BURST_BYTES (1u << 20)
#define LATCH_INTERVAL_MS 1000
#define PEER_PORT 40000 /* of the flows that learn, at addresses of the loop's */
#define RESOLVE_LEGS 4096 /* of flows that are replaced in one transaction */
#define LEARN_POLLS 10000
#define LEARN_POLL_US 1000

/* What a flow does with its packet. */
struct step {
	unsigned next; /* the flow that the packet meets then */
	bool renews; /* sets the TTL, so that no packet of the cycle dies */
};

/* One random cycle (Sattolo) through all units of a strand, so that none is left out. */
static unsigned *
cycle_make(unsigned units, unsigned strands)
{
	unsigned *next = calloc(units, sizeof(*next));

	if (next == NULL)
		return NULL;
	for (unsigned i = 0; i < units; i++)
		next[i] = i;
	srandom(SEED);
	for (unsigned i = units - 1; i >= strands; i--) {
		/* A lower unit of the same strand: i, i - strands, ... */
		unsigned below = i / strands;
		unsigned j = i % strands + strands * ((unsigned)random() % below);
		unsigned swap = next[i];

		next[i] = next[j];
		next[j] = swap;
	}
	return next;
}

/* One step a flow, or NULL without memory; the caller frees it. */
static struct step *
steps_make(const struct loop_options *o)
{
	const unsigned units = loop_units(o), strands = loop_strands(o);
	unsigned *cycle = cycle_make(units, strands);
	struct step *steps = calloc(o->flows, sizeof(*steps));

	for (unsigned s = 0; s < strands && cycle != NULL && steps != NULL; s++) {
		unsigned u = s, n = 0;

		do {
			steps[u].renews = n++ % UNITS_A_RENEWAL == 0;
			steps[u].next = o->translate ? units + u : cycle[u];
			if (o->translate)
				steps[units + u].next = cycle[u];
			u = cycle[u];
		} while (u != s);
	}
	if (cycle == NULL) {
		free(steps);
		steps = NULL;
	}
	free(cycle);
	return steps;
}

/* Memory that one flow after the other is described in. */
struct draft {
	struct dp_flow flow;
	struct dp_rule rule;
	struct dp_leg *legs;
	struct dp_stream *streams;
};

/* IPv4 sources are of the benchmark range (RFC 2544, 198.18.0.0/15). */
static void
key4_fill(unsigned index, bool local_varies, struct dp_flow_key *key)
{
	static const uint8_t local[4] = {198, 51, 100, 1};
	const uint32_t source = htonl(0xc6120000 | (index & ((1u << SOURCE4_BITS) - 1)));
	const uint32_t own = htonl(0xcb007100 | (index & ((1u << LOCAL4_BITS) - 1)));

	memcpy(key->src, &source, sizeof(source));
	memcpy(key->dst, local, sizeof(local));
	key->src_port = htons((uint16_t)(SOURCE_PORT + (index >> SOURCE4_BITS)));
	key->dst_port = htons(LOCAL_PORT);
	if (!local_varies)
		return;
	memcpy(key->dst, &own, sizeof(own));
	key->dst_port = htons((uint16_t)(LOCAL_PORT + (index >> LOCAL4_BITS)));
}

static void
key6_fill(unsigned index, bool local_varies, struct dp_flow_key *key)
{
	static const uint8_t prefix[4] = {0x20, 0x01, 0x0d, 0xb8};
	const uint32_t low = htonl(index);

	memcpy(key->src, prefix, sizeof(prefix));
	memcpy(key->src + 12, &low, sizeof(low));
	memcpy(key->dst, prefix, sizeof(prefix));
	key->dst[5] = 1; /* another subnet than the sources' */
	if (local_varies)
		memcpy(key->dst + 12, &low, sizeof(low));
	else
		key->dst[15] = 1;
	key->src_port = htons(SOURCE_PORT);
	key->dst_port = htons(LOCAL_PORT);
}

static void
key_fill(const struct loop_options *o, unsigned index, bool local_varies, struct dp_flow_key *key)
{
	memset(key, 0, sizeof(*key));
	key->family = (uint8_t)loop_flow_family(o, index);
	key->vlan = loop_flow_tagged(o, index) ? LOOP_VLAN : 0;
	if (key->family == DP_IPV4)
		key4_fill(index, local_varies, key);
	else
		key6_fill(index, local_varies, key);
}

void
loop_flow_key(const struct loop_options *o, unsigned index, struct dp_flow_key *key)
{
	/* Listeners and rules differ by their own address, exact flows by the sender's. */
	const bool local_varies = o->match != LOOP_EXACT && index < o->flows;
	const bool is_learned = o->learned != LOOP_FIXED && index < o->flows;
	struct dp_flow_key peer;

	key_fill(o, index, local_varies, key);
	if (!is_learned)
		return;
	/* Where another flow's packets go to is where this one's come from; else by peers. */
	key_fill(o, o->latch == DP_LATCH_OPEN ? index % LOOP_PEERS : (index + 1) % o->flows, true,
		&peer);
	if (o->latch == DP_LATCH_OPEN) {
		memcpy(key->dst, peer.dst, sizeof(key->dst));
		key->dst_port = peer.dst_port;
	} else {
		memcpy(key->src, peer.dst, sizeof(key->src));
		key->src_port = peer.dst_port;
	}
}

/* What the flow that learns for others, of a number below loop_peers(), is met by. */
static void
peer_key(const struct loop_options *o, unsigned peer, struct dp_flow_key *key)
{
	const unsigned n = loop_port_peers(o);
	struct dp_flow_key local;

	key_fill(o, peer % n, true, &local);
	*key = local;
	key->port = (uint16_t)(peer / n);
	memcpy(key->src, local.dst, sizeof(key->src));
	key->src_port = local.dst_port;
	key->dst_port = htons((uint16_t)(PEER_PORT + (peer % n >> LOCAL4_BITS)));
}

/* Of the flow whose learned source is where packets of flow `index` come in, as seen by a port. */
static uint64_t
learned_cookie(const struct loop_options *o, unsigned index, unsigned port)
{
	if (o->latch == DP_LATCH_OPEN)
		return o->flows + port * loop_port_peers(o) + index % LOOP_PEERS + 1;
	return (index + o->flows - 1) % o->flows + 1;
}

/* Which packets are the flow's. */
static void
match_fill(const struct loop_options *o, unsigned index, struct draft *draft)
{
	struct dp_flow_key *key = &draft->flow.key;

	loop_flow_key(o, index, key);
	if (index >= o->flows || o->match == LOOP_EXACT)
		return;
	if (o->match == LOOP_RULE) {
		draft->rule = (struct dp_rule){
			.priority = 1,
			.src_port_last = UINT16_MAX,
			.dst_port_first = ntohs(key->dst_port),
			.dst_port_last = ntohs(key->dst_port),
			.port = key->port,
			.vlan = key->vlan,
			.dst_bits = key->family == DP_IPV4 ? 32 : 128,
			.family = key->family,
		};
		memcpy(draft->rule.dst, key->dst, sizeof(key->dst));
		draft->flow.rule = &draft->rule;
		*key = (struct dp_flow_key){.family = draft->rule.family};
		return;
	}
	memset(key->src, 0, sizeof(key->src));
	key->src_port = 0;
	key->any_source = 1;
}

static void
legs_fill(const struct loop_options *o, const struct step *step, struct dp_leg *legs, unsigned n)
{
	struct dp_flow_key to;

	loop_flow_key(o, step->next, &to);
	for (unsigned l = 0; l < n; l++) {
		struct dp_leg *leg = &legs[l];

		*leg = (struct dp_leg){
			.src_port = to.src_port,
			.dst_port = to.dst_port,
			/* Next hop p leaves by port p. */
			.next_hop = loop_leg_port(l, n),
			.vlan = to.vlan,
			.family = to.family,
			.dscp = DP_DSCP_KEEP,
			.ttl = o->ttl_set || step->renews ? TTL : DP_TTL_DECREMENT,
		};
		memcpy(leg->src, to.src, sizeof(to.src));
		memcpy(leg->dst, to.dst, sizeof(to.dst));
	}
}

/* Legs send to what a flow has learned; if it has, control knows that. */
static void
legs_learn(const struct loop_options *o, const struct dp *dp, const struct step *step,
	struct dp_leg *legs)
{
	for (unsigned l = 0; l < o->legs; l++) {
		struct dp_leg *leg = &legs[l];
		struct dp_latched latched;

		leg->learned = learned_cookie(o, step->next, loop_leg_port(l, o->legs));
		if (dp_latch_get(dp, leg->learned, &latched) < 0 || latched.valid == 0)
			continue;
		leg->known = (struct dp_learned){
			.state = latched.state,
			.dst_port = latched.src_port,
			.next_hop = leg->next_hop,
			.vlan = latched.vlan,
		};
		memcpy(leg->known.dst, latched.src, sizeof(latched.src));
	}
}

static void
streams_fill(const struct loop_options *o, struct draft *draft)
{
	for (unsigned s = 0; s < o->streams; s++)
		draft->streams[s] = (struct dp_stream){
			.ssrc = SSRC_FIRST + s,
			.has_ssrc = 1,
			.verdict = DP_FORWARD,
			.n_legs = (uint16_t)o->legs,
			.legs = draft->legs,
		};
	draft->flow.n_streams = (uint16_t)o->streams;
	draft->flow.streams = draft->streams;
}

static void
flow_fill(const struct loop_options *o, const struct dp *dp, unsigned index,
	const struct step *step, struct draft *draft)
{
	struct dp_flow *flow = &draft->flow;

	*flow = (struct dp_flow){.verdict = DP_FORWARD};
	match_fill(o, index, draft);
	legs_fill(o, step, draft->legs, o->legs);
	if (o->learned == LOOP_RESOLVED || o->learned == LOOP_STALE)
		legs_learn(o, dp, step, draft->legs);
	if (loop_flow_policed(o, index))
		flow->police = (struct dp_police){DP_RATE_BPS_MAX, POLICE_BURST_BYTES};
	flow->latch = (uint8_t)o->latch;
	flow->latch_cookie = index + 1;
	if (o->latch == DP_LATCH_FOLLOW)
		flow->latch_interval_ms = LATCH_INTERVAL_MS;
	if (o->streams > 0) {
		streams_fill(o, draft);
	} else {
		flow->n_legs = (uint16_t)o->legs;
		flow->legs = draft->legs;
	}
}

/* It learns the source of one packet, which goes no further. */
static int
peer_add(const struct loop_options *o, struct dp_txn *txn, unsigned peer)
{
	struct dp_flow flow = {
		.verdict = DP_DROP,
		.latch = DP_LATCH_FIRST,
		.latch_cookie = o->flows + peer + 1,
	};
	uint32_t handle;

	peer_key(o, peer, &flow.key);
	memset(flow.key.src, 0, sizeof(flow.key.src));
	flow.key.src_port = 0;
	flow.key.any_source = 1;
	return dp_txn_add(txn, &flow, &handle);
}

/* What flows are made with, one after the other. */
struct maker {
	struct step *steps;
	uint16_t *from; /* each leg goes on */
	struct draft draft;
};

/* 0 or -ENOMEM; maker_fini() is due either way. */
static int
maker_init(struct maker *maker, const struct loop_options *o)
{
	*maker = (struct maker){
		.steps = steps_make(o),
		.from = calloc(o->legs, sizeof(*maker->from)),
		.draft.legs = calloc(o->legs, sizeof(*maker->draft.legs)),
		.draft.streams = calloc(o->streams + 1, sizeof(*maker->draft.streams)),
	};
	if (maker->steps == NULL || maker->from == NULL || maker->draft.legs == NULL ||
		maker->draft.streams == NULL)
		return -ENOMEM;
	for (unsigned l = 0; l < o->legs; l++)
		maker->from[l] = (uint16_t)l;
	return 0;
}

static void
maker_fini(struct maker *maker)
{
	free(maker->draft.streams);
	free(maker->draft.legs);
	free(maker->from);
	free(maker->steps);
}

static int
txn_end(struct dp_txn *txn, int ret)
{
	if (ret == 0)
		return dp_txn_commit(txn);
	dp_txn_abort(txn);
	return ret;
}

int
loop_flows_install(const struct loop_options *o, struct dp *dp, uint32_t *handles)
{
	struct dp_txn *txn = dp_txn_begin(dp);
	struct maker maker;
	int ret = txn == NULL ? -ENOMEM : 0;

	if (ret == 0)
		ret = maker_init(&maker, o);
	for (unsigned p = 0; p < loop_peers(o) && ret == 0; p++)
		ret = peer_add(o, txn, p);
	for (unsigned i = 0; i < o->flows && ret == 0; i++) {
		flow_fill(o, dp, i, &maker.steps[i], &maker.draft);
		ret = dp_txn_add(txn, &maker.draft.flow, &handles[i]);
	}
	if (txn == NULL)
		return ret;
	maker_fini(&maker);
	return txn_end(txn, ret);
}

/* Wait for all that latches, or that legs refer to. */
static int
learned_wait(const struct loop_options *o, const struct dp *dp)
{
	const unsigned n_ports = o->legs > 1 ? 2 : 1;
	unsigned polls = 0;

	for (unsigned i = 0; i < o->flows * n_ports; i++) {
		const uint64_t cookie = learned_cookie(o, i / n_ports, i % n_ports);
		struct dp_latched latched = {0};

		while (dp_latch_get(dp, cookie, &latched) == 0 && latched.valid == 0 &&
			polls++ < LEARN_POLLS)
			rte_delay_us_sleep(LEARN_POLL_US);
		if (latched.valid == 0)
			return -ETIMEDOUT;
	}
	return 0;
}

/* Flows from `first` on, as many as fit into one transaction. Their number, or a negative errno. */
static int
flows_replace(const struct loop_options *o, struct dp *dp, struct maker *maker, unsigned first,
	uint32_t *handles)
{
	const unsigned legs = o->legs * (o->streams > 0 ? o->streams : 1);
	const unsigned most = legs < RESOLVE_LEGS ? RESOLVE_LEGS / legs : 1;
	const unsigned n = o->flows - first < most ? o->flows - first : most;
	struct dp_txn *txn = dp_txn_begin(dp);
	int ret = txn == NULL ? -ENOMEM : 0;

	for (unsigned i = first; i < first + n && ret == 0; i++) {
		flow_fill(o, dp, i, &maker->steps[i], &maker->draft);
		ret = dp_txn_replace(txn, handles[i], &maker->draft.flow, maker->from, &handles[i]);
	}
	if (txn != NULL)
		ret = txn_end(txn, ret);
	return ret < 0 ? ret : (int)n;
}

int
loop_flows_resolve(const struct loop_options *o, struct dp *dp, uint32_t *handles)
{
	struct maker maker;
	int ret = learned_wait(o, dp);

	if (ret < 0 || o->learned == LOOP_STALE || o->learned == LOOP_FIXED)
		return ret;
	ret = maker_init(&maker, o);
	for (unsigned i = 0; i < o->flows && ret >= 0; i += (unsigned)ret)
		ret = flows_replace(o, dp, &maker, i, handles);
	maker_fini(&maker);
	return ret < 0 ? ret : 0;
}

int
loop_flow_add_idle(
	const struct loop_options *o, struct dp_txn *txn, unsigned index, uint32_t *handle)
{
	const struct step step = {.next = index};
	struct dp_leg leg;
	struct dp_flow flow = {.verdict = DP_FORWARD, .n_legs = 1, .legs = &leg};

	loop_flow_key(o, index, &flow.key);
	legs_fill(o, &step, &leg, 1);
	return dp_txn_add(txn, &flow, handle);
}

static size_t
ip_bytes(enum dp_family family)
{
	return family == DP_IPV4 ? sizeof(struct rte_ipv4_hdr) : sizeof(struct rte_ipv6_hdr);
}

static rte_be16_t
ether_type(enum dp_family family)
{
	return family == DP_IPV4 ? RTE_BE16(RTE_ETHER_TYPE_IPV4) : RTE_BE16(RTE_ETHER_TYPE_IPV6);
}

static void
l2_write(bool tagged, enum dp_family family, uint8_t *frame)
{
	struct rte_ether_hdr *eth = (struct rte_ether_hdr *)frame;
	struct rte_vlan_hdr *tag = (struct rte_vlan_hdr *)(eth + 1);

	eth->ether_type = ether_type(family);
	if (!tagged)
		return;
	eth->ether_type = RTE_BE16(RTE_ETHER_TYPE_VLAN);
	tag->vlan_tci = RTE_BE16(LOOP_VLAN);
	tag->eth_proto = ether_type(family);
}

static void
datagram4_write(const struct dp_flow_key *key, void *at, uint16_t bytes)
{
	struct rte_ipv4_hdr *ip = at;
	struct rte_udp_hdr *udp = (struct rte_udp_hdr *)(ip + 1);

	ip->version_ihl = RTE_IPV4_VHL_DEF;
	ip->total_length = htons(bytes);
	ip->time_to_live = TTL;
	ip->next_proto_id = IPPROTO_UDP;
	memcpy(&ip->src_addr, key->src, sizeof(ip->src_addr));
	memcpy(&ip->dst_addr, key->dst, sizeof(ip->dst_addr));
	ip->hdr_checksum = rte_ipv4_cksum(ip);
	udp->src_port = key->src_port;
	udp->dst_port = key->dst_port;
	udp->dgram_len = htons((uint16_t)(bytes - sizeof(*ip)));
	udp->dgram_cksum = rte_ipv4_udptcp_cksum(ip, udp);
}

static void
datagram6_write(const struct dp_flow_key *key, void *at, uint16_t bytes)
{
	struct rte_ipv6_hdr *ip = at;
	struct rte_udp_hdr *udp = (struct rte_udp_hdr *)(ip + 1);

	ip->vtc_flow = RTE_BE32(0x60000000);
	ip->payload_len = htons((uint16_t)(bytes - sizeof(*ip)));
	ip->proto = IPPROTO_UDP;
	ip->hop_limits = TTL;
	memcpy(&ip->src_addr, key->src, sizeof(ip->src_addr));
	memcpy(&ip->dst_addr, key->dst, sizeof(ip->dst_addr));
	udp->src_port = key->src_port;
	udp->dst_port = key->dst_port;
	udp->dgram_len = ip->payload_len;
	udp->dgram_cksum = rte_ipv6_udptcp_cksum(ip, udp);
}

/* A frame of `family`, without FCS. */
static unsigned
frame_bytes(const struct loop_options *o, enum dp_family family)
{
	return o->size + (o->translate && family == DP_IPV6 ? LOOP_TRANSLATE_BYTES : 0);
}

/* An RTP packet of stream `stream`; the rest of it stays zero. */
static void
rtp_write(unsigned stream, uint8_t *payload)
{
	const rte_be32_t ssrc = htonl(SSRC_FIRST + stream);

	payload[0] = RTP_VERSION;
	memcpy(payload + 8, &ssrc, sizeof(ssrc));
}

static void
frame_write(const struct loop_options *options, const struct dp_flow_key *key, unsigned stream,
	struct rte_mbuf *m)
{
	const unsigned bytes = frame_bytes(options, key->family);
	const bool tagged = key->vlan != 0;
	const unsigned l2_bytes = LOOP_L2_BYTES(tagged);
	uint8_t *frame = rte_pktmbuf_mtod(m, uint8_t *);

	memset(frame, 0, bytes);
	m->data_len = (uint16_t)bytes;
	m->pkt_len = bytes;
	l2_write(tagged, key->family, frame);
	if (options->streams > 0)
		rtp_write(stream,
			frame + l2_bytes + ip_bytes(key->family) + sizeof(struct rte_udp_hdr));
	if (key->family == DP_IPV4)
		datagram4_write(key, frame + l2_bytes, (uint16_t)(bytes - l2_bytes));
	else
		datagram6_write(key, frame + l2_bytes, (uint16_t)(bytes - l2_bytes));
}

void
loop_frame_write(
	const struct loop_options *options, unsigned index, unsigned stream, struct rte_mbuf *m)
{
	struct dp_flow_key key;

	loop_flow_key(options, index, &key);
	frame_write(options, &key, stream, m);
}

unsigned
loop_peer_frame_write(const struct loop_options *options, unsigned peer, struct rte_mbuf *m)
{
	struct dp_flow_key key;

	peer_key(options, peer, &key);
	frame_write(options, &key, 0, m);
	return key.port;
}

/* A UDP datagram with its checksum and pseudo header adds up to all ones (RFC 768). */
static bool
udp_sum_right(const void *udp, size_t bytes, uint16_t pseudo_header_sum)
{
	uint32_t sum = (uint32_t)rte_raw_cksum(udp, bytes) + pseudo_header_sum;

	return (sum & 0xffff) + (sum >> 16) == 0xffff;
}

/* The family that an EtherType says; 0 when it is neither. */
static unsigned
type_family(rte_be16_t type)
{
	if (type == ether_type(DP_IPV4))
		return DP_IPV4;
	return type == ether_type(DP_IPV6) ? DP_IPV6 : 0;
}

bool
loop_frame_whole(const struct loop_options *options, const struct rte_mbuf *m)
{
	const struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, const struct rte_ether_hdr *);
	const struct rte_vlan_hdr *tag = (const struct rte_vlan_hdr *)(eth + 1);
	const bool tagged = eth->ether_type == RTE_BE16(RTE_ETHER_TYPE_VLAN);
	const unsigned family = type_family(tagged ? tag->eth_proto : eth->ether_type);
	const unsigned l2_bytes = LOOP_L2_BYTES(tagged), bytes = frame_bytes(options, family);
	const void *ip = rte_pktmbuf_mtod_offset(m, const void *, l2_bytes);
	const struct rte_ipv4_hdr *ip4 = ip;
	const struct rte_ipv6_hdr *ip6 = ip;

	if (m->nb_segs != 1 || family == 0 || m->data_len != bytes || m->pkt_len != bytes)
		return false;
	if (tagged ? tag->vlan_tci != RTE_BE16(LOOP_VLAN) || !(options->vlan || options->mixed)
		   : options->vlan)
		return false;
	if (family == DP_IPV6)
		return udp_sum_right(
			ip6 + 1, bytes - l2_bytes - sizeof(*ip6), rte_ipv6_phdr_cksum(ip6, 0));
	return rte_raw_cksum(ip4, sizeof(*ip4)) == 0xffff &&
	       udp_sum_right(ip4 + 1, bytes - l2_bytes - sizeof(*ip4), rte_ipv4_phdr_cksum(ip4, 0));
}
