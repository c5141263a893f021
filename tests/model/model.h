/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The reference model of the data plane with one worker: what docs/dataplane.md and the headers of
 * the public API say, written down once more, slowly and without a thought of speed. It shares no
 * code with dataplane/ but the plain types of that API. Where both differ, one of them is wrong.
 *
 * A frame is decoded into numbers (model_parse.c), its flow is looked for one by one
 * (model_match.c), the flow's steps are taken in the order of the document (model_act.c), and every
 * copy is built anew, byte by byte (model_leg.c). Running out of memory ends the process.
 */
#ifndef MODEL_MODEL_H
#define MODEL_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <dp/dp.h>

#define MODEL_PORTS 4
#define MODEL_NEXT_HOPS 16

/* A decoded datagram: numbers in host order. Pointers lead into the frame. */
struct model_packet {
	unsigned port, vlan, outer_vlan, family;
	uint8_t src[16], dst[16];
	unsigned src_port, dst_port;
	unsigned tos; /* or traffic class */
	unsigned ttl; /* or hop limit */
	unsigned ip4_id, ip4_flags; /* the flags with the offset, 16 bits */
	unsigned flow_label;
	const uint8_t *macs; /* destination, then source */
	unsigned ip_bytes; /* of the datagram as it came, less IPv6 extension headers */
	unsigned ip_offset; /* of the IP header in the frame */
	unsigned skipped_bytes; /* of IPv6 extension headers */
	const uint8_t *udp; /* UDP header and all behind it that the IP payload holds */
	unsigned udp_bytes;
	unsigned udp_length, udp_checksum; /* the fields */
	const uint8_t *payload; /* UDP data */
	unsigned payload_bytes;
};

/* Bytes of one frame, with what a report of a difference wants to know about it. */
struct model_frame {
	struct model_frame *next;
	unsigned port; /* in: of ingress; out: of egress; punted: of ingress */
	uint32_t handle; /* of the flow; DP_HANDLE_NONE = none */
	unsigned leg; /* out only */
	unsigned n_bytes, n_came;
	uint8_t *bytes;
	uint8_t *came; /* the frame that it was made from; NULL when it is `bytes` */
};

struct model_fifo {
	struct model_frame *first, **end;
	unsigned n_frames;
};

/*
 * A token bucket, measured by the time that what is missing takes to come back, in 2^-12 ns. The
 * rates of the tests are such that a byte is a whole number of these, so nothing is ever rounded.
 */
struct model_bucket {
	__int128 missing;
	uint64_t seen_ns; /* when that was so */
};

/*
 * What a flow learns, under the flow's cookie. It is there while a flow latches by it or a leg
 * sends to it, whichever came first.
 */
struct model_latch {
	uint64_t cookie;
	unsigned n_users; /* flows and legs */
	struct dp_latched learned; /* less its state */
	uint8_t own_mac[6]; /* that the frame was sent to by which it was learned */
	uint64_t learned_ns;
	uint64_t
		seen_ns; /* when the source last sent the SSRC, noted four times a second at most */
	/*
	 * What the data plane calls this state, of which the headers say only when it is another:
	 * the session asks for it after each round. Then whether the latch has changed since.
	 */
	uint64_t state;
	bool changed;
	uint64_t state_before;
	bool moved; /* and dp_latch_poll() has not said so yet */
};

/* One of the sources that a flow chooses from. */
struct model_source {
	uint64_t packets;
	bool heard; /* it has sent */
	uint64_t heard_ns; /* its last packet */
	uint64_t run_ns; /* the first packet since its last gap of the time-out */
};

/* The sources that a flow chooses from; they are kept while the list is the same. */
struct model_choice {
	struct dp_source list[DP_SOURCES_MAX];
	unsigned n; /* 0: the flow takes any source */
	unsigned active, previous;
	bool returned;
	uint64_t switches;
	uint64_t switched_ns;
	bool waits; /* the first source has not sent, but another one has */
	uint64_t waits_ns; /* since then */
	struct model_source of[DP_SOURCES_MAX];
	bool moved; /* and dp_latch_poll() has not said so yet */
};

