/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Steering without pins: nothing of ours is in the BPF file system, so nothing of ours is left
 * behind there. The kernel knows which program is attached to an interface and which maps it uses;
 * names distinguish ours from others'. All is found by ids that the kernel lists; one may vanish
 * between being listed and being opened, and such a map is skipped. How often a key was added
 * stands in the map itself.
 *
 * What survives a crash is the program's attachment. To distinguish a crashed run from one that is
 * alive, a mark is bound to the program: a map of one element that the program never reads.
 * bpf_prog_bind_map() ties its life to the program's, so the mark needs no clean-up. The start time
 * stands beside the process id because ids are used again. Process ids are those of the reader's
 * PID namespace; two appliances that share a network namespace must share that too.
 *
 * A set of ranges is too long to be written in one go while the program walks over it. So it is
 * written to the slot that is not in use, and then the four bytes are changed that say which is. A
 * run of the program that began before walks the old set to its end; that one is only written again
 * at the change after this one.
 */
#include "net/xdp_steer.h"

#include <errno.h>
#include <inttypes.h>
#include <net/if.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <linux/if_link.h>

#include "net/netlink.h"

enum steer_map {
	MAP_KEYS,
	MAP_PAIRS,
	MAP_NEAR,
	MAP_TALLY,
	MAP_RANGES,
	MAP_ACTIVE,
	MAP_PORT,
	MAP_MACS,
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
	[MAP_MACS] = {STEER_TEXT(STEER_MACS), BPF_MAP_TYPE_HASH, sizeof(struct steer_mac), 4},
};

struct steer {
	unsigned ifindex;
	int program_fd; /* so that it lives on if it is taken off the interface */
	uint32_t program_id;
	uint32_t mode_flags; /* as in struct program */
	int fd[MAP_COUNT]; /* -1: not open */
	unsigned n_keys; /* in the map */
	struct steer_ranges ranges; /* those in use */
	uint32_t ranges_slot; /* in the map, of those in use or last in use */
	struct steer_mac *macs; /* wanted in the map */
	unsigned n_macs;
};

#define PROGRAM_MAPS_MAX 16 /* ours has ten; one with more is not ours */

struct program {
	int fd;
	uint32_t mode_flags; /* XDP_FLAGS_DRV_MODE and the like: how it is attached */
	uint32_t maps[PROGRAM_MAPS_MAX]; /* their ids, of which those of info.nr_map_ids are set */
	struct bpf_prog_info info;
};

/*
 * What is attached to the interface. 0: program->fd is to be closed; -ENOENT: nothing; -EBUSY:
 * programs in several modes at once, which ours never is; or what the kernel said.
 */
static int
program_find(unsigned ifindex, struct program *program)
{
	static const uint32_t flags[] = {
		[XDP_ATTACHED_DRV] = XDP_FLAGS_DRV_MODE,
		[XDP_ATTACHED_SKB] = XDP_FLAGS_SKB_MODE,
		[XDP_ATTACHED_HW] = XDP_FLAGS_HW_MODE,
	};
	LIBBPF_OPTS(bpf_xdp_query_opts, opts);
	uint32_t info_size = sizeof(program->info);
	int ret = bpf_xdp_query((int)ifindex, 0, &opts);

	if (ret < 0)
		return ret;
	if (opts.attach_mode == XDP_ATTACHED_NONE)
		return -ENOENT;
	if (opts.attach_mode >= sizeof(flags) / sizeof(flags[0]) || flags[opts.attach_mode] == 0)
		return -EBUSY;
	memset(program, 0, sizeof(*program));
	program->mode_flags = flags[opts.attach_mode];
	program->info.nr_map_ids = PROGRAM_MAPS_MAX;
	program->info.map_ids = (uintptr_t)program->maps;
	program->fd = bpf_prog_get_fd_by_id(opts.prog_id);
	if (program->fd < 0)
		return program->fd;
	ret = bpf_obj_get_info_by_fd(program->fd, &program->info, &info_size);
	if (ret < 0)
		close(program->fd);
	return ret;
}

static bool
program_is_ours(const struct program *program)
{
	return strcmp(program->info.name, STEER_TEXT(STEER_PROGRAM)) == 0;
}

