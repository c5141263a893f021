/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The live half of `top`: look, draw, wait for a key, again. A daemon that goes away is said so in
 * the last row, while the table stays, until it is back.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/screen.h"
#include "cli/top.h"
#include "cli/top_draw.h"

#define ROWS_AROUND 4 /* totals, state, titles; the last row */
#define CALL_TIMEOUT_MS 3000 /* keys wait while a call does */
#define INTERVAL_MIN_MS 250
#define INTERVAL_MAX_MS 60000

struct live {
	struct top *top;
	int64_t next_ms; /* when to look again, CLOCK_MONOTONIC */
	bool paused;
	bool helps; /* the keys are shown in the place of rows */
	bool types; /* keys go into the filter */
	bool ends;
	bool troubled; /* the last look did not go well */
	struct client_error error;
};

static const char *const help[] = {
	"",
	"  f  flows    l  legs    p  ports    w  workers",
	"  s  sort by the next column",
	"  /  show only rows with a text in a name; Enter ends it, Escape clears it",
	"  space  pause, and go on",
	"  + -  look more often, or less",
	"  ?  this help, and back",
	"  q  quit",
	"",
	"  PKT/S, BIT/S and DROP/S are rates since the look before; IP bytes for flows",
	"  and legs, Ethernet frames for ports. DROP/S has all reasons: `sluicectl",
	"  counters` tells them apart. A * marks what rows are sorted by.",
};

static int64_t
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void
live_look(struct live *live)
{
	int rows, columns;

	screen_size(&rows, &columns);
	live->top->n_rows = rows > ROWS_AROUND ? (unsigned)(rows - ROWS_AROUND) : 1;
	live->troubled = top_look(live->top, &live->error) < 0;
	live->next_ms = now_ms() + live->top->interval_ms;
}

static void
state_draw(const struct live *live)
{
	const struct top *top = live->top;
	struct text line;
	char clock[16];
	const time_t now = time(NULL);
	struct tm local;

	strftime(clock, sizeof(clock), "%H:%M:%S", localtime_r(&now, &local));
	text_clear(&line);
	text_add(&line, "%s  %s by %s, every %g s%s", clock, top_view_name(top->view),
		top_sort(top), top->interval_ms / 1000.0, live->paused ? "  PAUSED" : "");
	if (top->filter[0] != '\0' || live->types)
		text_add(&line, "  filter: %s%s", top->filter, live->types ? "_" : "");
	screen_row(1, line.s, false);
}

static void
rows_draw(const struct live *live, int rows, int columns)
{
	const json_t *record = live->top->record;
	const size_t width = columns > TOP_WIDTH_MIN ? (size_t)columns : TOP_WIDTH_MIN;
	const size_t n = json_array_size(json_object_get(record, "rows"));
	struct text line;

	for (size_t i = 0; i < n && (int)i < rows - ROWS_AROUND; i++) {
		top_draw_row(&line, record, i, width);
		screen_row((int)i + 3, line.s, false);
	}
	for (int row = (int)n + 3; row < rows - 1; row++)
		screen_row(row, "", false);
	top_draw_header(&line, record, width);
	for (int column = (int)line.length; column < columns; column++)
		text_add(&line, " ");
	screen_row(2, line.s, true);
}

static void
help_draw(int rows)
{
	const int n = (int)(sizeof(help) / sizeof(help[0]));

	screen_row(2, "Keys", true);
	for (int row = 3; row < rows - 1; row++)
		screen_row(row, row - 3 < n ? help[row - 3] : "", false);
}

static void
bottom_draw(const struct live *live, int rows)
{
	const json_t *record = live->top->record;
	const size_t n = json_array_size(json_object_get(record, "rows"));
	struct text line;

	text_clear(&line);
	if (live->troubled)
		text_add(&line, "%s", live->error.text);
	else if (record != NULL && (int)n > rows - ROWS_AROUND)
		text_add(
			&line, "%zu rows, of which %d fit   ? help  q quit", n, rows - ROWS_AROUND);
	else if (record != NULL)
		text_add(&line, "%zu of %llu %s   ? help  q quit", n,
			(unsigned long long)member_number(record, "of"),
			top_view_name(live->top->view));
	screen_row(rows - 1, line.s, live->troubled);
}

