/** An answer that has certainly begun: nothing of it has reached the client yet, and the next candidate is out of play. */
import type { WholeAnswer } from "../../providers/exchange.ts";
import type { AnswerSource } from "./answer-source.ts";

export type Opened =
  | { kind: "whole"; whole: WholeAnswer }
  | { kind: "stream"; source: AnswerSource };
