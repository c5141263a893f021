/* SPDX-License-Identifier: BSD-3-Clause */
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "namespace.h"

#define COMMAND_MAX 1024

/*
 * Link-local addresses are good at once, not after a second of duplicate address detection. Until
 * then the kernel has no address to solicit neighbours from.
 */
#define NO_DAD \
	"echo 0 | tee /proc/sys/net/ipv6/conf/all/accept_dad " \
	"/proc/sys/net/ipv6/conf/default/accept_dad >/dev/null"

/* The kernel makes these in the background, and answers no solicitation before. */
#define WAIT_FOR_LINK_LOCAL \
	"for try in $(seq 100); do ip -6 addr show dev %s scope link | grep -q fe80 && exit; " \
	"sleep 0.02; done; exit 1"

void
namespace_enter(void)
{
	if (geteuid() != 0)
		cr_skip_test("needs root");
	cr_assert_eq(unshare(CLONE_NEWNET), 0, "unshare: %m");
	shell(NO_DAD " && ip link set lo up");
}

void
shell(const char *command, ...)
{
	char text[COMMAND_MAX];
	va_list args;

	va_start(args, command);
	vsnprintf(text, sizeof(text), command, args);
	va_end(args);
	cr_assert_eq(system(text), 0, "failed: %s", text);
}

void
peer_shell(pid_t peer, const char *command, ...)
{
	char text[COMMAND_MAX];
	va_list args;

	va_start(args, command);
	vsnprintf(text, sizeof(text), command, args);
	va_end(args);
	shell("nsenter --target %d --net %s", (int)peer, text);
}

pid_t
process_start(bool (*begin)(void))
{
	int ready[2];
	char byte = 0;
	pid_t child;

	cr_assert_eq(pipe(ready), 0);
	child = fork();
	cr_assert_geq(child, 0);
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (begin() && write(ready[1], &byte, 1) == 1)
			for (;;)
				pause();
		_exit(1);
	}
	close(ready[1]);
	cr_assert_eq(read(ready[0], &byte, 1), 1, "the process did not begin");
	close(ready[0]);
	return child;
}

static bool
peer_begin(void)
{
	return unshare(CLONE_NEWNET) == 0 && system(NO_DAD) == 0;
}

pid_t
peer_start(void)
{
	return process_start(peer_begin);
}

unsigned
peer_link(pid_t peer)
{
	shell("ip link add port address 02:00:00:00:00:01 numrxqueues 1 numtxqueues 1 type veth "
	      "peer name wire address 02:00:00:00:00:02 numrxqueues 1 numtxqueues 1 netns %d",
		(int)peer);
	shell("ip addr add 192.0.2.1/24 dev port && ip addr add 2001:db8::1/64 dev port nodad && "
	      "ip link set port up");
	peer_shell(peer, "ip addr add 192.0.2.2/24 dev wire");
	peer_shell(peer, "ip addr add 2001:db8::2/64 dev wire nodad");
	peer_shell(peer, "ip link set wire up");
	shell(WAIT_FOR_LINK_LOCAL, "port");
	peer_shell(peer, "sh -c '" WAIT_FOR_LINK_LOCAL "'", "wire");
	return if_nametoindex("port");
}
