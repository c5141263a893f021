/* SPDX-License-Identifier: BSD-3-Clause */
/* Loading the built steering program the way the AF_XDP driver does: from its object file. */
#ifndef TEST_NET_STEER_PROGRAM_H
#define TEST_NET_STEER_PROGRAM_H

#include <stddef.h>
#include <stdint.h>

#include <bpf/libbpf.h>

/* The loaded object; close it with bpf_object__close(). *program_fd belongs to the object. */
struct bpf_object *steer_program_load(int *program_fd);

/* Put an AF_XDP socket where the driver puts the one of queue 0; the caller closes it. */
int steer_program_socket(struct bpf_object *object);

/* The program's verdict on a frame that came in on queue 0; it must leave the frame as it was. */
uint32_t steer_program_run(int program_fd, const uint8_t *bytes, size_t size);

#endif
