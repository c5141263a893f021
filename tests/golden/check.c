/* SPDX-License-Identifier: BSD-3-Clause */
#include "check.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DUMP_BYTES_MAX 96

int
drop_counts_read(const struct rig *rig, struct drop_counts *counts)
{
	for (unsigned p = 0; p < CASE_PORTS; p++) {
		struct dp_port_stats stats;

		if (dp_port_stats_get(rig->dp, p, &stats) < 0)
			return -1;
		memcpy(counts->of[p], stats.drops, sizeof(stats.drops));
	}
	return 0;
}

/* Compare one number; `what` and `which` name it. */
static bool
check_number(const char *what, const char *which, uint64_t found, uint64_t expected)
{
	if (found == expected)
		return true;
	printf("# %s %s: found %" PRIu64 ", expected %" PRIu64 "\n", what, which, found, expected);
	return false;
}

bool
check_step(const struct rig *rig, size_t i, const struct drop_counts *before)
{
	const struct case_frame *frame = &rig->c->in[i];
	uint64_t risen[DP_DROP_COUNT] = {0};
	struct drop_counts now;
	bool ok = true;

	if (drop_counts_read(rig, &now) < 0)
		return false;
	for (unsigned p = 0; p < CASE_PORTS; p++) {
		for (unsigned r = 0; r < DP_DROP_COUNT; r++)
			risen[r] += now.of[p][r] - before->of[p][r];
	}
	for (unsigned r = 0; r < DP_DROP_COUNT; r++)
		ok &= check_number("drops of one frame,", dp_drop_name((enum dp_drop)r), risen[r],
			r == frame->drop);
	if (!ok)
		printf("# that was frame %zu of \"in\"\n", i);
	return ok;
}

static void
frame_print(const char *which, const struct case_frame *frame)
{
	printf("#   %s, %u bytes: ", which, frame->n_bytes);
	for (unsigned i = 0; i < frame->n_bytes && i < DUMP_BYTES_MAX; i++)
		printf("%02x", frame->bytes[i]);
	printf("%s\n", frame->n_bytes > DUMP_BYTES_MAX ? "..." : "");
}

static int
frame_compare(const void *a, const void *b)
{
	const struct case_frame *x = a, *y = b;
	unsigned n_bytes = x->n_bytes < y->n_bytes ? x->n_bytes : y->n_bytes;
	int order = memcmp(x->bytes, y->bytes, n_bytes);

	return order != 0 ? order : (int)x->n_bytes - (int)y->n_bytes;
}

/* Shallow copies of the frames of one port; several workers keep no order between them. */
static struct case_frame *
frames_of_port(const struct rig *rig, const struct case_frame *frames, size_t n, unsigned port,
	size_t *n_picked)
{
	struct case_frame *picked = calloc(n + 1, sizeof(*picked));

	*n_picked = 0;
	for (size_t i = 0; i < n && picked != NULL; i++) {
		if (frames[i].port == port)
			picked[(*n_picked)++] = frames[i];
	}
	if (picked != NULL && rig->n_workers > 1)
		qsort(picked, *n_picked, sizeof(*picked), frame_compare);
	return picked;
}

static bool
check_port_frames(const struct rig *rig, unsigned port)
{
	size_t n_expected, n_found, i = 0;
	struct case_frame *expected =
		frames_of_port(rig, rig->c->out, rig->c->n_out, port, &n_expected);
	struct case_frame *found =
		frames_of_port(rig, rig->received, rig->n_received, port, &n_found);
	bool ok = expected != NULL && found != NULL;

	while (ok && i < n_expected && i < n_found && frame_compare(&expected[i], &found[i]) == 0)
		i++;
	if (ok && (i < n_expected || i < n_found)) {
		ok = false;
		printf("# p%u: found %zu frames, expected %zu; frame %zu differs\n", port, n_found,
			n_expected, i);
		if (i < n_found)
			frame_print("found", &found[i]);
		if (i < n_expected)
			frame_print("expected", &expected[i]);
	}
	free(expected);
	free(found);
	return ok;
}

