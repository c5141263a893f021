/* SPDX-License-Identifier: BSD-3-Clause */
/* Which level is taken: by flags of the CPU, by the width allowed, or as the configuration says. */
#include <criterion/criterion.h>

#include <string.h>

#include "fixture.h"
#include "level.h"

static char error[256];
static enum rte_cpu_flag_t lacking; /* the flag that the CPU does not have */

static int
has_flag(enum rte_cpu_flag_t flag)
{
	return flag != lacking;
}

/* The name of what is chosen; NULL: an error. */
static const char *
chosen(enum rte_cpu_flag_t without, unsigned simd_bits, const char *name)
{
	const struct level_host host = {.has_flag = has_flag, .simd_bits = simd_bits};
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
	/* The system saves no registers beyond SSE. */
	cr_expect_str_eq(chosen(RTE_CPUFLAG_OSXSAVE, 512, NULL), "v2");
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

/* A worker says which one it uses. */
Test(level, is_told)
{
	const struct dp_port_config port = {.name = "a", .devargs = "net_null0"};
	struct dp_config config = {
		.n_ports = 1, .ports = &port, .packet_buffers = 1024, .cpu_level = "v2"};
	struct dp_worker_info info;
	struct dp *dp;

	fixture_eal(1);
	dp = dp_create(&config, error, sizeof(error));
	cr_assert_not_null(dp, "%s", error);
	cr_assert_eq(dp_worker_info_get(dp, 0, &info), 0);
	cr_expect_str_eq(info.cpu_level, "v2");
	dp_destroy(dp);
	config.cpu_level = "v1";
	cr_expect_null(dp_create(&config, error, sizeof(error)));
	cr_expect_eq(strncmp(error, "cpu_level: found v1", 19), 0, "%s", error);
	dp_eal_fini();
}
