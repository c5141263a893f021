/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Token buckets as flows and legs hold them: shared by the versions of a flow that police alike,
 * so that a flow that is replaced gains no burst. Control thread only.
 */
#ifndef DATAPLANE_POLICER_H
#define DATAPLANE_POLICER_H

#include "police.h"

struct policer {
	struct police police; /* the workers' */
	struct dp_police config;
};

/*
 * A policer of `config`: `former` (may be NULL) held once more when it is of the same
 * configuration, else a new one with a full bucket. Released with shared_release(). *policer is
 * NULL when config polices nothing. 0 or -ENOMEM.
 */
int policer_get(struct policer **policer, const struct dp_police *config, struct policer *former);

#endif
