/** The guide shows the table as it is in the code: nobody has to keep two of them. */
import { describe, expect, test } from "bun:test";
import { costSettings } from "../deployments/price-settings.ts";
import { upstreams } from "../deployments/upstreams.ts";
import { type SectionName, type SettingRow, settingTable } from "./setting-table.ts";

const GUIDE = new URL("../../../../docs/guides/migrate-from-litellm.md", import.meta.url);
const guide = await Bun.file(GUIDE).text();

const fates = { taken: "taken", ignored: "needs nothing", refused: "not taken" } as const;
const code = (names: readonly string[]): string => names.map((name) => `\`${name}\``).join(", ");
const rowFor = ({ names, fate, becomes }: SettingRow): string =>
  `| ${code(names)} | ${fates[fate]} | ${becomes} |`;

/** The rows of the table below a heading. */
function tableBelow(heading: string): string[] {
  const below = guide.split(`\n### ${heading}\n`)[1] ?? "";
  const [section = ""] = below.split(/\n##/);
  return section.split("\n").filter((line) => /^\| `/.test(line));
}

const headings: Readonly<Record<SectionName, string>> = {
  top: "The whole file",
  model_list: "An entry of `model_list`",
  litellm_params: "Its `litellm_params`",
  model_info: "Its `model_info`",
  router_settings: "`router_settings`",
  litellm_settings: "`litellm_settings`",
  general_settings: "`general_settings`",
};

describe("the guide", () => {
  for (const [section, heading] of Object.entries(headings)) {
    test(`says of ${section} what the code says`, () => {
      expect(tableBelow(heading)).toEqual(settingTable[section as SectionName].map(rowFor));
    });
  }

  test("names every cost that is taken", () => {
    expect(tableBelow("Costs")).toEqual(
      Object.entries(costSettings).map(([name, [field]]) => `| \`${name}\` | \`${field}\` |`),
    );
  });

  test("names every provider that can be reached", () => {
    expect(tableBelow("Providers")).toEqual(
      Object.entries(upstreams).map(
        ([name, known]) =>
          `| \`${name}/…\` | ${known.preset === undefined ? (known.baseUrl ?? "the address that you say") : `\`${known.preset}\``} |`,
      ),
    );
  });
});

test("no section names a setting twice", () => {
  for (const rows of Object.values(settingTable)) {
    const names = rows.flatMap((row) => row.names);
    expect(names.filter((name, i) => names.indexOf(name) !== i)).toEqual([]);
  }
});
