/* SPDX-License-Identifier: BSD-3-Clause */
/* The place of the file: its directory, its lock, and moves that survive a power loss. */
#ifndef CTRL_STORE_PLACE_H
#define CTRL_STORE_PLACE_H

#include <stddef.h>

#include "base/fault.h"

/* Longest suffix that is put behind a store's path. */
#define PLACE_SUFFIX_MAX 32

/* Enough for what place_open() says. */
#define PLACE_WHY_MAX 160

/*
 * open(2) of a file of ours, or of one that we make, 0640. Never through a symbolic link, and only
 * when it belongs to us, to root or to the owner of its directory: in a directory where others may
 * write, anything else was put there by them. Links further up in the path are followed. The
 * descriptor, or -1 with errno and the reason in `why`.
 */
int place_open(const char *path, int flags, char *why, size_t why_bytes);

/*
 * Make the directory of the path, with those above it, 0750, and put the directory's real name into
 * the path, so that SQLite finds no symbolic link in it. 0 or -1 with *fault.
 */
int place_prepare(char *path, size_t path_bytes, struct fault *fault);

/*
 * Take the lock of the store, PATH-lock, for as long as the descriptor is open. The descriptor, or
 * -1 with *fault when another process has it (named by its pid) or on an error.
 */
int place_lock(const char *path, struct fault *fault);

/* Make an empty file, 0640, if there is none; durably. 0 or -1 with *fault. */
int place_file_make(const char *path, struct fault *fault);

/*
 * Whether there is a file that is not empty. 1, 0, or -1 with *fault: it or its -wal or -shm is
 * not a regular file or, as for place_open(), not ours. Closing one drops the process's locks of
 * it: not while SQLite has it open.
 */
int place_file_look(const char *path, struct fault *fault);

/* Make what is in a file durable. 0 or -1 with *fault. */
int place_file_sync(const char *path, struct fault *fault);

/* Remove a file with its -wal and -shm, those that are there. */
void place_file_remove(const char *path);

/* Move a file with its -wal and -shm, those that are there; the file first. 0 or -1 with *fault. */
int place_file_move(const char *from, const char *to, struct fault *fault);

/* Rename durably. 0 or -1 with *fault. */
int place_move(const char *from, const char *to, struct fault *fault);

/* Make the names in the file's directory durable. 0 or -1 with *fault. */
int place_sync(const char *path, struct fault *fault);

#endif
