/* SPDX-License-Identifier: BSD-3-Clause */
#include <criterion/criterion.h>

#include "af_xdp/steer_layout.h"
#include "steer_program.h"

struct bpf_object *
steer_program_load(int *program_fd)
{
	struct bpf_object *object = bpf_object__open_file(STEER_OBJECT, NULL);
	struct bpf_program *program;

	cr_assert_not_null(object, "cannot open %s", STEER_OBJECT);
	cr_assert_eq(bpf_object__load(object), 0);
	program = bpf_object__find_program_by_name(object, STEER_TEXT(STEER_PROGRAM));
	cr_assert_not_null(program);
	*program_fd = bpf_program__fd(program);
	return object;
}
