/* SPDX-License-Identifier: BSD-3-Clause */
/* Files of sluiced: opened safely, locked, moved and removed so that it survives a power loss. */
#ifndef CTRL_STORE_FILES_H
#define CTRL_STORE_FILES_H

#include <stddef.h>

#include "base/fault.h"
#include "store/types.h"

#define FILE_SUFFIX_MAX 32 /* the longest that is put behind the path of a store */
#define FILE_NAME_MAX (STORE_PATH_MAX + 2 * FILE_SUFFIX_MAX)
#define FILE_WHY_MAX 160 /* enough for what file_open() says */

/*
 * open(2) of a file of ours, or of one that we make, 0640. Never through a symbolic link, and only
 * when it belongs to us, to root or to the owner of its directory: in a directory where others may
 * write, anything else was put there by them. Links further up in the path are followed. The
 * descriptor, or -1 with errno and the reason in `why`.
 */
int file_open(const char *path, int flags, char *why, size_t why_bytes);

/*
 * Make the directory of the path, with those above it, 0750, and put the directory's real name into
 * the path, so that SQLite finds no symbolic link in it. 0 or -1 with *fault.
 */
int file_directory_create(char *path, size_t path_bytes, struct fault *fault);

/*
 * Take the lock of the store, PATH-lock, for as long as the descriptor is open. The descriptor, or
 * -1 with *fault when another process has it (named by its pid) or on an error.
 */
int file_lock(const char *path, struct fault *fault);

/* Make an empty file, 0640, if there is none; durably. 0 or -1 with *fault. */
int file_create(const char *path, struct fault *fault);

/*
 * Whether there is a file that is not empty. 1, 0, or -1 with *fault: it or its -wal or -shm is
 * not a regular file or, as for file_open(), not ours. Closing one drops the process's locks of
 * it: not while SQLite has it open.
 */
int file_check(const char *path, struct fault *fault);

/* Make the content durable. 0 or -1 with *fault. */
int file_sync(const char *path, struct fault *fault);

/* Of a file with its -wal and -shm, those that are there; the move durably, the file first. */
void file_remove(const char *path);
int file_move(const char *from, const char *to, struct fault *fault);

/* Rename durably. 0 or -1 with *fault. */
int file_rename(const char *from, const char *to, struct fault *fault);

#endif
