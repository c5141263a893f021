/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rates and sizes as people write them: 64k, 2.5M, 10G are thousands, millions and thousands of
 * millions (decimal, as everywhere in networking). Integers only: what does not come out even is
 * refused, not rounded.
 */
#ifndef CTRL_CLI_QUANTITY_H
#define CTRL_CLI_QUANTITY_H

#include <stdint.h>

#include <jansson.h>

#include "cli/text.h"

/* "64000", "64k", "2.5M", "10G" to a number. Returns 0 or -EINVAL. */
int quantity_parse(const char *text, uint64_t *number);

/*
 * A policer, RATE or RATE/BURST (bits a second, bytes), to {"rate_bps", "burst_bytes"}. Returns a
 * new reference, or NULL when it makes no sense.
 */
json_t *police_parse(const char *text);

/* The other way, appended to *text: "2.5 Mbit/s", "64 kbit/s, burst 3000 bytes". */
void text_add_police(struct text *text, const json_t *police);

#endif
