/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The mark is a map of one element that the program never reads. bpf_prog_bind_map() ties its life
 * to the program's, so the mark needs no clean-up and cannot outlive what it speaks of. The start
 * time stands beside the process id because ids are used again.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "net/owner.h"

#define OWNER_MAP "sluice_owner"

struct owner {
	uint64_t pid;
	uint64_t started; /* clock ticks from boot to the start of the process */
};

/* Field 22 of /proc/PID/stat (proc(5)); 0 = there is no such process, or it is dead already. */
static uint64_t
process_started(uint64_t pid)
{
	char path[64];
	char line[1024] = "";
	uint64_t started = 0;
	char state = 'X';
	const char *after_name;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%" PRIu64 "/stat", pid);
	file = fopen(path, "re");
	if (!file)
		return 0;
	/* The name is in parentheses and may hold any character: count from the last one. */
	after_name = fgets(line, sizeof(line), file) ? strrchr(line, ')') : NULL;
	if (after_name)
		sscanf(after_name + 1,
			" %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d"
			" %*d %" SCNu64,
			&state, &started);
	fclose(file);
	return state == 'Z' || state == 'X' ? 0 : started;
}

pid_t
owner_read(const struct program *program)
{
	struct bpf_map_info info;
	struct owner owner = {0};
	uint32_t slot = 0;
	int fd = program_map_open(program, OWNER_MAP, &info);

	if (fd < 0)
		return 0;
	if (info.value_size != sizeof(owner) || bpf_map_lookup_elem(fd, &slot, &owner) < 0)
		owner.pid = 0;
	close(fd);
	if (owner.pid == 0 || owner.pid == (uint64_t)getpid() || owner.started == 0 ||
		process_started(owner.pid) != owner.started)
		return 0;
	return (pid_t)owner.pid;
}

/* The map that holds the mark, made and bound when the program has none yet. */
static int
owner_map_open(const struct program *program)
{
	struct bpf_map_info info;
	int fd = program_map_open(program, OWNER_MAP, &info);
	int ret;

	if (fd != -ENOENT)
		return fd;
	fd = bpf_map_create(
		BPF_MAP_TYPE_ARRAY, OWNER_MAP, sizeof(uint32_t), sizeof(struct owner), 1, NULL);
	if (fd < 0)
		return fd;
	ret = bpf_prog_bind_map(program->fd, fd, NULL);
	if (ret == 0)
		return fd;
	close(fd);
	return ret;
}

int
owner_write(const struct program *program)
{
	struct owner owner = {.pid = (uint64_t)getpid()};
	uint32_t slot = 0;
	int fd = owner_map_open(program);
	int ret;

	if (fd < 0)
		return fd;
	owner.started = process_started(owner.pid);
	ret = bpf_map_update_elem(fd, &slot, &owner, BPF_ANY);
	close(fd);
	return ret;
}
