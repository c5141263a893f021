/* SPDX-License-Identifier: BSD-3-Clause */
/* JSON texts to values, where a request of thousands of flows must not take long. */
#ifndef CTRL_SCHEMA_JSON_TEXT_H
#define CTRL_SCHEMA_JSON_TEXT_H

#include <stddef.h>

#include <jansson.h>

/*
 * What json_loadb() makes of the text with JSON_REJECT_DUPLICATES and JSON_DECODE_ANY: a new
 * reference, or NULL with *error. Any thread.
 */
json_t *json_text_load(const char *text, size_t bytes, json_error_t *error);

#endif
