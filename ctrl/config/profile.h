/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Profiles: a file for each driver of DPDK, with how ports on it are set up
 * (drivers-conf/README.md). They are read once, at start. Control thread.
 */
#ifndef CTRL_CONFIG_PROFILE_H
#define CTRL_CONFIG_PROFILE_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "base/fault.h"

#define PROFILES_MAX 128

struct profile {
	char *path; /* owned */
	const char *file; /* its name without the directory */
	json_t *document; /* owned, and checked; defaults are not in it */
};

struct profiles {
	unsigned n;
	struct profile list[PROFILES_MAX]; /* by name of the file */
};

/*
 * The directory that is read where none is configured: that of the build tree when this program is
 * in one, else the installed one. `room` has place for the former.
 */
const char *profiles_directory(char *room, size_t size);

/*
 * Read all *.yaml of a directory. 0, or -1 with *fault set and nothing to release; its message then
 * is the whole line for people: "FILE:LINE: /pointer: found ..., expected ...".
 */
int profiles_load(const char *directory, struct profiles *profiles, struct fault *fault);

void profiles_fini(struct profiles *profiles);

/* The profile of a driver by its name in DPDK; NULL: none. Borrowed from *profiles. */
const struct profile *profile_of_driver(const struct profiles *profiles, const char *driver);

/*
 * The profile of a device that may not be probed yet, by its devargs: a virtual one by its name, a
 * PCI device by its ids, which `sysfs` ("/sys", other directories for tests) holds. NULL: none.
 */
const struct profile *profile_of_device(
	const struct profiles *profiles, const char *devargs, const char *sysfs);

#endif
