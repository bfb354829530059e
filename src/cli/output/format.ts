/** Text for people. Scripts read `--json`; nothing here is promised to them. */

export type Column<Row> = {
  readonly title: string;
  readonly cell: (row: Row) => string | number | null | undefined;
  /** Numbers line up at their right end. */
  readonly align?: "right";
};

const GAP = "  ";

/** An aligned table, or `none` when there is nothing to show. */
export function formatTable<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  none: string,
): string {
  if (rows.length === 0) return `${none}\n`;
  const lines = [
    columns.map((column) => column.title.toUpperCase()),
    ...rows.map((row) => columns.map((column) => formatCell(column.cell(row)))),
  ];
  const widths = columns.map((_, index) => Math.max(...lines.map((line) => width(line[index]))));
  return lines
    .map((line) =>
      columns
        .map((column, index) => pad(line[index] ?? "", widths[index] ?? 0, column.align))
        .join(GAP)
        .trimEnd(),
    )
    .map((line) => `${line}\n`)
    .join("");
}

/** `name  value` lines with the values below each other; numbers and money line up at their right end. */
export function formatFacts(
  facts: Readonly<Record<string, string | number | null | undefined>>,
  align?: "right",
): string {
  const entries = Object.entries(facts).filter(([, value]) => value !== undefined);
  const names = Math.max(...entries.map(([name]) => width(name)));
  const values = Math.max(...entries.map(([, value]) => width(formatCell(value))));
  return entries
    .map(([name, value]) => `${pad(name, names)}${GAP}${pad(formatCell(value), values, align)}`)
    .map((line) => `${line.trimEnd()}\n`)
    .join("");
}

function formatCell(value: string | number | null | undefined): string {
  if (value === null || value === undefined || value === "") return "–";
  return typeof value === "number" ? formatCount(value) : value;
}

/** 1234567 → `1,234,567`, the same on every machine. */
export const formatCount = (value: number): string =>
  String(value).replace(/\B(?=(\d{3})+(?!\d))/g, ",");

/** A decimal string of dollars with its sign in front: `$12.50`, `-$0.25`. Digits are never rounded. */
export const formatUsd = (usd: string): string =>
  usd.startsWith("-") ? `-$${usd.slice(1)}` : `$${usd}`;

/** An ISO time to the second, in UTC, as people read it: `2027-01-31 12:00:00Z`. */
export const formatTime = (iso: string | null | undefined): string =>
  iso ? iso.replace("T", " ").replace(/(\.\d+)?(Z|\+00:00)$/, "Z") : "";

const UNITS = ["B", "kB", "MB", "GB", "TB"];

/** 105454432 → `105.5 MB`: decimal units, as download sites show them. */
export function formatBytes(sizeBytes: number): string {
  const power = sizeBytes < 1000 ? 0 : Math.floor(Math.log10(sizeBytes) / 3);
  const unit = UNITS[Math.min(power, UNITS.length - 1)] ?? "TB";
  const value = sizeBytes / 1000 ** UNITS.indexOf(unit);
  return `${power === 0 ? value : value.toFixed(1)} ${unit}`;
}

/**
 * Text from elsewhere (models, providers, names) cannot move the cursor, change colours or set the
 * window's title: control characters other than line feed and tab are dropped.
 */
export const withoutControls = (text: string): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is searched for
  text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, "");

const width = (text: string | undefined): number => Bun.stringWidth(text ?? "");

function pad(text: string, columns: number, align?: "right"): string {
  const fill = " ".repeat(Math.max(0, columns - width(text)));
  return align === "right" ? fill + text : text + fill;
}
