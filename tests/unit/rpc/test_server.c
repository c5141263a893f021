/* SPDX-License-Identifier: BSD-3-Clause */
/* The real socket, server and clients in one thread: the loop is turned while a client waits. */
#include <criterion/criterion.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "rpc/connection.h"
#include "rpc/server.h"
#include "schema/documents.h"

#define LINE_MAX_BYTES 4096
#define PATIENCE_MS 3000
#define QUIET_MS 30 /* how long to listen for what should not come */
#define BIG_BYTES 100000

static const char document_text[] = "{\"methods\": ["
				    " {\"name\": \"rpc.discover\", \"params\": []},"
				    " {\"name\": \"echo\", \"params\": [{\"name\": \"x\","
				    "   \"schema\": {}}]},"
				    " {\"name\": \"big\", \"params\": []}]}";

static unsigned n_calls;

static json_t *
echo(void *ctx, json_t *params, struct fault *fault)
{
	(void)ctx;
	(void)fault;
	n_calls++;
	return json_incref(params);
}

static json_t *
big(void *ctx, json_t *params, struct fault *fault)
{
	static char text[BIG_BYTES + 1];

	(void)ctx;
	(void)params;
	(void)fault;
	n_calls++;
	memset(text, 'x', BIG_BYTES);
	return json_string(text);
}

static const struct rpc_method methods[] = {{"echo", echo}, {"big", big}};
static const struct rpc_limits limits = {.message_bytes = 200, .depth = 6, .connections = 3};

static char directory[] = "/tmp/test-server-XXXXXX";
static char path[64];
static struct event_base *base;
static struct rpc_service *service;
static struct rpc_server *server;

