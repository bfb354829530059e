/** How the candidates of one tier are ordered: one function for each strategy. Pure. */
import { picos, usdFromPicos } from "../../lib/money.ts";
import { rate } from "../metering/index.ts";
import { hashOfPrompt, rendezvousScore } from "./affinity.ts";
import type { Strategy } from "./definition.ts";
import type { DeploymentHealth } from "./health-view.ts";
import type { DeploymentOf, RoutableModel, RouteQuestion } from "./question.ts";
import type { Resident } from "./residency.ts";

/** One that has passed every filter and whose circuit is not open. */
export type Member<M extends RoutableModel> = {
  model: M;
  deployment: Resident<DeploymentOf<M>>;
  /** The position of its target in the tier: deployments of one target share its weight. */
  target: number;
  weight: number;
  health: DeploymentHealth | undefined;
};

export type Ordered<M extends RoutableModel> = { member: Member<M>; why: string };

type Order = <M extends RoutableModel>(
  members: readonly Member<M>[],
  question: RouteQuestion<M>,
) => Ordered<M>[];

export const orderBy: Readonly<Record<Strategy, Order>> = {
  ordered: (members) => members.map((member) => ({ member, why: "as written" })),
  weighted: byWeight,
  "lowest-latency": byLatency,
  "lowest-cost": byCost,
  "least-busy": byLoad,
  "prefix-affinity": byPrefix,
};

/**
 * Draws targets without putting them back, each in proportion to its weight among those that are left: who is drawn
 * second takes over when the first fails, in the same proportion. Weight 0 comes last.
 */
function byWeight<M extends RoutableModel>(
  members: readonly Member<M>[],
  question: RouteQuestion<M>,
): Ordered<M>[] {
  const left = [...new Map(members.map(({ target, weight }) => [target, weight]))].map(
    ([target, weight]) => ({ target, weight }),
  );
  const ordered: Ordered<M>[] = [];
  while (left.length > 0) {
    const sum = left.reduce((total, { weight }) => total + weight, 0);
    const [drawn] = left.splice(sum === 0 ? 0 : drawFrom(left, question.chance() * sum), 1);
    const weight = drawn?.weight ?? 0;
    const why =
      weight === 0 ? "weight 0: after all others" : `drawn with weight ${weight} of ${sum}`;
    for (const member of members)
      if (member.target === drawn?.target) ordered.push({ member, why });
  }
  return ordered;
}

function drawFrom(left: readonly { weight: number }[], point: number): number {
  let passed = 0;
  for (const [index, { weight }] of left.entries()) {
    passed += weight;
    if (point < passed) return index;
  }
  // Rounding may leave the point at the very end; nobody of weight 0 may win by it.
  return left.findLastIndex(({ weight }) => weight > 0);
}

/** Of calls, this part goes to a candidate that is not the quickest, so that we learn when it has become so. */
const EXPLORED_SHARE = 0.05;
/** Differences below this are noise: who is within it shares the calls. */
const LATENCY_BAND = 1.1;

function byLatency<M extends RoutableModel>(
  members: readonly Member<M>[],
  question: RouteQuestion<M>,
): Ordered<M>[] {
  const timed = shuffled(members, question.chance).map((member) => ({
    member,
    ms: expectedMs(member.health, question) ?? Number.POSITIVE_INFINITY,
  }));
  const bestMs = Math.min(...timed.map(({ ms }) => ms));
  // Those within the band stay in the order in which they were shuffled.
  const quick = timed.filter(({ ms }) => ms <= bestMs * LATENCY_BAND);
  const others = timed.filter((one) => !quick.includes(one));
  const isExploring = others.length > 0 && question.chance() < EXPLORED_SHARE;
  const explored = isExploring
    ? (others.find(({ ms }) => !Number.isFinite(ms)) ?? others[0])
    : undefined;
  // The sort is stable, so those that were never measured stay shuffled, at the end.
  const rest = others
    .filter((one) => one !== explored)
    .sort((a, b) => (a.ms === b.ms ? 0 : a.ms - b.ms));
  const order = explored === undefined ? [...quick, ...rest] : [explored, ...quick, ...rest];
  return order.map(({ member, ms }) => {
    const took = Number.isFinite(ms) ? `takes about ${Math.round(ms)} ms` : "not measured yet";
    return { member, why: member === explored?.member ? `${took}; asked to find out` : took };
  });
}

