/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * `top`: what the busiest flows, legs, ports and workers do now; live on a terminal, or once for
 * scripts. Each look is three or four short calls, whatever the number of flows: of these the
 * daemon sends only the rows that are shown.
 */
#include "cli/top.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/paint.h"
#include "cli/top_draw.h"

#define ROWS_DEFAULT 20
#define ROWS_MAX 1000 /* what counters.top gives at most */
#define ROW_INDENT 4
#define ONCE_WIDTH 80 /* in a pipe, unless names are longer */

/* Call and keep the result. Returns 0, or -1 with *error set. */
static int
top_fetch(struct top *top, const char *method, json_t *params, json_t **result,
	struct client_error *error)
{
	*result = client_call(&top->cli->client, method, params, error);
	json_decref(params);
	return *result != NULL ? 0 : -1;
}

/* The drawn rows, or all that there may be when a filter is to choose among them. */
static json_t *
top_question(const struct top *top)
{
	const unsigned limit = top->filter[0] != '\0' ? ROWS_MAX : top->n_rows;

	return json_pack("{s:s, s:s, s:i}", "of", top_view_name(top->view), "by", top_sort(top),
		"limit",
		(int)(limit < 1		   ? 1
			: limit < ROWS_MAX ? limit
					   : ROWS_MAX));
}

const char *
top_sort(const struct top *top)
{
	return top_sort_name(top->view, top->sorts[top->view]);
}

int
top_look(struct top *top, struct client_error *error)
{
	struct top_sample now = {0};
	const bool of_flows = top->view == TOP_FLOWS || top->view == TOP_LEGS;

	if ((of_flows && top_fetch(top, "counters.top", top_question(top), &now.top, error) < 0) ||
		top_fetch(top, "counters.get", json_object(), &now.counters, error) < 0 ||
		top_fetch(top, "system.info", json_object(), &now.info, error) < 0 ||
		top_fetch(top, "port.list", json_object(), &now.ports, error) < 0) {
		top_sample_fini(&now);
		return -1;
	}
	json_decref(top->record);
	top->record = NULL;
	if (top->sample.counters != NULL)
		top->record = top_record(&top->sample, &now, top->view, top_sort(top));
	if (top->record != NULL)
		top_record_filter(top->record, top->filter);
	top_sample_fini(&top->sample);
	top->sample = now;
	return 0;
}

static void
record_print(const struct top *top)
{
	const size_t n = json_array_size(json_object_get(top->record, "rows"));
	const size_t least = top_draw_width(top->record);
	const size_t width = paint_columns(stdout, least > ONCE_WIDTH ? least : ONCE_WIDTH);
	struct text line;

	top_draw_totals(&line, top->record);
	text_print(stdout, ROW_INDENT, "%s", line.s);
	putchar('\n');
	top_draw_header(&line, top->record, width);
	text_print(stdout, ROW_INDENT, "%s", line.s);
	for (size_t i = 0; i < n; i++) {
		top_draw_row(&line, top->record, i, width);
		text_print(stdout, ROW_INDENT, "%s", line.s);
	}
}

static void
interval_sleep(unsigned ms)
{
	const struct timespec wait = {ms / 1000, ms % 1000 * 1000000L};

	clock_nanosleep(CLOCK_MONOTONIC, 0, &wait, NULL);
}

/* Two looks and one table; or, as JSON without --once, a line a look until nobody reads. */
static int
top_print(struct top *top, bool once)
{
	struct client_error error;
	bool more = true;

	for (unsigned n = 0; more && !ferror(stdout); n++) {
		if (n > 0)
			interval_sleep(top->interval_ms);
		if (top_look(top, &error) < 0) {
			fprintf(stderr, "sluicectl: %s\n", error.text);
			return (int)error.status;
		}
		if (top->record == NULL)
			continue;
		if (!top->cli->json) {
			record_print(top);
		} else if (once) {
			cli_print_json(top->record);
		} else {
			json_dumpf(top->record, stdout, JSON_COMPACT);
			putchar('\n');
			fflush(stdout);
		}
		more = !once;
	}
	return CLI_OK;
}

