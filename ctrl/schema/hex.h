/* SPDX-License-Identifier: BSD-3-Clause */
/* Bytes as texts of two hexadecimal digits each. */
#ifndef CTRL_HEX_H
#define CTRL_HEX_H

#include <stddef.h>
#include <stdint.h>

/* Write n bytes in lower case; text has room for 2 n + 1. Any thread. */
void hex_write(const uint8_t *bytes, size_t n, char *text);

/*
 * Read a text of digits, as long as `length` says, into length / 2 bytes. 0, or -EINVAL: an odd
 * number of digits, or something else among them. Any thread.
 */
int hex_read(const char *text, size_t length, uint8_t *bytes);

#endif
