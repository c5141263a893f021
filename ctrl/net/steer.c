/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Steering without pins: nothing of ours is in the BPF file system, so nothing of ours is left
 * behind there. The kernel knows which program is attached to an interface and which maps it uses;
 * names tell ours from others'. How often a key was added stands in the map itself.
 *
 * What does survive a crash is the program's attachment. To tell a crashed run from one that is
 * alive, the owner's mark (owner.h) is bound to the program.
 */
#include <errno.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>

#include "net/owner.h"
#include "net/program.h"
#include "net/steer.h"

struct steer {
	int keys_fd;
};

/* Say what is in the way on the interface; returns code, for `return clean_fault(...)`. */
static int __attribute__((format(printf, 5, 6)))
clean_fault(char *error, size_t error_size, unsigned ifindex, int code, const char *format, ...)
{
	char name[IF_NAMESIZE];
	char what[128];
	va_list args;

	if (!if_indextoname(ifindex, name))
		snprintf(name, sizeof(name), "#%u", ifindex);
	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	snprintf(error, error_size, "interface %s: %s", name, what);
	return code;
}

static int
program_detach(unsigned ifindex, const struct program *program)
{
	LIBBPF_OPTS(bpf_xdp_attach_opts, opts, .old_prog_fd = program->fd);

	/* Only if it is still the one that was looked at. */
	return bpf_xdp_detach((int)ifindex, program->mode_flags | XDP_FLAGS_REPLACE, &opts);
}

/* Refuse what is somebody's, detach what is nobody's any more. */
static int
program_clean(unsigned ifindex, const struct program *program, char *error, size_t error_size)
{
	pid_t owner = owner_read(program);
	int ret;

	if (!program_is_ours(program))
		return clean_fault(error, error_size, ifindex, -EBUSY,
			"found XDP program \"%s\" (id %u), expected none", program->name,
			program->id);
	if (owner > 0)
		return clean_fault(error, error_size, ifindex, -EBUSY,
			"process %d uses it as a port, expected none", (int)owner);
	ret = program_detach(ifindex, program);
	if (ret < 0)
		return clean_fault(error, error_size, ifindex, ret,
			"cannot detach what a crashed run left: %s", strerror(-ret));
	return 0;
}

int
steer_clean(unsigned ifindex, char *error, size_t error_size)
{
	struct program program;
	int ret = program_find(ifindex, &program);

	if (ret == -ENOENT)
		return 0;
	if (ret == -EBUSY)
		return clean_fault(error, error_size, ifindex, ret,
			"found several XDP programs, expected none");
	if (ret < 0)
		return clean_fault(error, error_size, ifindex, ret,
			"cannot look for XDP programs: %s", strerror(-ret));
	ret = program_clean(ifindex, &program, error, error_size);
	program_release(&program);
	return ret;
}

/* The program's key map, or -EPROTO when it is not shaped like ours. */
static int
keys_open(const struct program *program)
{
	struct bpf_map_info info;
	int fd = program_map_open(program, STEER_TEXT(STEER_KEYS), &info);

	if (fd == -ENOENT)
		return -EPROTO;
	if (fd < 0)
		return fd;
	if (info.type == BPF_MAP_TYPE_HASH && info.key_size == sizeof(struct steer_key) &&
		info.value_size == sizeof(uint32_t))
		return fd;
	close(fd);
	return -EPROTO;
}

static int
keys_claim(const struct program *program)
{
	int keys_fd;
	int ret;

	if (!program_is_ours(program) || owner_read(program) > 0)
		return -EBUSY;
	keys_fd = keys_open(program);
	if (keys_fd < 0)
		return keys_fd;
	ret = owner_write(program);
	if (ret == 0)
		return keys_fd;
	close(keys_fd);
	return ret;
}

int
steer_open(unsigned ifindex, struct steer **steer)
{
	struct program program;
	int ret;

	*steer = NULL;
	ret = program_find(ifindex, &program);
	if (ret < 0)
		return ret;
	ret = keys_claim(&program);
	program_release(&program);
	if (ret < 0)
		return ret;
	*steer = malloc(sizeof(**steer));
	if (!*steer) {
		close(ret);
		return -ENOMEM;
	}
	(*steer)->keys_fd = ret;
	return 0;
}

int
steer_add(struct steer *steer, const struct steer_key *key)
{
	uint32_t uses = 0;
	int ret = bpf_map_lookup_elem(steer->keys_fd, key, &uses);

	if (ret < 0 && ret != -ENOENT)
		return ret;
	uses++;
	ret = bpf_map_update_elem(steer->keys_fd, key, &uses, BPF_ANY);
	return ret == -E2BIG ? -ENOSPC : ret;
}

int
steer_del(struct steer *steer, const struct steer_key *key)
{
	uint32_t uses = 0;
	int ret = bpf_map_lookup_elem(steer->keys_fd, key, &uses);

	if (ret < 0)
		return ret;
	if (uses <= 1)
		return bpf_map_delete_elem(steer->keys_fd, key);
	uses--;
	return bpf_map_update_elem(steer->keys_fd, key, &uses, BPF_EXIST);
}

void
steer_close(struct steer *steer)
{
	if (!steer)
		return;
	close(steer->keys_fd);
	free(steer);
}
