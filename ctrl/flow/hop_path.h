/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which path of a route with several (ECMP) a leg takes. Each pair of bucket and path has a hash,
 * and of the paths there are, a bucket takes the best one (rendezvous hashing). So the packets of a
 * leg stay on one path; when a path goes, only its own legs go elsewhere, and they return with it;
 * a new one gets its share from all others. Pure.
 */
#ifndef CTRL_FLOW_HOP_PATH_H
#define CTRL_FLOW_HOP_PATH_H

#include <stdint.h>

#include "flow/flow_spec.h"
#include "net/net.h"

/* Legs between two addresses differ by so many at most, however many there are. */
#define HOP_BUCKETS 256

/* By the addresses and UDP ports that the leg sends with; below HOP_BUCKETS. */
uint16_t hop_bucket(const struct flow_leg *leg);

/* Index of the path for the request's bucket, of those with use[i]; of all, when none has. n > 0.
 */
unsigned hop_path_choose(
	const struct hop_request *request, const struct hop_paths *paths, const bool *use);

#endif
