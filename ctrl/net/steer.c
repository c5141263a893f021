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

#include "net/interface.h"
#include "net/owner.h"
#include "net/program.h"
#include "net/steer.h"
#include "net/steer_ranges.h"

enum steer_map {
	MAP_KEYS,
	MAP_PAIRS,
	MAP_NEAR,
	MAP_TALLY,
	MAP_RANGES,
	MAP_ACTIVE,
	MAP_PORT,
	MAP_COUNT
};

/* What the program's maps look like; one of another version of ours has others. */
static const struct {
	const char *name;
	uint32_t type;
	uint32_t key_bytes;
	uint32_t value_bytes;
} shapes[MAP_COUNT] = {
	[MAP_KEYS] = {STEER_TEXT(STEER_KEYS), BPF_MAP_TYPE_HASH, sizeof(struct steer_key),
		sizeof(struct steer_uses)},
	[MAP_PAIRS] = {STEER_TEXT(STEER_PAIRS), BPF_MAP_TYPE_HASH, sizeof(struct steer_pair), 4},
	[MAP_NEAR] = {STEER_TEXT(STEER_NEAR), BPF_MAP_TYPE_HASH, sizeof(struct steer_key), 4},
	[MAP_TALLY] = {STEER_TEXT(STEER_TALLY), BPF_MAP_TYPE_PERCPU_ARRAY, 4,
		sizeof(struct steer_tally)},
	[MAP_RANGES] = {STEER_TEXT(STEER_RANGES), BPF_MAP_TYPE_ARRAY, 4,
		sizeof(struct steer_ranges)},
	[MAP_ACTIVE] = {STEER_TEXT(STEER_ACTIVE), BPF_MAP_TYPE_ARRAY, 4, 4},
	[MAP_PORT] = {STEER_TEXT(STEER_PORT), BPF_MAP_TYPE_ARRAY, 4, sizeof(struct steer_port)},
};

