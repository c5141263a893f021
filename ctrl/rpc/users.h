/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What connections of one user share, so that nothing is won by opening many: turns of the control
 * thread, and the bytes that may wait. A user is a uid of the host, or the subject of a
 * certificate.
 *
 * All functions of this header: control thread.
 */
#ifndef CTRL_RPC_USERS_H
#define CTRL_RPC_USERS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

#include <event2/event.h>

#include "base/actor.h"
#include "base/fault.h"

#define TURN_NS 1000000 /* that a turn may take, apart from the request that it ends with */

struct rpc_users;
struct rpc_user;

/* Something that a user has to do. Users take turns, and so do the turns of each user. */
struct rpc_turn {
	TAILQ_ENTRY(rpc_turn) link;
	struct rpc_user *user;
	void (*run)(void *arg);
	void *arg;
	bool waiting;
};

/*
 * max_bytes: what may wait for, or of, one user. base is borrowed. Users, turns and calls that are
 * still there when it is destroyed stay valid, but have no turns any more. NULL: no memory.
 */
struct rpc_users *rpc_users_create(struct event_base *base, size_t max_bytes);
void rpc_users_destroy(struct rpc_users *users); /* NULL is allowed */

/* The user that the actor is, with one more reference. NULL: no memory. */
struct rpc_user *rpc_user_of(struct rpc_users *users, const struct actor *actor);
struct rpc_user *rpc_user_ref(struct rpc_user *user);
void rpc_user_unref(struct rpc_user *user);

/* Have run(arg) called from the loop when the turn has come; once. False: there are no turns. */
bool rpc_turn_ask(struct rpc_turn *turn);
void rpc_turn_cancel(struct rpc_turn *turn);

/* Bytes begin and cease to wait: of requests that are not complete, and of answers. */
void rpc_user_bytes_add(struct rpc_user *user, size_t bytes);
void rpc_user_bytes_remove(struct rpc_user *user, size_t bytes);

/* 0, or -1 with FAULT_LIMIT when max_bytes or more wait. */
int rpc_user_check(const struct rpc_user *user, struct fault *fault);

#endif
