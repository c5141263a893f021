/* SPDX-License-Identifier: BSD-3-Clause */
/* Policers as people write and read them. */
#ifndef CTRL_CLI_QUANTITY_H
#define CTRL_CLI_QUANTITY_H

#include <stdint.h>

#include <jansson.h>

#include "cli/text.h"
#include "schema/schema.h"

/*
 * A policer, RATE or RATE/BURST (bits a second, bytes), to {"rate_bps", "burst_bytes"}. Returns a
 * new reference, or NULL when it makes no sense.
 */
json_t *police_parse(const char *text);

/* The other way, appended to *text: "2.5 Mbit/s", "64 kbit/s, burst 3000 bytes". */
void text_add_police(struct text *text, const json_t *police);

#endif
