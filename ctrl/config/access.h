/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who has which role, as the configuration has it: local peers by user and group, certificates by
 * their subject. Plain data, read by config_load().
 */
#ifndef CTRL_CONFIG_ACCESS_H
#define CTRL_CONFIG_ACCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <jansson.h>

#include "base/actor.h"
#include "base/fault.h"

#define ACCESS_ENTRIES_MAX 64 /* the schema has it as maxItems */
#define ACCESS_PATH_MAX 256
#define ACCESS_SUBJECT_MAX 256

struct access_entry {
	uint32_t id; /* uid or gid */
	uint8_t role; /* enum role */
};

struct access {
	uint8_t default_role; /* of local peers that no entry names */
	unsigned n_users;
	unsigned n_groups;
	struct access_entry users[ACCESS_ENTRIES_MAX];
	struct access_entry groups[ACCESS_ENTRIES_MAX];
	char audit_log[ACCESS_PATH_MAX]; /* "" = none */
	uint32_t socket_group; /* gid of the control socket; UINT32_MAX = the process's own */
};

struct tls_subject {
	char name[ACCESS_SUBJECT_MAX]; /* common name, or "DNS:...", "email:...", "URI:..." */
	bool alternative; /* the latter */
	uint8_t role; /* enum role */
};

struct tls_config {
	char listen[64]; /* "192.0.2.1:7878", "[2001:db8::1]:7878"; "" = off */
	char certificate[ACCESS_PATH_MAX]; /* PEM files */
	char key[ACCESS_PATH_MAX];
	char ca[ACCESS_PATH_MAX];
	unsigned n_subjects;
	struct tls_subject subjects[ACCESS_ENTRIES_MAX];
};

/*
 * Read what a configuration that fits its schema says about access, and about the TLS listener.
 * Names are looked up among the users and groups of this host. 0, or -1 with *fault set, its
 * pointer from the top of the configuration. Control thread.
 */
int access_read(const json_t *config, struct access *access, struct fault *fault);
int tls_config_read(const json_t *config, struct tls_config *tls, struct fault *fault);

/*
 * The role of a local user of that uid and these groups (gids): root and the user that this process
 * runs as are admins; then the user's entry counts, then of the groups' entries the highest role,
 * then the default. Any thread.
 */
enum role access_role(const struct access *access, uid_t uid, const gid_t *gids, size_t n_gids);

#endif
