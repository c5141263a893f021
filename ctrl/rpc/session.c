/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The user whose turns have taken least time is next; a user that returns begins with as much as
 * that one, so that no turns are saved up. Turns run in rounds. One that is requested while none
 * waits runs in the same iteration of the loop, behind the callbacks of what else was ready; what
 * is left after ROUND_NS runs in the next iteration, after the sockets.
 */
#include "rpc/session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/timer.h"

#define ROUND_NS 2000000 /* that the turns of one iteration may take together */
#define UNIT_NS 100000 /* of time that counts: a turn is one, and one more for each of these */

TAILQ_HEAD(turn_list, rpc_turn);

struct rpc_user {
	TAILQ_ENTRY(rpc_user) waiting; /* in the list of users that have turns to run */
	bool waits; /* in that list */
	uint64_t used; /* units of time */
	LIST_ENTRY(rpc_user) link;
	struct rpc_users *users;
	unsigned n_refs;
	uint32_t uid; /* UINT32_MAX: the name says who it is */
	char name[ACTOR_NAME_MAX];
	size_t bytes; /* that wait */
	struct turn_list turns; /* the next comes first */
};

struct rpc_users {
	struct timer round;
	bool destroyed; /* but still referenced by users */
	uint64_t cpu_ns; /* of the thread, when it was read last */
	size_t max_bytes;
	uint64_t used; /* by the one that was next last, before that turn */
	struct rpc_user *running; /* whose turn it is; NULL: no round is under way */
	LIST_HEAD(, rpc_user) users;
	TAILQ_HEAD(, rpc_user) waiting; /* whose turn is next comes first */
};

/* Those who wait stand in the order of what they have used, and of asking. */
static void
user_wait(struct rpc_users *users, struct rpc_user *user)
{
	struct rpc_user *other;

	if (user->used < users->used)
		user->used = users->used;
	TAILQ_FOREACH (other, &users->waiting, waiting) {
		if (other->used > user->used)
			break;
	}
	if (other)
		TAILQ_INSERT_BEFORE(other, user, waiting);
	else
		TAILQ_INSERT_TAIL(&users->waiting, user, waiting);
	user->waits = true;
}

static void
user_wait_end(struct rpc_users *users, struct rpc_user *user)
{
	TAILQ_REMOVE(&users->waiting, user, waiting);
	user->waits = false;
}

/*
 * The time of a turn, begun and ended at these times of CLOCK_MONOTONIC. Of a long one only CPU
 * time counts; reading that is a system call, so it may include short turns before this one.
 */
static uint64_t
turn_time(struct rpc_users *users, uint64_t begin_ns, uint64_t end_ns)
{
	const uint64_t turn_ns = end_ns - begin_ns, last_ns = users->cpu_ns;

	if (turn_ns < UNIT_NS)
		return turn_ns;
	users->cpu_ns = clock_read_ns(CLOCK_THREAD_CPUTIME_ID);
	return users->cpu_ns - last_ns < turn_ns ? users->cpu_ns - last_ns : turn_ns;
}

static struct rpc_user *
user_ref(struct rpc_user *user)
{
	user->n_refs++;
	return user;
}

/* Run the next turn of the first user, which begins now. Returns when it ended. */
static uint64_t
turn_run(struct rpc_users *users, uint64_t now_ns)
{
	const uint64_t begin_ns = now_ns;
	struct rpc_user *user = user_ref(TAILQ_FIRST(&users->waiting));
	struct rpc_turn *turn = TAILQ_FIRST(&user->turns);

	user_wait_end(users, user);
	TAILQ_REMOVE(&user->turns, turn, link);
	users->used = user->used;
	users->running = user;
	turn->waiting = false;
	turn->run(turn->arg);
	now_ns = clock_read_ns(CLOCK_MONOTONIC);
	user->used += 1 + turn_time(users, begin_ns, now_ns) / UNIT_NS;
	if (!TAILQ_EMPTY(&user->turns))
		user_wait(users, user);
	rpc_user_unref(user);
	return now_ns;
}

