import {
  eventPart,
  numberIn,
  type PlannedPart,
  type PlanOperation,
  requiredText,
  SSE_TYPE,
  tokensIn,
} from "./operation.ts";

const HERTZ = 440;
const SAMPLES_PER_SECOND = 8_000;
const BYTES_PER_SAMPLE = 2;
const LOUDNESS = 8_000;
/** 440 Hz has 44 whole waves in it, so that every piece is the same. */
const PIECE_SECONDS = 0.1;
const PIECES_PER_SECOND = 10;
const TOKENS_PER_PIECE = 2;
const CHARACTERS_PER_SECOND = 14;
const CHARACTERS_MAX = 100_000;
const WAV_HEAD_BYTES = 44;

/** A tone that lasts as long as the text would take to say. */
export const planSpeech: PlanOperation = (request) => {
  const { fields, script } = request;
  const text = requiredText(request, "input").slice(0, CHARACTERS_MAX);
  const speed = numberIn(request, "speed", { min: 0.25, max: 4, usual: 1 });
  const characters = [...text].length;
  const seconds = characters / CHARACTERS_PER_SECOND / speed;
  const pieces = Math.max(Math.ceil(seconds / PIECE_SECONDS), 1);
  const output = script.completion_tokens ?? pieces * TOKENS_PER_PIECE;
  const input = script.prompt_tokens ?? tokensIn(text);
  const usage = { input_tokens: input, output_tokens: output, total_tokens: input + output };
  const begun = { input, quantities: { uncached_input: input, characters } };
  const isEvents = fields["stream_format"] === "sse";
  const parts = Array.from({ length: pieces }, (_, at): PlannedPart => {
    const tokens = share(output, pieces, at);
    // Begun seconds count.
    const seconds = at % PIECES_PER_SECOND === 0 ? 1 : 0;
    const used = { output: tokens, quantities: { audio_output: tokens, audio_seconds: seconds } };
    const audio = PIECE.toString("base64");
    return isEvents
      ? eventPart({ type: "speech.audio.delta", audio }, used)
      : { bytes: PIECE, used };
  });
  if (isEvents) {
    const told = script.omit_usage === true ? {} : { usage };
    parts.push(eventPart({ type: "speech.audio.done", ...told }));
    return { contentType: SSE_TYPE, begun, parts, isStream: true };
  }
  const isRaw = fields["response_format"] === "pcm";
  const head = isRaw ? [] : [{ bytes: wavHead(pieces * PIECE.length) }];
  const contentType = isRaw ? "audio/pcm" : "audio/wav";
  return { contentType, begun, parts: [...head, ...parts], isStream: true };
};

/** The part of a whole that falls to one of several pieces; together they are the whole. */
const share = (whole: number, pieces: number, at: number): number =>
  Math.floor((whole * (at + 1)) / pieces) - Math.floor((whole * at) / pieces);

const PIECE = drawTone();

function drawTone(): Buffer {
  const samples = SAMPLES_PER_SECOND * PIECE_SECONDS;
  const piece = Buffer.alloc(samples * BYTES_PER_SAMPLE);
  for (let at = 0; at < samples; at++) {
    const wave = Math.sin((2 * Math.PI * HERTZ * at) / SAMPLES_PER_SECOND);
    piece.writeInt16LE(Math.round(LOUDNESS * wave), at * BYTES_PER_SAMPLE);
  }
  return piece;
}

/** http://soundfile.sapp.org/doc/WaveFormat/ */
function wavHead(dataBytes: number): Buffer {
  const head = Buffer.alloc(WAV_HEAD_BYTES);
  head.write("RIFF", 0, "latin1");
  head.writeUInt32LE(WAV_HEAD_BYTES - 8 + dataBytes, 4);
  head.write("WAVEfmt ", 8, "latin1");
  head.writeUInt32LE(16, 16);
  head.writeUInt16LE(1, 20);
  head.writeUInt16LE(1, 22);
  head.writeUInt32LE(SAMPLES_PER_SECOND, 24);
  head.writeUInt32LE(SAMPLES_PER_SECOND * BYTES_PER_SAMPLE, 28);
  head.writeUInt16LE(BYTES_PER_SAMPLE, 32);
  head.writeUInt16LE(8 * BYTES_PER_SAMPLE, 34);
  head.write("data", 36, "latin1");
  head.writeUInt32LE(dataBytes, 40);
  return head;
}
