/* SPDX-License-Identifier: BSD-3-Clause */
/* Flows for tests, as JSON texts and as decoded specs. */
#ifndef TESTS_FLOW_FLOW_JSON_H
#define TESTS_FLOW_FLOW_JSON_H

#include "flow/flow_codec.h"

/* A listener on p0, 192.0.2.1:<port>, with one leg by p1 to 198.51.100.<last>. New reference. */
json_t *flow_json(const char *id, int port, int last);

/* The same, decoded. The test ends when it cannot be. */
struct flow_spec *flow_spec_made(const char *id, int port, int last);

/* Decode a text that may use ' for ". */
struct flow_spec *flow_spec_of_text(const char *text, struct fault *fault);

/* A JSON value from a text that may use ' for ". New reference. */
json_t *json_of_text(const char *text);

#endif
