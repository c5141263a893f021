/* SPDX-License-Identifier: BSD-3-Clause */
#include "rpc/peer.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/socket.h>

#define PASSWD_BYTES 4096 /* room for one entry; a longer one goes without its name */

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

int
peer_read(int fd, struct actor *actor)
{
	struct ucred peer;
	socklen_t bytes = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &bytes) < 0)
		return -errno;
	*actor = (struct actor){.uid = peer.uid, .gid = peer.gid, .pid = peer.pid, .via = "unix"};
	name_read(actor);
	return 0;
}
