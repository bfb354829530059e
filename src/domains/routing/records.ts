/** Routes as operators see them. */
import type { RouteDefinition } from "./definition.ts";

export type RouteRecord = {
  routeId: bigint;
  name: string;
  /** The version shown; the one in force, unless another was asked for. */
  version: number;
  /** Null: the route is removed. */
  currentVersion: number | null;
  definition: RouteDefinition;
  /** The earlier version that this one brought back. */
  restores: number | null;
  actor: string;
  createdAt: Date;
};
