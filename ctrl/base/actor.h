/* SPDX-License-Identifier: BSD-3-Clause */
/* The caller of a request, and what it may do. Plain data, copied where it is stored. */
#ifndef CTRL_BASE_ACTOR_H
#define CTRL_BASE_ACTOR_H

#include <stdint.h>
#include <string.h>

#define ACTOR_NAME_MAX 64
#define ACTOR_VIA_MAX 16
#define ACTOR_ADDRESS_MAX 64

/* Each may do all that those before it may. Kept in stores as text, see role_name(). */
enum role {
	ROLE_NONE, /* nothing */
	ROLE_VIEWER, /* read */
	ROLE_OPERATOR, /* change flows */
	ROLE_ADMIN, /* everything */
};

struct actor {
	uint32_t uid; /* of a local peer; UINT32_MAX: it has none */
	uint32_t gid; /* its primary group; UINT32_MAX: none */
	int32_t pid; /* 0: none */
	char name[ACTOR_NAME_MAX]; /* user name, "uid 1234", or the subject of a certificate */
	char via[ACTOR_VIA_MAX]; /* "unix", "tls", or "sluiced" for what sluiced does by itself */
	char address[ACTOR_ADDRESS_MAX]; /* and port, of a peer over TLS; "": none. Not in stores */
	uint8_t role; /* enum role */
};

/* "none", "viewer", "operator", "admin". Static storage. */
static inline const char *
role_name(enum role role)
{
	static const char *const names[] = {"none", "viewer", "operator", "admin"};

	return names[role];
}

/* The role of that name; ROLE_NONE also for any other text, and NULL. */
static inline enum role
role_of_name(const char *name)
{
	enum role role;

	for (role = ROLE_ADMIN; role > ROLE_NONE; role--) {
		if (name && strcmp(name, role_name(role)) == 0)
			break;
	}
	return role;
}

#endif
