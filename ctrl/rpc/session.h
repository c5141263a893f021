/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Users and their sessions.
 *
 * A user is a uid of the host, or the subject of a certificate. Its connections share turns of the
 * control thread, and a bound on the bytes that may wait, so that opening many gains nothing.
 *
 * A session is what methods know of a connection: its user, how to send it notifications,
 * and when it is closed. It outlives its connection for as long as a call of it is
 * deferred.
 *
 * All functions of this header: control thread.
 */
#ifndef CTRL_RPC_SESSION_H
#define CTRL_RPC_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

#include <event2/event.h>
#include <jansson.h>

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
bool rpc_turn_request(struct rpc_turn *turn);
void rpc_turn_cancel(struct rpc_turn *turn);

/* Bytes begin and cease to wait: of requests that are not complete, and of answers. */
void rpc_user_bytes_change(struct rpc_user *user, size_t begin, size_t end);

/* 0, or -1 with FAULT_LIMIT when max_bytes or more wait. */
int rpc_user_check(const struct rpc_user *user, struct fault *fault);

struct rpc_session;

typedef void (*rpc_session_fn)(void *arg);

/* Borrowed for as long as the session is known. */
const struct actor *rpc_session_actor(const struct rpc_session *session);

/* Its connection is closed. */
bool rpc_session_closed(const struct rpc_session *session);

/* What is to be called when something becomes of a session. All zero: it watches none. */
struct rpc_watch {
	TAILQ_ENTRY(rpc_watch) link;
	bool active;
	rpc_session_fn closed; /* the connection is closed: once, and nothing can be sent */
	rpc_session_fn drained; /* room again: once after any number of refusals. NULL: disabled */
	void *arg;
};

/*
 * Watch a session; it is borrowed until it was closed or unwatched. 0, or -ENOTCONN when the
 * connection is closed. Watches may be cancelled from within their callbacks, and again.
 */
int rpc_session_watch(struct rpc_session *session, struct rpc_watch *watch);
void rpc_session_unwatch(struct rpc_session *session, struct rpc_watch *watch);

/*
 * Send a JSON-RPC notification, a line of its own. Takes params over (NULL: none), on failure too.
 * 0; -ENOBUFS when RPC_OUTPUT_HIGH bytes wait for the client already, or half an answer has
 * been sent; -ENOTCONN when it is closed; -ENOMEM.
 */
int rpc_session_notify(struct rpc_session *session, const char *method, json_t *params);

/* The rest is for connections and for calls. */

/* The user whose connection it is; NULL: it takes no turns. */
struct rpc_user *rpc_session_user(const struct rpc_session *session);

/*
 * Whether RPC_OUTPUT_HIGH bytes wait for the client. If so, watches are called when there
 * is room again.
 */
bool rpc_session_full(struct rpc_session *session);

/* Half an answer has been sent (or all of it): nothing else may come between. */
void rpc_session_hold(struct rpc_session *session, bool held);

/* What a session sends through. */
struct rpc_link {
	bool (*full)(void *arg); /* RPC_OUTPUT_HIGH bytes or more wait */
	int (*send)(void *arg, json_t *message); /* takes it over; 0 or -ENOMEM */
};

/*
 * A session of a copy of *actor, with one reference, and one to user, which may be NULL. link is
 * borrowed; NULL: nothing can be sent. NULL: no memory.
 */
struct rpc_session *rpc_session_create(const struct actor *actor, struct rpc_user *user,
	const struct rpc_link *link, void *link_arg);

/* The connection goes: what watches is called, and nothing is sent any more. Once. */
void rpc_session_close(struct rpc_session *session);

/* There is room again. */
void rpc_session_drained(struct rpc_session *session);

struct rpc_session *rpc_session_ref(struct rpc_session *session);
void rpc_session_unref(struct rpc_session *session);

#endif
