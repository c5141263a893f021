/* SPDX-License-Identifier: BSD-3-Clause */
/* The JSON documents as embed-json puts them into the program: compact, not NUL-terminated. */
#ifndef CTRL_SCHEMA_EMBEDDED_H
#define CTRL_SCHEMA_EMBEDDED_H

extern const char embedded_sluice_rpc[];
extern const unsigned embedded_sluice_rpc_bytes;
extern const char embedded_sluice_config[];
extern const unsigned embedded_sluice_config_bytes;

#endif