/*
 * The map of this name among those that the program uses, described in *info. A descriptor to be
 * closed; -ENOENT: the program has none of that name.
 */
static int
program_map_open(const struct program *program, const char *name, struct bpf_map_info *info)
{
	for (uint32_t i = 0; i < program->info.nr_map_ids && i < PROGRAM_MAPS_MAX; i++) {
		uint32_t size = sizeof(*info);
		int fd = bpf_map_get_fd_by_id(program->maps[i]);

		if (fd < 0)
			continue;
		memset(info, 0, sizeof(*info));
		if (bpf_obj_get_info_by_fd(fd, info, &size) == 0 && strcmp(info->name, name) == 0)
			return fd;
		close(fd);
	}
	return -ENOENT;
}

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

/* The process, other than this one, that is alive and holds the program; 0 = there is none. */
static pid_t
owner_read(const struct program *program)
{
	struct bpf_map_info info;
	struct owner owner = {0};
	const uint32_t only = 0;
	int fd = program_map_open(program, OWNER_MAP, &info);

	if (fd < 0)
		return 0;
	if (info.value_size != sizeof(owner) || bpf_map_lookup_elem(fd, &only, &owner) < 0)
		owner.pid = 0;
	close(fd);
	if (owner.pid == 0 || owner.pid == (uint64_t)getpid() || owner.started == 0 ||
		process_started(owner.pid) != owner.started)
		return 0;
	return (pid_t)owner.pid;
}

/* Mark the program as this process's, in place of what mark it has. 0 or a negative errno. */
static int
owner_write(const struct program *program)
{
	const struct owner owner = {
		.pid = (uint64_t)getpid(), .started = process_started((uint64_t)getpid())};
	const uint32_t only = 0;
	struct bpf_map_info info;
	int fd = program_map_open(program, OWNER_MAP, &info), ret = 0;

	if (fd == -ENOENT) {
		fd = bpf_map_create(
			BPF_MAP_TYPE_ARRAY, OWNER_MAP, sizeof(only), sizeof(owner), 1, NULL);
		ret = fd < 0 ? fd : bpf_prog_bind_map(program->fd, fd, NULL);
	}
	if (fd < 0)
		return fd;
	if (ret == 0)
		ret = bpf_map_update_elem(fd, &only, &owner, BPF_ANY);
	close(fd);
	return ret;
}

int
steer_clean(const char *iface, char *error, size_t error_size)
{
	LIBBPF_OPTS(bpf_xdp_attach_opts, opts);
	const unsigned ifindex = if_nametoindex(iface);
	struct program program;
	pid_t owner;
	int ret;

	if (ifindex == 0) {
		snprintf(error, error_size,
			"interface %s: found no such interface, expected one that 'ip -brief link' "
			"shows",
			iface);
		return -ENODEV;
	}
	ret = program_find(ifindex, &program);
	if (ret == -ENOENT)
		return 0;
	if (ret < 0) {
		snprintf(error, error_size, "interface %s: cannot find its XDP program: %s", iface,
			ret == -EBUSY ? "there are several" : strerror(-ret));
		return ret;
	}
	owner = owner_read(&program);
	opts.old_prog_fd = program.fd; /* only if it is still the one that was found */
	ret = -EBUSY;
	if (!program_is_ours(&program)) {
		snprintf(error, error_size,
			"interface %s: found XDP program \"%s\" (id %u), expected none", iface,
			program.info.name, program.info.id);
	} else if (owner > 0) {
		snprintf(error, error_size,
			"interface %s: process %d uses it as a port, expected none", iface,
			(int)owner);
	} else {
		ret = bpf_xdp_detach((int)ifindex, program.mode_flags | XDP_FLAGS_REPLACE, &opts);
		if (ret < 0)
			snprintf(error, error_size,
				"interface %s: cannot detach what a crashed run left: %s", iface,
				strerror(-ret));
	}
	close(program.fd);
	return ret;
}

