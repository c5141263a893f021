/* SPDX-License-Identifier: BSD-3-Clause */
#include "policer.h"

#include <errno.h>
#include <stddef.h>

int
policer_get(struct line_pool *pool, struct policer **policer, const struct dp_police *config,
	struct policer *former)
{
	*policer = NULL;
	if (config->rate_bps == 0)
		return 0;
	if (former != NULL && former->config.rate_bps == config->rate_bps &&
		former->config.burst_bytes == config->burst_bytes) {
		former->held++;
		*policer = former;
		return 0;
	}
	*policer = line_get(pool);
	if (*policer == NULL)
		return -ENOMEM;
	(*policer)->held = 1;
	(*policer)->config = *config;
	police_init(&(*policer)->police, config);
	return 0;
}

void
policer_release(struct line_pool *pool, struct policer *policer)
{
	if (policer != NULL && --policer->held == 0)
		line_put(pool, policer);
}
