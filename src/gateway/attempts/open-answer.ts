/** Reads an answer until it is certain that it has begun; until then another candidate can still take over. */
import { Failure } from "../../lib/errors.ts";
import { clientClosed } from "../../providers/network-failure.ts";
import { failureFromErrorObject } from "../../providers/upstream-failure.ts";
import type { Gateway } from "../gateway.ts";
import { brokenOff, wentSilent } from "./answer-parts.ts";
import { AnswerSource } from "./answer-source.ts";
import type { Leg } from "./ask-candidate.ts";
import type { Opened } from "./opened.ts";

/** A stream that is held back until its end is sent on all the same beyond this: memory is not endless. */
const HELD_BYTES_MAX = 32 * 1024 * 1024;

export async function openAnswer(gateway: Gateway, leg: Leg, response: Response): Promise<Opened> {
  return leg.request.isStream
    ? { kind: "stream", source: await openStream(gateway, leg, response) }
    : await readWhole(gateway, leg, response);
}

async function readWhole(gateway: Gateway, leg: Leg, response: Response): Promise<Opened> {
  const { candidate, request, stop, call } = leg;
  let isSilent = false;
  const silence = setTimeout(() => {
    isSilent = true;
    stop.abort();
  }, gateway.limits.silenceTimeoutMs);
  try {
    const whole = await request.exchange.readWhole(candidate.upstream, response);
    return { kind: "whole", whole };
  } catch (error) {
    if (call.signal.aborted || leg.isGivenUp)
      throw clientClosed(candidate.upstream, { dispatched: true });
    if (isSilent) throw wentSilent(leg, error);
    throw error instanceof Failure ? error : brokenOff(leg, error);
  } finally {
    clearTimeout(silence);
  }
}

async function openStream(gateway: Gateway, leg: Leg, response: Response): Promise<AnswerSource> {
  const { candidate, request, stop, call } = leg;
  const source = new AnswerSource(response, {
    reader: request.exchange.readStream(candidate.upstream),
    stop,
    silenceTimeoutMs: gateway.limits.silenceTimeoutMs,
  });
  try {
    await readAhead(source, leg);
    return source;
  } catch (error) {
    source.close();
    if (call.signal.aborted || leg.isGivenUp)
      throw clientClosed(candidate.upstream, { dispatched: true });
    if (source.isSilent) throw wentSilent(leg, error);
    throw error instanceof Failure ? error : brokenOff(leg, error);
  }
}

async function readAhead(source: AnswerSource, leg: Leg): Promise<void> {
  const { reader } = source;
  const isDirect = leg.plan.policy.streams === "direct";
  const held: Uint8Array[] = [];
  let heldBytes = 0;
  for (;;) {
    const { frames, hasEnded } = await source.read();
    for (const frame of frames) {
      held.push(frame);
      heldBytes += frame.length;
    }
    // What came before an error reaches the client, if it is a part of the answer.
    const isBegun = isDirect && reader.hasBegun;
    if (reader.error !== undefined && !isBegun) {
      throw failureFromErrorObject(leg.candidate.upstream, reader.error);
    }
    if (hasEnded && !isBegun && !reader.done && !reader.finished) {
      throw brokenOff(leg, "the stream ended early");
    }
    if (hasEnded || isBegun || heldBytes > HELD_BYTES_MAX) {
      source.putBack({ frames: held, hasEnded });
      return;
    }
  }
}
