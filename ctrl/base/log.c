/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From log_start() on, file descriptor 2 is a pipe of this process, and a thread copies it to what
 * standard error was before. A caller that logs never waits: the pipe is the buffer, and a line
 * that finds it full is lost and counted. The stream stderr counts for the libraries, too.
 * O_NONBLOCK on the descriptor that was inherited would not do: other processes share it.
 */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/escape.h"
#include "base/thread.h"

#define PIPE_BYTES (1 << 20)
#define PAUSE_NS 10000000 /* between tries to write, and to see whether all is written */
#define FINISH_PAUSES 100 /* a second: how long the end of the process waits for its last lines */

static struct {
	int from; /* the pipe's other end */
	int to; /* what standard error was */
	atomic_bool writing; /* the thread holds something that it took from the pipe */
	atomic_uint_least64_t lost; /* lines since start */
	atomic_uint_least64_t unreported; /* of those, not yet reported in the log */
} queue;

/* In the place of the lines that were lost, or once the pipe is empty. */
static void
lost_report(void)
{
	const uint64_t lines = atomic_exchange(&queue.unreported, 0);
	char text[128];
	int n;

	if (lines == 0)
		return;
	n = snprintf(text, sizeof(text),
		"sluiced: warning: %llu line%s of this log %s lost: standard error was not read\n",
		(unsigned long long)lines, lines == 1 ? "" : "s", lines == 1 ? "was" : "were");
	if (write(STDERR_FILENO, text, (size_t)n) != n)
		atomic_fetch_add(&queue.unreported, lines);
}

/* A pipe takes up to PIPE_BUF bytes whole, or none. */
static ssize_t
stream_write(void *cookie, const char *text, size_t n)
{
	size_t at, part, i;
	uint64_t lines;

	(void)cookie;
	for (at = 0; at < n; at += part) {
		part = n - at < PIPE_BUF ? n - at : PIPE_BUF;
		lost_report();
		if (write(STDERR_FILENO, text + at, part) == (ssize_t)part)
			continue;
		for (lines = 0, i = at; i < at + part; i++)
			lines += text[i] == '\n';
		atomic_fetch_add(&queue.lost, lines);
		atomic_fetch_add(&queue.unreported, lines);
	}
	return (ssize_t)n;
}

static void
pause_shortly(void)
{
	const struct timespec pause = {.tv_nsec = PAUSE_NS};

	nanosleep(&pause, NULL);
}

/* Also on a disk that is full, or where the reader has gone: until it works. */
static void
write_all(const char *text, ssize_t n)
{
	ssize_t written;

	for (; n > 0; n -= written, text += written) {
		written = write(queue.to, text, (size_t)n);
		if (written < 0) {
			written = 0;
			pause_shortly();
		}
	}
}

static int
pipe_bytes(void)
{
	int n = 0;

	ioctl(queue.from, FIONREAD, &n);
	return n;
}

static void *
log_run(void *arg)
{
	struct pollfd from = {.fd = queue.from, .events = POLLIN};
	static char text[1 << 16];

	(void)arg;
	for (;;) {
		if (poll(&from, 1, -1) < 0)
			continue; /* a signal */
		atomic_store(&queue.writing, true);
		write_all(text, read(queue.from, text, sizeof(text)));
		if (pipe_bytes() == 0)
			lost_report();
		atomic_store(&queue.writing, false);
	}
	return NULL;
}

/* Let the thread write what is there, for a second at most. Calls what a signal handler may. */
static void
log_finish(void)
{
	unsigned i;

	for (i = 0; i < FINISH_PAUSES && (pipe_bytes() > 0 || atomic_load(&queue.writing)); i++)
		pause_shortly();
}

/* What libc and sanitizers say of a crash goes through the pipe as well. */
static void
crashed(int signal_number)
{
	log_finish();
	raise(signal_number); /* its default is back: once this handler returns, that happens */
}

static void
crash_watch(void)
{
	static const int signals[] = {SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV};
	const struct sigaction action = {.sa_handler = crashed, .sa_flags = (int)SA_RESETHAND};
	struct sigaction before;
	size_t i;

	for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		/* A sanitizer has handlers of its own. */
		if (sigaction(signals[i], NULL, &before) == 0 && before.sa_handler == SIG_DFL)
			sigaction(signals[i], &action, NULL);
	}
}

int
log_start(unsigned cpu, struct fault *fault)
{
	const cookie_io_functions_t functions = {.write = stream_write};
	FILE *stream = fopencookie(NULL, "w", functions);
	pthread_t thread;
	cpu_set_t cpus;
	int ends[2];

	queue.to = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	if (!stream || queue.to < 0 || pipe2(ends, O_CLOEXEC) < 0 ||
		fcntl(ends[1], F_SETFL, O_NONBLOCK) < 0)
		return fault_set(fault, FAULT_INTERNAL, "", "no pipe for the log: %m");
	fcntl(ends[1], F_SETPIPE_SZ, PIPE_BYTES); /* if it may not be that long, it is shorter */
	queue.from = ends[0];
	if (thread_start(&thread, "log", log_run, NULL, fault) < 0)
		return -1;
	CPU_ZERO(&cpus);
	CPU_SET(cpu, &cpus);
	pthread_setaffinity_np(thread, sizeof(cpus), &cpus); /* the EAL says if there is none */
	dup2(ends[1], STDERR_FILENO);
	close(ends[1]);
	setvbuf(stream, NULL, _IOLBF, 0);
	stderr = stream;
	signal(SIGPIPE, SIG_IGN);
	atexit(log_finish);
	crash_watch();
	return 0;
}

uint64_t
log_lines_lost(void)
{
	return atomic_load(&queue.lost);
}

void
log_line(const char *format, ...)
{
	char line[PIPE_BUF - 16], safe[PIPE_BUF - 16];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	text_escape(line, safe, sizeof(safe));
	fprintf(stderr, "sluiced: %s\n", safe);
}

void
log_warned(void *arg, const char *message)
{
	(void)arg;
	log_line("warning: %s", message);
}
