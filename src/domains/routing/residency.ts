/**
 * Residency: an organization that is bound to regions never sends a byte elsewhere. Whatever is planned or asked
 * passes through this file, and the type says so: nothing else makes a `Resident`.
 */
import { assert } from "../../lib/errors.ts";

declare const residentBrand: unique symbol;

/** Something that may be asked on behalf of the organization of this call. */
export type Resident<D> = D & { readonly [residentBrand]: true };

/**
 * `eu` allows `eu` and everything below it, such as `eu-west-1`. Letter case does not count. A region that nobody has
 * entered is not allowed to those who are bound.
 *
 * @param regions null: anywhere.
 */
export function isRegionAllowed(regions: readonly string[] | null, region: string | null): boolean {
  if (regions === null) return true;
  if (region === null) return false;
  const is = region.toLowerCase();
  return regions.some((one) => {
    const allowed = one.toLowerCase();
    return is === allowed || is.startsWith(`${allowed}-`);
  });
}

/** Whether a target of a route means this deployment. */
export function isMeant(
  target: { provider?: string | undefined; region?: string | undefined },
  deployment: { region: string | null; upstream: { readonly name: string } },
): boolean {
  if (target.provider !== undefined && target.provider !== deployment.upstream.name) return false;
  return target.region === undefined || isRegionAllowed([target.region], deployment.region);
}

export function toResident<D extends { region: string | null }>(
  regions: readonly string[] | null,
  deployment: D,
): Resident<D> | undefined {
  return isRegionAllowed(regions, deployment.region) ? (deployment as Resident<D>) : undefined;
}

/** The last gate, where an attempt is dispatched: reaching it with a wrong region is a bug, and ends the call. */
export function assertResident(regions: readonly string[] | null, region: string | null): void {
  assert(
    isRegionAllowed(regions, region),
    `region '${region}' is outside of ${regions?.join(", ")}`,
  );
}
