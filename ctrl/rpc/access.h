/* SPDX-License-Identifier: BSD-3-Clause */
/* Which role somebody has by the configuration. No state; any thread. */
#ifndef CTRL_RPC_ACCESS_H
#define CTRL_RPC_ACCESS_H

#include <stddef.h>
#include <sys/types.h>

#include "config/access.h"

/*
 * The role of a local user of that uid and these groups: root and the user that this process runs
 * as are admins; then the user's entry counts, then of the groups' entries the one that may most,
 * then the default.
 */
enum role access_role(const struct access *access, uid_t uid, const gid_t *groups, size_t n_groups);

#endif
