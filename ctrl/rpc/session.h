/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Users and their sessions.
 *
 * A user is a uid of the host, or the subject of a certificate. Its connections share turns of the
 * control thread, and a bound on the bytes that may wait, so that opening many gains nothing.
 *
 * A session is what methods know of a connection: who its client is, where replies and
 * notifications are written, and when it is closed. It outlives its connection for as long as a
 * call of it is deferred.
 *
 * All functions of this header: control thread.
 */
#ifndef CTRL_RPC_SESSION_H
#define CTRL_RPC_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

#include <event2/buffer.h>
#include <event2/event.h>
#include <jansson.h>

#include "base/actor.h"
#include "base/fault.h"

#define TURN_NS 1000000 /* that a turn may take, apart from the request that it ends with */
#define RPC_OUTPUT_HIGH (1u << 20) /* bytes that wait for a client before it is paused */

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
void rpc_user_unref(struct rpc_user *user);

/* Have run(arg) called from the loop when the turn has come; once. False: there are no turns. */
bool rpc_turn_request(struct rpc_turn *turn);
void rpc_turn_cancel(struct rpc_turn *turn);

/* Bytes begin and cease to wait: of requests that are not complete, and of answers. */
void rpc_user_bytes_change(struct rpc_user *user, size_t begin, size_t end);

/* 0, or -1 with FAULT_LIMIT when max_bytes or more wait. */
int rpc_user_check(const struct rpc_user *user, struct fault *fault);

typedef void (*rpc_session_fn)(void *arg);

/* What is to be called when something becomes of a session. All zero: it watches none. */
struct rpc_watch {
	TAILQ_ENTRY(rpc_watch) link;
	bool active;
	rpc_session_fn closed; /* the connection is closed: once, and nothing can be sent */
	rpc_session_fn drained; /* room again: once after any number of refusals. NULL: disabled */
	void *arg;
};

struct rpc_session {
	struct actor actor; /* its client */
	struct rpc_user *user; /* NULL: it takes no turns */
	struct evbuffer *output; /* of the connection; NULL: it is closed */
	unsigned n_refs;
	bool held; /* a part of an answer has been written: nothing else may come between */
	bool refused; /* something, since the last drain */
	TAILQ_HEAD(, rpc_watch) watches;
	struct rpc_watch *next; /* of those that are being called now */
};

/*
 * A session of a copy of *actor, with one reference. The bytes in output count for its user; users
 * NULL: it has none. output is borrowed until the session is closed. NULL: no memory.
 */
struct rpc_session *rpc_session_create(
	struct rpc_users *users, const struct actor *actor, struct evbuffer *output);

/* The connection is closed: what watches is called, and nothing is written any more. Once. */
void rpc_session_close(struct rpc_session *session);

struct rpc_session *rpc_session_ref(struct rpc_session *session);
void rpc_session_unref(struct rpc_session *session);

/*
 * Watch a session; it is borrowed until it was closed or unwatched. 0, or -ENOTCONN when the
 * connection is closed. Watches may be cancelled from within their callbacks, and again.
 */
int rpc_session_watch(struct rpc_session *session, struct rpc_watch *watch);
void rpc_session_unwatch(struct rpc_session *session, struct rpc_watch *watch);

/*
 * Write the message, which is taken over (NULL: no memory for it), as compact JSON between the two
 * texts. 0, -ENOTCONN when the connection is closed, or -ENOMEM.
 */
int rpc_session_write(
	struct rpc_session *session, const char *before, json_t *message, const char *after);

/*
 * Write a JSON-RPC notification, a line of its own. Takes params over (NULL: none), on failure too.
 * 0; -ENOBUFS when the session is full, or held; -ENOTCONN when it is closed; -ENOMEM.
 */
int rpc_session_notify(struct rpc_session *session, const char *method, json_t *params);

/*
 * Whether RPC_OUTPUT_HIGH bytes wait for the client, or any while its user is at the bound. If so,
 * watches are called when there is room again.
 */
bool rpc_session_full(struct rpc_session *session);

/* There is room again. */
void rpc_session_drained(struct rpc_session *session);

#endif
