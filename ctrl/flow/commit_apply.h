/* SPDX-License-Identifier: BSD-3-Clause */
/* The phases of a commit from a valid draft to a state that is durable and runs. Control thread. */
#ifndef CTRL_FLOW_COMMIT_APPLY_H
#define CTRL_FLOW_COMMIT_APPLY_H

#include <stdbool.h>

#include "flow/commit_stage.h"

int change_legs_count(struct commits *commits, struct change *change); /* for plans */
enum phase_end commit_begin(struct commits *commits);
int change_hops(struct commits *commits, struct change *change);
int change_remove(struct commits *commits, struct change *change);
int change_replace(struct commits *commits, struct change *change);
enum phase_end commit_replace(struct commits *commits);
int change_add(struct commits *commits, struct change *change);
enum phase_end commit_add(struct commits *commits);
int change_want(struct commits *commits, struct change *change);
enum phase_end commit_wants_check(struct commits *commits);
enum phase_end commit_prepare(struct commits *commits);
int change_steer(struct commits *commits, struct change *change);
enum phase_end commit_write(struct commits *commits);
enum phase_end commit_run(struct commits *commits);
enum phase_end commit_activate(struct commits *commits);
int change_retire(struct commits *commits, struct change *change);
enum phase_end commit_retire(struct commits *commits);
enum phase_end commit_answer(struct commits *commits);
enum phase_end commit_clear(struct commits *commits);

#endif
