/* SPDX-License-Identifier: BSD-3-Clause */
#include "server_rig.h"

#include <criterion/criterion.h>

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "schema/schema.h"

static struct server_rig state;

struct server_rig *
rig(void)
{
	return &state;
}

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
	rig()->n_calls++;
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
	rig()->n_calls++;
	memset(text, 'x', BIG_BYTES);
	return json_string(text);
}

static json_t *
later(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault)
{
	(void)ctx;
	(void)params;
	(void)fault;
	rig()->n_calls++;
	rig()->waiting = call;
	return rpc_call_defer(call);
}

static const struct rpc_method methods[] = {{"echo", echo}, {"later", later}, {"big", big}};
const struct rpc_limits server_rig_limits = {
	.message_bytes = 200, .depth = 6, .connections = 3, .waiting_bytes = 64 << 20};
static const struct access access_default = {
	.default_role = ROLE_VIEWER, .socket_group = UINT32_MAX};

struct rpc_server *
server_rig_listen(const char *path, const struct rpc_limits *limits, struct fault *fault)
{
	const struct rpc_server_config config = {
		.socket_path = path, .limits = *limits, .access = &access_default};

	return rpc_server_create(rig()->base, &config, rig()->service, fault);
}

static char directory[] = "/tmp/test-server-XXXXXX";
void
server_rig_setup(void)
{
	json_t *document = json_loads(document_text, 0, NULL);
	struct fault fault;

	memset(&state, 0, sizeof(state));
	cr_assert_not_null(mkdtemp(directory));
	snprintf(rig()->path, sizeof(rig()->path), "%s/rpc.sock", directory);
	rig()->base = event_base_new();
	rig()->service = rpc_service_create(document, methods, 3, NULL);
	json_decref(document);
	rig()->server = server_rig_listen(rig()->path, &server_rig_limits, &fault);
	cr_assert_not_null(rig()->server, "%s", fault.message);
}

void
server_rig_teardown(void)
{
	rpc_server_destroy(rig()->server);
	rpc_service_destroy(rig()->service);
	event_base_free(rig()->base);
	unlink(rig()->path);
	rmdir(directory);
	schema_documents_release();
}

int
client_open(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	strcpy(address.sun_path, rig()->path);
	cr_assert_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

void
client_say(int fd, const char *text)
{
	cr_assert_eq(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

bool
client_wait(int fd, int patience_ms)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

	for (int waited_ms = 0; waited_ms <= patience_ms; waited_ms += 5) {
		event_base_loop(rig()->base, EVLOOP_NONBLOCK);
		if (poll(&poll_fd, 1, 5) > 0)
			return true;
	}
	return false;
}

const char *
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

void
line_has(int fd, const char *text)
{
	const char *line = client_line(fd);

	cr_expect_not_null(strstr(line, text), "%s, expected %s in it", line, text);
}

void
echo_works(int fd)
{
	client_say(fd, "{\"jsonrpc\":\"2.0\",\"method\":\"echo\",\"params\":{\"x\":5},\"id\":5}\n");
	cr_expect_str_eq(client_line(fd), "{\"jsonrpc\":\"2.0\",\"result\":{\"x\":5},\"id\":5}");
}

unsigned
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

void
loop_turn(void)
{
	for (int i = 0; i < 20; i++)
		event_base_loop(rig()->base, EVLOOP_NONBLOCK);
}
