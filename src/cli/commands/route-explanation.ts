/** A dry run, as people read it. */
import type { Explanation } from "../../contract/routes.ts";
import { formatFacts, formatTable, formatUsd } from "../output/format.ts";

export function sayExplanation(explanation: Explanation): string {
  const { candidates, left_out, route, policy } = explanation;
  const facts = formatFacts({
    model: explanation.model,
    route: route === null ? "none: the model's deployments, in order" : sayRoute(route),
    ...(explanation.language !== null && { language: explanation.language }),
    "input tokens": explanation.input_tokens,
    "cost bound": explanation.cost_bound_usd === null ? "–" : formatUsd(explanation.cost_bound_usd),
    attempts: `at most ${policy.attempts}`,
    ...(policy.hedge_after_ms !== null && { hedged: `after ${policy.hedge_after_ms} ms` }),
    ...(policy.timeout_ms !== null && { "first byte": `within ${policy.timeout_ms} ms` }),
    ...(policy.cache_ttl_seconds !== null && { cached: `for ${policy.cache_ttl_seconds} s` }),
    health:
      explanation.health === "live"
        ? "as a running gateway sees it"
        : "unknown: no gateway was asked, all are taken for well",
  });
  const plan = formatTable(
    candidates.map((candidate, index) => ({ ...candidate, position: index + 1 })),
    [
      { title: "", cell: (row) => row.position, align: "right" },
      { title: "tier", cell: (row) => row.tier },
      { title: "model", cell: (row) => row.model },
      { title: "provider", cell: (row) => row.provider },
      { title: "region", cell: (row) => row.region },
      { title: "at most", cell: (row) => formatUsd(row.cost_bound_usd), align: "right" },
      { title: "why here", cell: (row) => row.why },
    ],
    `Nobody would be asked. The client is told: ${explanation.refusal}`,
  );
  const out = formatTable(
    left_out,
    [
      { title: "left out", cell: (row) => row.target },
      { title: "tier", cell: (row) => row.tier },
      { title: "for", cell: (row) => row.reason.replaceAll("_", " ") },
      { title: "because", cell: (row) => row.why },
    ],
    "Nothing is left out.",
  );
  return `${facts}\n${plan}\n${out}`;
}

const sayRoute = ({ name, version }: { name: string; version: number }): string =>
  version === 0 ? `${name}, as in the file` : `${name}, version ${version}`;
