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

bool
check_number(const char *what, const char *which, uint64_t found, uint64_t expected)
{
	if (found == expected)
		return true;
	printf("# %s %s: found %" PRIu64 ", expected %" PRIu64 "\n", what, which, found, expected);
	return false;
}

static void
frame_print(const char *which, const struct case_frame *frame)
{
	printf("#   %s, %u bytes: ", which, frame->n_bytes);
	for (unsigned i = 0; i < frame->n_bytes && i < DUMP_BYTES_MAX; i++)
		printf("%02x", frame->bytes[i]);
	printf("%s %s\n", frame->n_bytes > DUMP_BYTES_MAX ? "..." : "",
		frame->flow != NULL ? frame->flow : "");
}

bool
check_step(const struct rig *rig, const struct case_frame *frame, const struct drop_counts *before)
{
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
		frame_print("that was", frame);
	return ok;
}

static int
frame_compare(const void *a, const void *b)
{
	const struct case_frame *x = a, *y = b;
	unsigned n_bytes = x->n_bytes < y->n_bytes ? x->n_bytes : y->n_bytes;
	int order = memcmp(x->bytes, y->bytes, n_bytes);

	if (order == 0)
		order = (int)x->n_bytes - (int)y->n_bytes;
	if (order != 0 || x->flow == y->flow)
		return order;
	return strcmp(x->flow != NULL ? x->flow : "", y->flow != NULL ? y->flow : "");
}

/* Shallow copies of the frames of one port; several workers keep no order between them. */
static struct case_frame *
frames_of_port(
	const struct rig *rig, const struct case_frames *frames, unsigned port, size_t *n_picked)
{
	struct case_frame *picked = calloc(frames->n + 1, sizeof(*picked));

	*n_picked = 0;
	for (size_t i = 0; i < frames->n && picked != NULL; i++) {
		if (frames->of[i].port == port)
			picked[(*n_picked)++] = frames->of[i];
	}
	if (picked != NULL && rig->n_workers > 1)
		qsort(picked, *n_picked, sizeof(*picked), frame_compare);
	return picked;
}

static bool
check_frames(const struct rig *rig, const char *what, unsigned port,
	const struct case_frames *all_found, const struct case_frames *all_expected)
{
	size_t n_expected, n_found, i = 0;
	struct case_frame *expected = frames_of_port(rig, all_expected, port, &n_expected);
	struct case_frame *found = frames_of_port(rig, all_found, port, &n_found);
	bool ok = expected != NULL && found != NULL;

	while (ok && i < n_expected && i < n_found && frame_compare(&expected[i], &found[i]) == 0)
		i++;
	if (ok && (i < n_expected || i < n_found)) {
		ok = false;
		printf("# p%u: %s %zu frames, expected %zu; frame %zu differs\n", port, what,
			n_found, n_expected, i);
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
	const struct case_port *expected = &rig->c->ports[port];
	uint64_t packet_drops = 0, copy_drops = 0, frames = 0, bytes = 0;
	char name[8];
	bool ok = true;

	snprintf(name, sizeof(name), "p%u", port);
	for (unsigned r = 0; r < DP_DROP_COUNT; r++) {
		*(r < DP_PACKET_DROP_COUNT ? &packet_drops : &copy_drops) += stats->drops[r];
		ok &= check_number(
			name, dp_drop_name((enum dp_drop)r), stats->drops[r], expected->drops[r]);
	}
	for (size_t i = 0; i < rig->received.n; i++) {
		if (rig->received.of[i].port == port) {
			frames++;
			bytes += rig->received.of[i].n_bytes;
		}
	}
	ok &= check_number(name, "rx_packets", stats->rx_packets, rig->sent_packets[port]);
	ok &= check_number(name, "rx_bytes", stats->rx_bytes, rig->sent_bytes[port]);
	ok &= check_number(name, "tx_packets", stats->tx_packets, frames);
	ok &= check_number(name, "tx_bytes", stats->tx_bytes, bytes);
	ok &= check_number(name, "forwarded", stats->forwarded, expected->forwarded);
	ok &= check_number(name, "punted", stats->punted, expected->punted);
	ok &= check_number(name, "copies", stats->copies, expected->copies);
	ok &= check_number(name, "rx_packets = forwarded + punted + drops", stats->rx_packets,
		stats->forwarded + stats->punted + packet_drops);
	ok &= check_number(
		name, "copies = tx_packets + drops", stats->copies, stats->tx_packets + copy_drops);
	return ok;
}

bool
check_run(const struct rig *rig)
{
	bool ok = true;

	for (unsigned p = 0; p < CASE_PORTS; p++) {
		struct dp_port_stats stats;

		if (dp_port_stats_get(rig->dp, p, &stats) < 0)
			return false;
		ok &= check_frames(rig, "sent", p, &rig->received, &rig->c->out);
		ok &= check_frames(rig, "punted", p, &rig->punted, &rig->c->punted);
		ok &= check_port_counters(rig, p, &stats);
	}
	ok &= check_flows(rig);
	ok &= check_number("all ports", "frames with shared payload", rig->n_chained,
		rig->way == WAY_SHARED ? rig->c->n_chained : 0);
	return ok;
}
