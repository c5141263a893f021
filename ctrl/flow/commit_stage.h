/* SPDX-License-Identifier: BSD-3-Clause */
/* The phases of a commit from operations to a draft that is valid, and those that take it back.
 * Control thread. */
#ifndef CTRL_FLOW_COMMIT_STAGE_H
#define CTRL_FLOW_COMMIT_STAGE_H

#include "flow/commit_group.h"

enum phase_end commit_stage(struct commits *commits);
int change_index(struct commits *commits, struct change *change);
int change_check(struct commits *commits, struct change *change);
enum phase_end commit_plan(struct commits *commits);
enum phase_end commit_release(struct commits *commits);
enum phase_end commit_abort(struct commits *commits);
enum phase_end commit_draft_undo(struct commits *commits);
enum phase_end commit_unstage(struct commits *commits);
enum phase_end commit_refuse(struct commits *commits);

#endif
