import { BlockList, isIP } from "node:net";

/**
 * Which addresses a provider may have. Public ones always; those of private networks only where an operator
 * allowed them; link-local, multicast and reserved ones never, for nothing that answers there is a provider.
 * https://www.iana.org/assignments/iana-ipv4-special-registry https://www.iana.org/assignments/iana-ipv6-special-registry
 */
export type AddressKind = "public" | "private" | "forbidden";

const PRIVATE = [
  "10.0.0.0/8",
  "172.16.0.0/12",
  "192.168.0.0/16",
  "127.0.0.0/8",
  // Shared by carriers behind one public address (RFC 6598), and by overlay networks.
  "100.64.0.0/10",
  // Benchmarks (RFC 2544), and proxies that hand out made-up addresses.
  "198.18.0.0/15",
  "::1/128",
  "fc00::/7",
];

const FORBIDDEN = [
  "0.0.0.0/8",
  // Link-local: where clouds keep their metadata and its credentials.
  "169.254.0.0/16",
  // Metadata services inside private ranges: Alibaba, AWS.
  "100.100.100.200/32",
  "fd00:ec2::254/128",
  "192.0.0.0/24",
  "192.0.2.0/24",
  "192.88.99.0/24",
  "198.51.100.0/24",
  "203.0.113.0/24",
  "224.0.0.0/4",
  "240.0.0.0/4",
  // Inside 2000::/3, yet no host of its own: protocol assignments with Teredo, documentation, 6to4.
  "2001::/23",
  "2001:db8::/32",
  "2002::/16",
  "3fff::/20",
];

/** All of IPv6 that is handed out to hosts so far; the rest is refused unless it is listed as private. */
const GLOBAL_IPV6 = ["2000::/3"];

/** Prefixes that carry an IPv4 address in their last 32 bits: IPv4-mapped, and NAT64 (RFC 6052). */
const CARRIES_IPV4 = ["::ffff:0:0/96", "64:ff9b::/96"];

function listOf(ranges: string[]): BlockList {
  const list = new BlockList();
  for (const range of ranges) {
    const [network = "", bits] = range.split("/");
    list.addSubnet(network, Number(bits), isIP(network) === 6 ? "ipv6" : "ipv4");
  }
  return list;
}

const isPrivate = listOf(PRIVATE);
const isForbidden = listOf(FORBIDDEN);
const isGlobalIpv6 = listOf(GLOBAL_IPV6);
const carriesIpv4 = listOf(CARRIES_IPV4);

/** Anything that is not clearly an address is forbidden. */
export function kindOfAddress(address: string): AddressKind {
  const family = isIP(address);
  if (family === 4) return kindInLists(address, "ipv4", "public");
  // A zone such as `%eth0` belongs to link-local addresses only.
  if (family !== 6 || address.includes("%")) return "forbidden";
  if (carriesIpv4.check(address, "ipv6")) return kindOfAddress(carriedIpv4(address));
  return kindInLists(address, "ipv6", isGlobalIpv6.check(address, "ipv6") ? "public" : "forbidden");
}

function kindInLists(
  address: string,
  family: "ipv4" | "ipv6",
  otherwise: AddressKind,
): AddressKind {
  if (isForbidden.check(address, family)) return "forbidden";
  if (isPrivate.check(address, family)) return "private";
  return otherwise;
}

/** The last 32 bits of an IPv6 address, in the dotted notation. */
function carriedIpv4(address: string): string {
  // The URL parser brings every notation into the shortest one, of hexadecimal groups only.
  const shortest = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const [head = "", tail = ""] = shortest.split("::");
  const last = (tail === "" ? head : tail).split(":").slice(-2);
  const endsInZeros = shortest.endsWith("::");
  const [high, low] = endsInZeros ? ["0", "0"] : last.length === 2 ? last : ["0", last[0]];
  const bits = Number.parseInt(high ?? "0", 16) * 65_536 + Number.parseInt(low ?? "0", 16);
  return [24, 16, 8, 0].map((shift) => (bits >>> shift) & 255).join(".");
}
