/* SPDX-License-Identifier: BSD-3-Clause */
/* The phases of a commit from a valid draft to a state that is durable and runs. Control thread. */
#ifndef CTRL_FLOW_COMMIT_APPLY_H
#define CTRL_FLOW_COMMIT_APPLY_H

#include <stdbool.h>

#include "flow/commit_group.h"

enum phase_end commit_hops(struct commits *commits);
enum phase_end commit_remove(struct commits *commits);
enum phase_end commit_insert(struct commits *commits);
enum phase_end commit_want(struct commits *commits);
enum phase_end commit_prepare(struct commits *commits);
enum phase_end commit_steer(struct commits *commits);
enum phase_end commit_write(struct commits *commits);
enum phase_end commit_run(struct commits *commits);
enum phase_end commit_activate(struct commits *commits);
enum phase_end commit_retire(struct commits *commits);
enum phase_end commit_answer(struct commits *commits);
enum phase_end commit_clear(struct commits *commits);

#endif
