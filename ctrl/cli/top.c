/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * `top`: what the busiest flows, legs, ports and workers do now; live on a terminal, or once for
 * scripts. Each reading is three or four short calls, whatever the number of flows: of these the
 * daemon sends only the rows that are shown.
 */
#define NCURSES_NOMACROS
#include <curses.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/output.h"
#include "cli/traffic.h"

#define NO_MORE_KEYS (-2)

/* The signal that ends the program; 0: none yet. It comes while a key is waited for. */
static volatile sig_atomic_t ended_by;
static sigset_t signals_before;

static void
signal_end(int number)
{
	ended_by = number;
}

/* -1: standard input or output is no terminal that can be drawn on. */
static int
screen_begin(void)
{
	static const int ends[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM};
	struct sigaction end = {.sa_handler = signal_end};
	sigset_t blocked;

	if (!isatty(STDIN_FILENO) || newterm(NULL, stdout, stdin) == NULL)
		return -1;
	sigemptyset(&blocked);
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		sigaction(ends[i], &end, NULL);
		sigaddset(&blocked, ends[i]);
	}
	sigprocmask(SIG_BLOCK, &blocked, &signals_before);
	cbreak();
	noecho();
	curs_set(0);
	nodelay(stdscr, TRUE);
	return 0;
}

/* Put the terminal back, then let a signal that came do what it does. */
static void
screen_end(void)
{
	endwin();
	sigprocmask(SIG_SETMASK, &signals_before, NULL);
	if (ended_by != 0) {
		signal(ended_by, SIG_DFL);
		raise(ended_by);
	}
}

/* What is wider than the terminal is cut. */
static void
screen_row(int row, const char *text, bool marked)
{
	attrset(marked ? A_REVERSE : A_NORMAL);
	mvhline(row, 0, ' ', COLS);
	mvaddnstr(row, 0, text, (int)text_fit(text, (size_t)COLS));
}

/* ERR: none came in that time, or the size has changed. */
static int
screen_key_wait(int milliseconds)
{
	const struct timespec time = {milliseconds / 1000, milliseconds % 1000 * 1000000L};
	struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};

	ppoll(&input, 1, &time, &signals_before);
	if (ended_by != 0 || (input.revents & (POLLHUP | POLLERR)) != 0)
		return NO_MORE_KEYS;
	return getch();
}

#define TOP_FILTER_MAX 65

struct top {
	struct cli *cli;
	bool once;
	enum top_view_id view;
	unsigned sorts[TOP_VIEWS]; /* index of the view's sorts */
	uint64_t interval_ms;
	uint64_t n_rows; /* that are wanted */
	char filter[TOP_FILTER_MAX];
	json_t *sample; /* the last one; NULL: none yet */
	json_t *record; /* NULL: there was no look before the last, or the daemon was restarted */
	/* at a terminal */
	int64_t next_ms; /* when to look again, CLOCK_MONOTONIC */
	bool paused;
	bool helps; /* the keys are shown in the place of rows */
	bool types; /* keys go into the filter */
	bool ends;
	bool troubled; /* the last look did not go well */
	struct client_error error;
};

#define ROWS_DEFAULT 20
#define ROWS_MAX 1000 /* what counters.top gives at most */
#define ROW_INDENT 4
#define WIDTH_MIN 72 /* what is wider than the terminal is cut */

static const char *
top_sort(const struct top *top)
{
	return top_views[top->view].sorts[top->sorts[top->view]].name;
}

/* Add the reply to a call to a sample. false: there was none, and *error is set. */
static bool
sample_add(const struct top *top, json_t *sample, const char *member, const char *method,
	json_t *params, struct client_error *error)
{
	json_t *reply = client_call(&top->cli->client, method, params, error);

	return reply != NULL && json_object_set_new(sample, member, reply) == 0;
}