/* Open the maps; -EPROTO: they are not shaped like ours. */
static int
maps_open(struct steer *steer, const struct program *program)
{
	const uint32_t only = 0;
	struct bpf_map_info info;
	uint32_t active;
	int map, ret;

	for (map = 0; map < MAP_COUNT; map++) {
		const int fd = program_map_open(program, shapes[map].name, &info);

		if (fd < 0)
			return fd == -ENOENT ? -EPROTO : fd;
		steer->fd[map] = fd;
		if (info.type != shapes[map].type || info.key_size != shapes[map].key_bytes ||
			info.value_size != shapes[map].value_bytes)
			return -EPROTO;
	}
	ret = bpf_map_lookup_elem(steer->fd[MAP_ACTIVE], &only, &active);
	if (ret < 0 || active == 0)
		return ret;
	steer->ranges_slot = active - 1;
	return bpf_map_lookup_elem(steer->fd[MAP_RANGES], &steer->ranges_slot, &steer->ranges);
}

int
steer_open(unsigned ifindex, struct steer **steer)
{
	struct program program;
	int ret = program_find(ifindex, &program);

	*steer = NULL;
	if (ret < 0)
		return ret;
	*steer = calloc(1, sizeof(**steer));
	if (!*steer) {
		close(program.fd);
		return -ENOMEM;
	}
	(*steer)->ifindex = ifindex;
	(*steer)->program_fd = program.fd;
	(*steer)->program_id = program.info.id;
	(*steer)->mode_flags = program.mode_flags;
	memset((*steer)->fd, 0xff, sizeof((*steer)->fd));
	ret = !program_is_ours(&program) || owner_read(&program) > 0 ? -EBUSY
								     : maps_open(*steer, &program);
	if (ret == 0)
		ret = steer_follow_mac(*steer);
	if (ret == 0)
		ret = owner_write(&program); /* once it turns out that it can be used */
	if (ret < 0) {
		steer_close(*steer);
		*steer = NULL;
	}
	return ret;
}

int
steer_follow_program(struct steer *steer)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, opts);
	int ret = bpf_xdp_query((int)steer->ifindex, 0, &opts);

	if (ret < 0)
		return ret;
	if (opts.attach_mode != XDP_ATTACHED_NONE)
		return opts.prog_id == steer->program_id ? 0 : -EBUSY;
	ret = bpf_xdp_attach((int)steer->ifindex, steer->program_fd,
		steer->mode_flags | XDP_FLAGS_UPDATE_IF_NOEXIST, NULL);
	return ret < 0 ? ret : 1;
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

static int
mac_compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct steer_mac));
}

int
steer_set_vlan_macs(struct steer *steer, const struct steer_mac *macs, unsigned n)
{
	struct steer_mac *sorted = calloc(n + 1, sizeof(*sorted));
	const int fd = steer->fd[MAP_MACS];
	const uint32_t used = 1;
	unsigned i;
	int ret = 0;

	if (!sorted)
		return -ENOMEM;
	if (n > 0)
		memcpy(sorted, macs, n * sizeof(*macs));
	qsort(sorted, n, sizeof(*sorted), mac_compare);
	for (i = 0; i < steer->n_macs; i++) {
		const struct steer_mac *mac = &steer->macs[i];

		if (!bsearch(mac, sorted, n, sizeof(*sorted), mac_compare))
			bpf_map_delete_elem(fd, mac);
	}
	for (i = 0; i < n && ret == 0; i++)
		ret = bpf_map_update_elem(fd, &sorted[i], &used, BPF_ANY);
	free(steer->macs);
	steer->macs = sorted;
	steer->n_macs = n; /* of which some may be left out */
	return ret;
}

/* Change by 1 or -1 what a map counts. -ENOSPC: the map is full; -ENOENT: the key is not counted.
 */
static int
count_change(int fd, const void *key, int change)
{
	uint32_t uses = 0;
	int ret = bpf_map_lookup_elem(fd, key, &uses);

	if (ret < 0 && (ret != -ENOENT || change < 0))
		return ret;
	uses += (uint32_t)change;
	ret = uses == 0 ? bpf_map_delete_elem(fd, key)
			: bpf_map_update_elem(fd, key, &uses, BPF_ANY);
	return ret == -E2BIG ? -ENOSPC : ret;
}

