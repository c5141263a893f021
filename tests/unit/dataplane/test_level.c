/* SPDX-License-Identifier: BSD-3-Clause */
/* Which level is taken: by flags of the CPU, by the width allowed, or as the configuration says. */
#define ALLOW_EXPERIMENTAL_API /* rte_vect_set_max_simd_bitwidth(), as of DPDK 22.11 */

#include <criterion/criterion.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <rte_vect.h>

#include "fixture.h"
#include "level.h"

static char error[256];
static enum rte_cpu_flag_t lacking; /* the flag that the CPU does not have */
static bool saves_avx512 = true;

static int
has_flag(enum rte_cpu_flag_t flag)
{
	return flag != lacking;
}

/* The name of what is chosen; NULL: an error. */
static const char *
chosen(enum rte_cpu_flag_t without, unsigned simd_bits, const char *name)
{
	const struct level_host host = {
		.has_flag = has_flag, .saves_avx512 = saves_avx512, .simd_bits = simd_bits};
	const struct fastpath *fastpath;

	error[0] = '\0';
	lacking = without;
	fastpath = level_choose(&host, name, error, sizeof(error));
	return fastpath != NULL ? fastpath->name : NULL;
}

Test(level, takes_the_best_that_the_cpu_has)
{
	cr_expect_str_eq(chosen(RTE_CPUFLAG_AES, 512, NULL), "v4");
	cr_expect_str_eq(chosen(RTE_CPUFLAG_AVX512VL, 512, "auto"), "v2");
	cr_expect_str_eq(chosen(RTE_CPUFLAG_BMI2, 512, NULL), "v2");
}

/* Then an instruction of it would end the process, whatever flags the CPU has. */
Test(level, needs_a_system_that_saves_the_registers)
{
	saves_avx512 = false;
	cr_expect_str_eq(chosen(RTE_CPUFLAG_AES, 512, NULL), "v2");
	cr_expect_null(chosen(RTE_CPUFLAG_AES, 512, "v4"));
	cr_expect_str_eq(error,
		"cpu_level: found v4, expected auto, or at most v2: the system does not save the "
		"registers of AVX-512");
}

/* Of this machine: where instructions of AVX-512 are legal, they work. */
Test(level, knows_what_this_system_saves)
{
	const struct level_host host = level_host_get();

	if (!host.saves_avx512)
		return;
	cr_expect_gt(host.has_flag(RTE_CPUFLAG_AVX512F), 0);
	/* No register of those that the compiler knows for this file. */
	__asm__ volatile("vpxorq %zmm16, %zmm16, %zmm16");
}

/* Of this machine, too: what the kernel reports is the CPU's word. "abm" is its name of LZCNT. */
Test(level, reads_the_flags_that_the_kernel_reads)
{
	static const struct {
		enum rte_cpu_flag_t flag;
		const char *name;
	} flags[] = {{RTE_CPUFLAG_LZCNT, " abm "}, {RTE_CPUFLAG_BMI2, " bmi2 "},
		{RTE_CPUFLAG_MOVBE, " movbe "}, {RTE_CPUFLAG_AVX512VL, " avx512vl "}};
	const struct level_host host = level_host_get();
	FILE *cpuinfo = fopen("/proc/cpuinfo", "r");
	char line[4096] = "";

	cr_assert_not_null(cpuinfo);
	while (strncmp(line, "flags", 5) != 0)
		cr_assert_not_null(fgets(line, sizeof(line), cpuinfo));
	fclose(cpuinfo);
	line[strcspn(line, "\n")] = ' ';
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		cr_expect_eq(host.has_flag(flags[i].flag) > 0, strstr(line, flags[i].name) != NULL,
			"%s", flags[i].name);
}

Test(level, uses_no_wider_vectors_than_allowed)
{
	cr_expect_str_eq(chosen(RTE_CPUFLAG_AES, 256, NULL), "v4");
	cr_expect_str_eq(chosen(RTE_CPUFLAG_AES, 128, NULL), "v2");
	cr_expect_str_eq(chosen(RTE_CPUFLAG_AES, 64, NULL), "v2");
	cr_expect_null(chosen(RTE_CPUFLAG_AES, 128, "v4"));
	cr_expect_str_eq(error,
		"cpu_level: found v4, expected auto, or at most v2: the EAL allows vectors of 128 "
		"bits");
}

