/* SPDX-License-Identifier: BSD-3-Clause */
/* Legs that were installed and have nobody to send to yet. */
#ifndef CTRL_CLI_PENDING_H
#define CTRL_CLI_PENDING_H

#include "cli/cli.h"
#include "cli/text.h"

/*
 * Why a leg is not handed on, and how to look at it: "pending: no route to ...; see 'ip route
 * ...'". leg of flow.get, hop its next hop there, which has a reason.
 */
const char *pending_text(struct text *text, const json_t *leg, const json_t *hop);

/*
 * Wait a moment for the neighbours of flows with these ids (an array), and say on stderr which of
 * their legs are still pending, why, and how to look at it. Only the first some flows are asked
 * for, and nothing is said when the output is for programs.
 */
void pending_warn(struct cli *cli, const json_t *ids);

#endif
