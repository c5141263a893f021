/* SPDX-License-Identifier: BSD-3-Clause */
/* Requests about flows that are numbered: each has its own id and match, and one leg. */
#ifndef PERF_LOAD_TEXT_H
#define PERF_LOAD_TEXT_H

#include "load_client.h"

/* Flows have numbers below; one more is free. */
#define LOAD_FLOWS_MAX 16000000u

/*
 * A request of `method` whose params are `head` (members with a comma behind, or "") and then, as
 * `member`, the flows numbered from `first`, or their ids. 0, or -1 after a message.
 */
int load_text_flows(struct load_text *request, const char *method, const char *head,
	const char *member, unsigned first, unsigned n);
int load_text_ids(struct load_text *request, const char *method, const char *head,
	const char *member, unsigned first, unsigned n);

/* A request of `method` with that text as its params. */
int load_text_params(struct load_text *request, const char *method, const char *params);

void load_text_fini(struct load_text *request);

#endif
