/* SPDX-License-Identifier: BSD-3-Clause */
/* Idleness and the wheel that calls for a look, under clocks of the test's own. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "state/idle.h"

#define START_NS (1000 * NS_PER_S + 12345)
#define PACKETS_MAX 64

static struct wheel wheel;

static void
setup(void)
{
	wheel_init(&wheel, START_NS);
}

TestSuite(idle, .init = setup);

Test(idle, no_packet_at_all)
{
	struct idle idle;

	idle_begin(&idle, START_NS);
	cr_expect_not(idle_look(&idle, 0, 10, START_NS + 10 * NS_PER_S - 1));
	cr_expect(idle_look(&idle, 0, 10, START_NS + 10 * NS_PER_S));
}

Test(idle, a_packet_begins_it_anew)
{
	struct idle idle;

	idle_begin(&idle, START_NS);
	cr_expect_not(idle_look(&idle, 1, 10, START_NS + 11 * NS_PER_S), "seen now");
	cr_expect_not(idle_look(&idle, 1, 10, START_NS + 20 * NS_PER_S));
	cr_expect(idle_look(&idle, 1, 10, START_NS + 21 * NS_PER_S));
}

static uint64_t
packets_until(const uint64_t *times_ns, unsigned n, uint64_t now_ns)
{
	unsigned i = 0;

	while (i < n && times_ns[i] <= now_ns)
		i++;
	return i;
}

/* Looks at a flow as the sweep does until it is idle; returns when that is. */
static uint64_t
idle_until(uint32_t timeout_s, const uint64_t *times_ns, unsigned n)
{
	struct wheel_entry entry = {0};
	struct idle idle;
	uint64_t now_ns = START_NS;

	wheel_init(&wheel, now_ns);
	idle_begin(&idle, now_ns);
	for (;;) {
		wheel_add(&wheel, &entry, idle_next_ns(&idle, timeout_s, now_ns), now_ns);
		cr_assert_gt(wheel_next_ns(&wheel), now_ns, "time must move on");
		now_ns = wheel_next_ns(&wheel);
		cr_assert_eq(wheel_take(&wheel, now_ns), &entry);
		if (idle_look(&idle, packets_until(times_ns, n, now_ns), timeout_s, now_ns))
			return now_ns;
	}
}

static void
timeout_expect(uint32_t timeout_s)
{
	const uint64_t timeout_ns = timeout_s * NS_PER_S;
	const uint64_t late_ns = timeout_s > 8 ? timeout_ns / 8 : NS_PER_S;

	for (unsigned round = 0; round < 200; round++) {
		const unsigned n = (unsigned)rand() % PACKETS_MAX;
		uint64_t times_ns[PACKETS_MAX], last_ns = START_NS, fired_ns;

		for (unsigned i = 0; i < n; i++) {
			last_ns += (uint64_t)((double)timeout_ns * rand() / (RAND_MAX + 1.0));
			times_ns[i] = last_ns;
		}
		fired_ns = idle_until(timeout_s, times_ns, n);
		cr_assert_geq(fired_ns, last_ns + timeout_ns, "%u s, early", timeout_s);
		cr_assert_leq(fired_ns, last_ns + timeout_ns + late_ns, "%u s, late by %lu ms",
			timeout_s, (fired_ns - last_ns - timeout_ns) / 1000000);
	}
}

Test(idle, never_early_and_not_too_late)
{
	static const uint32_t timeouts_s[] = {1, 2, 3, 7, 8, 9, 10, 30, 60, 300, 3600, 86400};

	srand(20260123);
	for (size_t i = 0; i < sizeof(timeouts_s) / sizeof(timeouts_s[0]); i++)
		timeout_expect(timeouts_s[i]);
}

Test(idle, longest_timeout)
{
	cr_expect_geq(idle_until(31536000, NULL, 0), START_NS + 31536000 * NS_PER_S);
}

Test(idle, wheel_takes_in_order_and_never_early)
{
	struct wheel_entry entries[100] = {0};
	uint64_t due_ns[100], now_ns = START_NS;
	unsigned n_taken = 0;

	srand(20260124);
	for (unsigned i = 0; i < 100; i++) {
		due_ns[i] = START_NS + (uint64_t)rand() % WHEEL_AHEAD_NS_MAX;
		wheel_add(&wheel, &entries[i], due_ns[i], START_NS);
	}
	while (wheel_next_ns(&wheel) != UINT64_MAX) {
		struct wheel_entry *entry;

		now_ns = wheel_next_ns(&wheel);
		cr_expect_null(wheel_take(&wheel, now_ns - 1));
		while ((entry = wheel_take(&wheel, now_ns)) != NULL) {
			cr_expect_leq(due_ns[entry - entries], now_ns);
			cr_expect_gt(due_ns[entry - entries] + WHEEL_SLOT_NS, now_ns);
			n_taken++;
		}
	}
	cr_expect_eq(n_taken, 100);
}

Test(idle, wheel_removes)
{
	struct wheel_entry a = {0}, b = {0};

	wheel_add(&wheel, &a, START_NS + NS_PER_S, START_NS);
	wheel_add(&wheel, &b, START_NS + NS_PER_S, START_NS);
	wheel_remove(&wheel, &a);
	wheel_remove(&wheel, &a);
	cr_expect_eq(wheel.n, 1);
	cr_expect_not(wheel_holds(&a));
	cr_expect_eq(wheel_take(&wheel, START_NS + 2 * NS_PER_S), &b);
	cr_expect_null(wheel_take(&wheel, START_NS + 2 * NS_PER_S));
	cr_expect_eq(wheel_next_ns(&wheel), UINT64_MAX);
}

/* What is past is due at once; what is beyond the wheel comes round early, not never. */
Test(idle, wheel_takes_any_time)
{
	struct wheel_entry past = {0}, far = {0};

	wheel_add(&wheel, &past, 1, START_NS);
	cr_expect_eq(wheel_take(&wheel, START_NS), &past);
	wheel_add(&wheel, &far, UINT64_MAX, START_NS);
	cr_expect_leq(wheel_next_ns(&wheel), START_NS + WHEEL_SLOTS * WHEEL_SLOT_NS);
	cr_expect_eq(wheel_take(&wheel, START_NS + WHEEL_SLOTS * WHEEL_SLOT_NS), &far);
	cr_expect_null(wheel_take(&wheel, START_NS + 10 * WHEEL_SLOTS * WHEEL_SLOT_NS));
	wheel_add(&wheel, &past, START_NS, START_NS);
	cr_expect_eq(wheel_take(&wheel, START_NS + 10 * WHEEL_SLOTS * WHEEL_SLOT_NS), &past);
}

/* Nobody turns an empty wheel: it catches up when the next entry comes. */
Test(idle, wheel_was_empty_for_long)
{
	const uint64_t now_ns = START_NS + 86400 * NS_PER_S;
	struct wheel_entry entry = {0};

	wheel_add(&wheel, &entry, now_ns + 30 * NS_PER_S, now_ns);
	cr_expect_geq(wheel_next_ns(&wheel), now_ns + 30 * NS_PER_S);
	cr_expect_null(wheel_take(&wheel, now_ns + 29 * NS_PER_S));
}
