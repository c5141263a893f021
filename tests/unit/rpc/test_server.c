/* SPDX-License-Identifier: BSD-3-Clause */
/* Connections over the real socket: what they carry, and what limits them. */
#include <criterion/criterion.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "rpc/connection.h"
#include "server_rig.h"

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

	cr_assert_eq(stat(rig()->path, &found), 0);
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
	cr_expect_eq(rig()->n_calls, 1);
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

/* What runs the tests is the server's own user, for whom two places more are kept. */
Test(server, connection_too_many_is_told_and_closed)
{
	int fds[5];
	int extra;

	for (int i = 0; i < 5; i++) {
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
	for (int i = 2; i < 5; i++)
		close(fds[i]);
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
		event_base_loop(rig()->base, EVLOOP_NONBLOCK);
	cr_expect_gt(rig()->n_calls, 0);
	cr_expect_leq(rig()->n_calls, n_bound, "%u replies made for a client that reads none",
		rig()->n_calls);
	cr_expect_eq(lines_drain(fd, n_requests), n_requests);
	cr_expect_eq(rig()->n_calls, n_requests);
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
		event_base_loop(rig()->base, EVLOOP_NONBLOCK);
	cr_expect_eq(lines_drain(fd, 50), 50);
	cr_expect_str_eq(client_line(fd), "");
	close(fd);
}

Test(server, live_socket_is_not_taken)
{
	struct fault fault;
	int fd;

	cr_expect_null(server_rig_listen(rig()->path, &server_rig_limits, &fault));
	cr_expect_eq(fault.code, FAULT_CONFLICT);
	cr_expect_not_null(
		strstr(fault.message, "another process listens there"), "%s", fault.message);
	cr_expect_not_null(strstr(fault.message, rig()->path));
	fd = client_open();
	echo_works(fd);
	close(fd);
}

Test(server, stale_socket_is_replaced)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct fault fault;
	int fd;

	rpc_server_destroy(rig()->server);
	strcpy(address.sun_path, rig()->path);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	cr_assert_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	close(fd);
	rig()->server = server_rig_listen(rig()->path, &server_rig_limits, &fault);
	cr_assert_not_null(rig()->server, "%s", fault.message);
	fd = client_open();
	echo_works(fd);
	close(fd);
}

Test(server, file_in_the_way_is_left_alone)
{
	struct stat found;
	struct fault fault;
	FILE *file;

	rpc_server_destroy(rig()->server);
	file = fopen(rig()->path, "w");
	cr_assert_not_null(file);
	fclose(file);
	rig()->server = server_rig_listen(rig()->path, &server_rig_limits, &fault);
	cr_expect_null(rig()->server);
	cr_expect_eq(fault.code, FAULT_CONFLICT);
	cr_expect_eq(stat(rig()->path, &found), 0);
}

Test(server, path_must_fit_and_its_directory_exist)
{
	char longest[200];
	struct fault fault;

	memset(longest, 'x', sizeof(longest));
	longest[0] = '/';
	longest[108] = '\0';
	cr_expect_null(server_rig_listen(longest, &server_rig_limits, &fault));
	cr_expect_eq(fault.code, FAULT_INVALID_VALUE);
	cr_expect_null(server_rig_listen("", &server_rig_limits, &fault));
	cr_expect_eq(fault.code, FAULT_INVALID_VALUE);
	cr_expect_null(server_rig_listen("/nonexistent/s", &server_rig_limits, &fault));
	cr_expect_not_null(
		strstr(fault.message, "/nonexistent/s: No such file"), "%s", fault.message);
}

Test(server, limits_must_make_sense)
{
	static const struct rpc_limits bad[] = {{0, 6, 1}, {1, 0, 1}, {1, 513, 1}, {1, 6, 0}};
	struct fault fault;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		cr_expect_null(server_rig_listen("/tmp/x", &bad[i], &fault));
		cr_expect_eq(fault.code, FAULT_INVALID_VALUE);
	}
}

Test(server, destroy_hangs_up_and_removes_the_socket)
{
	int fd = client_open();

	echo_works(fd);
	rpc_server_destroy(rig()->server);
	rig()->server = NULL;
	cr_expect_str_eq(client_line(fd), "");
	cr_expect_eq(access(rig()->path, F_OK), -1);
	close(fd);
}