/** Until the first token of a stream, or until the last of a whole answer. */
function expectedMs(
  health: DeploymentHealth | undefined,
  question: RouteQuestion,
): number | undefined {
  if (question.isStream) return health?.firstTokenMs;
  // Answers differ in length more than providers do in speed, so tokens per second say more than past answers do.
  const tokens = expectedOutputTokens(question);
  if (health?.tokensPerSecond === undefined || tokens === 0) return health?.answerMs;
  return (health.firstTokenMs ?? 0) + (tokens / health.tokensPerSecond) * 1_000;
}

/** The length of a common answer, where the client's own limit is not lower. */
const OUTPUT_TOKENS_EXPECTED = 500;

function expectedOutputTokens(
  question: Pick<RouteQuestion, "producesTokens" | "maxTokens">,
): number {
  if (!question.producesTokens) return 0;
  return Math.min(question.maxTokens ?? OUTPUT_TOKENS_EXPECTED, OUTPUT_TOKENS_EXPECTED);
}

function byCost<M extends RoutableModel>(
  members: readonly Member<M>[],
  question: RouteQuestion<M>,
): Ordered<M>[] {
  const expected = {
    ...question.fixed,
    uncached_input: (question.fixed.uncached_input ?? 0) + question.inputTokensCounted,
    output_text: (question.fixed.output_text ?? 0) + expectedOutputTokens(question),
    requests: 1,
  };
  return members
    .map((member) => {
      const { model, deployment } = member;
      const price = question.costOf(model, deployment) ?? question.priceOf(model) ?? {};
      return { member, cost: rate(price, expected) };
    })
    .sort((a, b) => (a.cost < b.cost ? -1 : a.cost > b.cost ? 1 : 0))
    .map(({ member, cost }) => ({ member, why: `costs about $${usdFromPicos(picos(cost))}` }));
}

/**
 * The less busy of two that are drawn, not the least busy of all: gateways that see the same numbers a moment apart
 * would all run to the same place. The others follow by their load.
 */
function byLoad<M extends RoutableModel>(
  members: readonly Member<M>[],
  question: RouteQuestion<M>,
): Ordered<M>[] {
  const [one, two, ...others] = shuffled(members, question.chance);
  const drawn = [one, two].filter((member) => member !== undefined).sort(byInFlight);
  const rest = [...drawn.slice(1), ...others].sort(byInFlight);
  return [...drawn.slice(0, 1), ...rest].map((member) => ({
    member,
    why: `${inFlightOf(member)} calls under way`,
  }));
}

const inFlightOf = (member: { health: DeploymentHealth | undefined }): number =>
  member.health?.inFlight ?? 0;
const byInFlight = (
  a: { health: DeploymentHealth | undefined },
  b: { health: DeploymentHealth | undefined },
) => inFlightOf(a) - inFlightOf(b);

/** How far above the mean a candidate's load may be before its prompts go elsewhere (Mirrokni et al. 2016). */
const LOAD_BOUND = 1.25;

function byPrefix<M extends RoutableModel>(
  members: readonly Member<M>[],
  question: RouteQuestion<M>,
): Ordered<M>[] {
  const hash = hashOfPrompt(question.organizationId, question.prefix());
  const total = members.reduce((sum, member) => sum + inFlightOf(member), 0);
  const bound = Math.ceil((LOAD_BOUND * (total + 1)) / members.length);
  const scored = members
    .map((member) => ({ member, score: rendezvousScore(hash, member.deployment.deploymentId) }))
    .sort((a, b) => b.score - a.score)
    .map(({ member }) => ({ member, isFull: inFlightOf(member) >= bound }));
  const free = scored.filter(({ isFull }) => !isFull);
  const full = scored.filter(({ isFull }) => isFull);
  return [...free, ...full].map(({ member, isFull }) => ({
    member,
    why: isFull
      ? `too busy for its share (${inFlightOf(member)} calls under way)`
      : "by the prompt's beginning",
  }));
}

/** Fisher and Yates. */
function shuffled<T>(items: readonly T[], chance: () => number): T[] {
  const all = [...items];
  for (let last = all.length - 1; last > 0; last--) {
    const drawn = Math.floor(chance() * (last + 1));
    [all[last], all[drawn]] = [all[drawn] as T, all[last] as T];
  }
  return all;
}
