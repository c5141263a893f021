/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The metrics of the process as text, for Prometheus: OpenMetrics 1.0, or the text format 0.0.4.
 * An exposition is written piece by piece, so that one of 100,000 flows holds nothing up. A family
 * of all ports or workers has the figures of one time; flows are read when they are written. Which
 * families there are: metric_list.h. All functions: control thread.
 */
#ifndef CTRL_EXPORT_METRICS_H
#define CTRL_EXPORT_METRICS_H

#include <stdbool.h>
#include <stddef.h>

#include "config/config.h"
#include "flow/confirm.h"
#include "flow/flows.h"

/* What is read; borrowed. */
struct metrics_source {
	const struct dp *dp;
	const struct config *config;
	const struct flows *flows;
	const struct confirm *confirm;
	uint64_t started_ns; /* CLOCK_MONOTONIC */
};

struct exposition;

/* Begin one; ports and workers are read now. NULL: no memory. */
struct exposition *exposition_create(const struct metrics_source *source, bool openmetrics);

/*
 * Its next piece, of `size` bytes at most, into `text`: the length. 0 is no end by itself: a piece
 * takes 1 ms at most, and finding the next flow may take longer. `size` is EXPOSITION_PIECE_MIN at
 * least.
 */
size_t exposition_write(struct exposition *exposition, char *text, size_t size);
bool exposition_ended(const struct exposition *exposition);

void exposition_destroy(struct exposition *exposition);

#define EXPOSITION_PIECE_MIN 8192

#endif
