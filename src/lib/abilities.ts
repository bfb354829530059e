/** What a call may need of a model beside text in and text out. Models say what they have; unknown counts as able. */

export const capabilityNames = [
  /** Calls functions that the client describes. */
  "tools",
  /** Answers in JSON, after a schema where one is given. */
  "structured_output",
  /** Thinks before it answers, as much as it is told. */
  "reasoning",
  /** Tells how probable its tokens were. */
  "logprobs",
] as const;
export type Capability = (typeof capabilityNames)[number];

/** What a model can read beside text. */
export const modalityNames = ["image", "audio", "file", "video"] as const;
export type Modality = (typeof modalityNames)[number];
