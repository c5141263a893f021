/* SPDX-License-Identifier: BSD-3-Clause */
/* The way of one frame through the model, and the frames that wait at its ends. */
#include "model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *
model_alloc(size_t n, size_t size)
{
	void *memory = calloc(n + 1, size);

	if (memory == NULL) {
		fprintf(stderr, "out of memory\n");
		exit(2);
	}
	return memory;
}

struct model_frame *
model_frame_create(const uint8_t *bytes, unsigned n_bytes)
{
	struct model_frame *frame = model_alloc(1, sizeof(*frame));

	frame->bytes = model_alloc(n_bytes, 1);
	memcpy(frame->bytes, bytes, n_bytes);
	frame->n_bytes = n_bytes;
	frame->handle = DP_HANDLE_NONE;
	return frame;
}

void
model_frame_free(struct model_frame *frame)
{
	if (frame == NULL)
		return;
	free(frame->bytes);
	free(frame->came);
	free(frame);
}

void
model_fifo_init(struct model_fifo *fifo)
{
	fifo->first = NULL;
	fifo->end = &fifo->first;
	fifo->n_frames = 0;
}

void
model_fifo_put(struct model_fifo *fifo, struct model_frame *frame)
{
	frame->next = NULL;
	*fifo->end = frame;
	fifo->end = &frame->next;
	fifo->n_frames++;
}

struct model_frame *
model_fifo_take(struct model_fifo *fifo)
{
	struct model_frame *frame = fifo->first;

	if (frame == NULL)
		return NULL;
	fifo->first = frame->next;
	if (fifo->first == NULL)
		fifo->end = &fifo->first;
	fifo->n_frames--;
	return frame;
}

static void
fifo_fini(struct model_fifo *fifo)
{
	while (fifo->first != NULL)
		model_frame_free(model_fifo_take(fifo));
}

void
model_init(struct model *model, const struct model_config *config)
{
	memset(model, 0, sizeof(*model));
	model->config = *config;
	for (unsigned p = 0; p < MODEL_PORTS; p++)
		model_fifo_init(&model->out[p]);
	model_fifo_init(&model->punted);
}

void
model_fini(struct model *model)
{
	while (model->n_flows > 0)
		model_flow_remove(model, model->flows[0]->handle);
	free(model->flows);
	model_latches_collect(model);
	free(model->latches);
	for (unsigned p = 0; p < MODEL_PORTS; p++)
		fifo_fini(&model->out[p]);
	fifo_fini(&model->punted);
}

/* Take IPv6 extension headers out of a frame, of which everything else stays as it came. */
static void
frame_cut_extensions(struct model_frame *frame, const struct model_packet *packet)
{
	uint8_t *ip = frame->bytes + packet->ip_offset;
	unsigned length = packet->udp_bytes;
	unsigned n_kept = frame->n_bytes - packet->ip_offset - 40 - packet->skipped_bytes;

	memmove(ip + 40, ip + 40 + packet->skipped_bytes, n_kept);
	frame->n_bytes -= packet->skipped_bytes;
	ip[4] = (uint8_t)(length / 256);
	ip[5] = (uint8_t)(length % 256);
	ip[6] = 17;
}

static void
punt(struct model *model, const struct model_frame *came, const struct model_packet *packet,
	uint32_t handle)
{
	struct model_frame *frame = model_frame_create(came->bytes, came->n_bytes);

	if (packet->skipped_bytes > 0)
		frame_cut_extensions(frame, packet);
	frame->port = came->port;
	frame->handle = handle;
	model_fifo_put(&model->punted, frame);
	model->ports[came->port].punted++;
}

static const char *
drop(struct model *model, unsigned port, enum dp_drop reason)
{
	model->ports[port].drops[reason]++;
	return dp_drop_name(reason);
}

static const char *
receive_unmatched(struct model *model, const struct model_frame *came,
	const struct model_packet *packet, enum dp_drop reason)
{
	if (reason == DP_DROP_no_flow && model->config.punt_unmatched[came->port])
		reason = model_punt_admit(model);
	if (reason != DP_DROP_COUNT)
		return drop(model, came->port, reason);
	punt(model, came, packet, DP_HANDLE_NONE);
	return "punted";
}

static const char *
receive_matched(struct model *model, const struct model_frame *came, struct model_flow *flow,
	const struct model_packet *packet)
{
	struct model_set *set;
	enum dp_drop reason = model_flow_act(model, flow, packet, &set);

	if (reason != DP_DROP_COUNT) {
		flow->stats.drops[reason - DP_FLOW_DROP_FIRST]++;
		return drop(model, came->port, reason);
	}
	if (set == NULL) {
		flow->stats.punted++;
		punt(model, came, packet, flow->handle);
		return "punted";
	}
	flow->stats.forwarded++;
	model->ports[came->port].forwarded++;
	model_set_send(model, flow, set, packet, came);
	return "forwarded";
}

const char *
model_receive(
	struct model *model, unsigned port, const uint8_t *bytes, unsigned n_bytes, bool segmented)
{
	struct model_frame *came = model_frame_create(bytes, n_bytes);
	struct model_packet packet;
	struct model_flow *flow;
	enum dp_drop reason = DP_DROP_frame_segmented;
	const char *fate;

	came->port = port;
	model->ports[port].rx_packets++;
	model->ports[port].rx_bytes += n_bytes;
	if (segmented || !model_parse(&packet, port, came->bytes, n_bytes, &reason)) {
		fate = drop(model, port, reason);
	} else {
		flow = model_match(model, &packet, &reason);
		fate = flow != NULL ? receive_matched(model, came, flow, &packet)
				    : receive_unmatched(model, came, &packet, reason);
	}
	model_frame_free(came);
	return fate;
}
