export { nearestNames as nearestModels } from "../../lib/nearest.ts";
export type { Model, Provider } from "./catalog.ts";
export { readCatalog, readForSettlement } from "./catalog-store.ts";
export {
  addDeployment,
  assertModelKnown,
  countCatalog,
  createModel,
  listModels,
  removeModel,
  setPrice,
} from "./model-store.ts";
export { type PriceTerms, priceAt } from "./price.ts";
export { listPrices } from "./price-store.ts";
export type { ModelRecord, PriceRecord, ProviderRecord } from "./records.ts";
export { createProvider, listProviders, readProvider, removeProvider } from "./store.ts";
