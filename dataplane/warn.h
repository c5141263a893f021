/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DATAPLANE_WARN_H
#define DATAPLANE_WARN_H

struct dp;

/* Warn the operator, through the callback of dp_config. */
void dp_warn(const struct dp *dp, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
