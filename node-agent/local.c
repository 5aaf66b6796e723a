/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <arpa/inet.h>
#include <string.h>
#include "config.h"
#include "local.h"
#include "util.h"

static cfg_opt_t local_opts[] = {
	CFG_STR("address", NULL, CFGF_NODEFAULT),
	CFG_STR_LIST("seeds", NULL, CFGF_NODEFAULT),
	CFG_END(),
};

int local_load(const char *path, struct local *l, struct err *e)
{
	_cleanup_cfg_ cfg_t *cfg = config_load(path, local_opts, e);

	*l = (struct local){0};
	if (!cfg)
		return -1;
	const char *address = cfg_getstr(cfg, "address");
	l->by_network =
		address && (strcmp(address, "dhcp") == 0 || strcmp(address, "linklocal") == 0);
	if (address && !l->by_network && inet_pton(AF_INET, address, &l->address) != 1)
		return err_code(e, EXIT_CONFIG,
			"%s: address is not A.B.C.D, \"dhcp\" or \"linklocal\"", path);
	for (unsigned i = 0; i < cfg_size(cfg, "seeds"); i++) {
		if (i == SEEDS_MAX || inet_pton(AF_INET, cfg_getnstr(cfg, "seeds", i),
					      &l->seed[l->nseeds++]) != 1)
			return err_code(e, EXIT_CONFIG, "%s: seeds are not 1 to %d A.B.C.D", path,
				SEEDS_MAX);
	}
	return 0;
}
