/* SPDX-License-Identifier: BSD-3-Clause */
/* Only commas separate devargs; a value cannot hold one. */
#include "config/devargs.h"

#include <stdio.h>
#include <string.h>

bool
devargs_is_af_xdp(const char *devargs)
{
	static const char prefix[] = "net_af_xdp";

	return strncmp(devargs, prefix, sizeof(prefix) - 1) == 0;
}

bool
devargs_same_device(const char *devargs, const char *other)
{
	const size_t length = strcspn(devargs, ",");

	return length == strcspn(other, ",") && strncmp(devargs, other, length) == 0;
}

bool
devargs_value(const char *devargs, const char *key, char *value, size_t size)
{
	const size_t key_len = strlen(key);
	const char *at;
	size_t length;

	value[0] = '\0';
	for (at = strchr(devargs, ','); at; at = strchr(at, ',')) {
		at++;
		if (strncmp(at, key, key_len) == 0 && at[key_len] == '=') {
			at += key_len + 1;
			length = strcspn(at, ",");
			if (length == 0 || length >= size)
				return false;
			memcpy(value, at, length);
			value[length] = '\0';
			return true;
		}
	}
	return false;
}

bool
devargs_pci(const char *devargs, char *address, size_t size)
{
	unsigned domain, bus, device, function;
	int end = 0;

	if (sscanf(devargs, "%4x:%2x:%2x.%1x%n", &domain, &bus, &device, &function, &end) != 4) {
		end = 0;
		domain = 0;
		if (sscanf(devargs, "%2x:%2x.%1x%n", &bus, &device, &function, &end) != 3)
			return false;
	}
	if (devargs[end] != '\0' && devargs[end] != ',')
		return false;
	snprintf(address, size, "%04x:%02x:%02x.%x", domain, bus, device, function);
	return true;
}

bool
devargs_add(char *devargs, size_t size, const char *arguments)
{
	char key[64];

	while (arguments[0] != '\0') {
		const size_t length = strcspn(arguments, ","), used = strlen(devargs);

		snprintf(key, sizeof(key), ",%.*s=", (int)strcspn(arguments, "="), arguments);
		if (!strstr(devargs, key)) {
			if (used + 1 + length >= size)
				return false;
			snprintf(devargs + used, size - used, ",%.*s", (int)length, arguments);
		}
		arguments += length + (arguments[length] == ',');
	}
	return true;
}
