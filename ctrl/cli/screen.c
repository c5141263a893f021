/* SPDX-License-Identifier: BSD-3-Clause */
/* See screen.h. What signal handlers touch is one static struct and async-signal-safe calls. */
#include "cli/screen.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#define ENTER "\033[?1049h\033[?25l\033[2J"
#define LEAVE "\033[?25h\033[?1049l"

static struct {
	volatile sig_atomic_t active;
	volatile sig_atomic_t resized;
	struct termios before;
	struct termios raw;
	int rows;
	int columns;
	char shown[SCREEN_ROWS_MAX][SCREEN_COLUMNS_MAX + 1]; /* [0] of a row: 1 + marked */
	char wanted[SCREEN_ROWS_MAX][SCREEN_COLUMNS_MAX + 1];
} screen;

/* What cannot be written to a terminal cannot be helped. */
static void
terminal_write(const char *bytes, size_t n)
{
	while (n > 0) {
		const ssize_t written = write(STDOUT_FILENO, bytes, n);

		if (written < 0 && errno != EINTR && errno != EAGAIN)
			return;
		if (written > 0) {
			bytes += written;
			n -= (size_t)written;
		}
	}
}

static void
terminal_restore(void)
{
	if (!screen.active)
		return;
	screen.active = 0;
	terminal_write(LEAVE, sizeof(LEAVE) - 1);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &screen.before);
}

static void
terminal_take(void)
{
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &screen.raw);
	terminal_write(ENTER, sizeof(ENTER) - 1);
	memset(screen.shown, 0, sizeof(screen.shown));
	screen.resized = 1;
	screen.active = 1;
}

/* Put the terminal back, then let the signal do what it does. */
static void
signal_pass(int number)
{
	const int error = errno;
	struct sigaction usual = {.sa_handler = SIG_DFL}, ours;
	sigset_t set;

	terminal_restore();
	sigaction(number, &usual, &ours);
	sigemptyset(&set);
	sigaddset(&set, number);
	raise(number);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	/* Only a stop comes back, when it is over. */
	sigaction(number, &ours, NULL);
	terminal_take();
	errno = error;
}

static void
signal_resized(int number)
{
	(void)number;
	screen.resized = 1;
}

static void
signals_take(void)
{
	static const int ends[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGPIPE, SIGABRT, SIGSEGV,
		SIGBUS, SIGFPE, SIGTSTP};
	struct sigaction pass = {.sa_handler = signal_pass};
	struct sigaction resized = {.sa_handler = signal_resized};

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		sigaction(ends[i], &pass, NULL);
	sigaction(SIGWINCH, &resized, NULL);
}

int
screen_begin(void)
{
	if (!isatty(STDOUT_FILENO) || tcgetattr(STDIN_FILENO, &screen.before) < 0)
		return -1;
	screen.raw = screen.before;
	screen.raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	screen.raw.c_cc[VMIN] = 1;
	screen.raw.c_cc[VTIME] = 0;
	signals_take();
	terminal_take();
	return 0;
}

void
screen_end(void)
{
	terminal_restore();
}

void
screen_size(int *rows, int *columns)
{
	struct winsize size = {0};

	if (screen.resized || screen.rows == 0) {
		screen.resized = 0;
		if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_row == 0 ||
			size.ws_col == 0)
			size = (struct winsize){.ws_row = 24, .ws_col = 80};
		screen.rows = size.ws_row < SCREEN_ROWS_MAX ? size.ws_row : SCREEN_ROWS_MAX;
		screen.columns =
			size.ws_col < SCREEN_COLUMNS_MAX ? size.ws_col : SCREEN_COLUMNS_MAX - 1;
		memset(screen.shown, 0, sizeof(screen.shown));
	}
	*rows = screen.rows;
	*columns = screen.columns;
}

void
screen_row(int row, const char *text, bool marked)
{
	if (row < 0 || row >= screen.rows)
		return;
	snprintf(screen.wanted[row], (size_t)screen.columns + 2, "%c%s", marked ? 2 : 1, text);
}

static void
row_write(int row)
{
	const char *wanted = screen.wanted[row];
	char bytes[SCREEN_COLUMNS_MAX + 64];
	int n;

	if (strcmp(screen.shown[row], wanted) == 0)
		return;
	n = snprintf(bytes, sizeof(bytes), "\033[%d;1H%s%s%s\033[K", row + 1,
		wanted[0] == 2 ? "\033[7m" : "", wanted + 1, wanted[0] == 2 ? "\033[m" : "");
	terminal_write(bytes, (size_t)n);
	strcpy(screen.shown[row], wanted);
}

void
screen_show(int row)
{
	for (; row < screen.rows; row++)
		screen_row(row, "", false);
	for (row = 0; row < screen.rows; row++)
		row_write(row);
}

int
screen_key_wait(int milliseconds)
{
	struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
	unsigned char key;

	if (screen.resized || poll(&input, 1, milliseconds) <= 0)
		return SCREEN_KEY_NONE;
	return read(STDIN_FILENO, &key, 1) == 1 ? key : SCREEN_KEY_END;
}