static bool
check_port_counters(const struct rig *rig, unsigned port, const struct dp_port_stats *stats)
{
	uint64_t packet_drops = 0, copy_drops = 0, frames = 0, bytes = 0;
	char name[8];
	bool ok = true;

	snprintf(name, sizeof(name), "p%u", port);
	for (unsigned r = 0; r < DP_DROP_COUNT; r++) {
		*(r < DP_PACKET_DROP_COUNT ? &packet_drops : &copy_drops) += stats->drops[r];
		ok &= check_number(name, dp_drop_name((enum dp_drop)r), stats->drops[r],
			rig->c->drops[port][r]);
	}
	for (size_t i = 0; i < rig->n_received; i++) {
		if (rig->received[i].port == port) {
			frames++;
			bytes += rig->received[i].n_bytes;
		}
	}
	ok &= check_number(name, "rx_packets", stats->rx_packets, rig->sent_packets[port]);
	ok &= check_number(name, "rx_bytes", stats->rx_bytes, rig->sent_bytes[port]);
	ok &= check_number(name, "tx_packets", stats->tx_packets, frames);
	ok &= check_number(name, "tx_bytes", stats->tx_bytes, bytes);
	ok &= check_number(name, "rx_packets = forwarded + packet drops", stats->rx_packets,
		stats->forwarded + packet_drops);
	ok &= check_number(name, "copies = tx_packets + copy drops", stats->copies,
		stats->tx_packets + copy_drops);
	return ok;
}

static bool
check_leg(const struct case_flow *flow, unsigned leg, const struct dp_leg_stats *found)
{
	const struct dp_leg_stats *expected = &flow->leg_stats[leg];
	bool ok = check_number(flow->id, "leg copies", found->copies, expected->copies);

	ok &= check_number(flow->id, "leg bytes", found->bytes, expected->bytes);
	for (unsigned r = 0; r < DP_COPY_DROP_COUNT; r++)
		ok &= check_number(flow->id, dp_drop_name((enum dp_drop)(DP_COPY_DROP_FIRST + r)),
			found->drops[r], expected->drops[r]);
	if (!ok)
		printf("# that was leg %u\n", leg);
	return ok;
}

/* Sums over flows and legs, to be held against those over ports. */
struct sums {
	uint64_t forwarded, copies, copy_drops;
};

static bool
check_flow(const struct rig *rig, size_t i, struct sums *sums)
{
	const struct case_flow *flow = &rig->c->flows[i];
	struct dp_leg_stats legs[DP_FLOW_LEGS_MAX];
	struct dp_flow_stats stats;
	bool ok = true;

	if (dp_flow_stats_get(rig->dp, rig->handles[i], &stats, legs, flow->flow.n_legs) < 0) {
		printf("# %s: its counters cannot be read\n", flow->id);
		return false;
	}
	ok &= check_number(flow->id, "packets", stats.packets, flow->stats.packets);
	ok &= check_number(flow->id, "bytes", stats.bytes, flow->stats.bytes);
	sums->forwarded += stats.packets;
	for (unsigned leg = 0; leg < flow->flow.n_legs; leg++) {
		ok &= check_leg(flow, leg, &legs[leg]);
		ok &= check_number(
			flow->id, "leg copies = flow packets", legs[leg].copies, stats.packets);
		sums->copies += legs[leg].copies;
		for (unsigned r = 0; r < DP_COPY_DROP_COUNT; r++)
			sums->copy_drops += legs[leg].drops[r];
	}
	return ok;
}

bool
check_run(const struct rig *rig)
{
	struct sums ports = {0}, flows = {0};
	bool ok = true;

	for (unsigned p = 0; p < CASE_PORTS; p++) {
		struct dp_port_stats stats;

		if (dp_port_stats_get(rig->dp, p, &stats) < 0)
			return false;
		ok &= check_port_frames(rig, p);
		ok &= check_port_counters(rig, p, &stats);
		ports.forwarded += stats.forwarded;
		ports.copies += stats.copies;
		ports.copy_drops += stats.copies - stats.tx_packets;
	}
	for (size_t i = 0; i < rig->c->n_flows; i++)
		ok &= check_flow(rig, i, &flows);
	ok &= check_number(
		"all ports", "forwarded = packets of all flows", ports.forwarded, flows.forwarded);
	ok &= check_number("all ports", "copies = copies of all legs", ports.copies, flows.copies);
	ok &= check_number(
		"all ports", "copy drops = drops of all legs", ports.copy_drops, flows.copy_drops);
	ok &= check_number("all ports", "frames with shared payload", rig->n_chained,
		rig->way == WAY_SHARED ? rig->c->n_chained : 0);
	return ok;
}
