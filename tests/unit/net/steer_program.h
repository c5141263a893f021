/* SPDX-License-Identifier: BSD-3-Clause */
/* Loading the built steering program the way the AF_XDP driver does: from its object file. */
#ifndef TEST_NET_STEER_PROGRAM_H
#define TEST_NET_STEER_PROGRAM_H

#include <bpf/libbpf.h>

/* The loaded object; close it with bpf_object__close(). *program_fd belongs to the object. */
struct bpf_object *steer_program_load(int *program_fd);

#endif
