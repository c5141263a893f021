/* SPDX-License-Identifier: BSD-3-Clause */
/* Connections over the real socket: what they carry, what limits them, and their sessions. */
#include <criterion/criterion.h>

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "rpc/server.h"
#include "schema/schema.h"

#define PATIENCE_MS 3000
#define QUIET_MS 30 /* how long to listen for what should not come */
#define BIG_BYTES 100000

/*
 * The real socket, server and clients in one thread: the loop is turned while a client waits.
 * Methods: echo (viewer), big (viewer; BIG_BYTES of text), later (admin; defers).
 */
struct server_rig {
	char path[64]; /* of the socket */
	struct event_base *base;
	struct rpc_service *service;
	struct rpc_server *server;
	unsigned n_calls; /* of all methods */
	struct rpc_call *waiting; /* the last call of later */
};

static struct server_rig rig;

#define LINE_MAX_BYTES 4096

static const char document_text[] =
	"{\"methods\": ["
	" {\"name\": \"rpc.discover\", \"x-role\": \"viewer\", \"params\": []},"
	" {\"name\": \"echo\", \"x-role\": \"viewer\", \"params\": ["
	"   {\"name\": \"x\", \"schema\": {}}]},"
	" {\"name\": \"later\", \"x-role\": \"admin\", \"params\": []},"
	" {\"name\": \"big\", \"x-role\": \"viewer\", \"params\": []}]}";

static json_t *
echo(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault)
{
	(void)ctx;
	(void)call;
	(void)fault;
	rig.n_calls++;
	return json_incref(params);
}

static json_t *
big(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault)
{
	static char text[BIG_BYTES + 1];

	(void)ctx;
	(void)call;
	(void)params;
	(void)fault;
	rig.n_calls++;
	memset(text, 'x', BIG_BYTES);
	return json_string(text);
}

static json_t *
later(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault)
{
	(void)ctx;
	(void)params;
	(void)fault;
	rig.n_calls++;
	rig.waiting = call;
	return rpc_call_defer(call);
}

static const struct rpc_method methods[] = {{"echo", echo}, {"later", later}, {"big", big}};
static struct config server_rig_config = {
	.max_message_bytes = 200,
	.max_depth = 6,
	.max_connections = 3,
	.max_waiting_bytes = 64 << 20,
	.access = {.default_role = ROLE_VIEWER, .socket_group = UINT32_MAX},
	.tls = {.listen = ""},
};

static struct rpc_server *
server_rig_listen(const char *path, struct fault *fault)
{
	server_rig_config.socket_path = path;
	return rpc_server_create(rig.base, &server_rig_config, rig.service, fault);
}

static char directory[] = "/tmp/test-server-XXXXXX";
static void
server_rig_setup(void)
{
	json_t *document = json_loads(document_text, 0, NULL);
	struct fault fault;

	memset(&rig, 0, sizeof(rig));
	cr_assert_not_null(mkdtemp(directory));
	snprintf(rig.path, sizeof(rig.path), "%s/rpc.sock", directory);
	rig.base = event_base_new();
	rig.service = rpc_service_create(document, methods, 3, NULL, NULL);
	json_decref(document);
	rig.server = server_rig_listen(rig.path, &fault);
	cr_assert_not_null(rig.server, "%s", fault.message);
}

static void
server_rig_teardown(void)
{
	rpc_server_destroy(rig.server);
	rpc_service_destroy(rig.service);
	event_base_free(rig.base);
	unlink(rig.path);
	rmdir(directory);
}