static void
live_draw(const struct live *live)
{
	int rows, columns;
	struct text line;

	screen_size(&rows, &columns);
	if (live->top->record != NULL)
		top_draw_totals(&line, live->top->record);
	else
		snprintf(line.s, sizeof(line.s), "counting for the first time ...");
	screen_row(0, line.s, false);
	state_draw(live);
	if (live->helps)
		help_draw(rows);
	else if (live->top->record != NULL)
		rows_draw(live, rows, columns);
	bottom_draw(live, rows);
	screen_show(rows);
}

/* Look as soon as there is something to compare with. */
static void
view_set(struct live *live, enum top_view view)
{
	live->top->view = view;
	live->helps = false;
	live->next_ms = 0;
}

static void
sort_next(struct live *live)
{
	unsigned *sort = &live->top->sorts[live->top->view];

	if (top_sort_name(live->top->view, ++*sort) == NULL)
		*sort = 0;
	live->next_ms = 0;
}

static void
interval_scale(struct live *live, unsigned numerator, unsigned denominator)
{
	const unsigned ms = live->top->interval_ms * numerator / denominator;

	if (ms >= INTERVAL_MIN_MS && ms <= INTERVAL_MAX_MS)
		live->top->interval_ms = ms;
	live->next_ms = now_ms() + live->top->interval_ms;
}

static void
filter_key(struct live *live, int key)
{
	char *filter = live->top->filter;
	const size_t length = strlen(filter);

	if (key == '\n' || key == '\r') {
		live->types = false;
	} else if (key == '\033') {
		filter[0] = '\0';
		live->types = false;
	} else if ((key == '\b' || key == 0x7f) && length > 0) {
		filter[length - 1] = '\0';
	} else if (key > ' ' && key < 0x7f && length + 1 < TOP_FILTER_MAX) {
		filter[length] = (char)key;
		filter[length + 1] = '\0';
	}
	live->next_ms = 0;
}

static void
command_key(struct live *live, int key)
{
	switch (key) {
	case 'f':
		view_set(live, TOP_FLOWS);
		break;
	case 'l':
		view_set(live, TOP_LEGS);
		break;
	case 'p':
		view_set(live, TOP_PORTS);
		break;
	case 'w':
		view_set(live, TOP_WORKERS);
		break;
	case 's':
		sort_next(live);
		break;
	case '/':
		live->types = true;
		break;
	case ' ':
		live->paused = !live->paused;
		break;
	case '+':
		interval_scale(live, 1, 2);
		break;
	case '-':
		interval_scale(live, 2, 1);
		break;
	case '?':
	case 'h':
		live->helps = !live->helps;
		break;
	case 'q':
	case SCREEN_KEY_END:
		live->ends = true;
		break;
	default:
		break;
	}
}

static void
live_wait(struct live *live)
{
	const int64_t left_ms = live->paused ? 60000 : live->next_ms - now_ms();
	const int key = screen_key_wait(left_ms > 0 ? (int)left_ms : 0);

	if (key == SCREEN_KEY_NONE)
		return;
	if (live->types && key != SCREEN_KEY_END)
		filter_key(live, key);
	else
		command_key(live, key);
}

int
top_live(struct top *top)
{
	struct live live = {.top = top};
	struct client_error error;

	/* What cannot work at all is said on a whole terminal. */
	if (top_look(top, &error) < 0) {
		fprintf(stderr, "sluicectl: %s\n", error.text);
		return (int)error.status;
	}
	if (screen_begin() < 0) {
		fprintf(stderr,
			"sluicectl: top: standard input is no terminal (%s): --once "
			"prints a table\n",
			strerror(errno));
		return CLI_USAGE;
	}
	if (top->cli->client.timeout_ms > CALL_TIMEOUT_MS)
		top->cli->client.timeout_ms = CALL_TIMEOUT_MS;
	while (!live.ends) {
		if (now_ms() >= live.next_ms && !live.paused)
			live_look(&live);
		live_draw(&live);
		live_wait(&live);
	}
	screen_end();
	return CLI_OK;
}
