/* SPDX-License-Identifier: BSD-3-Clause */
/* Calls that are answered later over the real socket, and notifications of a session. */
#include <criterion/criterion.h>

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rpc/connection.h"
#include "server_rig.h"

TestSuite(session, .init = server_rig_setup, .fini = server_rig_teardown, .timeout = 30);

static const char request_later[] = "{\"jsonrpc\":\"2.0\",\"method\":\"later\",\"id\":1}\n";

Test(session, deferred_call_holds_up_its_own_connection_only)
{
	int other = client_open();
	int fd = client_open();

	client_say(fd, request_later);
	client_say(fd, "{\"jsonrpc\":\"2.0\",\"method\":\"echo\",\"id\":2}\n");
	cr_expect_not(client_wait(fd, QUIET_MS));
	cr_expect_eq(rig()->n_calls, 1, "what is behind a deferred call waits");
	echo_works(other);
	rpc_call_result(rig()->waiting, json_true());
	cr_expect_str_eq(client_line(fd), "{\"jsonrpc\":\"2.0\",\"result\":true,\"id\":1}");
	line_has(fd, "\"id\":2}");
	echo_works(fd);
	close(fd);
	close(other);
}

Test(session, client_that_has_said_all_gets_the_deferred_reply)
{
	int fd = client_open();

	client_say(fd, request_later);
	shutdown(fd, SHUT_WR);
	cr_expect_not(client_wait(fd, QUIET_MS));
	rpc_call_result(rig()->waiting, json_true());
	line_has(fd, "\"result\":true");
	cr_expect_str_eq(client_line(fd), "");
	close(fd);
}

Test(session, deferred_call_outlives_its_connection)
{
	const struct actor *actor;
	int fd = client_open();

	client_say(fd, request_later);
	loop_turn();
	rpc_server_destroy(rig()->server);
	rig()->server = NULL;
	actor = rpc_call_actor(rig()->waiting);
	cr_expect_eq(actor->uid, getuid());
	cr_expect_eq(actor->pid, getpid());
	cr_expect_str_eq(actor->via, "unix");
	cr_expect(rpc_session_closed(rpc_call_session(rig()->waiting)));
	rpc_call_result(rig()->waiting, json_true());
	cr_expect_str_eq(client_line(fd), "");
	close(fd);
}

static unsigned n_told;

static void
told(void *arg)
{
	(void)arg;
	n_told++;
}

Test(session, session_tells_when_its_connection_has_gone)
{
	struct rpc_session *session;
	int fd = client_open();

	client_say(fd, request_later);
	loop_turn();
	session = rpc_call_session(rig()->waiting);
	cr_expect_eq(rpc_session_watch(session, RPC_SESSION_CLOSED, told, NULL), 0);
	cr_expect_eq(rpc_session_watch(session, RPC_SESSION_CLOSED, told, &rig()->base), 0);
	cr_expect_eq(rpc_session_watch(session, RPC_SESSION_CLOSED, told, &rig()->path), 0);
	rpc_session_unwatch(session, RPC_SESSION_CLOSED, told, &rig()->base);
	rpc_call_result(rig()->waiting, json_true());
	line_has(fd, "true");
	cr_expect_eq(n_told, 0);
	close(fd);
	loop_turn();
	cr_expect_eq(n_told, 2);
}

Test(session, notifications_are_bounded_and_room_is_told)
{
	static char text[BIG_BYTES + 1];
	struct rpc_session *session;
	unsigned n = 0;
	int fd = client_open();
	int rc;

	memset(text, 'x', BIG_BYTES);
	client_say(fd, request_later);
	loop_turn();
	session = rpc_call_session(rig()->waiting);
	rpc_call_result(rig()->waiting, json_true());
	line_has(fd, "true");
	cr_expect_eq(rpc_session_watch(session, RPC_SESSION_DRAINED, told, NULL), 0);
	while ((rc = rpc_session_notify(session, "event", json_pack("{s:s}", "x", text))) == 0)
		n++;
	cr_expect_eq(rc, -ENOBUFS);
	cr_expect_eq(n, CONNECTION_OUTPUT_HIGH / BIG_BYTES + 1);
	cr_expect_eq(n_told, 0);
	cr_expect_eq(lines_drain(fd, n), n);
	loop_turn();
	cr_expect_eq(n_told, 1);
	cr_expect_eq(rpc_session_notify(session, "event", NULL), 0);
	cr_expect_str_eq(client_line(fd), "{\"jsonrpc\":\"2.0\",\"method\":\"event\"}");
	close(fd);
}

/* Also what nobody asked for again: subscribers of one user together hold what its answers may. */
Test(session, notifications_count_for_the_user)
{
	static char text[BIG_BYTES + 1];
	struct rpc_limits limits = server_rig_limits;
	struct rpc_session *sessions[2];
	unsigned n[2] = {0, 0}, i;
	struct fault fault;
	int fds[2];

	limits.waiting_bytes = 5 * BIG_BYTES;
	rpc_server_destroy(rig()->server);
	rig()->server = server_rig_listen(rig()->path, &limits, &fault);
	cr_assert_not_null(rig()->server, "%s", fault.message);
	memset(text, 'x', BIG_BYTES);
	for (i = 0; i < 2; i++) {
		fds[i] = client_open();
		client_say(fds[i], request_later);
		loop_turn();
		sessions[i] = rpc_call_session(rig()->waiting);
		rpc_call_result(rig()->waiting, json_true());
		line_has(fds[i], "true");
	}
	cr_expect_eq(rpc_session_watch(sessions[1], RPC_SESSION_DRAINED, told, NULL), 0);
	for (i = 0; i < 2; i++) {
		while (rpc_session_notify(sessions[i], "event", json_pack("{s:s}", "x", text)) == 0)
			n[i]++;
	}
	cr_expect_eq(n[0], 5);
	cr_expect_eq(n[1], 1, "a connection that has read all may have one more");
	cr_expect_eq(lines_drain(fds[1], n[1]), n[1]);
	loop_turn();
	cr_expect_eq(n_told, 1);
	cr_expect_eq(rpc_session_notify(sessions[1], "event", NULL), 0);
	cr_expect_str_eq(client_line(fds[1]), "{\"jsonrpc\":\"2.0\",\"method\":\"event\"}");
	close(fds[0]);
	close(fds[1]);
}