static int
client_open(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	strcpy(address.sun_path, rig.path);
	cr_assert_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static void
client_say(int fd, const char *text)
{
	cr_assert_eq(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

static bool
client_wait(int fd, int patience_ms)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

	for (int waited_ms = 0; waited_ms <= patience_ms; waited_ms += 5) {
		event_base_loop(rig.base, EVLOOP_NONBLOCK);
		if (poll(&poll_fd, 1, 5) > 0)
			return true;
	}
	return false;
}

static const char *
client_line(int fd)
{
	static char line[LINE_MAX_BYTES];
	size_t used = 0;

	while (used < sizeof(line) - 1) {
		ssize_t n;

		cr_assert(client_wait(fd, PATIENCE_MS), "no reply");
		n = recv(fd, line + used, 1, 0);
		if (n <= 0 || line[used] == '\n')
			break;
		used++;
	}
	line[used] = '\0';
	return line;
}

static void
line_has(int fd, const char *text)
{
	const char *line = client_line(fd);

	cr_expect_not_null(strstr(line, text), "%s, expected %s in it", line, text);
}

static void
echo_works(int fd)
{
	client_say(fd, "{\"jsonrpc\":\"2.0\",\"method\":\"echo\",\"params\":{\"x\":5},\"id\":5}\n");
	cr_expect_str_eq(client_line(fd), "{\"jsonrpc\":\"2.0\",\"result\":{\"x\":5},\"id\":5}");
}

static unsigned
lines_drain(int fd, unsigned n_lines)
{
	static char data[65536];
	unsigned seen = 0;

	while (seen < n_lines && client_wait(fd, PATIENCE_MS)) {
		ssize_t n = recv(fd, data, sizeof(data), 0);

		for (ssize_t i = 0; i < n; i++)
			seen += data[i] == '\n';
		if (n <= 0)
			break;
	}
	return seen;
}

static void
loop_turn(void)
{
	for (int i = 0; i < 20; i++)
		event_base_loop(rig.base, EVLOOP_NONBLOCK);
}

TestSuite(server, .init = server_rig_setup, .fini = server_rig_teardown, .timeout = 30);

Test(server, answers_a_line_a_request)
{
	int fd = client_open();

	echo_works(fd);
	echo_works(fd);
	close(fd);
}

Test(server, socket_is_for_owner_and_group)
{
	struct stat found;

	cr_assert_eq(stat(rig.path, &found), 0);
	cr_expect(S_ISSOCK(found.st_mode));
	cr_expect_eq(found.st_mode & 0777, 0660);
}

Test(server, texts_back_to_back_and_in_pieces)
{
	int fd = client_open();

	client_say(fd, "{\"jsonrpc\":\"2.0\",\"method\":\"echo\",\"id\":1}"
		       "{\"jsonrpc\":\"2.0\",\"method\":\"echo\",\"id\":2}{\"jsonrpc\":");
	line_has(fd, "\"id\":1}");
	line_has(fd, "\"id\":2}");
	cr_expect_not(client_wait(fd, QUIET_MS));
	client_say(fd, "\"2.0\",\n\"method\":\"echo\",\"id\":3}");
	line_has(fd, "\"id\":3}");
	close(fd);
}

Test(server, ids_are_strings_or_integers_of_64_bits)
{
	static const char *const good[] = {"18446744073709551615", "9223372036854775808",
		"9223372036854775807", "-9223372036854775808", "0", "\"1.5\"", "null"};
	static const char *const bad[] = {"18446744073709551616", "-9223372036854775809", "1.5",
		"1e3", "1e999", "123456789012345678901234567890", "[18446744073709551615]", "true"};
	char text[128], expected[64];
	int fd = client_open();

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		snprintf(text, sizeof(text),
			"{\"jsonrpc\":\"2.0\",\"method\":\"echo\",\"id\":%s}\n", good[i]);
		snprintf(expected, sizeof(expected), "\"result\":{},\"id\":%s}", good[i]);
		client_say(fd, text);
		line_has(fd, expected);
		snprintf(text, sizeof(text),
			"[{\"id\" : %s, \"jsonrpc\":\"2.0\",\"method\":\"\\u0065cho\"}]\n",
			good[i]);
		snprintf(expected, sizeof(expected), "\"result\":{},\"id\":%s}]", good[i]);
		client_say(fd, text);
		line_has(fd, expected);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(text, sizeof(text),
			"{\"jsonrpc\":\"2.0\",\"method\":\"echo\",\"id\":%s}\n", bad[i]);
		client_say(fd, text);
		/* Within an array the number is no id, and is what the parser says of it. */
		line_has(fd, bad[i][0] == '[' ? "\"code\":-32700" : "an integer from -2^63");
	}
	close(fd);
}

Test(server, large_numbers_elsewhere_are_not_ids)
{
	int fd = client_open();

	client_say(fd, "{\"jsonrpc\":\"2.0\",\"method\":\"echo\",\"params\":{\"x\":"
		       "{\"id\":18446744073709551615}},\"id\":1}\n");
	line_has(fd, "\"code\":-32700");
	client_say(fd, "{\"jsonrpc\":\"2.0\",\"method\":\"echo\",\"params\":{\"x\":"
		       "\"\\u00001\"},\"id\":18446744073709551615}\n");
	line_has(fd, "\"code\":-32700");
	client_say(fd, "{\"jsonrpc\":\"2.0\",\"method\":\"echo\",\"id\":\"\\u00001\"}\n");
	line_has(fd, "\"code\":-32700");
	close(fd);
}

Test(server, unfinished_line_does_not_swallow_the_next)
{
	static const char *const texts[] = {"{\"jsonrpc\":\"2.0\",\"id\":1,\n",
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"params\":{\n", "{\"jsonrpc\":\"2.0\",\"id\"\n",
		"{\n"};
	int fd = client_open();

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		client_say(fd, texts[i]);
		client_say(fd, "{\"jsonrpc\":\"2.0\",\"method\":\"echo\",\"id\":9}\n");
		line_has(fd, "\"code\":-32700");
		line_has(fd, "\"id\":9}");
	}
	client_say(fd, "{\"jsonrpc\":\"2.0\",\"id\":tru\n");
	line_has(fd, "\"code\":-32700");
	close(fd);
}

