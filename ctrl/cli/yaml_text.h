/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * JSON values as YAML that schema/yaml.h reads back as the same values: on one line, as people
 * read them in a diff, or as the lines of a file of flows.
 */
#ifndef CTRL_CLI_YAML_TEXT_H
#define CTRL_CLI_YAML_TEXT_H

#include <stdio.h>

#include <jansson.h>

/* On one line, without its end: `{port: p0, dst: 192.0.2.1}`; quotes only where they matter. */
void yaml_text_print(FILE *out, json_t *value);

/* An item of a list, indented by two: `  - id: cam1` and what follows, lines of at most 120 where
 * it can be. */
void yaml_item_print(FILE *out, json_t *object);

#endif
