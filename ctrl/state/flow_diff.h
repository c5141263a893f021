/* SPDX-License-Identifier: BSD-3-Clause */
/* What is different between two flows, field by field, for people who decide on it. Any thread. */
#ifndef CTRL_STATE_FLOW_DIFF_H
#define CTRL_STATE_FLOW_DIFF_H

#include <jansson.h>

/*
 * Two flows as flow_spec_encode() has them to a list of {"pointer", "before"?, "after"?}: what is
 * absent is there in one of them only. Legs are the same when their ids are; pointers count them
 * as in `after`, those that are gone as in `before`. A new reference, NULL without memory.
 */
json_t *flow_diff(json_t *before, json_t *after);

#endif