Test(server, notification_is_not_answered)
{
	int fd = client_open();

	client_say(fd, "{\"jsonrpc\":\"2.0\",\"method\":\"echo\"}\n");
	cr_expect_not(client_wait(fd, QUIET_MS));
	cr_expect_eq(rig.n_calls, 1);
	close(fd);
}

Test(server, malformed_text_is_answered_and_the_connection_stays_open)
{
	static const char *const texts[] = {"{\"a\":tru}\n", "{\"a\":]\n", "noise {\n", "{\"a\n",
		"{\"a\":\"\xff\"}\n", "{\"a\":1,\"a\":2}\n", "{\"jsonrpc\":\"2.0\"\n"};
	int fd = client_open();

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		client_say(fd, texts[i]);
		if (i + 1 < sizeof(texts) / sizeof(texts[0]))
			line_has(fd, "\"code\":-32700");
	}
	/* The last one, a bracket short, ends where its successor begins. */
	client_say(fd, "{\"jsonrpc\":\"2.0\",\"method\":\"echo\",\"id\":9}\n");
	line_has(fd, "\"code\":-32700");
	line_has(fd, "\"id\":9}");
	echo_works(fd);
	close(fd);
}

Test(server, scalar_is_an_invalid_request)
{
	int fd = client_open();

	client_say(fd, "42\n");
	line_has(fd, "\"code\":-32600");
	echo_works(fd);
	close(fd);
}

Test(server, long_text_is_refused_and_the_connection_stays)
{
	char text[1001];
	int fd = client_open();

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	client_say(fd, "{\"jsonrpc\":\"");
	client_say(fd, text);
	line_has(fd, "request exceeds max_message_bytes, which is 200");
	client_say(fd, text);
	client_say(fd, "\"}\n");
	echo_works(fd);
	close(fd);
}

Test(server, deep_text_is_refused_and_the_connection_stays)
{
	int fd = client_open();

	client_say(fd, "[[[[[[[");
	line_has(fd, "request exceeds max_depth, which is 6");
	client_say(fd, "]]]]]]]");
	echo_works(fd);
	close(fd);
}

/* What runs the tests is the server's own user, for whom two places more are kept. */
Test(server, connection_above_the_limit_gets_an_error_and_is_closed)
{
	int fds[5];
	int extra;

	for (int i = 0; i < 5; i++) {
		fds[i] = client_open();
		echo_works(fds[i]);
	}
	extra = client_open();
	line_has(extra, "connection exceeds max_connections, which is 3");
	cr_expect_str_eq(client_line(extra), "");
	close(extra);
	echo_works(fds[0]);
	close(fds[1]);
	cr_expect_not(client_wait(fds[0], QUIET_MS));
	extra = client_open();
	echo_works(extra);
	close(extra);
	close(fds[0]);
	for (int i = 2; i < 5; i++)
		close(fds[i]);
}

Test(server, client_that_disconnects_early_affects_no_other)
{
	int other = client_open();

	for (int i = 0; i < 5; i++) {
		int fd = client_open();

		client_say(fd, "{\"jsonrpc\":\"2.0\",\"method\":\"big\",\"id\":1}{\"jso");
		close(fd);
		cr_expect_not(client_wait(other, QUIET_MS));
	}
	echo_works(other);
	close(other);
}

Test(server, end_of_requests_is_not_the_end_of_replies)
{
	int fd = client_open();

	client_say(fd, "{\"jsonrpc\":\"2.0\",\"method\":\"echo\",\"id\":1}\n{\"broken");
	shutdown(fd, SHUT_WR);
	line_has(fd, "\"id\":1}");
	line_has(fd, "\"code\":-32700");
	cr_expect_str_eq(client_line(fd), "");
	close(fd);
}