static void
setup(void)
{
	json_t *document = json_loads(document_text, 0, NULL);
	struct fault fault;

	n_calls = 0;
	cr_assert_not_null(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/rpc.sock", directory);
	base = event_base_new();
	service = rpc_service_create(document, methods, 2, NULL);
	json_decref(document);
	server = rpc_server_create(base, path, &limits, service, &fault);
	cr_assert_not_null(server, "%s", fault.message);
}

static void
teardown(void)
{
	rpc_server_destroy(server);
	rpc_service_destroy(service);
	event_base_free(base);
	unlink(path);
	rmdir(directory);
	schema_documents_release();
}

TestSuite(server, .init = setup, .fini = teardown, .timeout = 30);

static int
client_open(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	strcpy(address.sun_path, path);
	cr_assert_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static void
client_say(int fd, const char *text)
{
	cr_assert_eq(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

/* Turn the loop until fd is readable or has hung up, or for so long. */
static bool
client_wait(int fd, int patience_ms)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

	for (int waited_ms = 0; waited_ms <= patience_ms; waited_ms += 5) {
		event_base_loop(base, EVLOOP_NONBLOCK);
		if (poll(&poll_fd, 1, 5) > 0)
			return true;
	}
	return false;
}

/* The next line without its line feed; "" at the end of the stream. */
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

/* Send an echo request and see its answer. */
static void
echo_works(int fd)
{
	client_say(fd, "{\"jsonrpc\":\"2.0\",\"method\":\"echo\",\"params\":{\"x\":5},\"id\":5}\n");
	cr_expect_str_eq(client_line(fd), "{\"jsonrpc\":\"2.0\",\"result\":{\"x\":5},\"id\":5}");
}

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

	cr_assert_eq(stat(path, &found), 0);
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

Test(server, notification_is_not_answered)
{
	int fd = client_open();

	client_say(fd, "{\"jsonrpc\":\"2.0\",\"method\":\"echo\"}\n");
	cr_expect_not(client_wait(fd, QUIET_MS));
	cr_expect_eq(n_calls, 1);
	close(fd);
}

Test(server, malformed_text_is_answered_and_the_connection_goes_on)
{
	static const char *const texts[] = {"{\"a\":tru}\n", "{\"a\":]\n", "noise {\n", "{\"a\n",
		"{\"a\":\"\xff\"}\n", "{\"a\":1,\"a\":2}\n", "{\"jsonrpc\":\"2.0\"\n"};
	int fd = client_open();

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		client_say(fd, texts[i]);
		if (i + 1 < sizeof(texts) / sizeof(texts[0]))
			line_has(fd, "\"code\":-32700");
	}
	/* The last one, a bracket short, is told from its successor when that comes. */
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
	line_has(fd, "request passes max_message_bytes, which is 200");
	client_say(fd, text);
	client_say(fd, "\"}\n");
	echo_works(fd);
	close(fd);
}

Test(server, deep_text_is_refused_and_the_connection_stays)
{
	int fd = client_open();

	client_say(fd, "[[[[[[[");
	line_has(fd, "request passes max_depth, which is 6");
	client_say(fd, "]]]]]]]");
	echo_works(fd);
	close(fd);
}

Test(server, connection_too_many_is_told_and_closed)
{
	int fds[3];
	int extra;

	for (int i = 0; i < 3; i++) {
		fds[i] = client_open();
		echo_works(fds[i]);
	}
	extra = client_open();
	line_has(extra, "connection passes max_connections, which is 3");
	cr_expect_str_eq(client_line(extra), "");
	close(extra);
	echo_works(fds[0]);
	close(fds[1]);
	cr_expect_not(client_wait(fds[0], QUIET_MS));
	extra = client_open();
	echo_works(extra);
	close(extra);
	close(fds[0]);
	close(fds[2]);
}

Test(server, client_that_hangs_up_early_harms_nobody)
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

/* Read what has come, turning the loop, until so many lines have been seen. */
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

Test(server, client_that_does_not_read_is_paused_and_loses_nothing)
{
	static const char request[] = "{\"jsonrpc\":\"2.0\",\"method\":\"big\",\"id\":1}\n";
	const unsigned n_requests = 100;
	unsigned n_bound =
		CONNECTION_OUTPUT_HIGH / BIG_BYTES + 10; /* and the socket's own buffer */
	int fd = client_open();

	for (unsigned i = 0; i < n_requests; i++)
		client_say(fd, request);
	for (int i = 0; i < 20; i++)
		event_base_loop(base, EVLOOP_NONBLOCK);
	cr_expect_gt(n_calls, 0);
	cr_expect_leq(n_calls, n_bound, "%u replies made for a client that reads none", n_calls);
	cr_expect_eq(lines_drain(fd, n_requests), n_requests);
	cr_expect_eq(n_calls, n_requests);
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
		event_base_loop(base, EVLOOP_NONBLOCK);
	cr_expect_eq(lines_drain(fd, 50), 50);
	cr_expect_str_eq(client_line(fd), "");
	close(fd);
}

Test(server, live_socket_is_not_taken)
{
	struct fault fault;
	int fd;

	cr_expect_null(rpc_server_create(base, path, &limits, service, &fault));
	cr_expect_eq(fault.code, FAULT_CONFLICT);
	cr_expect_not_null(
		strstr(fault.message, "another process listens there"), "%s", fault.message);
	cr_expect_not_null(strstr(fault.message, path));
	fd = client_open();
	echo_works(fd);
	close(fd);
}

Test(server, stale_socket_is_replaced)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct fault fault;
	int fd;

	rpc_server_destroy(server);
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	cr_assert_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	close(fd);
	server = rpc_server_create(base, path, &limits, service, &fault);
	cr_assert_not_null(server, "%s", fault.message);
	fd = client_open();
	echo_works(fd);
	close(fd);
}

Test(server, file_in_the_way_is_left_alone)
{
	struct stat found;
	struct fault fault;
	FILE *file;

	rpc_server_destroy(server);
	file = fopen(path, "w");
	cr_assert_not_null(file);
	fclose(file);
	server = rpc_server_create(base, path, &limits, service, &fault);
	cr_expect_null(server);
	cr_expect_eq(fault.code, FAULT_CONFLICT);
	cr_expect_eq(stat(path, &found), 0);
}

Test(server, path_must_fit_and_its_directory_exist)
{
	char longest[200];
	struct fault fault;

	memset(longest, 'x', sizeof(longest));
	longest[0] = '/';
	longest[108] = '\0';
	cr_expect_null(rpc_server_create(base, longest, &limits, service, &fault));
	cr_expect_eq(fault.code, FAULT_INVALID_VALUE);
	cr_expect_null(rpc_server_create(base, "", &limits, service, &fault));
	cr_expect_eq(fault.code, FAULT_INVALID_VALUE);
	cr_expect_null(rpc_server_create(base, "/nonexistent/s", &limits, service, &fault));
	cr_expect_not_null(
		strstr(fault.message, "/nonexistent/s: No such file"), "%s", fault.message);
}

Test(server, limits_must_make_sense)
{
	static const struct rpc_limits bad[] = {{0, 6, 1}, {1, 0, 1}, {1, 513, 1}, {1, 6, 0}};
	struct fault fault;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		cr_expect_null(rpc_server_create(base, "/tmp/x", &bad[i], service, &fault));
		cr_expect_eq(fault.code, FAULT_INVALID_VALUE);
	}
}

Test(server, destroy_hangs_up_and_removes_the_socket)
{
	int fd = client_open();

	echo_works(fd);
	rpc_server_destroy(server);
	server = NULL;
	cr_expect_str_eq(client_line(fd), "");
	cr_expect_eq(access(path, F_OK), -1);
	close(fd);
}