struct model_leg {
	struct dp_leg spec;
	struct model_latch *latch; /* that it sends to; NULL: to spec.dst */
	struct dp_leg_stats stats;
	struct model_bucket bucket;
	uint64_t forwarded_before; /* of the set, when the leg joined */
	bool whole; /* was up and took every packet since it joined */
};

/* The legs of a flow or of a stream. */
struct model_set {
	struct model_leg *legs;
	unsigned n_legs;
	uint64_t forwarded; /* packets that were given to it */
	uint64_t numbered; /* the same since the flow was replaced: by this one_in goes */
};

struct model_stream {
	struct dp_stream spec;
	struct dp_stream_stats stats;
	struct model_set set;
};

struct model_flow {
	struct dp_flow spec; /* rule and allow lead to the copies below */
	struct dp_rule rule;
	struct dp_prefix allow[DP_ALLOW_MAX];
	uint32_t handle;
	uint64_t age; /* order in which rules came; the oldest has the least */
	struct dp_flow_stats stats;
	struct model_set set;
	struct model_stream *streams;
	struct model_bucket bucket;
	struct model_latch *latch; /* NULL: it does not latch */
	struct model_choice choice;
};

struct model_config {
	bool punt_unmatched[MODEL_PORTS];
	unsigned tx_places[MODEL_PORTS]; /* frames that the transmit ring of a port holds */
	unsigned punt_places;
	unsigned punt_rate; /* frames a second */
};

/* A port, as the data plane has it. */
struct model_link {
	uint8_t mac[6];
	uint16_t mtu;
};

struct model {
	struct model_config config;
	struct model_link links[MODEL_PORTS];
	struct dp_next_hop hops[MODEL_NEXT_HOPS];
	bool down[MODEL_PORTS];
	struct model_flow **flows;
	unsigned n_flows, room_flows;
	struct model_latch **latches;
	unsigned n_latches;
	uint64_t next_age;
	struct dp_port_stats ports[MODEL_PORTS];
	struct model_fifo out[MODEL_PORTS]; /* sent, and not taken from the ring yet */
	struct model_fifo punted; /* and not polled yet */
	struct model_bucket punt_bucket;
	uint64_t now_ns;
};

/* --- What a test does ------------------------------------------------------------------------- */

void model_init(struct model *model, const struct model_config *config);
void model_fini(struct model *model);

/* A deep copy of `spec` is installed; the caller keeps `spec`. */
void model_flow_add(struct model *model, const struct dp_flow *spec, uint32_t handle);

/* As dp_txn_replace(). The flow's place and structure stay, its contents change. */
void model_flow_replace(struct model *model, uint32_t handle, const struct dp_flow *spec,
	const uint16_t *from, uint32_t new_handle);
void model_flow_remove(struct model *model, uint32_t handle);

/* What no flow and no leg refers to any more goes: after each change of a transaction. */
void model_latches_collect(struct model *model);

/* NULL = no such latch. */
struct model_latch *model_latch_find(const struct model *model, uint64_t cookie);

/* It learns the next source. What it had learned is in *forgotten, as of dp_flow_forget(). */
void model_latch_forget(struct model_latch *latch, struct dp_latched *forgotten);

/* NULL = no such flow. */
struct model_flow *model_flow_find(const struct model *model, uint32_t handle);

/* A flow that an exact flow or listener of this key would collide with; NULL = none. */
struct model_flow *model_key_find(const struct model *model, const struct dp_flow_key *key);

/*
 * One frame that a port receives at model->now_ns. `segmented`: in several buffers. What leaves or
 * is punted is found in model->out and model->punted. Returns what became of it: a drop's name,
 * "forwarded" or "punted".
 */
const char *model_receive(
	struct model *model, unsigned port, const uint8_t *bytes, unsigned n_bytes, bool segmented);

/* The oldest frame, which is the caller's then, or NULL. model_frame_free() takes NULL. */
struct model_frame *model_fifo_take(struct model_fifo *fifo);
void model_frame_free(struct model_frame *frame);

/* --- The rooms inside ------------------------------------------------------------------------- */