static int
top_look(struct top *top, struct client_error *error)
{
	const bool of_flows = top->view == TOP_FLOWS || top->view == TOP_LEGS;
	/* The drawn rows, or all that there may be when a filter is to choose among them. */
	const uint64_t limit =
		top->filter[0] != '\0' || top->n_rows > ROWS_MAX ? ROWS_MAX : top->n_rows;
	json_t *now = json_object();

	if ((of_flows && !sample_add(top, now, "top", "counters.top",
				 json_pack("{s:s, s:s, s:i}", "of", top_views[top->view].name, "by",
					 top_sort(top), "limit", (int)limit),
				 error)) ||
		!sample_add(top, now, "counters", "counters.get", json_object(), error) ||
		!sample_add(top, now, "info", "system.info", json_object(), error) ||
		!sample_add(top, now, "ports", "port.list", json_object(), error)) {
		json_decref(now);
		return -1;
	}
	json_decref(top->record);
	top->record = NULL;
	if (top->sample != NULL)
		top->record = top_record(top->sample, now, top->view, top_sort(top));
	if (top->record != NULL)
		top_record_filter(top->record, top->filter);
	json_decref(top->sample);
	top->sample = now;
	return 0;
}

#define ROWS_AROUND 4 /* totals, state, titles; the last row */
#define CALL_TIMEOUT_MS 3000 /* keys wait while a call does */
#define INTERVAL_MIN_MS 250
#define INTERVAL_MAX_MS 60000

static const char *const help[] = {
	"",
	"  f  flows    l  legs    p  ports    w  workers",
	"  s  sort by the next column",
	"  /  show only rows with a text in a name; Enter accepts, Escape clears it",
	"  space  pause, and continue",
	"  + -  shorter or longer interval",
	"  ?  show or close this help",
	"  q  quit",
	"",
	"  PKT/S, BIT/S and DROP/S are rates of the last interval; IP bytes for flows",
	"  and legs, Ethernet frames for ports. DROP/S has all reasons, see `sluicectl",
	"  counters`. A * marks the sort column.",
};

static void
live_look(struct top *top)
{
	top->n_rows = LINES > ROWS_AROUND ? (uint64_t)(LINES - ROWS_AROUND) : 1;
	top->troubled = top_look(top, &top->error) < 0;
	top->next_ms = now_ms() + (int64_t)top->interval_ms;
}

static void
state_draw(const struct top *top)
{
	char moment[MOMENT_TEXT_MAX];
	struct text line;

	text_clear(&line);
	text_add(&line, "%s  %s by %s, every %g s%s",
		clock_text(clock_read_ns(CLOCK_REALTIME), moment), top_views[top->view].name,
		top_sort(top), (double)top->interval_ms / 1000, top->paused ? "  PAUSED" : "");
	if (top->filter[0] != '\0' || top->types)
		text_add(&line, "  filter: %s%s", top->filter, top->types ? "_" : "");
	screen_row(1, line.s, false);
}

static void
rows_draw(const struct top *top)
{
	const size_t width = COLS > WIDTH_MIN ? (size_t)COLS : WIDTH_MIN;
	char *text = NULL, *rest, *line;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	if (out == NULL)
		cli_out_of_memory();
	top_rows_print(top->record, width, out);
	if (fclose(out) != 0)
		cli_out_of_memory();
	rest = text;
	for (int row = 2; row < LINES - 1 && (line = strsep(&rest, "\n")) != NULL; row++)
		screen_row(row, line, row == 2);
	free(text);
}

static void
live_draw(const struct top *top)
{
	const json_t *record = top->record;
	const size_t n = json_array_size(json_object_get(record, "rows"));
	const int n_help = (int)(sizeof(help) / sizeof(help[0]));
	struct text line;

	erase();
	text_clear(&line);
	if (record != NULL)
		top_totals(&line, record);
	else
		text_add(&line, "counting for the first time ...");
	screen_row(0, line.s, false);
	state_draw(top);
	if (top->helps) {
		screen_row(2, "Keys", true);
		for (int row = 3; row < LINES - 1 && row - 3 < n_help; row++)
			screen_row(row, help[row - 3], false);
	} else if (record != NULL) {
		rows_draw(top);
	}
	text_clear(&line);
	if (top->troubled)
		text_add(&line, "%s", top->error.text);
	else if (record != NULL && (int)n > LINES - ROWS_AROUND)
		text_add(&line, "%zu rows, of which %d fit   ? help  q quit", n,
			LINES - ROWS_AROUND);
	else if (record != NULL)
		text_add(&line, "%zu of %llu %s   ? help  q quit", n,
			(unsigned long long)member_number(record, "of"), top_views[top->view].name);
	screen_row(LINES - 1, line.s, top->troubled);
	refresh();
}