Test(server, client_that_does_not_read_is_paused_and_loses_nothing)
{
	static const char request[] = "{\"jsonrpc\":\"2.0\",\"method\":\"big\",\"id\":1}\n";
	const unsigned n_requests = 100;
	unsigned n_bound = RPC_OUTPUT_HIGH / BIG_BYTES + 10; /* and the socket's own buffer */
	int fd = client_open();

	for (unsigned i = 0; i < n_requests; i++)
		client_say(fd, request);
	for (int i = 0; i < 20; i++)
		event_base_loop(rig.base, EVLOOP_NONBLOCK);
	cr_expect_gt(rig.n_calls, 0);
	cr_expect_leq(
		rig.n_calls, n_bound, "%u replies made for a client that reads none", rig.n_calls);
	cr_expect_eq(lines_drain(fd, n_requests), n_requests);
	cr_expect_eq(rig.n_calls, n_requests);
	echo_works(fd);
	close(fd);
}

Test(server, paused_client_that_ends_gets_all_replies)
{
	static const char request[] = "{\"jsonrpc\":\"2.0\",\"method\":\"big\",\"id\":1}\n";
	int fd = client_open();

	for (unsigned i = 0; i < 50; i++)
		client_say(fd, request);
	shutdown(fd, SHUT_WR);
	for (int i = 0; i < 20; i++)
		event_base_loop(rig.base, EVLOOP_NONBLOCK);
	cr_expect_eq(lines_drain(fd, 50), 50);
	cr_expect_str_eq(client_line(fd), "");
	close(fd);
}

Test(server, live_socket_is_not_taken)
{
	struct fault fault;
	int fd;

	cr_expect_null(server_rig_listen(rig.path, &fault));
	cr_expect_eq(fault.code, FAULT_CONFLICT);
	cr_expect_not_null(
		strstr(fault.message, "another process listens there"), "%s", fault.message);
	cr_expect_not_null(strstr(fault.message, rig.path));
	fd = client_open();
	echo_works(fd);
	close(fd);
}

Test(server, stale_socket_is_replaced)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct fault fault;
	int fd;

	rpc_server_destroy(rig.server);
	strcpy(address.sun_path, rig.path);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	cr_assert_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	close(fd);
	rig.server = server_rig_listen(rig.path, &fault);
	cr_assert_not_null(rig.server, "%s", fault.message);
	fd = client_open();
	echo_works(fd);
	close(fd);
}

Test(server, file_in_the_way_is_left_alone)
{
	struct stat found;
	struct fault fault;
	FILE *file;

	rpc_server_destroy(rig.server);
	file = fopen(rig.path, "w");
	cr_assert_not_null(file);
	fclose(file);
	rig.server = server_rig_listen(rig.path, &fault);
	cr_expect_null(rig.server);
	cr_expect_eq(fault.code, FAULT_CONFLICT);
	cr_expect_eq(stat(rig.path, &found), 0);
}

Test(server, path_must_fit_and_its_directory_exist)
{
	char longest[200];
	struct fault fault;

	memset(longest, 'x', sizeof(longest));
	longest[0] = '/';
	longest[108] = '\0';
	cr_expect_null(server_rig_listen(longest, &fault));
	cr_expect_eq(fault.code, FAULT_INVALID_VALUE);
	cr_expect_null(server_rig_listen("", &fault));
	cr_expect_eq(fault.code, FAULT_INVALID_VALUE);
	cr_expect_null(server_rig_listen("/nonexistent/s", &fault));
	cr_expect_not_null(
		strstr(fault.message, "/nonexistent/s: No such file"), "%s", fault.message);
}

Test(server, destroy_hangs_up_and_removes_the_socket)
{
	int fd = client_open();

	echo_works(fd);
	rpc_server_destroy(rig.server);
	rig.server = NULL;
	cr_expect_str_eq(client_line(fd), "");
	cr_expect_eq(access(rig.path, F_OK), -1);
	close(fd);
}

/* Calls that are answered later over the real socket, and notifications of a session. */
TestSuite(session, .init = server_rig_setup, .fini = server_rig_teardown, .timeout = 30);

static const char request_later[] = "{\"jsonrpc\":\"2.0\",\"method\":\"later\",\"id\":1}\n";

Test(session, deferred_call_holds_up_its_own_connection_only)
{
	int other = client_open();
	int fd = client_open();

	client_say(fd, request_later);
	client_say(fd, "{\"jsonrpc\":\"2.0\",\"method\":\"echo\",\"id\":2}\n");
	cr_expect_not(client_wait(fd, QUIET_MS));
	cr_expect_eq(rig.n_calls, 1, "what is behind a deferred call waits");
	echo_works(other);
	rpc_call_result(rig.waiting, json_true());
	cr_expect_str_eq(client_line(fd), "{\"jsonrpc\":\"2.0\",\"result\":true,\"id\":1}");
	line_has(fd, "\"id\":2}");
	echo_works(fd);
	close(fd);
	close(other);
}

