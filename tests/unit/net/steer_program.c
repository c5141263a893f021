/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>
#include <sys/socket.h>

#include <bpf/bpf.h>
#include <criterion/criterion.h>

#include "af_xdp/steer_layout.h"
#include "frame.h"
#include "steer_program.h"

struct bpf_object *
steer_program_load(int *program_fd)
{
	struct bpf_object *object = bpf_object__open_file(STEER_OBJECT, NULL);
	const struct steer_port port = {.mac = {2, 0, 0, 0, 0, 1}}; /* of frame_build() */
	const uint32_t only = 0;
	struct bpf_program *program;
	int port_fd;

	cr_assert_not_null(object, "cannot open %s", STEER_OBJECT);
	cr_assert_eq(bpf_object__load(object), 0);
	program = bpf_object__find_program_by_name(object, STEER_TEXT(STEER_PROGRAM));
	cr_assert_not_null(program);
	*program_fd = bpf_program__fd(program);
	port_fd = bpf_object__find_map_fd_by_name(object, STEER_TEXT(STEER_PORT));
	cr_assert_eq(bpf_map_update_elem(port_fd, &only, &port, BPF_ANY), 0);
	return object;
}

int
steer_program_socket(struct bpf_object *object)
{
	int sockets_fd = bpf_object__find_map_fd_by_name(object, STEER_TEXT(STEER_SOCKETS));
	int fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
	uint32_t queue = 0;

	cr_assert_geq(fd, 0, "AF_XDP socket: %m");
	cr_assert_eq(bpf_map_update_elem(sockets_fd, &queue, &fd, BPF_ANY), 0);
	return fd;
}

uint32_t
steer_program_run(int program_fd, const uint8_t *bytes, size_t size)
{
	uint8_t out[FRAME_MAX] = {0};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = bytes, .data_size_in = (uint32_t)size,
		.data_out = out, .data_size_out = sizeof(out), .repeat = 1);

	cr_assert_eq(bpf_prog_test_run_opts(program_fd, &opts), 0, "test run: %m");
	cr_assert_eq(opts.data_size_out, size);
	cr_assert_eq(memcmp(out, bytes, size), 0, "the program changed the frame");
	return opts.retval;
}
