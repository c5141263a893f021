/* SPDX-License-Identifier: BSD-3-Clause */
/* What control-load can be asked to do. */
#ifndef PERF_LOAD_MODES_H
#define PERF_LOAD_MODES_H

#include <stdbool.h>

#include <jansson.h>

struct load_options {
	const char *socket_path;
	unsigned flows; /* in all */
	unsigned batch; /* of a request */
	unsigned clients; /* connections at once */
	unsigned get_interval_us; /* between two reads beside a large transaction */
	bool keep;
	bool large;
};

/* Both return the figures, a new reference, or NULL after a message on standard error. */

/* Install all flows in batches, then remove them unless they are to be kept. */
json_t *load_batches_run(const struct load_options *options);

/* Put all flows into one transaction and commit it, while another client reads a flow. */
json_t *load_large_run(const struct load_options *options);

#endif
