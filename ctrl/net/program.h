/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The XDP program on an interface, as the kernel tells it: no file, no pin, only ids and names.
 * Control thread.
 */
#ifndef CTRL_NET_PROGRAM_H
#define CTRL_NET_PROGRAM_H

#include <stdbool.h>
#include <stdint.h>

#include <linux/bpf.h>

struct program {
	int fd;
	uint32_t id;
	uint32_t mode_flags; /* XDP_FLAGS_DRV_MODE and the like: how it is attached */
	char name[BPF_OBJ_NAME_LEN];
};

/*
 * Look up what is attached to the interface. 0: *program is the caller's to release; -ENOENT:
 * nothing; -EBUSY: programs in several modes at once, which ours never is; or what the kernel said.
 */
int program_find(unsigned ifindex, struct program *program);

/* By its name. */
bool program_is_ours(const struct program *program);

/*
 * Open the map of this name among those that the program uses, and describe it in *info. Returns
 * a descriptor that is the caller's to close; -ENOENT: the program has none of that name.
 */
int program_map_open(const struct program *program, const char *name, struct bpf_map_info *info);

void program_release(struct program *program);

#endif
