/* SPDX-License-Identifier: BSD-3-Clause */
#include "policer.h"

#include <errno.h>

#include "shared.h"

int
policer_get(struct policer **policer, const struct dp_police *config, struct policer *former)
{
	*policer = NULL;
	if (config->rate_bps == 0)
		return 0;
	if (former != NULL && former->config.rate_bps == config->rate_bps &&
		former->config.burst_bytes == config->burst_bytes) {
		*policer = shared_hold(former);
		return 0;
	}
	*policer = shared_create(sizeof(**policer));
	if (*policer == NULL)
		return -ENOMEM;
	(*policer)->config = *config;
	police_init(&(*policer)->police, config);
	return 0;
}
