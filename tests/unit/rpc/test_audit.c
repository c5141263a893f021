/* SPDX-License-Identifier: BSD-3-Clause */
/* What is in a line of the audit log, and what becomes of lines that cannot be written. */
#include <criterion/criterion.h>

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "rpc/audit.h"

static const struct actor ana = {
	.uid = 1000, .gid = 100, .pid = 77, .name = "ana", .via = "unix", .role = ROLE_OPERATOR};

static char directory[] = "/tmp/sluice-audit-XXXXXX";
static char path[64];
static char moved[64];
static struct audit *audit;
static char warned[4096];
static unsigned n_warned;

/* In the place of base/log. */
void
log_line(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(warned, sizeof(warned), format, args);
	va_end(args);
	n_warned++;
}

static void
setup(void)
{
	struct fault fault;

	cr_assert_not_null(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/log/audit.log", directory);
	snprintf(moved, sizeof(moved), "%s/log/audit.log.1", directory);
	audit = audit_open(path, &fault);
	cr_assert_not_null(audit, "%s", fault.message);
}

static void
teardown(void)
{
	char log[64];

	audit_close(audit);
	snprintf(log, sizeof(log), "%s/log", directory);
	unlink(path);
	unlink(moved);
	rmdir(log);
	rmdir(directory);
}

TestSuite(audit, .init = setup, .fini = teardown, .timeout = 30);

/* Line number `number` of a file, a new reference; NULL: it has fewer. */
static json_t *
line_read(const char *file_path, unsigned number)
{
	FILE *file = fopen(file_path, "r");
	char text[8192];
	char *found = NULL;

	cr_assert_not_null(file);
	for (unsigned i = 0; i < number; i++)
		found = fgets(text, sizeof(text), file);
	fclose(file);
	if (!found)
		return NULL;
	cr_expect_eq(text[strlen(text) - 1], '\n');
	return json_loads(text, 0, NULL);
}

static void
call_log(const char *params_text, const char *result_text)
{
	json_t *params = json_loads(params_text, 0, NULL);
	json_t *result = result_text ? json_loads(result_text, 0, NULL) : NULL;
	json_t *what = audit_what(params);
	struct fault fault;

	fault_set(&fault, FAULT_CONFLICT, "/flows/0/id", "cut \xe2\x82");
	audit_call(audit, &ana, "flow.install", what, result, &fault);
	json_decref(what);
	json_decref(result);
	json_decref(params);
}

/* The line without its time equals the text, which may use ' for ". */
static void
line_check(unsigned number, const char *text)
{
	json_t *line = line_read(path, number);
	char *copy = strdup(text);
	json_t *expected;

	for (char *c = copy; *c; c++)
		if (*c == '\'')
			*c = '"';
	expected = json_loads(copy, 0, NULL);
	cr_assert_not_null(expected, "%s", text);
	cr_assert_not_null(line);
	cr_expect_eq(strlen(json_string_value(json_object_get(line, "time"))), 27);
	json_object_del(line, "time");
	cr_expect(json_equal(line, expected), "%s", json_dumps(line, 0));
	json_decref(expected);
	json_decref(line);
	free(copy);
}

#define ACTOR \
	"'actor': {'name': 'ana', 'uid': 1000, 'gid': 100, 'pid': 77, 'via': 'unix', " \
	"'role': 'operator'}, 'method': 'flow.install'"

Test(audit, what_acts_on_a_terminal_is_escaped)
{
	static const char comment[] = "{\"comment\": \"\\u001b[2J\x7f\xc2\x9b\xe2\x80\xae\"}";
	char text[1024];
	json_t *params = json_loads(comment, 0, NULL), *line;
	FILE *file;

	call_log(comment, "{}");
	file = fopen(path, "r");
	cr_assert_not_null(fgets(text, sizeof(text), file));
	fclose(file);
	for (const char *c = text; *c != '\n'; c++)
		cr_expect(*c >= ' ' && *c < 0x7f, "%s", text);
	line = line_read(path, 1);
	cr_expect(json_equal(json_object_get(json_object_get(line, "what"), "comment"),
		json_object_get(params, "comment")));
	json_decref(line);
	json_decref(params);
}

Test(audit, line_of_what_was_done)
{
	call_log("{\"flows\": [{\"id\": \"a\", \"legs\": [{}, {}]}, {\"match\": {}}],"
		 " \"comment\": \"why\"}",
		"{\"installed\": [\"a\", \"x\"], \"generation\": 7}");
	line_check(1, "{" ACTOR ", 'what': {'comment': 'why', 'ids': ['a'], 'flows': 2, "
		      "'legs': 2}, 'generation': 7, 'outcome': 'ok'}");
}

Test(audit, line_of_what_was_refused)
{
	call_log("{\"ids\": [\"a\", 3, \"b\"]}", NULL);
	line_check(1, "{" ACTOR ", 'what': {'ids': ['a', 'b'], 'flows': 3}, 'outcome': 'CONFLICT', "
		      "'message': 'cut \\\\xe2\\\\x82', 'pointer': '/flows/0/id'}");
}

Test(audit, transactions_and_legs_are_logged)
{
	call_log("{\"txn\": \"txn-1\", \"join\": [{\"flow\": \"f\", \"legs\": [{}, {}]}],"
		 " \"remove\": [\"r\"]}",
		"{\"held\": 2, \"txn\": \"txn-1\", \"added\": 1}");
	line_check(1, "{" ACTOR ", 'what': {'txn': 'txn-1', 'ids': ['r', 'f'], 'flows': 2, "
		      "'legs': 2}, 'txn': 'txn-1', 'added': 1, 'outcome': 'ok'}");
}

Test(audit, relays_are_logged)
{
	call_log("{\"add_relays\": [{\"id\": \"call1\"}, {\"id\": \"call2\"}],"
		 " \"remove_relays\": [\"call3\"]}",
		"{\"held\": 3}");
	line_check(1, "{" ACTOR ", 'what': {'ids': ['call1', 'call2', 'call3'], 'flows': 3}, "
		      "'outcome': 'ok'}");
}

Test(audit, receivers_are_logged)
{
	call_log("{\"id\": \"call1\", \"side\": \"b\", \"names\": [\"x\", \"y\"]}",
		"{\"generation\": 7}");
	line_check(1, "{" ACTOR ", 'what': {'id': 'call1', 'side': 'b', 'receivers': 2}, "
		      "'generation': 7, 'outcome': 'ok'}");
	call_log("{\"join_relays\": [{\"id\": \"call1\", \"receivers\": [{}]},"
		 " {\"id\": \"call2\", \"receivers\": [{}, {}]}]}",
		"{\"held\": 5}");
	line_check(2, "{" ACTOR ", 'what': {'ids': ['call1', 'call2'], 'flows': 2, 'receivers': "
		      "3}, 'outcome': 'ok'}");
}

Test(audit, text_is_bounded)
{
	json_t *flows = json_array();
	json_t *params, *what;
	char text[1001];

	memset(text, 'x', 1000);
	memcpy(text + 199, "\xc3\xa9", 2); /* astride of the bound */
	text[1000] = '\0';
	for (int i = 0; i < 100; i++)
		json_array_append_new(flows, json_string(text));
	params = json_pack("{s:o, s:s}", "ids", flows, "comment", text);
	what = audit_what(params);
	cr_expect_eq(json_array_size(json_object_get(what, "ids")), AUDIT_IDS_MAX);
	cr_expect_eq(json_integer_value(json_object_get(what, "flows")), 100);
	cr_expect_eq(json_string_length(json_object_get(what, "comment")), 199);
	json_decref(what);
	json_decref(params);
}

Test(audit, any_params_will_do)
{
	static const char *const texts[] = {"[]", "{}", "{\"flows\": 1}",
		"{\"flows\": [1, [], {}]}", "{\"join\": [1, {\"flow\": 1, \"legs\": 1}]}",
		"{\"comment\": {}}"};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		call_log(texts[i], NULL);
	audit_call(audit, &ana, "x", NULL, NULL, &(struct fault){.code = FAULT_FORBIDDEN});
	json_decref(line_read(path, 7));
	cr_expect_eq(n_warned, 0);
}

Test(audit, file_is_for_owner_and_group_and_appended_to)
{
	struct stat found;
	struct fault fault;

	umask(022);
	call_log("{}", "{}");
	cr_assert_eq(stat(path, &found), 0);
	cr_expect_eq(found.st_mode & 0777, 0640);
	audit_close(audit);
	audit = audit_open(path, &fault);
	call_log("{}", "{\"generation\": 2}");
	line_check(2, "{" ACTOR ", 'what': {}, 'generation': 2, 'outcome': 'ok'}");
}

/* In a directory where others may write, what has its name may be theirs. */
Test(audit, link_is_not_followed)
{
	struct fault fault;

	cr_assert_eq(rename(path, moved), 0);
	cr_assert_eq(symlink(moved, path), 0);
	cr_expect_null(audit_open(path, &fault));
	cr_expect_not_null(strstr(fault.message, "it is a symbolic link"), "%s", fault.message);
	audit_reopen(audit);
	cr_expect_not_null(strstr(warned, "it is a symbolic link"), "%s", warned);
}

Test(audit, file_of_somebody_else_is_refused)
{
	struct fault fault;

	if (geteuid() != 0)
		cr_skip_test("giving files away needs root");
	cr_assert_eq(chown(path, 12345, 0), 0);
	cr_expect_null(audit_open(path, &fault));
	cr_expect_not_null(strstr(fault.message, "it is owned by user 12345"), "%s", fault.message);
}

Test(audit, log_is_rotated)
{
	json_t *line;

	call_log("{}", "{}");
	cr_assert_eq(rename(path, moved), 0);
	call_log("{}", "{}");
	audit_reopen(audit);
	call_log("{}", "{\"generation\": 3}");
	line_check(1, "{" ACTOR ", 'what': {}, 'generation': 3, 'outcome': 'ok'}");
	line = line_read(moved, 2);
	cr_expect_not_null(line);
	json_decref(line);
}

Test(audit, log_that_cannot_be_opened_is_named)
{
	struct fault fault;

	cr_expect_null(audit_open("/nonexistent/x/audit.log", &fault));
	cr_expect_eq(fault.code, FAULT_INVALID_VALUE);
	cr_expect_str_eq(fault.pointer, "/access/audit_log");
	cr_expect_not_null(strstr(fault.message, "/nonexistent/x/audit.log: No such file"));
}

/* The process may write no more than so many bytes of a file. */
static void
file_limit(rlim_t bytes)
{
	struct rlimit limit;

	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &limit);
	limit.rlim_cur = bytes;
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

Test(audit, what_cannot_be_written_stops_changes_and_is_written_later)
{
	struct fault fault;

	cr_expect_eq(audit_ready(audit, &fault), 0);
	file_limit(20);
	call_log("{}", "{\"generation\": 1}");
	cr_expect_eq(n_warned, 1);
	cr_expect_not_null(strstr(warned, "\"generation\":1"), "%s", warned);
	cr_expect_eq(audit_ready(audit, &fault), -1);
	cr_expect_eq(fault.code, FAULT_STORE);
	cr_expect_not_null(strstr(fault.message, "changes are refused"), "%s", fault.message);
	call_log("{}", NULL);
	call_log("{}", "{\"generation\": 2}");
	file_limit(1000000);
	cr_expect_eq(audit_ready(audit, &fault), 0);
	call_log("{}", "{\"generation\": 3}");
	for (int i = 1; i <= 3; i++) {
		json_t *line = line_read(path, (unsigned)i);

		cr_expect_eq(json_integer_value(json_object_get(line, "generation")), i);
		json_decref(line);
	}
	cr_expect_null(line_read(path, 4), "what was refused meanwhile is not kept");
}

Test(audit, no_log_is_a_log_of_nothing)
{
	struct fault fault;

	audit_close(NULL);
	audit_reopen(NULL);
	cr_expect_eq(audit_ready(NULL, &fault), 0);
	audit_call(NULL, &ana, "x", NULL, NULL, NULL);
}