static void
filter_key(struct top *top, int key)
{
	char *filter = top->filter;
	const size_t length = strlen(filter);

	if (key == '\n' || key == '\r') {
		top->types = false;
	} else if (key == '\033') {
		filter[0] = '\0';
		top->types = false;
	} else if ((key == '\b' || key == 0x7f) && length > 0) {
		filter[length - 1] = '\0';
	} else if (key > ' ' && key < 0x7f && length + 1 < TOP_FILTER_MAX) {
		filter[length] = (char)key;
		filter[length + 1] = '\0';
	}
	top->next_ms = 0;
}

static void
command_key(struct top *top, int key)
{
	static const char views[] = {
		[TOP_FLOWS] = 'f', [TOP_LEGS] = 'l', [TOP_PORTS] = 'p', [TOP_WORKERS] = 'w'};
	const char *view = memchr(views, key, sizeof(views));
	uint64_t ms;

	/* Look as soon as there is something to compare with. */
	if (view != NULL) {
		top->view = (enum top_view_id)(view - views);
		top->helps = false;
		top->next_ms = 0;
		return;
	}
	switch (key) {
	case 's':
		top->sorts[top->view]++;
		if (top_sort(top) == NULL)
			top->sorts[top->view] = 0;
		top->next_ms = 0;
		break;
	case '/':
		top->types = true;
		break;
	case ' ':
		top->paused = !top->paused;
		break;
	case '+':
	case '-':
		ms = key == '+' ? top->interval_ms / 2 : top->interval_ms * 2;
		if (ms >= INTERVAL_MIN_MS && ms <= INTERVAL_MAX_MS)
			top->interval_ms = ms;
		top->next_ms = now_ms() + (int64_t)top->interval_ms;
		break;
	case '?':
	case 'h':
		top->helps = !top->helps;
		break;
	case 'q':
	case NO_MORE_KEYS:
		top->ends = true;
		break;
	default:
		break;
	}
}

static void
live_wait(struct top *top)
{
	const int64_t left_ms = top->paused ? 60000 : top->next_ms - now_ms();
	const int key = screen_key_wait(left_ms > 0 ? (int)left_ms : 0);

	if (key == ERR || key == KEY_RESIZE)
		return;
	if (top->types && key != NO_MORE_KEYS)
		filter_key(top, key);
	else
		command_key(top, key);
}

static int
top_live(struct top *top)
{
	struct client_error error;

	/* What cannot work at all is said on a whole terminal. */
	if (top_look(top, &error) < 0) {
		fprintf(stderr, "sluicectl: %s\n", error.text);
		return (int)error.status;
	}
	if (screen_begin() < 0) {
		fprintf(stderr, "sluicectl: top: standard input is not a terminal, or its type "
				"in $TERM is unknown: --once prints a table\n");
		return CLI_USAGE;
	}
	if (top->cli->client.timeout_ms > CALL_TIMEOUT_MS)
		top->cli->client.timeout_ms = CALL_TIMEOUT_MS;
	while (!top->ends) {
		if (now_ms() >= top->next_ms && !top->paused)
			live_look(top);
		live_draw(top);
		live_wait(top);
	}
	screen_end();
	return CLI_OK;
}

static void
record_print(const struct top *top)
{
	struct text line;

	top_totals(&line, top->record);
	text_print(stdout, ROW_INDENT, "%s", line.s);
	putchar('\n');
	top_rows_print(top->record, paint_columns(stdout, SIZE_MAX), stdout);
}