struct steer {
	unsigned ifindex;
	int fd[MAP_COUNT]; /* -1: not open */
	unsigned n_keys; /* in the map */
	struct steer_range_maps ranges;
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

/* The program's map, or -EPROTO when it is not shaped like ours. */
static int
map_open(const struct program *program, enum steer_map map)
{
	struct bpf_map_info info;
	int fd = program_map_open(program, shapes[map].name, &info);

	if (fd == -ENOENT)
		return -EPROTO;
	if (fd < 0)
		return fd;
	if (info.type == shapes[map].type && info.key_size == shapes[map].key_bytes &&
		info.value_size == shapes[map].value_bytes)
		return fd;
	close(fd);
	return -EPROTO;
}

static int
maps_open(struct steer *steer, const struct program *program)
{
	int map;

	for (map = 0; map < MAP_COUNT; map++) {
		steer->fd[map] = map_open(program, (enum steer_map)map);
		if (steer->fd[map] < 0)
			return steer->fd[map];
	}
	return steer_ranges_init(&steer->ranges, steer->fd[MAP_RANGES], steer->fd[MAP_ACTIVE]);
}

/* Open the maps, and mark the program as ours once it turns out that it can be used. */
static int
program_claim(struct steer *steer, const struct program *program)
{
	int ret;

	if (!program_is_ours(program) || owner_read(program) > 0)
		return -EBUSY;
	steer->n_keys = 0;
	ret = maps_open(steer, program);
	if (ret == 0)
		ret = steer_follow_mac(steer);
	return ret < 0 ? ret : owner_write(program);
}

int
steer_open(unsigned ifindex, struct steer **steer)
{
	struct steer *opened;
	struct program program;
	int ret;

	*steer = NULL;
	ret = program_find(ifindex, &program);
	if (ret < 0)
		return ret;
	opened = malloc(sizeof(*opened));
	if (!opened) {
		program_release(&program);
		return -ENOMEM;
	}
	opened->ifindex = ifindex;
	memset(opened->fd, 0xff, sizeof(opened->fd));
	ret = program_claim(opened, &program);
	program_release(&program);
	if (ret < 0)
		steer_close(opened);
	else
		*steer = opened;
	return ret;
}

int
steer_follow_mac(struct steer *steer)
{
	const uint32_t only = 0;
	struct steer_port port = {0};
	int ret = interface_mac(steer->ifindex, port.mac);

	if (ret < 0)
		return ret;
	return bpf_map_update_elem(steer->fd[MAP_PORT], &only, &port, BPF_ANY);
}

/* One more, or one less, of what a map counts. -ENOSPC: the map is full. */
static int
count_add(int fd, const void *key)
{
	uint32_t uses = 1;
	int ret = bpf_map_update_elem(fd, key, &uses, BPF_NOEXIST);

	if (ret == -EEXIST) {
		ret = bpf_map_lookup_elem(fd, key, &uses);
		if (ret == 0) {
			uses++;
			ret = bpf_map_update_elem(fd, key, &uses, BPF_EXIST);
		}
	}
	return ret == -E2BIG ? -ENOSPC : ret;
}

static int
count_del(int fd, const void *key)
{
	uint32_t uses = 0;
	int ret = bpf_map_lookup_elem(fd, key, &uses);

	if (ret < 0)
		return ret;
	if (uses <= 1)
		return bpf_map_delete_elem(fd, key);
	uses--;
	return bpf_map_update_elem(fd, key, &uses, BPF_EXIST);
}

/* A key has come or gone. Without room for it here, packets are counted under another cause. */
static void
near_change(const struct steer *steer, const struct steer_key *key,
	int (*change)(int fd, const void *key))
{
	struct steer_key near = *key;

	near.vlan = near.outer_vlan = 0;
	near.near = STEER_NEAR_PORT;
	change(steer->fd[MAP_NEAR], &near);
	near.port = 0;
	near.near = STEER_NEAR_ADDRESS;
	change(steer->fd[MAP_NEAR], &near);
}

static int
pair_change(const struct steer *steer, const struct steer_key *key, const struct steer_end *source,
	int (*change)(int fd, const void *key))
{
	const struct steer_pair pair = {.key = *key, .source = *source};

	return change(steer->fd[MAP_PAIRS], &pair);
}

int
steer_add(struct steer *steer, const struct steer_key *key, const struct steer_end *source)
{
	const int fd = steer->fd[MAP_KEYS];
	struct steer_uses uses = {0};
	int ret = bpf_map_lookup_elem(fd, key, &uses);
	const bool is_new = ret == -ENOENT;

	if (ret < 0 && !is_new)
		return ret;
	/* The source first: from the key on, others are dropped. */
	if (source && pair_change(steer, key, source, count_add) < 0)
		source = NULL;
	if (source)
		uses.pairs++;
	else
		uses.any++;
	ret = bpf_map_update_elem(fd, key, &uses, BPF_ANY);
	if (ret < 0 && source)
		pair_change(steer, key, source, count_del);
	if (ret == 0 && is_new) {
		near_change(steer, key, count_add);
		steer->n_keys++;
	}
	return ret == -E2BIG ? -ENOSPC : ret;
}

/*
 * A source for which there was no room was counted with those of any. When several have the same
 * one, the first deletion takes it from the pairs, whichever of them it was that stood there: what
 * is steered is the same.
 */
int
steer_del(struct steer *steer, const struct steer_key *key, const struct steer_end *source)
{
	const int fd = steer->fd[MAP_KEYS];
	struct steer_uses uses = {0};
	int ret = bpf_map_lookup_elem(fd, key, &uses);

	if (ret < 0)
		return ret;
	if (source && pair_change(steer, key, source, count_del) == 0)
		uses.pairs--;
	else if (uses.any > 0)
		uses.any--;
	else
		return -ENOENT;
	if (uses.any + uses.pairs > 0)
		return bpf_map_update_elem(fd, key, &uses, BPF_EXIST);
	ret = bpf_map_delete_elem(fd, key);
	if (ret == 0) {
		near_change(steer, key, count_del);
		steer->n_keys--;
	}
	return ret;
}

int
steer_narrow(struct steer *steer, const struct steer_key *key, const struct steer_end *source)
{
	const int fd = steer->fd[MAP_KEYS];
	struct steer_uses uses = {0};
	int ret = bpf_map_lookup_elem(fd, key, &uses);

	if (ret == 0 && uses.any == 0)
		ret = -ENOENT;
	if (ret == 0)
		ret = pair_change(steer, key, source, count_add);
	if (ret < 0)
		return ret;
	uses.any--;
	uses.pairs++;
	ret = bpf_map_update_elem(fd, key, &uses, BPF_EXIST);
	if (ret < 0)
		pair_change(steer, key, source, count_del);
	return ret;
}

int
steer_tally_read(const struct steer *steer, struct steer_tally *tally)
{
	const int n_cpus = libbpf_num_possible_cpus();
	struct steer_tally *of_cpu;
	const uint32_t only = 0;
	unsigned i;
	int ret, cpu;

	memset(tally, 0, sizeof(*tally));
	if (n_cpus < 0)
		return n_cpus;
	of_cpu = calloc((size_t)n_cpus, sizeof(*of_cpu));
	if (!of_cpu)
		return -ENOMEM;
	ret = bpf_map_lookup_elem(steer->fd[MAP_TALLY], &only, of_cpu);
	for (cpu = 0; ret == 0 && cpu < n_cpus; cpu++) {
		for (i = 0; i < STEER_COUNTS; i++)
			tally->packets[i] += of_cpu[cpu].packets[i];
	}
	free(of_cpu);
	return ret;
}

unsigned
steer_key_count(const struct steer *steer)
{
	return steer->n_keys;
}

int
steer_has(const struct steer *steer, const struct steer_key *key)
{
	struct steer_uses uses;
	const int ret = bpf_map_lookup_elem(steer->fd[MAP_KEYS], key, &uses);

	return ret == -ENOENT ? 0 : ret < 0 ? ret : 1;
}

int
steer_add_range(struct steer *steer, const struct steer_range *range)
{
	return steer_ranges_add(&steer->ranges, range);
}

int
steer_del_range(struct steer *steer, const struct steer_range *range)
{
	return steer_ranges_del(&steer->ranges, range);
}

unsigned
steer_range_count(const struct steer *steer)
{
	return steer->ranges.set.n;
}

bool
steer_has_range(const struct steer *steer, const struct steer_range *range)
{
	return steer_ranges_has(&steer->ranges, range);
}

void
steer_close(struct steer *steer)
{
	int map;

	if (!steer)
		return;
	for (map = 0; map < MAP_COUNT; map++) {
		if (steer->fd[map] >= 0)
			close(steer->fd[map]);
	}
	free(steer);
}
