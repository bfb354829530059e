/**
 * Residency: an organization that is bound to regions never sends a byte elsewhere. Whatever is planned or asked
 * passes through this file, and the type says so: nothing else makes a `Resident`.
 */

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

/** For what is a part of this installation, such as the sandbox: asking it sends nothing anywhere. */
export const toResidentHere = <D>(deployment: D): Resident<D> => deployment as Resident<D>;
