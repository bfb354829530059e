/** Every operation of the control plane. */
import { batchRoutes } from "./resources/batches.ts";
import { cacheRoutes } from "./resources/caches.ts";
import { callRoutes } from "./resources/calls.ts";
import { creditRoutes } from "./resources/credits.ts";
import { fileRoutes } from "./resources/files.ts";
import { keyRoutes } from "./resources/keys.ts";
import { ledgerRoutes } from "./resources/ledger.ts";
import { limitRoutes } from "./resources/limits.ts";
import { modelRoutes } from "./resources/models.ts";
import { organizationRoutes } from "./resources/organizations.ts";
import { priceRoutes } from "./resources/prices.ts";
import { projectRoutes } from "./resources/projects.ts";
import { providerRoutes } from "./resources/providers.ts";
import { requestLogRoutes } from "./resources/request-log.ts";
import { routeRoutes } from "./resources/routes.ts";
import { statusRoutes } from "./resources/status.ts";
import { usageRoutes } from "./resources/usage.ts";
import { walletRoutes } from "./resources/wallets.ts";
import type { Route } from "./route.ts";

export const routes: readonly Route[] = [
  ...organizationRoutes,
  ...projectRoutes,
  ...keyRoutes,
  ...limitRoutes,
  ...cacheRoutes,
  ...requestLogRoutes,
  ...creditRoutes,
  ...walletRoutes,
  ...providerRoutes,
  ...modelRoutes,
  ...priceRoutes,
  ...routeRoutes,
  ...usageRoutes,
  ...callRoutes,
  ...batchRoutes,
  ...fileRoutes,
  ...ledgerRoutes,
  ...statusRoutes,
];
