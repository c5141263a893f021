/* SPDX-License-Identifier: BSD-3-Clause */
/* The configuration of sluiced: read from YAML, checked by its schema and then across fields. */
#ifndef CTRL_CONFIG_CONFIG_H
#define CTRL_CONFIG_CONFIG_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>

#include <dp/dp.h>
#include <jansson.h>

#include "base/actor.h"
#include "base/fault.h"
#include "config/devargs.h"
#include "config/pool_config.h"
#include "config/port_settings.h"
#include "config/profile.h"

#define ACCESS_ENTRIES_MAX 64 /* the schema has it as maxItems */
#define METRICS_FLOWS_MAX 64 /* patterns, as in the schema */
#define ACCESS_SUBJECT_MAX 256 /* bytes of a certificate's name that are compared */

struct access_entry {
	uint32_t id; /* uid or gid */
	uint8_t role; /* enum role */
};

/* Who has which role: local peers by user and group, certificates by their subject. */
struct access {
	uint8_t default_role; /* of local peers that no entry names */
	unsigned n_users;
	unsigned n_groups;
	struct access_entry users[ACCESS_ENTRIES_MAX];
	struct access_entry groups[ACCESS_ENTRIES_MAX];
	const char *audit_log; /* "" = none */
	uint32_t socket_group; /* gid of the control socket; UINT32_MAX = the process's own */
};

struct tls_subject {
	const char *name; /* common name, or "DNS:...", "email:...", "URI:..." */
	bool alternative; /* the latter */
	uint8_t role; /* enum role */
};

struct tls_config {
	const char *listen; /* "192.0.2.1:7878", "[2001:db8::1]:7878"; "" = off */
	const char *certificate; /* PEM files */
	const char *key;
	const char *ca;
	unsigned n_subjects;
	struct tls_subject subjects[ACCESS_ENTRIES_MAX];
};

/* The exposition of metrics over HTTP or HTTPS. */
struct metrics_config {
	const char *listen; /* "127.0.0.1:9464", "[::1]:9464"; "" = off */
	const char *token_file; /* "" = none is asked for */
	const char *certificate; /* PEM files; "" = without TLS */
	const char *key;
	const char *ca; /* "" = clients need no certificate */
	unsigned max_flows;
	unsigned n_flows;
	const char *flows[METRICS_FLOWS_MAX]; /* patterns of ids, as of fnmatch(3) */
};

/* Points into itself: not to be copied. */
struct config {
	json_t *document; /* owned; all texts are borrowed from it */
	const char *socket_path;
	unsigned max_message_bytes;
	unsigned max_depth;
	unsigned max_connections;
	const char *state_path; /* "" = nothing is kept */
	const char *state_flows; /* "" = none */
	unsigned keep_declared; /* generations, see store_keep() */
	unsigned keep_calls;
	unsigned max_requests_per_s; /* of one connection; 0 = any number */
	unsigned max_waiting_bytes; /* of one user */
	struct access access;
	struct tls_config tls;
	struct metrics_config metrics;
	const char *xdp_program; /* of the ports that we steer */
	const char *user; /* process.user, "" = stay who we are; uid and gid are its */
	uid_t uid;
	gid_t gid;
	unsigned n_pools;
	struct pool_config pools[POOLS_MAX];
	struct dp_eal_config eal;
	struct dp_config dp;
	/* devargs with the steering program and arguments of profiles added */
	struct dp_port_config ports[DP_PORTS_MAX];
	/* The kernel interface of a port that we steer; "" = the port needs no steering. */
	char steered[DP_PORTS_MAX][IFNAMSIZ];
	/* The TAP that is to be the kernel interface of a port; "" = none. */
	char taps[DP_PORTS_MAX][IFNAMSIZ];
	/* What eal.pci points to: devargs of ports, and of members of bonds. */
	const char *pci[DP_PORTS_MAX * DP_BOND_MEMBERS_MAX];
	const char *profiles_path; /* "" = the directory of this program */
	struct profiles profiles;
	json_t *site[DP_PORTS_MAX]; /* the settings of a port; borrowed from the document */
	struct port_asked asked[DP_PORTS_MAX];
};

/*
 * Read and check the file. Names of users and groups are looked up on this host. 0, or -1 with
 * *fault set and nothing to release; its message then is the whole line for people, "FILE:LINE:
 * /pointer: found ..., expected ...". Control thread.
 */
int config_load(const char *path, struct config *config, struct fault *fault);

/*
 * Load the profiles, give each port the one of its device, and the arguments of that to its
 * devargs. `path` is that of the configuration, for faults; 0 or -1 as config_load(), but for the
 * profiles.
 */
int config_load_profiles(const char *path, struct config *config, struct fault *fault);

/*
 * Once the EAL has probed a port's device: the profile of that driver counts, and its limits cut
 * what the site asks for. Its devargs would be too late: they are not applied, nor reported.
 */
void config_settle_profile(struct config *config, unsigned port, const char *driver);

/*
 * The address of text, which stands at that pointer: an IPv6 address in brackets, and a port.
 * Returns its length, or -1 with *fault set.
 */
int listen_address_read(const char *text, const char *pointer, struct sockaddr_storage *address,
	struct fault *fault);

/* What was loaded, profiles too. */
void config_fini(struct config *config);

/*
 * The role of a local user of that uid and these groups (gids): root and the user that this process
 * runs as are admins; then the user's entry counts, then of the groups' entries the highest role,
 * then the default. Any thread.
 */
enum role access_role(const struct access *access, uid_t uid, const gid_t *gids, size_t n_gids);

#endif
