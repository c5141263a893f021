/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Runs the unit tests of a program under qemu-user: what of Criterion's runner the tests use. That
 * one executes the program anew for each test, which the kernel cannot do with a program of another
 * architecture; where it can, some runs under qemu-user 7.2 crash, for a reason that is not known.
 */
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <criterion/criterion.h>

#define TIMEOUT_S 240 /* of a test that names none */
#define SLOWER 4 /* than on hardware: times the timeout that a test names */
#define SKIPPED 77 /* exit code of a test */

extern struct criterion_test *__start_cr_tst[], *__stop_cr_tst[];
/* Absent where no suite has set-up or options. */
extern struct criterion_suite *__start_cr_sts[] __attribute__((weak));
extern struct criterion_suite *__stop_cr_sts[] __attribute__((weak));

/* Tests that cannot pass under qemu-user 7.2 or take too long, and why. */
static const struct {
	const char *suite, *name; /* NAME NULL: all tests of the suite */
	const char *reason;
} left_out[] = {
	{"neighbour", NULL, "RTM_GETNEIGH is EOPNOTSUPP"},
	{"history", "every_way_back_leads_to_what_was_there", "over 120 s"},
	{"users", "each_has_a_turn_however_many_it_requests", "turns take over 100 us"},
};

/* The test of this process. */
static const struct criterion_test *running;
static const struct criterion_test_extra_data *running_suite;
static bool failed;

static const struct criterion_test_extra_data *
find_suite(const char *name)
{
	static const struct criterion_test_extra_data none;

	for (struct criterion_suite **suite = __start_cr_sts; suite != __stop_cr_sts; suite++)
		if (strcmp((*suite)->name, name) == 0)
			return (*suite)->data;
	return &none;
}

void
criterion_internal_test_setup(void)
{
	if (running_suite->init != NULL)
		running_suite->init();
	if (running->data->init != NULL)
		running->data->init();
}

void
criterion_internal_test_main(void (*test)(void))
{
	test();
}

void
criterion_internal_test_teardown(void)
{
	if (running->data->fini != NULL)
		running->data->fini();
	if (running_suite->fini != NULL)
		running_suite->fini();
}

/* An assertion has failed. */
void
criterion_send_assert(struct criterion_assert_stats *assertion)
{
	printf("# %s:%u: %s\n", assertion->file, assertion->line, assertion->message);
}

void
criterion_continue_test(void)
{
	failed = true;
}

void
criterion_abort_test(void)
{
	fflush(stdout);
	_exit(EXIT_FAILURE);
}

void
criterion_skip_test(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	printf("# ");
	vprintf(format, args);
	printf("\n");
	va_end(args);
	fflush(stdout);
	_exit(SKIPPED);
}

static const char *
reason_to_leave_out(const struct criterion_test *test)
{
	for (size_t i = 0; i < sizeof(left_out) / sizeof(left_out[0]); i++)
		if (strcmp(left_out[i].suite, test->category) == 0 &&
			(left_out[i].name == NULL || strcmp(left_out[i].name, test->name) == 0))
			return left_out[i].reason;
	return NULL;
}

/* Wait status of the process that ran it. */
static int
run_test(const struct criterion_test *test)
{
	int status = 0;
	pid_t pid;

	running = test;
	running_suite = find_suite(test->category);
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		double timeout_s = test->data->timeout;

		if (timeout_s == 0)
			timeout_s = running_suite->timeout;
		alarm(timeout_s > 0 ? (unsigned)(SLOWER * timeout_s) : TIMEOUT_S);
		test->test();
		exit(failed ? EXIT_FAILURE : EXIT_SUCCESS);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid) {
		perror("cannot run a test");
		exit(EXIT_FAILURE);
	}
	return status;
}

int
main(void)
{
	bool all_passed = true;
	unsigned n = 0;

	printf("TAP version 13\n");
	for (struct criterion_test **test = __start_cr_tst; test != __stop_cr_tst; test++) {
		const char *reason = reason_to_leave_out(*test);
		bool skipped, passed;
		int status;

		if (reason != NULL) {
			printf("# %s::%s is left out: %s\n", (*test)->category, (*test)->name,
				reason);
			continue;
		}
		status = run_test(*test);
		skipped = WIFEXITED(status) && WEXITSTATUS(status) == SKIPPED;
		passed = skipped || status == 0;
		if (WIFSIGNALED(status))
			printf("# ended by signal %d\n", WTERMSIG(status));
		printf("%s - %s::%s%s\n", passed ? "ok" : "not ok", (*test)->category,
			(*test)->name, skipped ? " # SKIP" : "");
		all_passed &= passed;
		n++;
	}
	printf("1..%u\n", n);
	return all_passed ? EXIT_SUCCESS : EXIT_FAILURE;
}
