/* SPDX-License-Identifier: BSD-3-Clause */
/* Calls, replies and refusals, against a server of the test. */
#include "cli/client.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <criterion/criterion.h>

#define HOLD_US 1000000 /* longer than a client waits */
#define OK_REPLY(id) "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"result\":{\"n\":" id "}}\n"

struct server {
	char directory[64];
	char path[96];
	int listener;
	pthread_t thread;
	const char *const *replies; /* one a connection; ends with NULL */
	bool reads; /* wait for a line before the reply */
};

static void
read_line(int fd)
{
	char byte;

	while (read(fd, &byte, 1) == 1 && byte != '\n')
		;
}

/* A '|' in a reply cuts it into two writes; an empty one hangs up without a word. */
static void *
server_run(void *arg)
{
	struct server *server = arg;

	for (const char *const *reply = server->replies; *reply != NULL; reply++) {
		const int fd = accept(server->listener, NULL, NULL);
		const size_t first = strcspn(*reply, "|");

		if (server->reads)
			read_line(fd);
		cr_assert_eq(write(fd, *reply, first), (ssize_t)first);
		if ((*reply)[first] == '|') {
			usleep(20000);
			cr_assert_gt(write(fd, *reply + first + 1, strlen(*reply + first + 1)), 0);
		}
		if (!server->reads || (*reply)[0] == '~')
			usleep(HOLD_US);
		close(fd);
	}
	return NULL;
}

static void
server_start(struct server *server, const char *const *replies, bool reads)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	strcpy(server->directory, "/tmp/sluicectl-test-XXXXXX");
	cr_assert_not_null(mkdtemp(server->directory));
	snprintf(server->path, sizeof(server->path), "%s/s", server->directory);
	strcpy(address.sun_path, server->path);
	server->replies = replies;
	server->reads = reads;
	server->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	cr_assert_eq(bind(server->listener, (const struct sockaddr *)&address, sizeof(address)), 0);
	cr_assert_eq(listen(server->listener, 4), 0);
	cr_assert_eq(pthread_create(&server->thread, NULL, server_run, server), 0);
}

static void
server_stop(struct server *server)
{
	pthread_join(server->thread, NULL);
	close(server->listener);
	unlink(server->path);
	rmdir(server->directory);
}

static json_t *
call(struct client *client, json_t *params, struct client_error *error)
{
	json_t *result = client_call(client, "test", params, error);

	return result;
}

Test(client, a_reply_may_arrive_in_pieces)
{
	const char *const replies[] = {
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"res|ult\":{\"n\":1}}\n", NULL};
	struct client_error error;
	struct server server;
	struct client client;
	json_t *result;

	server_start(&server, replies, true);
	client_init(&client, server.path, 2000);
	result = call(&client, json_object(), &error);
	cr_assert_not_null(result, "%s", error.text);
	cr_assert_eq(json_integer_value(json_object_get(result, "n")), 1);
	json_decref(result);
	client_fini(&client);
	server_stop(&server);
}

Test(client, reconnects_after_the_server_closed_the_connection)
{
	const char *const replies[] = {"", OK_REPLY("2"), NULL};
	struct client_error error;
	struct server server;
	struct client client;
	json_t *result;

	server_start(&server, replies, true);
	client_init(&client, server.path, 2000);
	cr_assert_null(call(&client, json_object(), &error));
	cr_assert_eq(error.status, CLIENT_BROKEN);
	cr_assert_not_null(strstr(error.text, "closed the connection"));
	result = call(&client, json_object(), &error);
	cr_assert_not_null(result, "%s", error.text);
	json_decref(result);
	client_fini(&client);
	server_stop(&server);
}

Test(client, times_out)
{
	const char *const replies[] = {"~", NULL};
	struct client_error error;
	struct server server;
	struct client client;

	server_start(&server, replies, true);
	client_init(&client, server.path, 50);
	cr_assert_null(call(&client, json_object(), &error));
	cr_assert_eq(error.status, CLIENT_BROKEN);
	cr_assert_not_null(strstr(error.text, "no reply in 0.050 s"), "%s", error.text);
	client_fini(&client);
	server_stop(&server);
}

/* The request is far larger than the socket's buffers and is never read; the connection stays open.
 */
