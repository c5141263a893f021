/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Network namespaces that last as long as the test's process: nothing has a name, so nothing is
 * left when a test dies. The test stands in one, its peer at the other end of a veth pair.
 */
#ifndef TEST_NET_NAMESPACE_H
#define TEST_NET_NAMESPACE_H

#include <stdbool.h>
#include <sys/types.h>

/* Put the test into an empty network namespace. Skips the test when not run as root. */
void namespace_enter(void);

/* Run a printf-style shell command; the test fails when the command does. */
void shell(const char *command, ...) __attribute__((format(printf, 1, 2)));

/* The same, where the peer is. */
void peer_shell(pid_t peer, const char *command, ...) __attribute__((format(printf, 2, 3)));

/* A process in a network namespace of its own, until it is killed or the test ends. */
pid_t peer_start(void);

/* Start a process that holds on until it is killed, once `begin` returned true in it. */
pid_t process_start(bool (*begin)(void));

/*
 * Link the test's interface "port" (02:00:00:00:00:01, 192.0.2.1/24, 2001:db8::1/64) to the peer's
 * interface "wire" (02:00:00:00:00:02, 192.0.2.2/24, 2001:db8::2/64), both up. Returns the index
 * of "port".
 */
unsigned peer_link(pid_t peer);

#endif
