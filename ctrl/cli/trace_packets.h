/* SPDX-License-Identifier: BSD-3-Clause */
/* The packets that the arguments of `trace` speak of. */
#ifndef CTRL_CLI_TRACE_PACKETS_H
#define CTRL_CLI_TRACE_PACKETS_H

#include "cli/cli.h"

/*
 * An array of {"frame"} or {"fields"}, as packet.trace takes them, and of {"frame", "packet"} with
 * the number in the file for those of a capture. A new reference; or NULL, having said what is
 * wrong with the arguments or the file.
 */
json_t *trace_packets(const struct cli *cli, const struct arguments *arguments);

#endif
