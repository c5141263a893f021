/* SPDX-License-Identifier: BSD-3-Clause */
/* Rules of the configuration across its fields, and against the machine it is to run on. */
#ifndef CTRL_STATE_CONFIG_CHECK_H
#define CTRL_STATE_CONFIG_CHECK_H

#include "base/fault.h"
#include "state/config.h"

/* 0, or -1 with *fault set: pointer relative to the document. */
int config_check(const struct config *config, struct fault *fault);

#endif