Test(level, is_what_the_configuration_says)
{
	cr_expect_str_eq(chosen(RTE_CPUFLAG_AES, 512, "v2"), "v2");
	cr_expect_str_eq(chosen(RTE_CPUFLAG_AES, 512, "v4"), "v4");
	cr_expect_str_eq(chosen(RTE_CPUFLAG_AVX512BW, 512, "v2"), "v2");
}

Test(level, refuses_what_the_cpu_lacks)
{
	cr_expect_null(chosen(RTE_CPUFLAG_AVX512BW, 512, "v4"));
	cr_expect_str_eq(error,
		"cpu_level: found v4, expected auto, or at most v2: the CPU has no AVX512BW");
	cr_expect_null(chosen(RTE_CPUFLAG_FMA, 512, "v4"));
	cr_expect_str_eq(
		error, "cpu_level: found v4, expected auto, or at most v2: the CPU has no FMA");
}

Test(level, refuses_what_there_is_not)
{
	cr_expect_null(chosen(RTE_CPUFLAG_AES, 512, "v5"));
	cr_expect_str_eq(error, "cpu_level: found v5, expected auto, v2 or v4");
}

/* Each level of this build that this CPU runs is a fast path of its own, under its own name. */
Test(level, has_one_fast_path_each)
{
	const struct fastpath *fastpath, *before = NULL;

	for (unsigned i = 0; (fastpath = level_get(i)) != NULL; i++) {
		cr_expect(before == NULL || fastpath->simd_bits >= before->simd_bits);
		cr_expect(before == NULL || fastpath->run != before->run);
		before = fastpath;
	}
	cr_expect_not_null(before);
}

static struct dp *
create(const char *level)
{
	const struct dp_port_config port = {.name = "a", .devargs = "net_null0"};
	const struct dp_config config = {
		.n_ports = 1, .ports = &port, .packet_buffers = 1024, .cpu_level = level};

	return dp_create(&config, error, sizeof(error));
}

static const char *
level_of(const struct dp *dp, unsigned worker)
{
	struct dp_worker_info info;

	cr_assert_eq(dp_worker_info_get(dp, worker, &info), 0);
	return info.cpu_level;
}

/* A worker chooses when it starts, so what the EAL allows may have changed since dp_create(). */
Test(level, is_chosen_at_each_start)
{
	const char *best;
	struct dp *dp;

	fixture_eal(2);
	dp = create("auto");
	cr_assert_not_null(dp, "%s", error);
	best = level_of(dp, 0);
	rte_vect_set_max_simd_bitwidth(RTE_VECT_SIMD_128);
	cr_assert_eq(dp_start(dp, error, sizeof(error)), 0, "%s", error);
	cr_expect_str_eq(level_of(dp, 0), "v2");
	cr_expect_str_eq(level_of(dp, 1), "v2");
	dp_stop(dp);
	rte_vect_set_max_simd_bitwidth(RTE_VECT_SIMD_256);
	cr_assert_eq(dp_start(dp, error, sizeof(error)), 0, "%s", error);
	cr_expect_str_eq(level_of(dp, 0), best);
	cr_expect_str_eq(level_of(dp, 1), best);
	dp_destroy(dp);
	dp_eal_fini();
}

/* One that is forced is refused before anything runs, also when it was right at first. */
Test(level, is_refused_at_start)
{
	struct dp *dp;

	fixture_eal(1);
	dp = create("v4");
	if (dp == NULL) { /* this machine does not run it */
		cr_expect_eq(strncmp(error, "cpu_level: found v4", 19), 0, "%s", error);
		dp_eal_fini();
		return;
	}
	rte_vect_set_max_simd_bitwidth(RTE_VECT_SIMD_128);
	cr_expect_eq(dp_start(dp, error, sizeof(error)), -ENOTSUP);
	cr_expect_str_eq(error,
		"cpu_level: found v4, expected auto, or at most v2: the EAL allows vectors of 128 "
		"bits (worker on core 1)");
	rte_vect_set_max_simd_bitwidth(RTE_VECT_SIMD_256);
	cr_expect_eq(dp_start(dp, error, sizeof(error)), 0, "%s", error);
	dp_destroy(dp);
	dp_eal_fini();
}

/* A worker says which one it uses. */
Test(level, is_told)
{
	struct dp *dp;

	fixture_eal(1);
	dp = create("v2");
	cr_assert_not_null(dp, "%s", error);
	cr_expect_str_eq(level_of(dp, 0), "v2");
	dp_destroy(dp);
	cr_expect_null(create("v1"));
	cr_expect_eq(strncmp(error, "cpu_level: found v1", 19), 0, "%s", error);
	dp_eal_fini();
}
