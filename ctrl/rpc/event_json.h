/* SPDX-License-Identifier: BSD-3-Clause */
/* An event as JSON, the same for those that are asked for and those that are told. */
#ifndef CTRL_RPC_EVENT_JSON_H
#define CTRL_RPC_EVENT_JSON_H

#include <jansson.h>

#include "config/ports.h"
#include "monitor/events.h"

/*
 * {"sequence", "time_ns", "event"} and what events of that kind say beside it. New reference; NULL
 * without memory.
 */
json_t *event_encode(const struct event_entry *entry, const struct ports *ports);

#endif