/* Decode. True, or false with the drop's reason. */
bool model_parse(struct model_packet *packet, unsigned port, const uint8_t *bytes, unsigned n_bytes,
	enum dp_drop *reason);

/* model_parse.c's helper for IPv6: skip what may be skipped of `n` bytes. As model_parse(). */
bool model_ip6_skip(
	const uint8_t **bytes, unsigned *n_bytes, unsigned next_header, enum dp_drop *reason);

/* The flow of a packet; NULL with the reason: martian or no_flow. */
struct model_flow *model_match(
	const struct model *model, const struct model_packet *packet, enum dp_drop *reason);

/* Is the address within the prefix? */
bool model_prefix_has(const uint8_t *prefix, unsigned bits, const uint8_t *address);

/* Steps 1 to 9. DP_DROP_COUNT = forwarded or punted; which, stands in *set: NULL = punted. */
enum dp_drop model_flow_act(struct model *model, struct model_flow *flow,
	const struct model_packet *packet, struct model_set **set);

/* Step 9: is there rate and room? DP_DROP_COUNT = yes. */
enum dp_drop model_punt_admit(struct model *model);

/* Step 10: copies to all legs of the set. `came` is the frame, for reports. */
void model_set_send(struct model *model, const struct model_flow *flow, struct model_set *set,
	const struct model_packet *packet, const struct model_frame *came);

/*
 * Where a leg sends to now: *to is the leg with this destination and these tags. False: nowhere, as
 * nothing is learned and nothing signalled.
 */
bool model_leg_resolve(const struct model *model, const struct model_leg *leg, struct dp_leg *to,
	struct dp_next_hop *hop);

/* The same as users of a latch, which is made where there is none (model_latch.c). */
struct model_latch *model_latch_ref(struct model *model, uint64_t cookie);
void model_latch_unref(struct model_latch *latch);
/* `ssrc`: that moves it from now on, NULL = none does. */
void model_latch_learn(struct model_latch *latch, const struct model_packet *packet,
	const uint32_t *ssrc, uint64_t now_ns);

/* The sources of a flow from now on: those that it has, or others, which begin anew. */
void model_choice_set(struct model_choice *choice, const struct dp_flow *spec);

/* Step 5 for a flow with sources. DP_DROP_COUNT = the packet goes on. */
enum dp_drop model_choice_act(struct model_choice *choice, const struct dp_flow *spec,
	const struct model_packet *packet, uint64_t now_ns);

/* The frame that a leg sends to a next hop, written to `out`; its length. */
unsigned model_frame_build(const struct model_packet *packet, const struct dp_leg *leg,
	const struct dp_next_hop *hop, uint8_t *out);

/* Bytes of the IP datagram that leaves. */
unsigned model_leg_bytes(const struct model_packet *packet, const struct dp_leg *leg);

/* May so many bytes pass? They are taken out of the bucket then. */
bool model_bucket_take(struct model_bucket *bucket, const struct dp_police *police,
	unsigned n_bytes, uint64_t now_ns);

/* Sum of big-endian 16-bit words; an odd last byte counts as if a zero followed. */
uint64_t model_sum(const uint8_t *bytes, unsigned n_bytes);

/* Sum of the addresses of a family and of two ports: what a rewrite changes under a checksum. */
uint64_t model_endpoints_sum(unsigned family, const uint8_t *src, const uint8_t *dst,
	unsigned src_port, unsigned dst_port);

/* The checksum field that makes all words sum to zero: RFC 1071. 0..0xfffe. */
unsigned model_checksum(uint64_t sum);

/* A field with checksum `old` after the words under it changed from one sum to another; an error
 * that it showed shows still. 1..0xffff: an equivalent of 0 is 0xffff (RFC 768). */
unsigned model_checksum_moved(unsigned old, uint64_t sum_before, uint64_t sum_after);

void model_fifo_init(struct model_fifo *fifo);
void model_fifo_put(struct model_fifo *fifo, struct model_frame *frame);
struct model_frame *model_frame_create(const uint8_t *bytes, unsigned n_bytes);
void *model_alloc(size_t n, size_t size);

#endif