static int
view_read(const struct cli *cli, struct top *top, const char *name)
{
	while (top->view < TOP_VIEWS && strcmp(name, top_view_name(top->view)) != 0)
		top->view++;
	if (top->view < TOP_VIEWS)
		return CLI_OK;
	return cli_usage(cli, "--view: \"%s\" is not one of flows, legs, ports, workers", name);
}

static int
sort_read(const struct cli *cli, struct top *top, const char *name)
{
	struct text known;
	unsigned i;

	text_clear(&known);
	for (i = 0; top_sort_name(top->view, i) != NULL; i++) {
		if (strcmp(name, top_sort_name(top->view, i)) == 0) {
			top->sorts[top->view] = i;
			return CLI_OK;
		}
		text_add(&known, "%s%s", i > 0 ? ", " : "", top_sort_name(top->view, i));
	}
	return cli_usage(cli, "--sort: \"%s\" is not one of %s, which %s can be sorted by", name,
		known.s, top_view_name(top->view));
}

static int
options_read(const struct cli *cli, struct top *top, const struct arguments *arguments)
{
	const char *view = arguments_value(arguments, "view");
	const char *sort = arguments_value(arguments, "sort");
	const char *interval = arguments_value(arguments, "interval");
	const char *limit = arguments_value(arguments, "limit");
	const char *filter = arguments_value(arguments, "filter");
	uint64_t number = 0;

	if (view != NULL && view_read(cli, top, view) != CLI_OK)
		return CLI_USAGE;
	if (sort != NULL && sort_read(cli, top, sort) != CLI_OK)
		return CLI_USAGE;
	if (interval != NULL && (seconds_parse(interval, &number) < 0 || number < 100))
		return cli_usage(cli,
			"--interval: \"%s\" is not a time from 100ms to 1d, as 10s or 500ms",
			interval);
	if (interval != NULL)
		top->interval_ms = (unsigned)number;
	if (limit != NULL && number_parse(limit, 1, ROWS_MAX, &number) < 0)
		return cli_usage(
			cli, "--limit: \"%s\" is not a number from 1 to %d", limit, ROWS_MAX);
	if (limit != NULL)
		top->n_rows = (unsigned)number;
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
	const bool once = arguments_value(arguments, "once") != NULL;
	struct top top = {.cli = cli, .interval_ms = 1000, .n_rows = ROWS_DEFAULT};
	int exit_code = options_read(cli, &top, arguments);

	if (exit_code == CLI_OK && (once || cli->json))
		exit_code = top_print(&top, once);
	else if (exit_code == CLI_OK && !isatty(STDOUT_FILENO))
		exit_code = cli_usage(cli, "standard output is no terminal: --once prints a table");
	else if (exit_code == CLI_OK)
		exit_code = top_live(&top);
	json_decref(top.record);
	top_sample_fini(&top.sample);
	return exit_code;
}

static void
top_details(FILE *out)
{
	fprintf(out, "Keys: f l p w the view, s what it is sorted by, / a filter, space pause,\n"
		     "+ - the interval, ? help, q the end.\n");
}

static const struct option_spec top_options[] = {
	{"view", "flows|legs|ports|workers", "what a row is (flows)"},
	{"sort", "pps|bps|drops|packets|name|busy", "what the first row has most of"},
	{"filter", "TEXT", "only rows with this text in a name"},
	{"interval", "TIME", "time between looks (1)"},
	{"once", NULL, "print one table, after one interval, and end"},
	{"limit", "N", "with --once or --json: rows at most (20)"},
	{NULL},
};

const struct command command_top = {
	.name = "top",
	.arguments = "[--view VIEW] [--sort BY] [--filter TEXT] [--interval TIME] [--once]",
	.summary = "Show the busiest flows, legs, ports and workers live",
	.details = top_details,
	.example = "  sluicectl top --view legs --sort drops --once",
	.options = top_options,
	.run = top,
};