static int
top_read(void *arg, json_t **record, struct client_error *error)
{
	struct top *top = arg;

	if (top_look(top, error) < 0)
		return -1;
	*record = json_incref(top->record);
	return 0;
}

static void
top_print(void *arg, json_t *record)
{
	const struct top *top = arg;

	if (!top->cli->json) {
		record_print(top);
	} else if (top->once) {
		cli_print_json(record);
	} else {
		json_dumpf(record, stdout, JSON_COMPACT);
		putchar('\n');
	}
}

static int
options_read(const struct cli *cli, struct top *top, const struct arguments *arguments)
{
	const char *view = arguments_value(arguments, "view");
	const char *sort = arguments_value(arguments, "sort"), *known;
	const char *filter = arguments_value(arguments, "filter");
	struct text sorts;
	unsigned i;

	while (view != NULL && top->view < TOP_VIEWS &&
		strcmp(view, top_views[top->view].name) != 0)
		top->view++;
	if (top->view == TOP_VIEWS)
		return cli_usage(
			cli, "--view: \"%s\" is not one of flows, legs, ports, workers", view);
	text_clear(&sorts);
	for (i = 0; sort != NULL && (known = top_views[top->view].sorts[i].name) != NULL; i++) {
		if (strcmp(sort, known) == 0)
			break;
		text_add(&sorts, "%s%s", i > 0 ? ", " : "", known);
	}
	if (sort != NULL && known == NULL)
		return cli_usage(cli, "--sort: \"%s\" is not one of %s, which %s can be sorted by",
			sort, sorts.s, top_views[top->view].name);
	top->sorts[top->view] = i;
	if (option_time(cli, arguments, "interval", 100, &top->interval_ms) != CLI_OK ||
		option_number(cli, arguments, "limit", 1, ROWS_MAX, &top->n_rows) != CLI_OK)
		return CLI_USAGE;
	if (filter != NULL && strlen(filter) >= sizeof(top->filter))
		return cli_usage(
			cli, "--filter: longer than %zu characters", sizeof(top->filter) - 1);
	if (filter != NULL)
		strcpy(top->filter, filter);
	return CLI_OK;
}

static int
top(struct cli *cli, const struct arguments *arguments)
{
	struct top top = {.cli = cli,
		.once = arguments_value(arguments, "once") != NULL,
		.interval_ms = 1000,
		.n_rows = ROWS_DEFAULT};
	struct monitor monitor = {
		.cli = cli, .count = top.once, .read = top_read, .print = top_print, .arg = &top};
	int exit_code = options_read(cli, &top, arguments);

	monitor.interval_ms = top.interval_ms;
	if (exit_code == CLI_OK && (top.once || cli->json))
		exit_code = monitor_run(&monitor);
	else if (exit_code == CLI_OK && !isatty(STDOUT_FILENO))
		exit_code = cli_usage(cli, "standard output is not a terminal: --once prints a "
					   "table");
	else if (exit_code == CLI_OK)
		exit_code = top_live(&top);
	json_decref(top.record);
	json_decref(top.sample);
	return exit_code;
}

static const struct option_spec top_options[] = {
	{"view", "flows|legs|ports|workers", "kind of rows (flows)"},
	{"sort", "pps|bps|drops|packets|name|busy", "sort column"},
	{"filter", "TEXT", "only rows with this text in a name"},
	{"interval", "TIME", "interval (1)"},
	{"once", NULL, "print one table, after one interval, and exit"},
	{"limit", "N", "with --once or --json: number of rows (20)"},
	{NULL},
};

const struct command command_top = {
	.name = "top",
	.arguments = "",
	.summary = "Show the busiest flows, legs, ports and workers live",
	.notes = "Keys: f l p w view, s sort column, / filter, space pause, + - interval,\n"
		 "? help, q quit.\n",
	.example = "  sluicectl top --view legs --sort drops --once",
	.options = top_options,
	.run = top,
};
