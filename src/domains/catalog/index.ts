export { nearestNames as nearestModels } from "../../lib/nearest.ts";
export type { Credential, Model, Provider } from "./catalog.ts";
export { readCatalog, readForSettlement } from "./catalog-store.ts";
export { addCredential, listCredentials, removeCredential } from "./credential-store.ts";
export { findInGenaiPrices, GENAI_PRICES } from "./knowledge/genai-prices.ts";
export type { KnownModel } from "./knowledge/known-model.ts";
export {
  addDeployment,
  assertModelKnown,
  countCatalog,
  createModel,
  describeModel,
  listModels,
  readModel,
  removeModel,
} from "./model-store.ts";
export {
  type NewVersion,
  type Price,
  type PriceComponents,
  type PriceTerms,
  priceAt,
  type SpecialServiceTier,
  termsFor,
  type UnitPrices,
  unitPriceOf,
  unitPricesAt,
} from "./price.ts";
export {
  type ImportedPrice,
  importKnownPrices,
  setPrice,
  toVersions,
} from "./price-setting-store.ts";
export { listPrices } from "./price-store.ts";
export type { CredentialRecord, ModelRecord, PriceRecord, ProviderRecord } from "./records.ts";
export { createProvider, listProviders, readProvider, removeProvider } from "./store.ts";
