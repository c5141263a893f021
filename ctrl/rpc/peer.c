/* SPDX-License-Identifier: BSD-3-Clause */
/* SO_PEERCRED has the primary group, SO_PEERGROUPS (Linux 4.13) the others. */
#include "rpc/peer.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "rpc/access.h"

#define PASSWD_BYTES 4096 /* room for one entry; a longer one goes without its name */
#define GROUPS_MAX 65536 /* the kernel's NGROUPS_MAX */

static void
name_read(struct actor *actor)
{
	char text[PASSWD_BYTES];
	struct passwd entry, *found;

	if (getpwuid_r(actor->uid, &entry, text, sizeof(text), &found) == 0 && found)
		snprintf(actor->name, sizeof(actor->name), "%s", found->pw_name);
	else
		snprintf(actor->name, sizeof(actor->name), "uid %u", actor->uid);
}

/* Read the groups into *groups, which the caller frees. Returns how many, or a negative errno. */
static int
groups_read(int fd, gid_t gid, gid_t **groups)
{
	socklen_t bytes = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &bytes) < 0 && errno != ERANGE)
		return -errno;
	if (bytes > GROUPS_MAX * sizeof(gid_t))
		return -E2BIG;
	*groups = malloc(bytes + sizeof(gid_t));
	if (!*groups)
		return -ENOMEM;
	if (bytes && getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, *groups, &bytes) < 0)
		return -errno;
	(*groups)[bytes / sizeof(gid_t)] = gid;
	return (int)(bytes / sizeof(gid_t)) + 1;
}

int
peer_read(int fd, const struct access *access, struct actor *actor)
{
	struct ucred peer;
	socklen_t bytes = sizeof(peer);
	gid_t *groups = NULL;
	int n_groups;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &bytes) < 0)
		return -errno;
	*actor = (struct actor){.uid = peer.uid, .gid = peer.gid, .pid = peer.pid, .via = "unix"};
	name_read(actor);
	n_groups = groups_read(fd, peer.gid, &groups);
	if (n_groups > 0)
		actor->role = (uint8_t)access_role(access, peer.uid, groups, (size_t)n_groups);
	free(groups);
	return n_groups < 0 ? n_groups : 0;
}
