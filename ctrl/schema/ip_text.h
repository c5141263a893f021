/* SPDX-License-Identifier: BSD-3-Clause */
/* IP addresses as text, read where each flow brings several of them. */
#ifndef CTRL_SCHEMA_IP_TEXT_H
#define CTRL_SCHEMA_IP_TEXT_H

#include <stdint.h>

/*
 * Read what inet_pton() takes into network-order bytes; an IPv4 address fills the first four, the
 * rest become zero. Returns the family, 4 or 6, or 0 when the text is no address. Any thread.
 */
uint8_t ip_read(const char *text, uint8_t bytes[16]);

#endif
