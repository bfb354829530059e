export { PREFIX_CHARS } from "./affinity.ts";
export { assertMakesSense } from "./check-definition.ts";
export type { RetryKind, RouteDefinition } from "./definition.ts";
export type { DeploymentHealth, HealthView } from "./health-view.ts";
export { detectLanguage, prepareLanguages, SAMPLE_CHARS } from "./language/detect-language.ts";
export type { RouteCandidate, RoutePolicy } from "./plan.ts";
export { planRoute } from "./plan-route.ts";
export type { RoutableDeployment, RoutableModel, RouteQuestion } from "./question.ts";
export type { RouteRecord } from "./records.ts";
export { refusalOf } from "./refusal.ts";
export { isRegionAllowed, type Resident, toResident, toResidentHere } from "./residency.ts";
export { DEFAULT_POLICY, type Route, toRoute } from "./route.ts";
export {
  listRoutes,
  listVersions,
  readRoute,
  readRoutes,
  removeRoute,
  setRoute,
  undoRoute,
} from "./store.ts";