/* A key was added or deleted. Without room for it here, packets are counted under another cause. */
static void
near_change(const struct steer *steer, const struct steer_key *key, int change)
{
	struct steer_key near = *key;

	near.vlan = near.outer_vlan = 0;
	near.near = STEER_NEAR_PORT;
	count_change(steer->fd[MAP_NEAR], &near, change);
	near.port = 0;
	near.near = STEER_NEAR_ADDRESS;
	count_change(steer->fd[MAP_NEAR], &near, change);
}

static int
pair_change(const struct steer *steer, const struct steer_key *key, const struct steer_end *source,
	int change)
{
	const struct steer_pair pair = {.key = *key, .source = *source};

	return count_change(steer->fd[MAP_PAIRS], &pair, change);
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
	if (source && pair_change(steer, key, source, 1) < 0)
		source = NULL;
	if (source)
		uses.pairs++;
	else
		uses.any++;
	ret = bpf_map_update_elem(fd, key, &uses, BPF_ANY);
	if (ret < 0 && source)
		pair_change(steer, key, source, -1);
	if (ret == 0 && is_new) {
		near_change(steer, key, 1);
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
	if (source && pair_change(steer, key, source, -1) == 0)
		uses.pairs--;
	else if (uses.any > 0)
		uses.any--;
	else
		return -ENOENT;
	if (uses.any + uses.pairs > 0)
		return bpf_map_update_elem(fd, key, &uses, BPF_EXIST);
	ret = bpf_map_delete_elem(fd, key);
	if (ret == 0) {
		near_change(steer, key, -1);
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
		ret = pair_change(steer, key, source, 1);
	if (ret < 0)
		return ret;
	uses.any--;
	uses.pairs++;
	ret = bpf_map_update_elem(fd, key, &uses, BPF_EXIST);
	if (ret < 0)
		pair_change(steer, key, source, -1);
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

/* Activate the set in place of the current one. */
static int
ranges_publish(struct steer *steer, const struct steer_ranges *set)
{
	const uint32_t slot = steer->ranges_slot ^ 1;
	const uint32_t active = set->n == 0 ? 0 : slot + 1;
	const uint32_t only = 0;
	int ret = bpf_map_update_elem(steer->fd[MAP_RANGES], &slot, set, BPF_ANY);

	if (ret == 0)
		ret = bpf_map_update_elem(steer->fd[MAP_ACTIVE], &only, &active, BPF_ANY);
	if (ret < 0)
		return ret;
	steer->ranges_slot = slot;
	steer->ranges = *set;
	return 0;
}

/* The index of the same range; n when there is none. */
static uint32_t
range_find(const struct steer_ranges *set, const struct steer_range *range)
{
	uint32_t i;

	for (i = 0; i < set->n; i++) {
		if (memcmp(&set->ranges[i], range, offsetof(struct steer_range, uses)) == 0)
			break;
	}
	return i;
}

int
steer_add_range(struct steer *steer, const struct steer_range *range)
{
	struct steer_ranges set = steer->ranges;
	const uint32_t i = range_find(&set, range);

	if (i == STEER_RANGES_MAX)
		return -ENOSPC;
	if (i < set.n) {
		steer->ranges.ranges[i].uses++;
		return 0;
	}
	set.ranges[set.n] = *range;
	set.ranges[set.n++].uses = 1;
	return ranges_publish(steer, &set);
}

bool
steer_has_range(const struct steer *steer, const struct steer_range *range)
{
	return range_find(&steer->ranges, range) < steer->ranges.n;
}

int
steer_del_range(struct steer *steer, const struct steer_range *range)
{
	struct steer_ranges set = steer->ranges;
	const uint32_t i = range_find(&set, range);

	if (i == set.n)
		return -ENOENT;
	if (set.ranges[i].uses > 1) {
		steer->ranges.ranges[i].uses--;
		return 0;
	}
	set.ranges[i] = set.ranges[--set.n];
	memset(&set.ranges[set.n], 0, sizeof(set.ranges[0]));
	return ranges_publish(steer, &set);
}

unsigned
steer_range_count(const struct steer *steer)
{
	return steer->ranges.n;
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
	close(steer->program_fd);
	free(steer->macs);
	free(steer);
}
