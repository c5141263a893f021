/* SPDX-License-Identifier: BSD-3-Clause */
/* Ethernet frames out of a capture file, pcap or pcapng. */
#ifndef CTRL_CLI_CAPTURE_H
#define CTRL_CLI_CAPTURE_H

#include <stddef.h>
#include <stdint.h>

#define CAPTURE_ERROR_MAX 512

/* A frame, whole; number is its place in the file, from 1. Borrowed for the call. */
typedef void (*capture_fn)(void *arg, uint64_t number, const uint8_t *frame, size_t bytes);

/*
 * Hand frames first, first + 1, ... to fn, at most `count` of them and as many as there are.
 * Returns how many; or -1 with what is wrong, and what to do about it, in `error`: the file cannot
 * be read, has another link layer, ends before the first, or holds a frame that was cut short.
 */
int capture_read(const char *path, uint64_t first, unsigned count, capture_fn fn, void *arg,
	char error[CAPTURE_ERROR_MAX]);

#endif
