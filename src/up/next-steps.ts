/** What a newcomer reads at the end of a start. */
import type { Screen } from "./screen.ts";

export type Installation = {
  gatewayUrl: string;
  controlUrl: string;
  /** Words that `npx baseload` needs to find this installation: empty, or ` --home DIR`. */
  homeFlag: string;
};

export function showAddresses(screen: Screen, { gatewayUrl, controlUrl }: Installation): void {
  screen.print(`  endpoint   ${gatewayUrl}/v1`);
  screen.print(`  console    ${controlUrl}`);
}

export function showKey(screen: Screen, key: string): void {
  screen.print("");
  screen.heading("Your account");
  screen.print("");
  screen.print(
    "  The organization 'default' has $5.00 of credit, and its project 'default' a key.",
  );
  screen.print("  It is shown only now:");
  screen.print("");
  screen.print(`  export BASELOAD_API_KEY=${key}`);
}

/** Until there is a model, the key to begin with is the one that reaches the sandbox. */
export function showTestKey(screen: Screen, key: string): void {
  screen.print("");
  screen.print(
    "  There is no model for it to call yet. This one reaches simulated models, free of charge:",
  );
  screen.print("");
  screen.print(`  export BASELOAD_API_KEY=${key}`);
}

export function showNextSteps(
  screen: Screen,
  installation: Installation & { model: string; organization: string },
): void {
  const { gatewayUrl, homeFlag, model, organization } = installation;
  const shownKey = "bl_…";
  screen.print("");
  screen.heading("Try next");
  const steps = [
    `1  Call it from anywhere

   curl ${gatewayUrl}/v1/chat/completions \\
     -H "authorization: Bearer $BASELOAD_API_KEY" -H "content-type: application/json" \\
     -d '{"model": "${model}", "messages": [{"role": "user", "content": "Hello!"}]}'`,
    `2  See what was used and what it cost

   npx baseload usage --organization ${organization}${homeFlag}
   npx baseload ledger check${homeFlag}`,
    `3  Use it from the OpenAI SDK

   const client = new OpenAI({ baseURL: "${gatewayUrl}/v1", apiKey: "${shownKey}" });`,
  ];
  for (const step of steps) screen.print(`\n${indent(step)}`);
}

export function showHowToGetModel(
  screen: Screen,
  options: { name: string; homeFlag: string; reason: string },
): void {
  screen.print("");
  screen.heading("No model is hosted yet");
  screen.print("");
  screen.print(indent(options.reason));
  screen.print("");
  screen.print(
    indent(`Then, or with a GGUF file of your own, run one of these and start again:

   npx baseload model pull ${options.name}${options.homeFlag}
   npx baseload model pull my-model --source file:/path/to/model.gguf${options.homeFlag}

Or connect a provider that you have an account with; that works at once:

   npx baseload provider add openai --base-url https://api.openai.com/v1 --api-key-env OPENAI_API_KEY${options.homeFlag}
   npx baseload model add gpt-5-mini --provider openai --input-usd-per-mtok 0.25 --output-usd-per-mtok 2${options.homeFlag}`),
  );
}

const indent = (text: string): string =>
  text
    .split("\n")
    .map((line) => (line === "" ? "" : `  ${line}`))
    .join("\n");
