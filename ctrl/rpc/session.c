/* SPDX-License-Identifier: BSD-3-Clause */
/* References and two lists of those who want to know. */
#include "rpc/session.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/queue.h>

struct watch {
	TAILQ_ENTRY(watch) link;
	rpc_session_fn fn;
	void *arg;
};

TAILQ_HEAD(watch_list, watch);

struct rpc_session {
	struct actor actor;
	struct rpc_user *user;
	const struct rpc_link *link;
	void *link_arg;
	unsigned n_refs;
	bool closed;
	bool refused; /* something, since the last drain */
	bool held; /* half an answer has been sent */
	struct watch_list closing;
	struct watch_list draining;
	struct watch *next; /* of those that are being called now */
};

struct rpc_session *
rpc_session_create(const struct actor *actor, struct rpc_user *user, const struct rpc_link *link,
	void *link_arg)
{
	struct rpc_session *session = calloc(1, sizeof(*session));

	if (!session)
		return NULL;
	session->actor = *actor;
	session->user = user ? rpc_user_ref(user) : NULL;
	session->link = link;
	session->link_arg = link_arg;
	session->n_refs = 1;
	TAILQ_INIT(&session->closing);
	TAILQ_INIT(&session->draining);
	return session;
}

struct rpc_session *
rpc_session_ref(struct rpc_session *session)
{
	session->n_refs++;
	return session;
}

static void
watches_free(struct watch_list *list)
{
	struct watch *watch;

	while ((watch = TAILQ_FIRST(list)) != NULL) {
		TAILQ_REMOVE(list, watch, link);
		free(watch);
	}
}

void
rpc_session_unref(struct rpc_session *session)
{
	if (--session->n_refs)
		return;
	watches_free(&session->closing);
	watches_free(&session->draining);
	if (session->user)
		rpc_user_unref(session->user);
	free(session);
}

const struct actor *
rpc_session_actor(const struct rpc_session *session)
{
	return &session->actor;
}

struct rpc_user *
rpc_session_user(const struct rpc_session *session)
{
	return session->user;
}

bool
rpc_session_closed(const struct rpc_session *session)
{
	return session->closed;
}

static int
watch_add(struct rpc_session *session, struct watch_list *list, rpc_session_fn fn, void *arg)
{
	struct watch *watch;

	if (session->closed)
		return -ENOTCONN;
	watch = malloc(sizeof(*watch));
	if (!watch)
		return -ENOMEM;
	*watch = (struct watch){.fn = fn, .arg = arg};
	TAILQ_INSERT_TAIL(list, watch, link);
	return 0;
}

static void
watch_cancel(struct rpc_session *session, struct watch_list *list, rpc_session_fn fn, void *arg)
{
	struct watch *watch;

	TAILQ_FOREACH (watch, list, link) {
		if (watch->fn != fn || watch->arg != arg)
			continue;
		if (session->next == watch)
			session->next = TAILQ_NEXT(watch, link);
		TAILQ_REMOVE(list, watch, link);
		free(watch);
		return;
	}
}

/* Those that are called may cancel themselves and others, and may end the session. */
static void
watches_call(struct rpc_session *session, struct watch_list *list)
{
	struct watch *watch;

	rpc_session_ref(session);
	for (watch = TAILQ_FIRST(list); watch; watch = session->next) {
		session->next = TAILQ_NEXT(watch, link);
		watch->fn(watch->arg);
	}
	rpc_session_unref(session);
}

int
rpc_session_on_close(struct rpc_session *session, rpc_session_fn fn, void *arg)
{
	return watch_add(session, &session->closing, fn, arg);
}

void
rpc_session_cancel_close(struct rpc_session *session, rpc_session_fn fn, void *arg)
{
	watch_cancel(session, &session->closing, fn, arg);
}

int
rpc_session_on_drain(struct rpc_session *session, rpc_session_fn fn, void *arg)
{
	return watch_add(session, &session->draining, fn, arg);
}

void
rpc_session_cancel_drain(struct rpc_session *session, rpc_session_fn fn, void *arg)
{
	watch_cancel(session, &session->draining, fn, arg);
}

void
rpc_session_close(struct rpc_session *session)
{
	session->closed = true;
	session->link = NULL;
	watches_call(session, &session->closing);
}

void
rpc_session_drained(struct rpc_session *session)
{
	if (!session->refused)
		return;
	session->refused = false;
	watches_call(session, &session->draining);
}

bool
rpc_session_full(struct rpc_session *session)
{
	const bool full = session->link && session->link->full(session->link_arg);

	session->refused |= full;
	return full;
}

void
rpc_session_hold(struct rpc_session *session, bool held)
{
	session->held = held;
	if (!held && !rpc_session_full(session))
		rpc_session_drained(session);
}

int
rpc_session_notify(struct rpc_session *session, const char *method, json_t *params)
{
	json_t *message;

	if (!session->link || session->held || rpc_session_full(session)) {
		json_decref(params);
		if (!session->link)
			return -ENOTCONN;
		session->refused = true;
		return -ENOBUFS;
	}
	message =
		json_pack("{s:s, s:s, s:o*}", "jsonrpc", "2.0", "method", method, "params", params);
	return message ? session->link->send(session->link_arg, message) : -ENOMEM;
}
