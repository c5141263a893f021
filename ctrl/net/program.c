/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From an interface to its XDP program, from a program to its maps: all by asking the kernel for
 * ids. An id may vanish between being listed and being opened; such a map is passed over.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>

#include "af_xdp/steer_layout.h"
#include "net/program.h"

#define PROGRAM_MAPS_MAX 16 /* ours has nine; one with more is not ours */

/* The id and the mode of what is attached; 0 = nothing. */
static int
program_query(unsigned ifindex, struct program *program)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, opts);
	int ret = bpf_xdp_query((int)ifindex, 0, &opts);

	if (ret < 0)
		return ret;
	switch (opts.attach_mode) {
	case XDP_ATTACHED_NONE:
		return -ENOENT;
	case XDP_ATTACHED_DRV:
		program->mode_flags = XDP_FLAGS_DRV_MODE;
		break;
	case XDP_ATTACHED_SKB:
		program->mode_flags = XDP_FLAGS_SKB_MODE;
		break;
	case XDP_ATTACHED_HW:
		program->mode_flags = XDP_FLAGS_HW_MODE;
		break;
	default:
		return -EBUSY;
	}
	program->id = opts.prog_id;
	return 0;
}

int
program_find(unsigned ifindex, struct program *program)
{
	struct bpf_prog_info info = {0};
	uint32_t info_size = sizeof(info);
	int ret;

	memset(program, 0, sizeof(*program));
	ret = program_query(ifindex, program);
	if (ret < 0)
		return ret;
	program->fd = bpf_prog_get_fd_by_id(program->id);
	if (program->fd < 0)
		return program->fd;
	ret = bpf_obj_get_info_by_fd(program->fd, &info, &info_size);
	if (ret < 0) {
		program_release(program);
		return ret;
	}
	memcpy(program->name, info.name, sizeof(program->name));
	return 0;
}

bool
program_is_ours(const struct program *program)
{
	return strcmp(program->name, STEER_TEXT(STEER_PROGRAM)) == 0;
}

int
program_map_open(const struct program *program, const char *name, struct bpf_map_info *info)
{
	uint32_t ids[PROGRAM_MAPS_MAX] = {0};
	struct bpf_prog_info program_info = {
		.nr_map_ids = PROGRAM_MAPS_MAX,
		.map_ids = (uintptr_t)ids,
	};
	uint32_t size = sizeof(program_info);
	int ret = bpf_obj_get_info_by_fd(program->fd, &program_info, &size);

	if (ret < 0)
		return ret;
	for (uint32_t i = 0; i < program_info.nr_map_ids && i < PROGRAM_MAPS_MAX; i++) {
		int fd = bpf_map_get_fd_by_id(ids[i]);

		if (fd < 0)
			continue;
		memset(info, 0, sizeof(*info));
		size = sizeof(*info);
		if (bpf_obj_get_info_by_fd(fd, info, &size) == 0 && strcmp(info->name, name) == 0)
			return fd;
		close(fd);
	}
	return -ENOENT;
}

void
program_release(struct program *program)
{
	close(program->fd);
	program->fd = -1;
}