Test(client, reads_an_error_that_arrives_before_all_was_sent)
{
	const char *const replies[] = {
		"{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32006,"
		"\"message\":\"too long\",\"data\":{\"name\":\"LIMIT\","
		"\"pointer\":\"\"}}}\n",
		NULL};
	const size_t length = 1u << 20;
	struct client_error error;
	struct server server;
	struct client client;
	char *text = malloc(length + 1);

	memset(text, 'a', length);
	text[length] = '\0';
	server_start(&server, replies, false);
	client_init(&client, server.path, HOLD_US / 2000);
	cr_assert_null(call(&client, json_pack("{s:s}", "long", text), &error));
	cr_assert_eq(error.status, CLIENT_REFUSED, "%s", error.text);
	cr_assert_str_eq(error.text, "LIMIT: too long");
	free(text);
	client_fini(&client);
	server_stop(&server);
}

Test(client, reports_why_the_server_is_not_reached)
{
	struct client_error error;
	struct client client;
	char longest[200];

	client_init(&client, "/tmp/sluicectl-test-no-such-socket", 1000);
	cr_assert_null(call(&client, json_object(), &error));
	cr_assert_eq(error.status, CLIENT_UNREACHABLE);
	cr_assert_not_null(strstr(error.text, "/tmp/sluicectl-test-no-such-socket"));
	cr_assert_not_null(strstr(error.text, "start sluiced"));
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	client.path = longest;
	cr_assert_null(call(&client, json_object(), &error));
	cr_assert_eq(error.status, CLIENT_UNREACHABLE);
	client_fini(&client);
}

static json_t *
result_of(const char *source, struct client_error *error)
{
	json_t *reply = json_loads(source, 0, NULL);
	json_t *result;

	cr_assert_not_null(reply, "%s", source);
	error->text[0] = '\0';
	result = reply_result(reply, 7, error);
	json_decref(reply);
	return result;
}

static void
expect_error(const char *source, enum client_status status, const char *name, const char *text)
{
	struct client_error error;

	cr_assert_null(result_of(source, &error));
	cr_expect_eq(error.status, status, "%s", source);
	cr_expect_str_eq(error.name, name);
	cr_expect_str_eq(error.text, text);
}

Test(reply, result)
{
	struct client_error error;
	json_t *result = result_of("{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{\"a\":1}}", &error);

	cr_assert_eq(json_integer_value(json_object_get(result, "a")), 1);
	json_decref(result);
}

Test(reply, refusals)
{
	expect_error(
		"{\"jsonrpc\":\"2.0\",\"id\":7,\"error\":{\"code\":-32003,\"message\":\"in use\","
		"\"data\":{\"name\":\"CONFLICT\",\"pointer\":\"/flows/0/id\"}}}",
		CLIENT_REFUSED, "CONFLICT", "CONFLICT at /flows/0/id: in use");
	expect_error(
		"{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32006,\"message\":\"full\","
		"\"data\":{\"name\":\"LIMIT\",\"pointer\":\"\"}}}",
		CLIENT_REFUSED, "LIMIT", "LIMIT: full");
	expect_error(
		"{\"jsonrpc\":\"2.0\",\"id\":7,\"error\":{\"code\":-32000,\"message\":\"no\"}}",
		CLIENT_REFUSED, "error -32000", "error -32000: no");
}

Test(reply, what_is_no_reply)
{
	expect_error("[]", CLIENT_BROKEN, "", "the reply is not JSON-RPC 2.0");
	expect_error(
		"{\"id\":7,\"result\":{}}", CLIENT_BROKEN, "", "the reply is not JSON-RPC 2.0");
	expect_error("{\"jsonrpc\":\"1.0\",\"id\":7,\"result\":{}}", CLIENT_BROKEN, "",
		"the reply is not JSON-RPC 2.0");
	expect_error("{\"jsonrpc\":\"2.0\",\"id\":8,\"result\":{}}", CLIENT_BROKEN, "",
		"the reply is to another call");
	expect_error("{\"jsonrpc\":\"2.0\",\"id\":null,\"result\":{}}", CLIENT_BROKEN, "",
		"the reply is to another call");
	expect_error("{\"jsonrpc\":\"2.0\",\"id\":8,\"error\":{\"code\":1,\"message\":\"m\"}}",
		CLIENT_BROKEN, "", "the reply is to another call");
	expect_error("{\"jsonrpc\":\"2.0\",\"id\":7}", CLIENT_BROKEN, "",
		"the reply has no result object");
	expect_error("{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":[]}", CLIENT_BROKEN, "",
		"the reply has no result object");
	expect_error("{\"jsonrpc\":\"2.0\",\"id\":7,\"error\":{\"message\":\"m\"}}", CLIENT_BROKEN,
		"", "the reply's error has no code or no message");
}