static void
round_run(void *arg)
{
	struct rpc_users *users = arg;
	uint64_t now_ns = clock_read_ns(CLOCK_MONOTONIC);
	const uint64_t end_ns = now_ns + ROUND_NS;

	while (!TAILQ_EMPTY(&users->waiting) && now_ns < end_ns)
		now_ns = turn_run(users, now_ns);
	users->running = NULL;
	if (!TAILQ_EMPTY(&users->waiting))
		timer_arm(&users->round, 0);
}

struct rpc_users *
rpc_users_create(struct event_base *base, size_t max_bytes)
{
	struct rpc_users *users = calloc(1, sizeof(*users));

	if (!users)
		return NULL;
	users->max_bytes = max_bytes;
	LIST_INIT(&users->users);
	TAILQ_INIT(&users->waiting);
	timer_init(&users->round, base, round_run, users);
	return users;
}

void
rpc_users_destroy(struct rpc_users *users)
{
	if (!users)
		return;
	timer_disarm(&users->round);
	users->destroyed = true;
	if (LIST_EMPTY(&users->users))
		free(users);
}

struct rpc_user *
rpc_user_of(struct rpc_users *users, const struct actor *actor)
{
	struct rpc_user *user;

	LIST_FOREACH (user, &users->users, link) {
		if (user->uid == actor->uid &&
			(user->uid != UINT32_MAX || strcmp(user->name, actor->name) == 0))
			return user_ref(user);
	}
	user = calloc(1, sizeof(*user));
	if (!user)
		return NULL;
	user->users = users;
	user->n_refs = 1;
	user->uid = actor->uid;
	memcpy(user->name, actor->name, sizeof(user->name));
	TAILQ_INIT(&user->turns);
	LIST_INSERT_HEAD(&users->users, user, link);
	return user;
}

void
rpc_user_unref(struct rpc_user *user)
{
	struct rpc_users *users = user->users;

	if (--user->n_refs)
		return;
	LIST_REMOVE(user, link);
	free(user);
	if (users->destroyed && LIST_EMPTY(&users->users))
		free(users);
}

bool
rpc_turn_request(struct rpc_turn *turn)
{
	struct rpc_user *user = turn->user;
	struct rpc_users *users = user ? user->users : NULL;

	if (!users || users->destroyed)
		return false;
	if (turn->waiting)
		return true;
	turn->waiting = true;
	if (!user->waits && user != users->running)
		user_wait(users, user);
	TAILQ_INSERT_TAIL(&user->turns, turn, link);
	if (!users->running && !evtimer_pending(&users->round.event, NULL))
		event_active(&users->round.event, 0, 0); /* in this iteration of the loop */
	return true;
}

void
rpc_turn_cancel(struct rpc_turn *turn)
{
	struct rpc_user *user = turn->user;

	if (!turn->waiting)
		return;
	turn->waiting = false;
	TAILQ_REMOVE(&user->turns, turn, link);
	if (TAILQ_EMPTY(&user->turns) && user->waits)
		user_wait_end(user->users, user);
}

void
rpc_user_bytes_change(struct rpc_user *user, size_t begin, size_t end)
{
	user->bytes += begin - end;
}

int
rpc_user_check(const struct rpc_user *user, struct fault *fault)
{
	if (!user || user->bytes < user->users->max_bytes)
		return 0;
	return fault_set(fault, FAULT_LIMIT, "",
		"%zu bytes of unread replies and incomplete requests are pending on the "
		"connections of user %s, expected less than rpc.max_waiting_bytes, which is "
		"%zu; read the replies, or close connections",
		user->bytes, user->name, user->users->max_bytes);
}

/* What waits for the client, or has been taken by it, counts for its user. */
static void
on_output(struct evbuffer *output, const struct evbuffer_cb_info *info, void *arg)
{
	(void)output;
	rpc_user_bytes_change(arg, info->n_added, info->n_deleted);
}

struct rpc_session *
rpc_session_create(struct rpc_users *users, const struct actor *actor, struct evbuffer *output)
{
	struct rpc_user *user = users ? rpc_user_of(users, actor) : NULL;
	struct rpc_session *session = calloc(1, sizeof(*session));

	if (!session || (users && !user) || (user && !evbuffer_add_cb(output, on_output, user))) {
		if (user)
			rpc_user_unref(user);
		free(session);
		return NULL;
	}
	*session =
		(struct rpc_session){.actor = *actor, .user = user, .output = output, .n_refs = 1};
	TAILQ_INIT(&session->watches);
	return session;
}

