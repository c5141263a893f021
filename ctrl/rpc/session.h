/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What methods know of a connection: who is at its other end, how to tell that one something
 * unasked, and when it has gone. A session outlives its connection for as long as a call of it is
 * deferred.
 *
 * All functions of this header: control thread.
 */
#ifndef CTRL_RPC_SESSION_H
#define CTRL_RPC_SESSION_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "base/actor.h"
#include "rpc/users.h"

struct rpc_session;

typedef void (*rpc_session_fn)(void *arg);

/* Borrowed for as long as the session is known. */
const struct actor *rpc_session_actor(const struct rpc_session *session);

/* Its connection has gone. */
bool rpc_session_closed(const struct rpc_session *session);

/*
 * Have fn(arg) called once, when the connection has gone; rpc_session_notify() does nothing any
 * more by then. 0, -ENOMEM, or -ENOTCONN when it has gone already. Any number of them.
 */
int rpc_session_on_close(struct rpc_session *session, rpc_session_fn fn, void *arg);

/* Not any more; of several that are alike, one. Also from within fn. */
void rpc_session_cancel_close(struct rpc_session *session, rpc_session_fn fn, void *arg);

/*
 * Send a JSON-RPC notification, a line of its own. Takes params over (NULL: none), on failure too.
 * 0; -ENOBUFS when CONNECTION_OUTPUT_HIGH bytes wait for the client already, or half an answer has
 * been sent; -ENOTCONN when it has gone; -ENOMEM.
 */
int rpc_session_notify(struct rpc_session *session, const char *method, json_t *params);

/*
 * Have fn(arg) called when there is room again after a notification was refused with -ENOBUFS: once
 * for any number of refusals, again after the next. Returns as rpc_session_on_close() does.
 */
int rpc_session_on_drain(struct rpc_session *session, rpc_session_fn fn, void *arg);
void rpc_session_cancel_drain(struct rpc_session *session, rpc_session_fn fn, void *arg);

/* The rest is for connections and for calls. */

/* The user whose connection it is; NULL: it takes no turns. */
struct rpc_user *rpc_session_user(const struct rpc_session *session);

/*
 * Whether CONNECTION_OUTPUT_HIGH bytes wait for the client. If so, those of rpc_session_on_drain()
 * are called when there is room again.
 */
bool rpc_session_full(struct rpc_session *session);

/* Half an answer has been sent (or all of it): nothing else may come between. */
void rpc_session_hold(struct rpc_session *session, bool held);

/* What a session sends through. */
struct rpc_link {
	bool (*full)(void *arg); /* CONNECTION_OUTPUT_HIGH bytes or more wait */
	int (*send)(void *arg, json_t *message); /* takes it over; 0 or -ENOMEM */
};

/*
 * A session of a copy of *actor, with one reference, and one to user, which may be NULL. link is
 * borrowed; NULL: nothing can be sent. NULL: no memory.
 */
struct rpc_session *rpc_session_create(const struct actor *actor, struct rpc_user *user,
	const struct rpc_link *link, void *link_arg);

/* The connection goes: call everybody who wants to know, forget the link. Once. */
void rpc_session_close(struct rpc_session *session);

/* There is room again. */
void rpc_session_drained(struct rpc_session *session);

struct rpc_session *rpc_session_ref(struct rpc_session *session);
void rpc_session_unref(struct rpc_session *session);

#endif