Test(session, client_that_shut_down_its_side_gets_the_deferred_reply)
{
	int fd = client_open();

	client_say(fd, request_later);
	shutdown(fd, SHUT_WR);
	cr_expect_not(client_wait(fd, QUIET_MS));
	rpc_call_result(rig.waiting, json_true());
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
	rpc_server_destroy(rig.server);
	rig.server = NULL;
	actor = &rpc_call_session(rig.waiting)->actor;
	cr_expect_eq(actor->uid, getuid());
	cr_expect_eq(actor->pid, getpid());
	cr_expect_str_eq(actor->via, "unix");
	cr_expect_null(rpc_call_session(rig.waiting)->output);
	rpc_call_result(rig.waiting, json_true());
	cr_expect_str_eq(client_line(fd), "");
	close(fd);
}

static unsigned n_called;

static void
told(void *arg)
{
	(void)arg;
	n_called++;
}

Test(session, session_notifies_when_its_connection_is_closed)
{
	static struct rpc_watch watches[3] = {{.closed = told}, {.closed = told}, {.closed = told}};
	struct rpc_session *session;
	int fd = client_open();

	client_say(fd, request_later);
	loop_turn();
	session = rpc_call_session(rig.waiting);
	for (unsigned i = 0; i < 3; i++)
		cr_expect_eq(rpc_session_watch(session, &watches[i]), 0);
	rpc_session_unwatch(session, &watches[1]);
	rpc_call_result(rig.waiting, json_true());
	line_has(fd, "true");
	cr_expect_eq(n_called, 0);
	close(fd);
	loop_turn();
	cr_expect_eq(n_called, 2);
}

Test(session, notifications_are_bounded_and_room_is_notified)
{
	static char text[BIG_BYTES + 1];
	static struct rpc_watch watch = {.closed = told, .drained = told};
	struct rpc_session *session;
	unsigned n = 0;
	int fd = client_open();
	int rc;

	memset(text, 'x', BIG_BYTES);
	client_say(fd, request_later);
	loop_turn();
	session = rpc_call_session(rig.waiting);
	rpc_call_result(rig.waiting, json_true());
	line_has(fd, "true");
	cr_expect_eq(rpc_session_watch(session, &watch), 0);
	while ((rc = rpc_session_notify(session, "event", json_pack("{s:s}", "x", text))) == 0)
		n++;
	cr_expect_eq(rc, -ENOBUFS);
	cr_expect_eq(n, RPC_OUTPUT_HIGH / BIG_BYTES + 1);
	cr_expect_eq(n_called, 0);
	cr_expect_eq(lines_drain(fd, n), n);
	loop_turn();
	cr_expect_eq(n_called, 1);
	cr_expect_eq(rpc_session_notify(session, "event", NULL), 0);
	cr_expect_str_eq(client_line(fd), "{\"jsonrpc\":\"2.0\",\"method\":\"event\"}");
	close(fd);
}

/* Notifications, too: those of one user together have the limit of its replies. */
Test(session, notifications_count_for_the_user)
{
	static char text[BIG_BYTES + 1];
	static struct rpc_watch watch = {.closed = told, .drained = told};
	struct rpc_session *sessions[2];
	unsigned n[2] = {0, 0}, i;
	struct fault fault;
	int fds[2];

	server_rig_config.max_waiting_bytes = 5 * BIG_BYTES;
	rpc_server_destroy(rig.server);
	rig.server = server_rig_listen(rig.path, &fault);
	cr_assert_not_null(rig.server, "%s", fault.message);
	memset(text, 'x', BIG_BYTES);
	for (i = 0; i < 2; i++) {
		fds[i] = client_open();
		client_say(fds[i], request_later);
		loop_turn();
		sessions[i] = rpc_call_session(rig.waiting);
		rpc_call_result(rig.waiting, json_true());
		line_has(fds[i], "true");
	}
	cr_expect_eq(rpc_session_watch(sessions[1], &watch), 0);
	for (i = 0; i < 2; i++) {
		while (rpc_session_notify(sessions[i], "event", json_pack("{s:s}", "x", text)) == 0)
			n[i]++;
	}
	cr_expect_eq(n[0], 5);
	cr_expect_eq(n[1], 1, "a connection that has read all may have one more");
	cr_expect_eq(lines_drain(fds[1], n[1]), n[1]);
	loop_turn();
	cr_expect_eq(n_called, 1);
	cr_expect_eq(rpc_session_notify(sessions[1], "event", NULL), 0);
	cr_expect_str_eq(client_line(fds[1]), "{\"jsonrpc\":\"2.0\",\"method\":\"event\"}");
	close(fds[0]);
	close(fds[1]);
}