struct rpc_session *
rpc_session_ref(struct rpc_session *session)
{
	session->n_refs++;
	return session;
}

void
rpc_session_unref(struct rpc_session *session)
{
	if (--session->n_refs)
		return;
	if (session->user)
		rpc_user_unref(session->user);
	free(session);
}

int
rpc_session_watch(struct rpc_session *session, struct rpc_watch *watch)
{
	if (!session->output)
		return -ENOTCONN;
	watch->active = true;
	TAILQ_INSERT_TAIL(&session->watches, watch, link);
	return 0;
}

void
rpc_session_unwatch(struct rpc_session *session, struct rpc_watch *watch)
{
	if (!watch->active)
		return;
	watch->active = false;
	if (session->next == watch)
		session->next = TAILQ_NEXT(watch, link);
	TAILQ_REMOVE(&session->watches, watch, link);
}

/* The callbacks may cancel themselves and others, and may end the session. */
void
rpc_session_close(struct rpc_session *session)
{
	struct rpc_watch *watch;

	if (session->user) {
		evbuffer_remove_cb(session->output, on_output, session->user);
		rpc_user_bytes_change(session->user, 0, evbuffer_get_length(session->output));
	}
	session->output = NULL;
	rpc_session_ref(session);
	while ((watch = TAILQ_FIRST(&session->watches))) {
		rpc_session_unwatch(session, watch);
		watch->closed(watch->arg);
	}
	rpc_session_unref(session);
}

void
rpc_session_drained(struct rpc_session *session)
{
	struct rpc_watch *watch;

	if (!session->refused)
		return;
	session->refused = false;
	rpc_session_ref(session);
	for (watch = TAILQ_FIRST(&session->watches); watch; watch = session->next) {
		session->next = TAILQ_NEXT(watch, link);
		if (watch->drained)
			watch->drained(watch->arg);
	}
	rpc_session_unref(session);
}

bool
rpc_session_full(struct rpc_session *session)
{
	const size_t waiting_bytes = session->output ? evbuffer_get_length(session->output) : 0;
	struct fault fault;
	const bool full = waiting_bytes >= RPC_OUTPUT_HIGH ||
			  (waiting_bytes && rpc_user_check(session->user, &fault) < 0);

	session->refused |= full;
	return full;
}

#define TEXT_COPIED_MAX 4096 /* bytes; a longer text is handed over rather than copied */

static void
text_free(const void *text, size_t bytes, void *arg)
{
	(void)text;
	(void)bytes;
	free(arg);
}

int
rpc_session_write(
	struct rpc_session *session, const char *before, json_t *message, const char *after)
{
	struct evbuffer *output = session->output;
	struct json_writer writer;
	size_t bytes;
	char *text;
	int rc;

	if (!output || !message) {
		json_decref(message);
		return output ? -ENOMEM : -ENOTCONN;
	}
	json_writer_init(&writer);
	json_write_value(&writer, message);
	text = json_writer_take(&writer, &bytes);
	json_decref(message);
	if (!text)
		return -ENOMEM;
	rc = evbuffer_add(output, before, strlen(before));
	/* A handed-over text costs a chain of its own: small ones are copied into shared ones. */
	if (rc == 0 && bytes > TEXT_COPIED_MAX &&
		evbuffer_add_reference(output, text, bytes, text_free, text) == 0) {
		text = NULL;
	} else if (rc == 0) {
		rc = evbuffer_add(output, text, bytes);
	}
	free(text);
	if (rc < 0 || evbuffer_add(output, after, strlen(after)) < 0)
		return -ENOMEM;
	return 0;
}

int
rpc_session_notify(struct rpc_session *session, const char *method, json_t *params)
{
	if (session->held || rpc_session_full(session)) {
		json_decref(params);
		session->refused = true;
		return -ENOBUFS;
	}
	return rpc_session_write(session, "",
		json_pack("{s:s, s:s, s:o*}", "jsonrpc", "2.0", "method", method, "params", params),
		"\n");
}
